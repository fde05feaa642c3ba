import { once } from 'node:events'
import { createReadStream, readdirSync, statSync } from 'node:fs'
import {
  createServer as createHttpServer,
  type IncomingMessage,
  type Server,
  type ServerResponse,
} from 'node:http'
import { createServer as createHttpsServer, Server as HttpsServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import parseRange from 'range-parser'
import { type Certificate, makeCertificate } from './certificate.js'
import { LISTING_FAULTS, type ListingFault } from './faulty-listings.js'
import type { Scope } from './folder.js'
import { Throttle } from './throttle.js'

/**
 * A fault of a mirror. With a `path` (below the root, without a leading `/`) it affects only this
 * file or folder. Without one it affects everything, or every file if the fault is about content.
 */
export type Fault = { readonly path?: string } /** Takes requests and never responds. */ & (
  | { readonly kind: 'hangs' }
  /** Sends one byte of a response head every 0.1 s, for ever. */
  | { readonly kind: 'drips' }
  /** Default: 500. */
  | { readonly kind: 'fails'; readonly status?: number }
  /**
   * Announces the whole length, sends half of it and closes. A response of one byte is complete, so
   * a client that asks for one byte sees no fault.
   */
  | { readonly kind: 'truncates' }
  /**
   * Serves and lists a file that is longer, padded with zeros, or shorter. Default: one byte
   * longer.
   */
  | { readonly kind: 'wrong size'; readonly by?: number }
  /**
   * Inverts the byte at the offset `at`, and every `every` bytes after it. Default: only the first.
   */
  | { readonly kind: 'wrong bytes'; readonly at?: number; readonly every?: number }
  /** Redirects each request to its own path, for ever. */
  | { readonly kind: 'redirects' }
  /** Sends an HTML page for every request. */
  | { readonly kind: 'sends HTML' }
  /** Sends the whole file for every range. */
  | { readonly kind: 'knows no Range' }
  /**
   * `Content-Length` is wrong by so many bytes, and nothing else is. Default: 10 more than are
   * sent.
   */
  | { readonly kind: 'wrong Content-Length'; readonly by?: number }
  /** Serves and lists an older version. */
  | { readonly kind: 'stale'; readonly path: string; readonly content: Uint8Array; readonly mtime: Date }
  /** Neither serves nor lists it. */
  | { readonly kind: 'lacks' }
  /** Responds to every request with a fault of `LISTING_FAULTS`. */
  | { readonly kind: 'lists'; readonly how: ListingFault }
)

export interface Received {
  readonly method: string
  /** As written in the request line, from the root, with the query. */
  readonly path: string
  readonly range: string | undefined
  /** Milliseconds on the steady clock. */
  readonly when: number
}

export interface FakeMirrorChoices {
  /** A loopback address. Default: 127.0.0.1. */
  readonly host?: string
  /** Format of listings: both as nginx writes them, with exact sizes. Default: JSON. */
  readonly index?: 'json' | 'html' | 'none'
  /** Whether it speaks TLS, with a self-signed certificate. Default: false. */
  readonly tls?: boolean
  /** Bytes of content per second on each connection. Default: unlimited. */
  readonly rate?: number
}

/** A mirror of a folder. Tests give it faults and take them away again. */
export class FakeMirror {
  readonly url: string
  /** Certificate for clients to trust; undefined without TLS. */
  readonly certificate: Certificate | undefined
  /** In order of arrival. */
  readonly requests: readonly Received[]
  /** The fault of requests that arrive from now on. Requests under way are not affected. */
  fault: Fault | undefined
  /** Bytes of content sent so far. */
  sent = 0
  readonly #server: Server
  readonly #address: AddressInfo

  /** For `startFakeMirror` only. */
  constructor(
    server: Server,
    scheme: string,
    certificate: Certificate | undefined,
    requests: readonly Received[],
  ) {
    this.#server = server
    this.#address = server.address() as AddressInfo
    const { address, port } = this.#address
    this.url = `${scheme}://${address}:${port}/`
    this.certificate = certificate
    this.requests = requests
  }

  /** Closes every connection and refuses new ones until `accept`. */
  async refuse(): Promise<void> {
    const closed = once(this.#server, 'close')
    this.#server.close()
    this.#server.closeAllConnections()
    await closed
  }

  /** Uses another certificate from now on. */
  certify(certificate: Certificate): void {
    if (this.#server instanceof HttpsServer) this.#server.setSecureContext(certificate)
  }

  /** Listens again on the same port. */
  async accept(): Promise<void> {
    this.#server.listen(this.#address.port, this.#address.address)
    await once(this.#server, 'listening')
  }
}

/**
 * Serves a folder as a mirror that does not know mirrored-by: files with ranges and times, and a
 * listing of each folder.
 */
export async function startFakeMirror(
  scope: Scope,
  folder: string,
  choices: FakeMirrorChoices = {},
): Promise<FakeMirror> {
  const { host = '127.0.0.1', index = 'json', tls = false, rate = Number.POSITIVE_INFINITY } = choices
  const certificate = tls ? makeCertificate(scope, host) : undefined
  const requests: Received[] = []
  let mirror: FakeMirror | undefined
  const answer = (request: IncomingMessage, response: ServerResponse): void => {
    const { method = '', url: path = '', headers } = request
    requests.push({ method, path, range: headers.range, when: performance.now() })
    if (mirror !== undefined) void new Answer({ folder, index, rate, mirror, request, response }).give()
  }
  const server = certificate === undefined ? createHttpServer(answer) : createHttpsServer(certificate, answer)
  server.listen(0, host)
  await once(server, 'listening')
  scope.after(() => {
    server.closeAllConnections()
    if (server.listening) server.close()
  })
  mirror = new FakeMirror(server, tls ? 'https' : 'http', certificate, requests)
  return mirror
}

/** A file, as the mirror serves it. */
interface Copy {
  readonly size: number
  readonly mtimeMs: number
  read(start: number, end: number): AsyncIterable<Uint8Array>
}

interface Exchange {
  readonly folder: string
  readonly index: 'json' | 'html' | 'none'
  readonly rate: number
  readonly mirror: FakeMirror
  readonly request: IncomingMessage
  readonly response: ServerResponse
}

/** One response of a mirror. */
class Answer {
  readonly #folder: string
  readonly #index: 'json' | 'html' | 'none'
  readonly #rate: number
  readonly #mirror: FakeMirror
  readonly #request: IncomingMessage
  readonly #response: ServerResponse
  /** The fault when the request arrived. */
  readonly #fault: Fault | undefined

  constructor({ folder, index, rate, mirror, request, response }: Exchange) {
    this.#folder = folder
    this.#index = index
    this.#rate = rate
    this.#mirror = mirror
    this.#request = request
    this.#response = response
    this.#fault = mirror.fault
  }

  async give(): Promise<void> {
    const path = decodeURIComponent((this.#request.url ?? '').replace(/\?.*$/, '')).slice(1)
    if (this.#breaks(path)) return
    const isFolder = path === '' || path.endsWith('/')
    if (isFolder && this.#index !== 'none' && statOf(join(this.#folder, path))?.isDirectory())
      return this.#list(path)
    const copy = isFolder ? undefined : this.#copyOf(path)
    if (copy === undefined) this.#end(404, 'text/html', '<html><h1>404 Not Found</h1></html>')
    else await this.#send(path, copy)
  }

  /** Returns the fault that affects this file or folder. */
  #faultOf(path: string): Fault | undefined {
    const fault = this.#fault
    return fault?.path === undefined || fault.path === path ? fault : undefined
  }

  /** Applies a fault that does not depend on the file. Returns true if there was one. */
  #breaks(path: string): boolean {
    const fault = this.#faultOf(path)
    switch (fault?.kind) {
      case 'hangs':
        return true
      case 'drips':
        drip(this.#request)
        return true
      case 'fails':
        this.#end(fault.status ?? 500, 'text/html', '<html><h1>It failed</h1></html>')
        return true
      case 'redirects': {
        const [file, count = '0'] = (this.#request.url ?? '').split('?')
        this.#response.writeHead(302, { Location: `${file}?${Number(count) + 1}`, 'Content-Length': 0 }).end()
        return true
      }
      case 'sends HTML':
        this.#end(200, 'text/html', '<html><title>Welcome</title><p>This domain is for sale</p></html>')
        return true
      case 'lists':
        LISTING_FAULTS[fault.how](this.#request, this.#response)
        return true
      default:
        return false
    }
  }

  #copyOf(path: string): Copy | undefined {
    const file = join(this.#folder, path)
    const fault = this.#faultOf(path)
    if (fault?.kind === 'lacks') return undefined
    if (fault?.kind === 'stale') {
      const { content, mtime } = fault
      return {
        size: content.length,
        mtimeMs: mtime.getTime(),
        read: async function* (start, end) {
          yield content.subarray(start, end + 1)
        },
      }
    }
    const stats = statOf(file)
    if (!stats?.isFile()) return undefined
    const { size: own, mtimeMs } = stats
    const size = fault?.kind === 'wrong size' ? Math.max(0, own + (fault.by ?? 1)) : own
    const read = (start: number, end: number) => contentOf(file, own, start, end)
    if (fault?.kind !== 'wrong bytes') return { size, mtimeMs, read }
    const { at = 0, every = Number.POSITIVE_INFINITY } = fault
    return { size, mtimeMs, read: (start, end) => spoil(read(start, end), start, at, every) }
  }

  #list(folder: string): void {
    const entries = readdirSync(join(this.#folder, folder))
      .filter((name) => !name.startsWith('.'))
      .sort()
      .flatMap((name): Listed[] => {
        const copy = this.#copyOf(folder + name)
        if (copy !== undefined) return [{ name, type: 'file', size: copy.size, mtimeMs: copy.mtimeMs }]
        const stats = statOf(join(this.#folder, folder, name))
        if (!stats?.isDirectory() || this.#faultOf(`${folder}${name}/`)?.kind === 'lacks') return []
        return [{ name, type: 'directory', size: undefined, mtimeMs: stats.mtimeMs }]
      })
    if (this.#index === 'json') this.#end(200, 'application/json', jsonIndex(entries))
    else this.#end(200, 'text/html', htmlIndex(folder, entries))
  }

  async #send(path: string, copy: Copy): Promise<void> {
    const fault = this.#faultOf(path)
    const response = this.#response
    const { size, mtimeMs } = copy
    const knowsRange = fault?.kind !== 'knows no Range'
    const wanted = wantedOf(knowsRange ? this.#request.headers.range : undefined, size)
    if (wanted === undefined) {
      response.setHeader('Content-Range', `bytes */${size}`)
      return this.#end(416, 'text/html', '<html><h1>416 Requested Range Not Satisfiable</h1></html>')
    }
    const length = wanted.end - wanted.start + 1
    response.setHeader('Last-Modified', new Date(mtimeMs).toUTCString())
    response.setHeader('ETag', `"${Math.floor(mtimeMs / 1000).toString(16)}-${size.toString(16)}"`)
    if (knowsRange) response.setHeader('Accept-Ranges', 'bytes')
    if (wanted.status === 206)
      response.setHeader('Content-Range', `bytes ${wanted.start}-${wanted.end}/${size}`)
    // Closed, because a client that believes the length would wait for more bytes.
    if (fault?.kind === 'wrong Content-Length') response.setHeader('Connection', 'close')
    const told = fault?.kind === 'wrong Content-Length' ? Math.max(0, length + (fault.by ?? 10)) : length
    response.writeHead(wanted.status, {
      'Content-Type': 'application/octet-stream',
      'Content-Length': told,
    })
    if (this.#request.method === 'HEAD' || length === 0) return void response.end()
    const last = fault?.kind === 'truncates' ? wanted.start + Math.ceil(length / 2) - 1 : wanted.end
    const content = Readable.from(copy.read(wanted.start, last), { objectMode: false })
    const count = (sent: AsyncIterable<Uint8Array>) => this.#count(sent)
    // A client that has enough closes the connection: this is not a failure.
    await pipeline(content, new Throttle(this.#rate), count, response, { end: false }).catch(() => {})
    if (last < wanted.end) response.destroy()
    else response.end()
  }

  async *#count(content: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
    for await (const chunk of content) {
      this.#mirror.sent += chunk.length
      yield chunk
    }
  }

  #end(status: number, type: string, text: string): void {
    this.#response.writeHead(status, { 'Content-Type': type, 'Content-Length': Buffer.byteLength(text) })
    this.#response.end(this.#request.method === 'HEAD' ? undefined : text)
  }
}

interface Listed {
  readonly name: string
  readonly type: 'file' | 'directory'
  readonly size: number | undefined
  readonly mtimeMs: number
}

/** As nginx writes it with `autoindex_format json`. */
function jsonIndex(entries: readonly Listed[]): string {
  return JSON.stringify(
    entries.map(({ name, type, size, mtimeMs }) => ({
      name,
      type,
      mtime: new Date(mtimeMs).toUTCString(),
      ...(size === undefined ? {} : { size }),
    })),
  )
}

/** As nginx writes it by default. */
function htmlIndex(folder: string, entries: readonly Listed[]): string {
  const rows = entries.map(({ name, type, size, mtimeMs }) => {
    const slash = type === 'directory' ? '/' : ''
    const [, day, month, year, time] = new Date(mtimeMs).toUTCString().split(' ')
    const written = `${day}-${month}-${year} ${time?.slice(0, 5)}`
    return `<a href="${encodeURIComponent(name)}${slash}">${escaped(name)}${slash}</a> ${written} ${size ?? '-'}\r\n`
  })
  const title = `Index of /${escaped(folder)}`
  const head = `<html><head><title>${title}</title></head><body><h1>${title}</h1><hr><pre>`
  return `${head}<a href="../">../</a>\r\n${rows.join('')}</pre><hr></body></html>`
}

function escaped(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;')
}

/**
 * Returns the first requested range, or the whole file; undefined if the file ends before the
 * range.
 */
function wantedOf(range: string | undefined, size: number) {
  const ranges = range === undefined ? -2 : parseRange(size, range)
  if (ranges === -1) return undefined
  const first = ranges === -2 ? undefined : ranges[0]
  return first === undefined ? { status: 200, start: 0, end: size - 1 } : { status: 206, ...first }
}

function statOf(file: string) {
  return statSync(file, { throwIfNoEntry: false })
}

/** Reads a part of a file, and zeros beyond its end. */
async function* contentOf(
  file: string,
  size: number,
  start: number,
  end: number,
): AsyncGenerator<Uint8Array> {
  const last = Math.min(end, size - 1)
  if (start <= last) yield* createReadStream(file, { start, end: last })
  if (end >= size) yield Buffer.alloc(end - Math.max(size, start) + 1)
}

/** Inverts single bytes. */
async function* spoil(
  content: AsyncIterable<Uint8Array>,
  start: number,
  at: number,
  every: number,
): AsyncGenerator<Uint8Array> {
  let position = start
  for await (const chunk of content) {
    const spoilt = Uint8Array.from(chunk)
    let next = at >= position ? at : at + Math.ceil((position - at) / every) * every
    for (; next < position + chunk.length; next += every)
      spoilt[next - position] = ~(chunk[next - position] ?? 0)
    position += chunk.length
    yield spoilt
  }
}

function drip({ socket }: IncomingMessage): void {
  const head = 'HTTP/1.1 200 OK\r\nX-Padding: '
  let at = 0
  const timer = setInterval(() => {
    socket.write(head[at] ?? 'x')
    at += 1
  }, 100)
  socket.once('close', () => clearInterval(timer))
}
