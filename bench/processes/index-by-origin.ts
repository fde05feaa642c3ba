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
const result: IndexingResult = {
  files,
  hashed,
  seconds: (performance.now() - start) / 1000,
  peakMiB: peakMiB(),
}
tell(result)
await origin.close()
process.disconnect()
