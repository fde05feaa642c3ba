import { once } from 'node:events'
import { createReadStream, statSync } from 'node:fs'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { basename, join, normalize } from 'node:path'
import { Transform } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { setTimeout as sleep } from 'node:timers/promises'
import parseRange from 'range-parser'

/** Mirror of the demo. Any file server with support for Range would do. */
export interface DemoMirror {
  readonly id: string
  readonly url: string
  /** Bytes per second and connection. */
  readonly rate: number
  readonly server: Server
}

/** Called when bytes of a file have been sent. */
export type Sent = (id: string, name: string, bytes: number) => void

export async function startMirror(
  id: string,
  host: string,
  root: string,
  rate: number,
  sent: Sent,
): Promise<DemoMirror> {
  const server = createServer((request, response) => void sendFile(request, response))
  server.listen(0, host)
  await once(server, 'listening')
  return { id, url: `http://${host}:${(server.address() as AddressInfo).port}/`, rate, server }

  async function sendFile(request: IncomingMessage, response: ServerResponse): Promise<void> {
    try {
      const file = join(root, normalize(decodeURIComponent(request.url ?? '/')))
      const { size } = statSync(file)
      const [first] = ranges(request, size)
      const { start, end } = first ?? { start: 0, end: size - 1 }
      if (first !== undefined) response.setHeader('Content-Range', `bytes ${start}-${end}/${size}`)
      response.writeHead(first === undefined ? 200 : 206, {
        'Content-Length': end - start + 1,
        'Accept-Ranges': 'bytes',
      })
      if (request.method === 'HEAD') response.end()
      else {
        const count = (bytes: number) => sent(id, basename(file), bytes)
        await pipeline(createReadStream(file, { start, end }), throttle(rate, count), response)
      }
    } catch {
      // The file does not exist, or the client is gone and receives no response.
      if (!response.headersSent) response.statusCode = 404
      response.end()
    }
  }
}

function ranges({ headers }: IncomingMessage, size: number): readonly { start: number; end: number }[] {
  const parsed = headers.range === undefined ? -1 : parseRange(size, headers.range)
  return typeof parsed === 'number' ? [] : parsed
}

/** Limits a stream to a number of bytes per second, and reports the bytes that pass. */
export function throttle(rate: number, count: (bytes: number) => void): Transform {
  return new Transform({
    async transform(chunk: Buffer, _encoding, done) {
      await sleep((chunk.length / rate) * 1000)
      count(chunk.length)
      done(null, chunk)
    },
  })
}
