import { type BigIntStats, fstatSync, ReadStream, statSync } from 'node:fs'
import type { Context } from 'koa'
import { digestAtOnce } from '../indexing/digest/native.js'
import { ALGORITHMS, type IndexedFile } from '../model.js'
import type { SentContent } from './response.js'

/** Streams by which the bytes of others go out as they are. */
const originals = new WeakMap<object, object>()

/**
 * Says that a stream passes on the bytes of a body as they are, as a throttle or a counter does. Without a word for it the
 * bytes that come out of a stream may be others, and are sent without digests.
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

/** Where the bytes of a body come from. */
export function originalOf(body: unknown): unknown {
  let original = body
  while (typeof original === 'object' && original !== null && originals.has(original))
    original = originals.get(original)
  return original
}

/**
 * What Koa sends, as far as that can be known: whose bytes a body holds. Layers above may replace it after we have seen it.
 */
export class Body {
  readonly #ctx: Context
  readonly #file: IndexedFile
  /** What the layers below made, when they were done. */
  #seen: unknown
  #content: SentContent = 'path'

  constructor(ctx: Context, file: IndexedFile) {
    this.#ctx = ctx
    this.#file = file
  }

  /** Looks at what the layers below have made. */
  async look(): Promise<void> {
    const body = originalOf(this.#ctx.body)
    this.#seen = body
    if (body instanceof ReadStream) {
      // Koa answers an error of the stream, but listens no longer once a HEAD is answered: a file that is gone when its
      // stream opens would then end the process, with or without us.
      body.on('error', () => {})
      this.#content = (await statsOf(body, this.#ctx.method)) ?? 'other'
    } else if (typeof body === 'string' || Buffer.isBuffer(body)) {
      this.#content = isContent(body, this.#file) ? 'path' : 'other'
    } else if (body !== undefined && body !== null) {
      // A stream that the file may have gone through, or something else that Koa makes bytes of.
      this.#content = 'other'
    }
  }

  /** Of the answer as it is about to be sent. */
  get content(): SentContent {
    if (isToBeCoded(this.#ctx)) return 'other'
    const { body, status } = this.#ctx
    // Whoever cuts ranges out of a body puts another in its place, and says by Content-Range of how many bytes it was.
    if (status === 206) return typeof this.#content === 'object' ? this.#content : 'path'
    const isReplaced = body !== undefined && body !== null && originalOf(body) !== this.#seen
    return isReplaced ? 'other' : this.#content
  }
}

/**
 * Keeps koa-compress from coding a file, unless the application has a wish of its own. Coded, the file could not have its
 * digests, for they are of other bytes; nor ranges, which a client puts together with those that mirrors send; and as
 * koa-compress codes no HEAD, its HEAD would tell of something else than its GET. `ctx.compress` is asked for before
 * `next`, as koa-compress may be below us as well as above.
 *
 * `Cache-Control: no-transform` would say the same to more coders, but it is the application's field, and goes on to
 * every cache: whoever wants that sets it.
 */
export function keepUncoded(ctx: Context): void {
  ctx.compress ??= false
}

/**
 * Whether the application wants an answer coded that we would have left as it is. A HEAD does not show it, and then must
 * not tell what the GET cannot keep.
 */
export function isToBeCoded(ctx: Context): boolean {
  const wish: unknown = ctx.compress
  return Boolean(wish) && ctx.acceptsEncodings().some((coding) => coding !== 'identity')
}

/** Whether bytes in memory are the file's: somebody may have changed them, and not their number. */
function isContent(bytes: string | Buffer, { identity, digests }: IndexedFile): boolean {
  if (Buffer.byteLength(bytes) !== identity.size) return false
  for (const algorithm of ALGORITHMS) {
    const known = digests[algorithm]
    const computed = known && digestAtOnce(algorithm, bytes)
    if (computed !== undefined) return computed.equals(known ?? computed)
  }
  return false
}

/** Of the file that a stream reads, by its descriptor where its bytes are sent; undefined where it cannot be read. */
async function statsOf(stream: ReadStream, method: string): Promise<BigIntStats | undefined> {
  try {
    // A HEAD sends no bytes: the path that would be opened says enough, and nobody waits for that.
    if (method === 'HEAD' && stream.pending) return statSync(stream.path, { bigint: true })
    const descriptor = await descriptorOf(stream)
    return descriptor === undefined ? undefined : fstatSync(descriptor, { bigint: true })
  } catch {
    return undefined // gone, or closed because the client is
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
