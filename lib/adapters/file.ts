import { randomUUID } from 'node:crypto'
import { type BigIntStats, constants, readlinkSync, realpathSync, statSync } from 'node:fs'
import { type FileHandle, open, realpath } from 'node:fs/promises'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import mime from 'mime-types'
import { errorMessage, MirroredByError, systemCode } from '../errors.js'
import { etagOf } from '../fields/etag.js'
import { identityOf, sameIdentity } from '../identity.js'
import { isInside } from '../indexing/repository/walk.js'
import type { Field } from '../model.js'
import type { Origin } from '../origin.js'
import { fieldsWithEtag } from '../request/decoration.js'
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
   * Fields that hold for the uncoded bytes of the file only, not for any content coding of them: a
   * strong tag belongs to one coding (RFC 9110 §8.8.3.3), and ranges to the bytes with that tag.
   */
  readonly uncodedFields: readonly Field[]
  /** Body for a GET. Absent if the response has no content. */
  readonly body?: Readable
}

/** System error codes that mean: no file to send at the path. The request is then passed on. */
const NO_FILE = new Set(['ENOENT', 'ENOTDIR', 'EISDIR', 'ELOOP', 'EACCES', 'EPERM', 'ENXIO', 'ENAMETOOLONG'])

/** Returns whether an error of the system says that a path has no file, now and later. */
export function meansNoFile(error: unknown): boolean {
  return NO_FILE.has(systemCode(error) ?? '')
}

/**
 * Opens the file of a plan and makes the response. One descriptor decides the fields and gives the
 * bytes, so a file that is replaced meanwhile is never sent with the digests of its successor.
 *
 * @returns undefined if there is no such file below the root; a 503 if the file cannot be read at
 * the moment
 */
export async function openFile(
  origin: Origin,
  plan: FilePlan,
  request: Pick<RequestView, 'method' | 'header'>,
): Promise<OpenedFile | undefined> {
  try {
    return await openPlanned(origin, plan, request)
  } catch (error) {
    origin.warn(openError(plan.path, error))
    return unavailable()
  }
}

async function openPlanned(
  origin: Origin,
  plan: FilePlan,
  request: Pick<RequestView, 'method' | 'header'>,
): Promise<OpenedFile | undefined> {
  const opened = await openInside(origin.root, plan.path)
  if (opened === undefined) return undefined
  const { handle, stats } = opened
  let isKept = false
  try {
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
    const fields = etag === undefined || !carriesFile ? indexedFields : fieldsWithEtag(indexedFields, etag)
    const sentFields = response.fields.filter(([name]) => name !== 'ETag')
    const ranges = sentFields.filter(([name]) => name === 'Accept-Ranges')
    const uncodedFields = carriesFile ? [...ranges, ...fields] : []
    const head = { status: response.status, fields: [...sentFields, ...fields], uncodedFields }
    if (!hasBody(response)) return head
    isKept = true
    return { ...head, body: bodyOf(handle, response) }
  } finally {
    if (!isKept) await handle.close()
  }
}

interface OpenHandle {
  readonly handle: FileHandle
  readonly stats: BigIntStats
}

/** Number of times that a path is opened, if its folders are swapped meanwhile. */
const MAX_OPENS = 10

/**
 * Opens a path of the repository. Returns undefined for a path outside of the repository, by links
 * too. Resolves the root each time, because its links may be pointed elsewhere.
 *
 * @throws the system's error if the file may be there, but cannot be opened at the moment
 */
async function openInside(root: string, path: string): Promise<OpenHandle | undefined> {
  try {
    for (let opens = 0; opens < MAX_OPENS; opens += 1) {
      const real = await realpath(join(root, path))
      if (!isInside(realpathSync.native(root), real)) return undefined
      const opened = await openReal(root, real)
      if (opened !== undefined) return opened
    }
  } catch (error) {
    if (meansNoFile(error)) return undefined
    throw error
  }
  throw new Error(`its folders were swapped ${MAX_OPENS} times while it was opened`)
}

/** Opens a real path. Returns undefined if a folder was swapped, which may lead elsewhere. */
async function openReal(root: string, real: string): Promise<OpenHandle | undefined> {
  // O_NOFOLLOW: links are resolved, so a link that appears now is not followed. O_NONBLOCK: a FIFO
  // would wait for its writer.
  const handle = await open(real, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK)
  let isKept = false
  try {
    const stats = await handle.stat({ bigint: true })
    if (!isOpenedInside(root, real, handle, stats)) return undefined
    isKept = true
    return { handle, stats }
  } finally {
    if (!isKept) await handle.close()
  }
}

/**
 * Returns whether an open file lies below the root. `O_NOFOLLOW` concerns the last name only: a
 * parent folder may have become a link since the path was resolved.
 */
function isOpenedInside(root: string, real: string, { fd }: FileHandle, stats: BigIntStats): boolean {
  const openedPath = pathOf(fd)
  if (openedPath !== undefined) return isInside(realpathSync.native(root), openedPath)
  const present = statSync(real, { bigint: true, throwIfNoEntry: false })
  return (
    present?.dev === stats.dev &&
    present.ino === stats.ino &&
    isInside(realpathSync.native(root), realpathSync.native(real))
  )
}

/** Returns the path that a descriptor was opened at, which only Linux tells. */
function pathOf(descriptor: number): string | undefined {
  try {
    return readlinkSync(`/proc/self/fd/${descriptor}`)
  } catch {
    return undefined
  }
}

/** Returns the warning for a file that cannot be sent at the moment. */
function openError(path: string, error: unknown): MirroredByError {
  const isLimit = systemCode(error) === 'EMFILE' || systemCode(error) === 'ENFILE'
  const remedy = isLimit
    ? 'raise the limit of open files (`ulimit -n`, `LimitNOFILE=` of systemd)'
    : 'see that the disk of the repository can be read'
  // Without the path where every file is concerned: each path would be a warning of its own.
  const what = isLimit
    ? `files: ${systemCode(error)}, too many are open`
    : `${JSON.stringify(path)}: ${errorMessage(error)}`
  return new MirroredByError('ERR_OPEN', `cannot open ${what}; requests get 503 meanwhile: ${remedy}`, error)
}

const UNAVAILABLE = 'the file cannot be read at the moment: try again in a moment\n'

/** Returns a 503. A 404 would tell clients and caches that the file is gone. */
function unavailable(): OpenedFile {
  const fields: readonly Field[] = [
    ['Content-Type', 'text/plain; charset=utf-8'],
    ['Content-Length', String(UNAVAILABLE.length)],
    ['Retry-After', '5'],
  ]
  return {
    status: 503,
    fields,
    uncodedFields: [],
    body: Readable.from([Buffer.from(UNAVAILABLE)], { objectMode: false }),
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
