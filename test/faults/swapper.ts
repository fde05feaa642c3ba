import { renameSync } from 'node:fs'
import { join } from 'node:path'

/** A program that swaps the folder `sub` of a root for the link `link` and back, in a loop. */
const [root = ''] = process.argv.slice(2)
const [folder, aside, link] = [join(root, 'sub'), join(root, 'aside'), join(root, 'link')]
process.send?.('started')
process.on('disconnect', () => process.exit())
for (;;) {
  for (let swaps = 0; swaps < 1000; swaps += 1) {
    renameSync(folder, aside)
    renameSync(link, folder)
    renameSync(folder, link)
    renameSync(aside, folder)
  }
  await new Promise(setImmediate)
}
