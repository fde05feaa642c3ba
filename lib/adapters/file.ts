import { randomUUID } from 'node:crypto'
import { constants } from 'node:fs'
import { type FileHandle, open, realpath } from 'node:fs/promises'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import mime from 'mime-types'
import { systemCode } from '../errors.js'
import { etagOf } from '../fields/etag.js'
import { identityOf, sameIdentity } from '../identity.js'
import { isInside } from '../indexing/repository/walk.js'
import type { Field } from '../model.js'
import type { Origin } from '../origin.js'
import { type FileResponse, fileResponse, type RangePart } from '../request/file-response.js'
import type { FilePlan } from '../request/plan.js'
import type { RequestView } from '../request/view.js'

/**
 * A file ready to be sent: head and body come from one descriptor, which the body closes when it has ended or is
 * destroyed.
 */
export interface OpenedFile {
  readonly status: number
  readonly fields: readonly Field[]
  /** Those of them that are true of the file's bytes as they are, and of no coding of them. */
  readonly ofBytes: readonly Field[]
  /** What a GET is sent; absent where that is nothing. */
  readonly body?: Readable
}

/** What the system says when there is no file to be sent at that path: somebody else may have an answer. */
const NO_FILE = new Set(['ENOENT', 'ENOTDIR', 'EISDIR', 'ELOOP', 'EACCES', 'EPERM', 'ENXIO', 'ENAMETOOLONG'])

/**
 * Opens the file of a plan and says how to answer. One descriptor decides the fields and gives the bytes, so that a file
 * that is replaced meanwhile cannot mix with the other one's digests.
 *
 * @returns undefined where there is no such file below the root
 */
export async function openFile(
  origin: Origin,
  plan: FilePlan,
  request: RequestView,
): Promise<OpenedFile | undefined> {
  const handle = await openInside(origin.root, plan.path)
  if (handle === undefined) return undefined
  let kept = false
  try {
    const stats = await handle.stat({ bigint: true })
    if (!stats.isFile()) return undefined
    const identity = identityOf(stats)
    const indexed =
      plan.indexed && sameIdentity(plan.indexed.file.identity, identity) ? plan.indexed : undefined
    if (indexed === undefined) origin.invalidate(plan.path)

    const type =
      mime.contentType(plan.path.slice(plan.path.lastIndexOf('/') + 1)) || 'application/octet-stream'
    const etag = etagOf(origin.options.etag, identity, indexed?.file.digests)
    const boundary = () => `mirrored-by-${randomUUID()}`
    const how = fileResponse(request, { identity, etag, type }, Date.now(), boundary)
    // A 416 or 412 is not of the file, whose digests it would seem to carry.
    const isOfFile = how.status < 400
    const ours = isOfFile ? (indexed?.fields ?? []) : []
    const ofBytes = isOfFile ? [...how.fields.filter(([name]) => OF_BYTES.has(name)), ...ours] : []
    const head = { status: how.status, fields: [...how.fields, ...ours], ofBytes }
    if (!hasBody(how)) return head
    kept = true
    return { ...head, body: bodyOf(handle, how) }
  } finally {
    if (!kept) await handle.close()
  }
}

/** A strong tag is of one coding (RFC 9110 §8.8.3.3), and ranges are of the bytes that have it. */
const OF_BYTES = new Set(['ETag', 'Accept-Ranges'])

/** Opens a path of the repository, and nothing outside of it, however links lead. */
async function openInside(root: string, path: string): Promise<FileHandle | undefined> {
  try {
    const real = await realpath(join(root, path))
    if (!isInside(root, real)) return undefined
    // Links are resolved: one that appears now is not followed. Not blocking, for a FIFO would wait for its writer.
    return await open(real, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK)
  } catch (error) {
    if (NO_FILE.has(systemCode(error) ?? '')) return undefined
    throw error
  }
}

type Sent = Extract<FileResponse, { ranges: unknown } | { parts: unknown }>

function hasBody(how: FileResponse): how is Sent {
  return 'ranges' in how || 'parts' in how
}

function bodyOf(handle: FileHandle, how: Sent): Readable {
  const parts = 'parts' in how ? how.parts : how.ranges.map((range) => ({ ...range, head: '' }))
  const body = Readable.from(read(handle, parts, 'parts' in how ? how.end : ''), { objectMode: false })
  // Not in `read`, which never runs where the client is gone before the first byte.
  body.once('close', () => void handle.close().catch(() => {}))
  return body
}

/** Read at a time. */
const CHUNK_BYTES = 256 * 1024

async function* read(handle: FileHandle, parts: readonly RangePart[], end: string): AsyncGenerator<Buffer> {
  for (const part of parts) {
    if (part.head !== '') yield Buffer.from(part.head, 'latin1')
    let left = part.end - part.start + 1
    const { start } = part
    for await (const chunk of handle.createReadStream({
      start,
      end: part.end,
      autoClose: false,
      highWaterMark: CHUNK_BYTES,
    })) {
      left -= chunk.length
      yield chunk
    }
    // Cut short under our hands: only a broken connection tells the client, whose length would never come.
    if (left > 0) throw new Error('the file became shorter while it was sent')
  }
  if (end !== '') yield Buffer.from(end, 'latin1')
}
