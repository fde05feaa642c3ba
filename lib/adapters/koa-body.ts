import { type BigIntStats, fstatSync, ReadStream, statSync } from 'node:fs'
import type { Context } from 'koa'
import { digestAtOnce } from '../indexing/digest/native.js'
import { ALGORITHMS, type IndexedFile } from '../model.js'
import type { SentContent } from './response.js'

/** Bodies whose bytes a stream passes on unchanged, by that stream. */
const originals = new WeakMap<object, object>()

/**
 * Declares that a stream passes on the bytes of a body unchanged, as a throttle or a counter does.
 * The bytes of any other stream may have been changed, so they are sent without digests.
 *
 * ```ts
 * ctx.body = sameBytes(body.pipe(new Throttle()), body)
 * ctx.length = length
 * ```
 *
 * @returns the stream
 */
export function sameBytes<S extends object>(stream: S, body: object): S {
  originals.set(stream, body)
  return stream
}

/** Returns the body that the bytes of a body come from. */
export function originalOf(body: unknown): unknown {
  let original = body
  while (typeof original === 'object' && original !== null && originals.has(original))
    original = originals.get(original)
  return original
}

/**
 * Tracks whether a Koa response carries the bytes of a file. Layers above can replace the body
 * after `inspect()`.
 */
export class Body {
  readonly #ctx: Context
  readonly #file: IndexedFile
  /** Original of the body that the layers below have set. */
  #inspected: unknown
  #content: SentContent = 'path'

  constructor(ctx: Context, file: IndexedFile) {
    this.#ctx = ctx
    this.#file = file
  }

  /** Reads the body that the layers below have set. */
  async inspect(): Promise<void> {
    const body = originalOf(this.#ctx.body)
    this.#inspected = body
    if (body instanceof ReadStream) {
      // Koa handles errors of the stream, but stops listening once a HEAD is sent. Without this
      // listener, a file that is gone when its stream opens would end the process, even without
      // mirrored-by.
      body.on('error', () => {})
      this.#content = (await statsOf(body, this.#ctx.method)) ?? 'other'
    } else if (typeof body === 'string' || Buffer.isBuffer(body)) {
      this.#content = isContent(body, this.#file) ? 'path' : 'other'
    } else if (body !== undefined && body !== null) {
      // A stream that may have changed the bytes, or a value that Koa converts to bytes.
      this.#content = 'other'
    }
  }

  /** Content of the response that is about to be sent. */
  get content(): SentContent {
    if (isToBeCoded(this.#ctx)) return 'other'
    const { body, status } = this.#ctx
    // Middleware that cuts a range out of a body replaces the body, and sends the original length
    // in Content-Range.
    if (status === 206) return typeof this.#content === 'object' ? this.#content : 'path'
    const isReplaced = body !== undefined && body !== null && originalOf(body) !== this.#inspected
    return isReplaced ? 'other' : this.#content
  }
}

/**
 * Keeps koa-compress from coding a file, unless the application has set `ctx.compress`. A coded
 * file cannot have the digests of the file, which are of other bytes. It cannot have ranges either,
 * because clients combine them with ranges of mirrors. As koa-compress does not code HEAD, fields
 * of HEAD and GET would differ too. `ctx.compress` is set before `next`, because koa-compress may
 * be mounted below or above.
 *
 * `Cache-Control: no-transform` would reach more coders. But that field belongs to the application,
 * and reaches every cache.
 */
export function keepUncoded(ctx: Context): void {
  ctx.compress ??= false
}

/**
 * Returns true if the application wants the response coded, by `ctx.compress`. A HEAD does not show
 * the coding, and must not have fields that the coded GET lacks.
 */
export function isToBeCoded(ctx: Context): boolean {
  const compress: unknown = ctx.compress
  return Boolean(compress) && ctx.acceptsEncodings().some((coding) => coding !== 'identity')
}

/**
 * Returns true if bytes in memory are those of the file. Compares a digest, because a change can
 * keep the length.
 */
function isContent(bytes: string | Buffer, { identity, digests }: IndexedFile): boolean {
  if (Buffer.byteLength(bytes) !== identity.size) return false
  for (const algorithm of ALGORITHMS) {
    const indexed = digests[algorithm]
    const computed = indexed && digestAtOnce(algorithm, bytes)
    if (computed !== undefined) return computed.equals(indexed ?? computed)
  }
  return false
}

/**
 * Returns the stats of the file that a stream reads, from its descriptor for a GET. Undefined if
 * the file cannot be read.
 */
async function statsOf(stream: ReadStream, method: string): Promise<BigIntStats | undefined> {
  try {
    // A HEAD sends no bytes, so the path is enough: opening the file would delay the response.
    if (method === 'HEAD' && stream.pending) return statSync(stream.path, { bigint: true })
    const descriptor = await descriptorOf(stream)
    return descriptor === undefined ? undefined : fstatSync(descriptor, { bigint: true })
  } catch {
    // The file is gone, or the stream was closed because the client is gone.
    return undefined
  }
}

function descriptorOf(stream: ReadStream): Promise<number | undefined> {
  if (!stream.pending)
    return Promise.resolve('fd' in stream && typeof stream.fd === 'number' ? stream.fd : undefined)
  return new Promise((resolve) => {
    stream.once('open', resolve)
    stream.once('error', () => resolve(undefined))
    stream.once('close', () => resolve(undefined))
  })
}
