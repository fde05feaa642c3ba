import { join } from 'node:path'
import { parentPort, workerData } from 'node:worker_threads'
import { errorMessage, isNotFound } from '../../errors.js'
import type { Algorithm } from '../../model.js'
import { createDigester, type Digested, type Digester } from './compute.js'

export interface HashSetup {
  /** The real path of the repository's root. */
  readonly root: string
  readonly algorithms: readonly Algorithm[]
  /** A shared 64-bit number: bytes that this thread has read so far. */
  readonly counter: SharedArrayBuffer
}
export interface HashRequest {
  readonly paths: readonly string[]
}
export interface HashReply {
  readonly outcomes: readonly HashOutcome[]
}

/**
 * Result for a file: its digests, or that it changed or vanished meanwhile, or an error of the
 * system.
 */
export type HashOutcome =
  | { readonly path: string; readonly digested: Digested; readonly changed?: never; readonly error?: never }
  | { readonly path: string; readonly changed: true; readonly digested?: never; readonly error?: never }
  | { readonly path: string; readonly error: string; readonly digested?: never; readonly changed?: never }

type Digest = Digester['digestUnlessYoung']

if (parentPort === null) throw new Error('worker runs as a worker thread only')
const port = parentPort
const { root, algorithms, counter }: HashSetup = workerData
const bytesRead = new BigUint64Array(counter)
const digester = await createDigester(algorithms)

/**
 * What a batch is digested by: files that have only just changed come last, where one wait is
 * enough for all.
 */
const passes: readonly Digest[] = [
  (absolute, progress) => digester.digestUnlessYoung(absolute, progress),
  (absolute, progress) => digester.digest(absolute, progress),
]

port.on('message', ({ paths }: HashRequest) => {
  const outcomes: HashOutcome[] = []
  let remaining = paths
  for (const digest of passes) {
    const young: string[] = []
    for (const path of remaining) {
      const outcome = outcomeOf(path, digest)
      if (outcome === 'young') young.push(path)
      else outcomes.push(outcome)
    }
    remaining = young
  }
  const reply: HashReply = { outcomes }
  port.postMessage(reply)
})

function outcomeOf(path: string, digest: Digest): HashOutcome | 'young' {
  try {
    const digested = digest(join(root, path), (bytes) => {
      Atomics.add(bytesRead, 0, BigInt(bytes))
    })
    if (digested === 'young') return digested
    return digested === undefined ? { path, changed: true } : { path, digested }
  } catch (error) {
    return isNotFound(error) ? { path, changed: true } : { path, error: errorMessage(error) }
  }
}
