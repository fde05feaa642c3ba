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
 * File that is ready to be sent. Head and body come from one descriptor, which the body closes when
 * it ends or is destroyed.
 */
export interface OpenedFile {
  readonly status: number
  readonly fields: readonly Field[]
  /**
   * Fields that hold for the uncoded bytes of the file only, not for any content coding of them.
   */
  readonly uncodedFields: readonly Field[]
  /** Body for a GET. Absent if the response has no content. */
  readonly body?: Readable
}

/** System error codes that mean: no file to send at the path. The request is then passed on. */
const NO_FILE = new Set(['ENOENT', 'ENOTDIR', 'EISDIR', 'ELOOP', 'EACCES', 'EPERM', 'ENXIO', 'ENAMETOOLONG'])

/**
 * Opens the file of a plan and makes the response. One descriptor decides the fields and gives the
 * bytes, so a file that is replaced meanwhile is never sent with the digests of its successor.
 *
 * @returns undefined if there is no such file below the root
 */
export async function openFile(
  origin: Origin,
  plan: FilePlan,
  request: RequestView,
): Promise<OpenedFile | undefined> {
  const handle = await openInside(origin.root, plan.path)
  if (handle === undefined) return undefined
  let isKept = false
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
    const response = fileResponse(request, { identity, etag, type }, Date.now(), boundary)
    // A 416 or 412 does not carry the file, so it must not have the digests of the file.
    const carriesFile = response.status < 400
    const indexedFields = carriesFile ? (indexed?.fields ?? []) : []
    const uncodedFields = carriesFile
      ? [...response.fields.filter(([name]) => UNCODED_FIELDS.has(name)), ...indexedFields]
      : []
    const head = { status: response.status, fields: [...response.fields, ...indexedFields], uncodedFields }
    if (!hasBody(response)) return head
    isKept = true
    return { ...head, body: bodyOf(handle, response) }
  } finally {
    if (!isKept) await handle.close()
  }
}

/**
 * A strong tag belongs to one content coding (RFC 9110 §8.8.3.3), and ranges to the bytes with that
 * tag.
 */
const UNCODED_FIELDS = new Set(['ETag', 'Accept-Ranges'])

/**
 * Opens a path of the repository. Returns undefined for a path outside of the repository, by links
 * too.
 */
async function openInside(root: string, path: string): Promise<FileHandle | undefined> {
  try {
    const real = await realpath(join(root, path))
    if (!isInside(root, real)) return undefined
    // O_NOFOLLOW: links are resolved, so a link that appears now is not followed. O_NONBLOCK: a
    // FIFO would wait for its writer.
    return await open(real, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK)
  } catch (error) {
    if (NO_FILE.has(systemCode(error) ?? '')) return undefined
    throw error
  }
}

type ResponseWithBody = Extract<FileResponse, { ranges: unknown } | { parts: unknown }>

function hasBody(response: FileResponse): response is ResponseWithBody {
  return 'ranges' in response || 'parts' in response
}

function bodyOf(handle: FileHandle, response: ResponseWithBody): Readable {
  const parts =
    'parts' in response ? response.parts : response.ranges.map((range) => ({ ...range, head: '' }))
  const body = Readable.from(readParts(handle, parts, 'parts' in response ? response.end : ''), {
    objectMode: false,
  })
  // Not in `readParts`, which never runs if the client is gone before the first byte.
  body.once('close', () => void handle.close().catch(() => {}))
  return body
}

/** Bytes of one read. */
const CHUNK_BYTES = 256 * 1024

async function* readParts(
  handle: FileHandle,
  parts: readonly RangePart[],
  end: string,
): AsyncGenerator<Buffer> {
  for (const part of parts) {
    if (part.head !== '') yield Buffer.from(part.head, 'latin1')
    let bytesLeft = part.end - part.start + 1
    const { start } = part
    for await (const chunk of handle.createReadStream({
      start,
      end: part.end,
      autoClose: false,
      highWaterMark: CHUNK_BYTES,
    })) {
      bytesLeft -= chunk.length
      yield chunk
    }
    // The file was truncated while it was sent. Only a broken connection shows the client that
    // bytes are missing.
    if (bytesLeft > 0) throw new Error('the file became shorter while it was sent')
  }
  if (end !== '') yield Buffer.from(end, 'latin1')
}
