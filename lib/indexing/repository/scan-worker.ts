import { type BigIntStats, lstatSync } from 'node:fs'
import { parentPort, workerData } from 'node:worker_threads'
import { createPathFilter } from '../../paths.js'
import { type PackedListing, pack } from './listing-codec.js'
import { type FolderListing, type FolderState, walk } from './walk.js'

export interface ScanSetup {
  readonly root: string
  readonly ignore: readonly string[]
}
/** A request for the next listings. With `from`, a new walk starts at that folder. */
export interface ScanRequest {
  readonly from?: string
  /** Whether listings contain folders only. */
  readonly foldersOnly?: boolean
  /** Whether to list the folder only, and not what is below it. */
  readonly isShallow?: boolean
  /** Whether to compare the folders that were listed with the disk, instead of a walk. */
  readonly verify?: 'start' | 'next'
}
export interface ScanReply {
  readonly listings: readonly PackedListing[]
  readonly differences: readonly FolderDifference[]
  readonly done: boolean
}
/** A listed folder that has changed since: names in it, or the folder itself. */
export interface FolderDifference {
  readonly folder: string
  readonly kind: 'names' | 'replaced' | 'gone'
}

/**
 * Approximate number of files per message. More would block the server while it unpacks one;
 * fewer would cost more messages.
 */
const BATCH_FILES = 1000
/** Age of a change from which a folder counts as replaced: its event may be on its way before. */
const GRACE_NS = 2_000_000_000n

if (parentPort === null) throw new Error('scan-worker runs as a worker thread only')
const port = parentPort
const { root, ignore }: ScanSetup = workerData
const includes = createPathFilter(ignore)
let walking: Generator<FolderListing> | undefined
let verifying: Iterator<readonly [string, ListedFolder]> | undefined
/** The folders as they were when they were last listed. */
const listedFolders = new Map<string, ListedFolder>()

interface ListedFolder {
  readonly realFolder: string
  readonly state: FolderState
}

port.on('message', (request: ScanRequest) => {
  const reply: ScanReply = request.verify === undefined ? list(request) : verify(request.verify)
  port.postMessage(reply)
})

function list({ from, foldersOnly, isShallow }: ScanRequest): ScanReply {
  if (from !== undefined) walking = walk(root, from, includes, foldersOnly, isShallow)
  const listings: PackedListing[] = []
  let files = 0
  for (let next = walking?.next(); next !== undefined && !next.done; next = walking?.next()) {
    const { folder, realFolder, state } = next.value
    if (!foldersOnly && state !== undefined) listedFolders.set(folder, { realFolder, state })
    listings.push(pack(next.value))
    files += next.value.files.length + 1
    if (files >= BATCH_FILES) return { listings, differences: [], done: false }
  }
  return { listings, differences: [], done: true }
}

function verify(step: 'start' | 'next'): ScanReply {
  if (step === 'start') verifying = [...listedFolders].values()
  const differences: FolderDifference[] = []
  for (let folders = 0; folders < BATCH_FILES; folders += 1) {
    const next = verifying?.next()
    if (next === undefined || next.done) return { listings: [], differences, done: true }
    const [folder, listed] = next.value
    const kind = difference(listed)
    if (kind === 'gone') listedFolders.delete(folder)
    if (kind !== undefined) differences.push({ folder, kind })
  }
  return { listings: [], differences, done: false }
}

function difference({ realFolder, state }: ListedFolder): FolderDifference['kind'] | undefined {
  let present: BigIntStats | undefined
  try {
    present = lstatSync(realFolder, { bigint: true, throwIfNoEntry: false })
  } catch {
    return undefined // What cannot be read proves nothing.
  }
  if (present === undefined) return 'gone'
  if (present.dev !== state.dev || present.ino !== state.ino) {
    const isYoung = BigInt(Date.now()) * 1_000_000n - present.ctimeNs < GRACE_NS
    return isYoung && present.dev === state.dev ? undefined : 'replaced'
  }
  return present.mtimeNs === state.mtimeNs ? undefined : 'names'
}
