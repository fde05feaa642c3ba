import { parentPort, workerData } from 'node:worker_threads'
import { createPathFilter } from '../../paths.js'
import { type PackedListing, pack } from './listing-codec.js'
import { type FolderListing, walk } from './walk.js'

export interface ScanSetup {
  readonly root: string
  readonly ignore: readonly string[]
}
/** A request for the next listings. With `from`, a new walk starts at that folder. */
export interface ScanRequest {
  readonly from?: string
  /** Whether listings contain folders only. */
  readonly foldersOnly?: boolean
}
export interface ScanReply {
  readonly listings: readonly PackedListing[]
  readonly done: boolean
}

/**
 * Approximate number of files per message. More would block the server while it unpacks one;
 * fewer would cost more messages.
 */
const BATCH_FILES = 1000

if (parentPort === null) throw new Error('scan-worker runs as a worker thread only')
const port = parentPort
const { root, ignore }: ScanSetup = workerData
const includes = createPathFilter(ignore)
let walking: Generator<FolderListing> | undefined

port.on('message', (request: ScanRequest) => {
  if (request.from !== undefined) walking = walk(root, request.from, includes, request.foldersOnly)
  const listings: PackedListing[] = []
  let files = 0
  let done = true
  for (let next = walking?.next(); next !== undefined && !next.done; next = walking?.next()) {
    listings.push(pack(next.value))
    files += next.value.files.length + 1
    if (files >= BATCH_FILES) {
      done = false
      break
    }
  }
  const reply: ScanReply = { listings, done }
  port.postMessage(reply)
})
