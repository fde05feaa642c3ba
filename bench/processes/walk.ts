import { lstatSync, readdirSync } from 'node:fs'
import { setup, tell } from '../child.js'
import { type IndexingResult, type IndexingSetup, peakMiB } from './indexing.js'

const { root } = setup<IndexingSetup>()
const start = performance.now()
let files = 0
let bytes = 0
walk(root)
if (bytes === 0) throw new Error('the files are empty')
const result: IndexingResult = {
  files,
  hashed: 0,
  seconds: (performance.now() - start) / 1000,
  peakMiB: peakMiB(),
}
tell(result)
process.disconnect()

function walk(folder: string): void {
  for (const entry of readdirSync(folder, { withFileTypes: true })) {
    const path = `${folder}/${entry.name}`
    if (entry.isDirectory()) walk(path)
    else {
      files += 1
      bytes += lstatSync(path).size
    }
  }
}
