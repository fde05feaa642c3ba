import { Hasher } from '../../lib/indexing/digest/hasher.js'
import type { HashOutcome } from '../../lib/indexing/digest/worker.js'
import { setup, tell } from '../child.js'
import { digestOfDigests, type FileDigests, type HashingResult, type HashingSetup } from './hashing.js'

const { root, paths, fileBytes, workers } = setup<HashingSetup>()
const start = performance.now()
const files = new Map<string, FileDigests>()
await new Promise<void>((resolve) => {
  const pool = new Hasher({ root, algorithms: ['sha-256', 'sha-1', 'md5'] }, workers, (outcomes) => {
    for (const outcome of outcomes) files.set(outcome.path, digestsOf(outcome))
    if (files.size < paths.length) return
    resolve()
    void pool.close()
  })
  for (const path of paths) pool.add(path, fileBytes)
})
const result: HashingResult = {
  seconds: (performance.now() - start) / 1000,
  digests: digestOfDigests(files),
}
tell(result)
process.disconnect()

function digestsOf({ path, digested }: HashOutcome): FileDigests {
  const { md5, 'sha-1': sha1, 'sha-256': sha256 } = digested?.digests ?? {}
  const pieces = digested?.pieces
  if (md5 === undefined || sha1 === undefined || sha256 === undefined || pieces === undefined) {
    throw new Error(`${path} was not digested`)
  }
  return { md5, sha1, sha256, pieceSha1: pieces.sha1, pieceSha256: pieces.sha256 }
}
