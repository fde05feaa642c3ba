// node:http without a framework, around an existing handler that sends the files.
//   node dist/examples/node-http.js [FOLDER] [MIRRORS-FILE]
import { createReadStream, statSync } from 'node:fs'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join, normalize } from 'node:path'
import { pipeline } from 'node:stream'
import { createOrigin } from 'mirrored-by'
import { mirroredBy } from 'mirrored-by/node'

const [root = 'examples/downloads', mirrors = 'examples/mirrors.yaml'] = process.argv.slice(2)

const origin = await createOrigin({ root, mirrors })
const server = createServer(mirroredBy(origin, sendFile))

server.listen(Number(process.env.PORT ?? 8080), '127.0.0.1', () => {
  console.log(`listening on http://127.0.0.1:${(server.address() as AddressInfo).port}`)
})

// Waits for downloads in progress.
for (const signal of ['SIGINT', 'SIGTERM']) {
  process.once(signal, () => server.close(() => void origin.close()))
}

/**
 * Your handler. With the option `serve: true`, the origin sends the files itself and needs no
 * handler.
 */
function sendFile(request: IncomingMessage, response: ServerResponse): void {
  const found = find(request.url ?? '/')
  if (found === undefined) {
    response.writeHead(404).end('there is no such file\n')
    return
  }
  const { file, size, mtime } = found
  response.writeHead(200, { 'Content-Length': size, 'Last-Modified': mtime.toUTCString() })
  if (request.method === 'HEAD') response.end()
  else pipeline(createReadStream(file), response, () => {})
}

/**
 * Returns the file of a URL. `normalize` keeps a path that starts with a slash below the folder.
 */
function find(url: string): { file: string; size: number; mtime: Date } | undefined {
  try {
    const path = decodeURIComponent(new URL(url, 'http://localhost').pathname)
    const file = join(root, normalize(path))
    const stats = statSync(file)
    return stats.isFile() ? { file, size: stats.size, mtime: stats.mtime } : undefined
  } catch {
    return undefined
  }
}
