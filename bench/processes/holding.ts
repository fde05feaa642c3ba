import { statSync } from 'node:fs'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { MirrorFiles } from '../../lib/mirrors/presence/files.js'
import { BlockPool } from '../../lib/mirrors/presence/sets/block-pool.js'
import { NumberSet } from '../../lib/mirrors/presence/sets/number-set.js'
import { sqliteStates } from '../../lib/store/sqlite-states.js'
import { seeded } from '../../test/support/random.js'
import { setup, tell } from '../child.js'

export interface HoldingSetup {
  readonly mirrors: number
  readonly files: number
  /** SQLite file of the states. Read if it exists, otherwise written. */
  readonly states: string
  /** Whether every mirror holds a random half of the files: the worst case. */
  readonly worst: boolean
}

export interface HoldingResult {
  /** Time to create and store everything, or to read everything. */
  readonly seconds: number
  /** Heap and buffers in MiB. */
  readonly memory: number
  /** Size of the file in MiB. */
  readonly stored: number
  /** Nanoseconds of a lookup: ours, and in a bitmap per mirror. */
  readonly lookUp: { readonly ours: number; readonly bitmap: number }
}

/** Mirrors lack whole folders, as partial mirrors do. */
const FILES_A_FOLDER = 100
const GROUPS = 10
const LACKED_BY_GROUP = 0.1
const LACKED_BY_EACH = 100
/** Every mirror of this number holds a random half. */
const HALF_INTERVAL = 20
const LOOK_UPS = 5_000_000
const MIB = 1024 ** 2

setFlagsFromString('--expose-gc')
const collectGarbage: () => void = runInNewContext('gc')
const given = setup<HoldingSetup>()
const random = seeded(1)
const blocks = new BlockPool()
const before = await memory()
const start = performance.now()
const filesOfMirrors =
  statSync(given.states, { throwIfNoEntry: false }) === undefined ? await make() : await read()
const seconds = (performance.now() - start) / 1000
const result: HoldingResult = {
  seconds,
  memory: ((await memory()) - before) / MIB,
  stored: statSync(given.states).size / MIB,
  lookUp: lookUp([...filesOfMirrors.values()]),
}
tell(result)
process.disconnect()

async function make(): Promise<Map<string, MirrorFiles>> {
  const states = sqliteStates(given.states)
  const groups = Array.from({ length: GROUPS }, () => foldersWithout(LACKED_BY_GROUP))
  const made = new Map<string, MirrorFiles>()
  for (let index = 0; index < given.mirrors; index += 1) {
    const isHalf = given.worst || index % HALF_INTERVAL === 0
    const lacked = isHalf ? undefined : groups[index % (2 * GROUPS)]
    const files = filesOf((number) =>
      isHalf ? random() < 0.5 : lacked?.has(Math.floor(number / FILES_A_FOLDER)) === true,
    )
    made.set(`mirror-${index}`, files)
    await states.apply(files.takeChanges(`mirror-${index}`))
  }
  await states.close()
  return made
}

/** Draws the folders that a group of mirrors lacks. */
function foldersWithout(share: number): ReadonlySet<number> {
  const folders = new Set<number>()
  for (let folder = 0; folder < given.files / FILES_A_FOLDER; folder += 1)
    if (random() < share) folders.add(folder)
  return folders
}

function filesOf(whyMissing: (number: number) => boolean): MirrorFiles {
  const files = new MirrorFiles(blocks)
  const lackedByMirror = new Set(
    Array.from({ length: LACKED_BY_EACH }, () => Math.floor(random() * given.files)),
  )
  const sets = { held: new NumberSet(blocks), stale: new NumberSet(blocks), absent: new NumberSet(blocks) }
  for (let number = 0; number < given.files; number += 1)
    sets[lackedByMirror.has(number) || whyMissing(number) ? 'absent' : 'held'].add(number)
  files.replace(sets, given.files - 1)
  return files
}

/** Reads everything, as every process does at its start. */
async function read(): Promise<Map<string, MirrorFiles>> {
  const states = sqliteStates(given.states)
  const stored = await states.presence(0)
  const filesByMirror = new Map<string, MirrorFiles>()
  for (const block of stored.blocks) {
    const files = filesByMirror.get(block.mirror) ?? new MirrorFiles(blocks)
    filesByMirror.set(block.mirror, files)
    files.put(block)
  }
  await states.close()
  return filesByMirror
}

/** Measures lookups of random files on random mirrors, as requests make them. */
function lookUp(mirrors: readonly MirrorFiles[]): HoldingResult['lookUp'] {
  const bitmaps = mirrors.map((): Pick<MirrorFiles, 'whyMissing'> => {
    const bits = new Int32Array(Math.ceil(given.files / 32)).fill(-1)
    return {
      whyMissing: (number) =>
        (((bits[number >>> 5] ?? 0) >>> (number & 31)) & 1) === 1 ? undefined : 'absent',
    }
  })
  for (const all of [mirrors, bitmaps]) time(all)
  return { ours: time(mirrors), bitmap: time(bitmaps) }
}

function time(mirrors: readonly Pick<MirrorFiles, 'whyMissing'>[]): number {
  let lacking = 0
  let state = 1
  const begun = performance.now()
  for (let count = 0; count < LOOK_UPS; count += 1) {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
    const mirror = mirrors[state % mirrors.length]
    if (mirror?.whyMissing((state >>> 4) % given.files) !== undefined) lacking += 1
  }
  const nanoseconds = ((performance.now() - begun) / LOOK_UPS) * 1e6
  if (lacking === LOOK_UPS) throw new Error('no mirror has anything')
  return nanoseconds
}

/** Returns the memory in use after garbage collections. */
async function memory(): Promise<number> {
  for (let round = 0; round < 3; round += 1) {
    collectGarbage()
    await new Promise((resolve) => setImmediate(resolve))
  }
  const { heapUsed, external } = process.memoryUsage()
  return heapUsed + external
}
