import { randomFillSync } from 'node:crypto'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { runChild } from './child.js'
import { compare, interleave } from './compare.js'
import type { HashingResult, HashingSetup } from './processes/hashing.js'
import type { Aim, Line, Measurement } from './report.js'
import type { Scale } from './scale.js'
import { temporaryFolder } from './temporary.js'

const PLAIN = './processes/hash-plainly.js'
const POOL = './processes/hash-by-pool.js'
const AIMS: readonly (readonly [workers: number, aim: Aim])[] = [
  [1, { atLeast: 0.9 }],
  [2, { atLeast: 1.6 }],
]

/**
 * Digests of large files: our thread pool against a loop over `node:crypto`, in child processes.
 */
export function hashing(scale: Scale['hashing']): Measurement {
  return { name: 'hashing', run: () => measure(scale) }
}

async function measure({ rounds, files, fileBytes }: Scale['hashing']): Promise<Line[]> {
  using folder = temporaryFolder()
  const paths = writeLargeFiles(folder.path, files, fileBytes)
  const setup: HashingSetup = { root: folder.path, paths, fileBytes, workers: 1 }
  const runOf = (script: string, workers: number) => async () =>
    (await runChild<HashingResult>(script, { ...setup, workers })).result

  // Fill the page cache with the files.
  const { digests } = await runOf(PLAIN, 1)()
  const [reference = [], ...ours] = await interleave(rounds, [
    runOf(PLAIN, 1),
    ...AIMS.map(([workers]) => runOf(POOL, workers)),
  ])
  for (const result of [...reference, ...ours.flat()]) {
    if (result.digests !== digests) throw new Error('the pool and the loop differ in their digests')
  }
  const speed = ({ seconds }: HashingResult) => (files * fileBytes) / 1024 ** 2 / seconds
  return AIMS.map(([workers, aim], index) => ({
    name: `hashing by ${workers} ${workers === 1 ? 'worker' : 'workers'}`,
    unit: 'MiB/s',
    aim,
    ...compare((ours[index] ?? []).map(speed), reference.map(speed)),
  }))
}

function writeLargeFiles(folder: string, files: number, bytes: number): string[] {
  const content = randomFillSync(Buffer.allocUnsafe(bytes))
  return Array.from({ length: files }, (_, index) => {
    const name = `large-${index}.bin`
    content.writeUInt32LE(index)
    writeFileSync(join(folder, name), content)
    return name
  })
}
