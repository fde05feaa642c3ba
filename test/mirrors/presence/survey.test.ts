import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { memoryStore } from '../../../lib/index.js'
import { type FileState, MirrorFiles } from '../../../lib/mirrors/presence/files.js'
import { IndexReader } from '../../../lib/mirrors/presence/index-reader.js'
import { KnownFolders } from '../../../lib/mirrors/presence/known-folders.js'
import type { Listing, RemoteFile } from '../../../lib/mirrors/presence/listings/listing.js'
import { createListing } from '../../../lib/mirrors/presence/listings/listing-reader.js'
import { BlockPool } from '../../../lib/mirrors/presence/sets/block-pool.js'
import { type SurveyTarget, survey } from '../../../lib/mirrors/presence/survey.js'
import { createPathFilter, splitPath } from '../../../lib/paths.js'

const HOUR = 3_600_000
const DAY = 24 * HOUR
const NOON = Date.parse('2026-03-01T12:00:00Z')

interface Ours {
  readonly size: number
  readonly mtime: number
}

/** Returns an index of made-up files, and a mirror of which nothing is known. */
function world(ours: Readonly<Record<string, Ours>>) {
  const store = memoryStore()
  void store.apply(
    Object.entries(ours).map(([path, { size, mtime }], index) => ({
      kind: 'put',
      file: {
        path,
        identity: {
          size,
          mtimeNs: BigInt(mtime) * 1_000_000n,
          ctimeNs: BigInt(mtime) * 1_000_000n,
          inode: BigInt(index),
        },
        digests: { 'sha-256': Buffer.from(path.padEnd(32).slice(0, 32)) },
      },
    })),
  )
  const blocks = new BlockPool()
  const files = new MirrorFiles(blocks)
  const folders = new KnownFolders()
  folders.add(Object.keys(ours).map((path) => splitPath(path)[0]))
  const numberOf = async (path: string): Promise<number> => (await store.get(path))?.number ?? -1
  return {
    store,
    files,
    numberOf,
    stateOf: async (path: string): Promise<FileState> => files.stateOf(await numberOf(path)),
    /** Returns the results of the files after a listing. */
    async survey(
      listing: Listing,
      options: { isExhaustive?: boolean; isUtc?: boolean; previousOffset?: number } = {},
    ) {
      const { isExhaustive = true, isUtc = false, previousOffset } = options
      const parts = {
        index: new IndexReader(store),
        folders,
        carries: () => true,
        isExhaustive,
        isUtc,
        blocks,
        random: () => 0.5,
      }
      const target: SurveyTarget = {
        stateOf: (number) => files.stateOf(number),
        isConfirmed: (number) => files.isConfirmed(number),
        markListed: (number, state) => files.markListed(number, state),
        room: () => undefined,
        replace: (found, last) => files.replace(found, last),
      }
      files.beginSurvey()
      const surveyed = await survey(listing, target, previousOffset, parts)
      files.endSurvey()
      const states: Record<string, FileState> = {}
      for (const path of Object.keys(ours)) states[path] = files.stateOf(await numberOf(path))
      return { ...surveyed, states }
    },
  }
}

type Theirs = Partial<Omit<RemoteFile, 'path'>>

/** Returns a listing that is complete, or that breaks off. */
function listed(theirs: Readonly<Record<string, Theirs>>, failure?: string): Listing {
  return createListing({ includes: createPathFilter([]) }, async (reader) => {
    for (const [path, { size, sizePrecision = 0, mtime, mtimePrecision = 'second' }] of Object.entries(
      theirs,
    ))
      reader.addFile(path, { size, sizePrecision, mtime, mtimePrecision })
    if (failure !== undefined) throw new Error(failure)
    reader.folders.read('')
  })
}

