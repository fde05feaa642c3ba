import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import Sqlite from 'better-sqlite3'
import { type ChildResult, runChild } from './child.js'
import { type Comparison, compare, interleave } from './compare.js'
import type { IndexingResult, IndexingSetup } from './processes/indexing.js'
import type { Line, Measurement } from './report.js'
import type { Scale } from './scale.js'
import { temporaryFolder } from './temporary.js'

type Runs = readonly ChildResult<IndexingResult>[]

const ORIGIN = './processes/index-by-origin.js'
const LOOP = './processes/index-by-loop.js'
const WALK = './processes/walk.js'

/** Default of the option `settle`. */
const SETTLE_SECONDS = 0.5

/** Longer than `settle`, so that the first pass hashes the files at once. */
const SETTLED_MS = 1000

/** The first pass over many small files, and the next start without changes, in child processes. */
export function indexing(scale: Scale['indexing']): Measurement {
  return { name: 'indexing', run: () => measure(scale) }
}

async function measure(scale: Scale['indexing']): Promise<Line[]> {
  using folder = temporaryFolder()
  const { path } = folder
  const root = join(path, 'root')
  writeSmallFiles(root, scale)
  const files = scale.folders * scale.filesAFolder
  await sleep(SETTLED_MS)

  let stores = 0
  const indexInto = (script: string, store: string) => runIndexing(script, { root, store }, files)
  const indexAnew = (script: string) => () => indexInto(script, join(path, `index-${stores++}.sqlite`))
  const first = await interleave(scale.rounds, [indexAnew(ORIGIN), indexAnew(LOOP)])
  requireHashed(first.flat(), files)
  // Use our last index, because each run changes a file.
  const index = join(path, `index-${stores - 2}.sqlite`)
  requireSameIndex(index, join(path, `index-${stores - 1}.sqlite`), files)

  const next = await interleave(scale.rounds, [() => indexInto(ORIGIN, index), () => indexInto(WALK, index)])
  requireHashed(next.flat(), 0)
  return [
    { ...timeLine(`first index of ${files} files`, first), aim: { atMost: 2 } },
    ...otherLines(first),
    { ...timeLine('start with nothing changed', next), aim: { atMost: 3 } },
    ...otherLines(next),
    changeLine(next),
  ]
}

/** Compares the time of one change with the settling time, which is the lower limit. */
function changeLine([ours = []]: readonly Runs[]): Line {
  const seconds = ours.flatMap(({ result }) => result.changeSeconds ?? [])
  const settle = seconds.map(() => SETTLE_SECONDS)
  return {
    name: 'one change, against the settling time',
    unit: 's',
    aim: { atMost: 3 },
    ...compare(seconds, settle),
  }
}

async function runIndexing(
  script: string,
  setup: IndexingSetup,
  files: number,
): Promise<ChildResult<IndexingResult>> {
  const run = await runChild<IndexingResult>(script, setup)
  if (run.result.files !== files) throw new Error(`${script} found ${run.result.files} of ${files} files`)
  return run
}

function timeLine(name: string, runs: readonly Runs[]): Line {
  return { name, unit: 's', ...compareBy(runs, ({ result }) => result.seconds) }
}

function otherLines(runs: readonly Runs[]): Line[] {
  return [
    { name: '  with the start of the process', unit: 's', ...compareBy(runs, ({ whole }) => whole) },
    { name: '  most memory (VmHWM)', unit: 'MiB', ...compareBy(runs, ({ result }) => result.peakMiB) },
  ]
}

function compareBy(
  [ours = [], reference = []]: readonly Runs[],
  what: (run: Runs[number]) => number,
): Comparison {
  return compare(ours.map(what), reference.map(what))
}

function requireHashed(runs: Runs, files: number): void {
  for (const { result } of runs) {
    if (result.hashed !== files) throw new Error(`${result.hashed} files were hashed, and not ${files}`)
  }
}

/** Throws unless both indexes have the rows of all files. Either may have more columns. */
function requireSameIndex(ours: string, reference: string, files: number): void {
  const database = new Sqlite(ours)
  try {
    database.prepare('ATTACH ? AS reference').run(reference)
    const columns = 'size, mtime_ns, ctime_ns, inode, sha256, sha1, md5'
    const inBoth = database
      .prepare(
        `SELECT count(*) FROM (SELECT folder || '/' || name, ${columns} FROM main.file
         INTERSECT SELECT path, ${columns} FROM reference.file)`,
      )
      .pluck()
      .get()
    if (inBoth !== files) throw new Error(`of ${files} files only ${inBoth} are the same in both indexes`)
  } finally {
    database.close()
  }
}

/** Writes different files of 100 to 1,000 bytes. */
function writeSmallFiles(root: string, { folders, filesAFolder }: Scale['indexing']): void {
  const filler = 'x'.repeat(1000)
  for (let folder = 0; folder < folders; folder += 1) {
    const path = join(root, `folder-${folder}`)
    mkdirSync(path, { recursive: true })
    for (let file = 0; file < filesAFolder; file += 1) {
      const size = 100 + (((folder * filesAFolder + file) * 7919) % 901)
      writeFileSync(join(path, `package-${file}.txt`), `${folder}/${file} ${filler}`.slice(0, size))
    }
  }
}
