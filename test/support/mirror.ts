import { createReadStream, statSync } from 'node:fs'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { join } from 'node:path'
import { Transform, type TransformCallback } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import parseRange from 'range-parser'
import type { Scope } from './folder.js'
import { listen } from './server.js'
import { Throttle } from './throttle.js'

/** How a mirror does its work. */
export type Behaviour =
  | 'ok'
  /** Right length, wrong bytes, as after a fault of its disk. */
  | 'corrupt'
  /** A longer file under the same name, as of another release. */
  | 'wrong size'
  | 'missing'
  /** Nothing listens. */
  | 'refuses'

export interface MirrorChoices {
  /** On distinct addresses, for aria2 takes one host for one server. */
  readonly host: string
  readonly behaviour?: Behaviour
  /** Bytes a second on one connection. Default: as fast as can be. */
  readonly rate?: number
}

export interface TestMirror {
  readonly id: string
  /** Of the copy's root. */
  readonly url: string
  /** `GET /path`, in the order of their arrival. */
  readonly requests: readonly string[]
  /** Sent as content so far. */
  readonly bytes: number
}

const WRONG_LENGTH = 4096

/** A plain file server that knows Range, like a mirror that knows nothing of us; it counts what it does. */
export async function startMirror(scope: Scope, root: string, choices: MirrorChoices): Promise<TestMirror> {
  const { host, behaviour = 'ok', rate = Number.POSITIVE_INFINITY } = choices
  const requests: string[] = []
  const mirror = { id: host, url: '', requests, bytes: 0 }
  const { url, server } = await listen(
    scope,
    (request, response) => {
      requests.push(`${request.method} ${request.url}`)
      void sendFile(request, response)
    },
    host,
  )
  mirror.url = url
  if (behaviour === 'refuses') await new Promise((resolve) => server.close(resolve))
  return mirror

  async function sendFile(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const file = join(root, decodeURIComponent((request.url ?? '').slice(1)))
    const stats = statSync(file, { throwIfNoEntry: false })
    if (behaviour === 'missing' || !stats?.isFile()) {
      response.writeHead(404, { 'Content-Length': 0 }).end()
      return
    }
    const size = stats.size + (behaviour === 'wrong size' ? WRONG_LENGTH : 0)
    const { status, start, end } = wantedOf(request, size)
    if (status === 206) response.setHeader('Content-Range', `bytes ${start}-${end}/${size}`)
    response.writeHead(status, { 'Content-Length': end - start + 1, 'Accept-Ranges': 'bytes' })
    if (request.method === 'HEAD') {
      response.end()
      return
    }
    const source = createReadStream(file, { start, end })
    const sending = new Sending(end - start + 1, behaviour === 'corrupt', (bytes) => {
      mirror.bytes += bytes
    })
    const throttle = new Throttle(rate)
    // A client that breaks off, because another mirror was faster, is no failure.
    await pipeline(source, throttle, sending, response).catch(() => {})
  }
}

function wantedOf(request: IncomingMessage, size: number): { status: number; start: number; end: number } {
  const ranges = request.headers.range === undefined ? -1 : parseRange(size, request.headers.range)
  const first = typeof ranges === 'number' ? undefined : ranges[0]
  return first === undefined ? { status: 200, start: 0, end: size - 1 } : { status: 206, ...first }
}

/** Counts and spoils what goes through, and fills it up to a length with zeros. */
class Sending extends Transform {
  readonly #spoil: boolean
  readonly #count: (bytes: number) => void
  #left: number

  constructor(length: number, spoil: boolean, count: (bytes: number) => void) {
    super()
    this.#left = length
    this.#spoil = spoil
    this.#count = count
  }

  override _transform(chunk: Buffer, _encoding: string, done: TransformCallback): void {
    this.#left -= chunk.length
    this.#count(chunk.length)
    done(null, this.#spoil ? chunk.map((byte) => byte ^ 0xff) : chunk)
  }

  override _flush(done: TransformCallback): void {
    done(null, Buffer.alloc(this.#left))
  }
}
