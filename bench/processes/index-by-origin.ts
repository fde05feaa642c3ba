import { once } from 'node:events'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { createOrigin } from '../../lib/index.js'
import { setup, tell } from '../child.js'
import { type IndexingResult, type IndexingSetup, peakMiB } from './indexing.js'

const { root, store } = setup<IndexingSetup>()
const start = performance.now()
const origin = await createOrigin({ root, store })
origin.on('warning', (error) => {
  throw error
})
const { files, hashed } = await origin.ready
const seconds = (performance.now() - start) / 1000
const changeSeconds = await timeOneChange()
const result: IndexingResult = { files, hashed, seconds, peakMiB: peakMiB(), changeSeconds }
tell(result)
await origin.close()
process.disconnect()

/** Measures the seconds from the last write of a file to its new digest in the index. */
async function timeOneChange(): Promise<number> {
  writeFileSync(join(root, 'folder-0/package-0.txt'), `changed at ${Date.now()}`)
  const written = performance.now()
  await once(origin, 'changed')
  return (performance.now() - written) / 1000
}