describe('a survey', () => {
  const OURS = {
    a: { size: 1, mtime: NOON },
    'sub/b': { size: 2, mtime: NOON + 1000 },
    'sub/c': { size: 3, mtime: NOON + 2000 },
    d: { size: 4, mtime: NOON + 3000 },
  }
  const SAME: Record<string, Theirs> = OURS

  test('marks what is there, what is another version, and what is missing', async () => {
    const { survey } = world(OURS)
    const theirs = { ...SAME, 'sub/c': { size: 30, mtime: NOON }, x: { size: 1, mtime: NOON } }
    const { d: _, ...rest } = theirs as Record<string, Theirs>
    const { outcome, states, unsure } = await survey(listed(rest))
    assert.deepEqual([outcome.complete, outcome.files, unsure], [true, 4, 0])
    assert.deepEqual(states, { a: 'held', 'sub/b': 'held', 'sub/c': 'stale', d: 'absent' })
  })

  test('that breaks off takes nothing away, but for what it shows to be another version', async () => {
    const { survey } = world(OURS)
    await survey(listed(SAME))
    const { outcome, states } = await survey(listed({ a: { size: 9, mtime: NOON } }, 'it broke off'))
    assert.deepEqual([outcome.complete, outcome.reason], [false, 'it broke off'])
    assert.deepEqual(states, { a: 'stale', 'sub/b': 'held', 'sub/c': 'held', d: 'held' })
  })

  test('allows for another time zone, found by most files', async () => {
    const { survey } = world(OURS)
    const shifted = Object.fromEntries(
      Object.entries(OURS).map(([path, { size, mtime }]) => [path, { size, mtime: mtime + 2 * HOUR }]),
    )
    const { offset, states } = await survey(listed(shifted))
    assert.equal(offset, 2 * HOUR)
    assert.deepEqual(new Set(Object.values(states)), new Set(['held']))
  })

  test('takes an earlier time for an older version, and a later one for a copy made later', async () => {
    const { survey } = world(OURS)
    const theirs = { ...SAME, a: { size: 1, mtime: NOON - DAY }, d: { size: 4, mtime: NOON + DAY } }
    const { states } = await survey(listed(theirs), { isUtc: true })
    assert.deepEqual(states, { a: 'stale', 'sub/b': 'held', 'sub/c': 'held', d: 'held' })
  })

  test('is not sure of rounded sizes, and leaves what was seen before as it was', async () => {
    const { survey, files, numberOf } = world(OURS)
    const rounded = { ...SAME, a: { size: 0, sizePrecision: 512, mtime: NOON } }
    const first = await survey(listed(rounded))
    assert.deepEqual([first.states.a, first.unsure], ['unknown', 1])
    files.mark(await numberOf('a'), 'held')
    const second = await survey(listed(rounded))
    assert.equal(second.states.a, 'held')
  })

  test('by a server that hides names is not sure of what is not listed', async () => {
    const { survey } = world(OURS)
    await survey(listed(SAME))
    const { d: _, ...rest } = SAME
    const { states, unsure } = await survey(listed(rest), { isExhaustive: false })
    assert.deepEqual([states.d, unsure], ['unknown', 1])
  })

  test('keeps what a check has found, although a capped listing does not name it', async () => {
    const { survey, files, numberOf } = world(OURS)
    const { d: _, ...rest } = SAME
    await survey(listed(rest), { isExhaustive: false })
    files.mark(await numberOf('d'), 'held')
    for (let round = 0; round < 2; round += 1) {
      const { states, unsure } = await survey(listed(rest), { isExhaustive: false })
      assert.deepEqual([states.d, unsure], ['held', 1], 'it is checked again')
    }
    files.mark(await numberOf('d'), 'absent')
    assert.equal((await survey(listed(rest), { isExhaustive: false })).states.d, 'unknown')
  })

  test('does not bring back what a check has not found, until a check finds it', async () => {
    for (const state of ['absent', 'stale'] as const) {
      const { survey, files, numberOf } = world(OURS)
      await survey(listed(SAME))
      const number = await numberOf('d')
      files.mark(number, state)
      assert.deepEqual((await survey(listed(SAME))).states.d, state)
      assert.deepEqual([files.contradictions, files.isContradicted(number)], [1, true])
      files.mark(number, 'held')
      assert.deepEqual((await survey(listed(SAME))).states.d, 'held')
      files.mark(number, state)
      const { d: _, ...rest } = SAME
      assert.equal((await survey(listed(rest))).states.d, 'absent')
      assert.equal((await survey(listed(SAME))).states.d, 'held', 'it is listed anew')
    }
  })

  test('is not sure of names with a dot, which few listings have', async () => {
    const { survey, files, numberOf } = world({ ...OURS, '.treeinfo': OURS.a, '.disk/info': OURS.a })
    const first = await survey(listed(SAME))
    assert.deepEqual([first.states['.treeinfo'], first.unsure], ['unknown', 2])
    for (const path of ['.treeinfo', '.disk/info']) files.mark(await numberOf(path), 'held')
    const { states } = await survey(listed(SAME))
    assert.deepEqual([states['.treeinfo'], states['.disk/info']], ['held', 'held'])
  })

  test('concludes of the folders that were read', async () => {
    const { survey } = world(OURS)
    await survey(listed(SAME))
    const partial = (ended: boolean): Listing =>
      createListing({ includes: createPathFilter([]) }, async (reader) => {
        reader.addFile('a', { size: 1, sizePrecision: 0, mtime: NOON, mtimePrecision: 'second' })
        reader.folders.name('sub')
        reader.folders.read('')
        if (ended) reader.markIncomplete('sub cannot be read')
        else throw new Error('it broke off')
      })
    for (const ended of [true, false]) {
      const { states, outcome, unsure } = await survey(partial(ended))
      assert.deepEqual(states, { a: 'held', 'sub/b': 'held', 'sub/c': 'held', d: 'absent' })
      assert.deepEqual([outcome.complete, outcome.ended, unsure], [false, ended, 2])
    }
  })

  test('finds files behind links of the mirror, where they are the same file here', async () => {
    const target = { size: 5, mtime: NOON }
    const { store, survey } = world({
      'v1/x': target,
      'latest/x': target,
      'latest/y': { size: 6, mtime: NOON },
    })
    const real = await store.get('v1/x')
    assert.ok(real)
    // Here, too, one is a link to the other.
    await store.apply([{ kind: 'put', file: { ...real, path: 'latest/x' } }])
    const listing = createListing({ includes: createPathFilter([]) }, async (reader) => {
      reader.addFile('v1/x', { ...target, sizePrecision: 0, mtimePrecision: 'second' })
      reader.addLink('latest', 'v1')
      reader.folders.read('')
    })
    const { states } = await survey(listing, { isUtc: true })
    assert.deepEqual(states, { 'v1/x': 'held', 'latest/x': 'held', 'latest/y': 'unknown' })
  })

  test('does not undo what single looks have shown meanwhile', async () => {
    const { survey, files, numberOf } = world(OURS)
    const numbers = { a: await numberOf('a'), d: await numberOf('d') }
    const { d: _, ...rest } = SAME
    const listing = createListing({ includes: createPathFilter([]) }, async (reader) => {
      for (const [path, { size, mtime }] of Object.entries(rest))
        reader.addFile(path, { size, mtime, sizePrecision: 0, mtimePrecision: 'second' })
      files.mark(numbers.a, 'absent')
      files.mark(numbers.d, 'held')
    })
    const { states } = await survey(listing)
    assert.deepEqual([states.a, states.d], ['absent', 'held'])
  })

  test('believes the worse of a file that is listed twice', async () => {
    for (const order of [
      [1, 9],
      [9, 1],
    ]) {
      const { survey } = world({ a: { size: 1, mtime: NOON } })
      const listing = createListing({ includes: createPathFilter([]) }, async (reader) => {
        for (const size of order)
          reader.addFile('a', { size, mtime: NOON, sizePrecision: 0, mtimePrecision: 'second' })
      })
      assert.deepEqual((await survey(listing, { isUtc: true })).states, { a: 'stale' })
    }
  })

  test('holds a file for held only where its size is ours and it is listed', async () => {
    const paths = ['a', 'b', 'x/a', 'x/y/c']
    const file = fc.record({ size: fc.nat({ max: 3 }), mtime: fc.constantFrom(NOON, NOON - DAY, NOON + DAY) })
    const files = fc.dictionary(fc.constantFrom(...paths), file)
    await fc.assert(
      fc.asyncProperty(files, files, fc.boolean(), fc.boolean(), async (ours, theirs, isUtc, breaks) => {
        const { survey } = world(ours)
        const { states } = await survey(listed(theirs, breaks ? 'it broke off' : undefined), { isUtc })
        for (const [path, state] of Object.entries(states)) {
          const there = theirs[path]
          if (state === 'held') assert.equal(there?.size, ours[path]?.size)
          if (state === 'held' && isUtc) assert.ok((there?.mtime ?? 0) >= (ours[path]?.mtime ?? 0))
          if (state === 'absent') assert.ok(there === undefined && !breaks)
          if (there === undefined && !breaks) assert.equal(state, 'absent')
        }
      }),
      { numRuns: 200 },
    )
  })
})
