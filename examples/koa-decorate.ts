// A Koa file server with one more line: every response lists the mirrors and digests of its file.
//   node dist/examples/koa-decorate.js [FOLDER] [MIRRORS-FILE]
import type { AddressInfo } from 'node:net'
import Koa from 'koa'
import serve from 'koa-static'
import { createOrigin } from 'mirrored-by'
import { mirroredBy } from 'mirrored-by/koa'

const [root = 'examples/downloads', mirrors = 'examples/mirrors.yaml'] = process.argv.slice(2)

const origin = await createOrigin({ root, mirrors })
const app = new Koa()
app.use(mirroredBy(origin))
app.use(serve(root))
// Clients that use several mirrors often abort downloads. That is not an error.
app.on('error', (error: NodeJS.ErrnoException) => {
  if (!['ECONNRESET', 'EPIPE', 'ERR_STREAM_PREMATURE_CLOSE'].includes(error.code ?? '')) console.error(error)
})

const server = app.listen(Number(process.env.PORT ?? 8080), '127.0.0.1', () => {
  console.log(`listening on http://127.0.0.1:${(server.address() as AddressInfo).port}`)
})

// Waits for downloads in progress.
for (const signal of ['SIGINT', 'SIGTERM']) {
  process.once(signal, () => server.close(() => void origin.close()))
}
