import { join } from 'node:path'
import { parentPort, workerData } from 'node:worker_threads'
import { isGone, reason } from '../errors.js'
import { createDigester, type Digester } from './compute.js'
import type { HashOutcome, HashReply, HashRequest, HashSetup } from './hasher.js'

if (parentPort === null) throw new Error('worker runs as a worker thread only')
const port = parentPort
const { root, algorithms, counter }: HashSetup = workerData
const bytesRead = new BigUint64Array(counter)
const digester = await createDigester(algorithms)

port.on('message', ({ paths }: HashRequest) => {
  const reply: HashReply = { outcomes: paths.map((path) => digestOne(digester, path)) }
  port.postMessage(reply)
})

function digestOne(digester: Digester, path: string): HashOutcome {
  try {
    const digested = digester.digest(join(root, path), (bytes) => {
      Atomics.add(bytesRead, 0, BigInt(bytes))
    })
    return digested === undefined ? { path, changed: true } : { path, digested }
  } catch (error) {
    return isGone(error) ? { path, changed: true } : { path, error: reason(error) }
  }
}
