import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import fc from 'fast-check'
import type { Awaitable } from '../../lib/model.js'
import {
  KEPT_VERSIONS,
  MAX_REQUESTED_CHECKS,
  type MirrorStateStore,
  type PresenceChange,
  SET_NAMES,
  type SetName,
  type StoredCorruptFile,
  type StoredSurvey,
} from '../../lib/store/states.js'
import { bytesOf } from '../support/files.js'

/** A survey with every property. */
export const SCAN: StoredSurvey = {
  mirror: 'fra1',
  source: 'rsync',
  at: 1_700_000_000_123,
  complete: false,
  reason: "ünïcödé: it's gone",
  files: 5_000_000_001,
  offset: -3_600_000,
  completed: 1_690_000_000_456,
}
/** A survey with required properties only. */
export const BARE_SCAN: StoredSurvey = { mirror: 'nyc1', source: 'http', at: 1, complete: true, files: 0 }
export const CORRUPT: StoredCorruptFile = {
  mirror: 'fra1',
  number: 2 ** 51 + 12_345,
  path: "a/it's 100%.iso",
  piece: 3,
  at: 1_700_000_000_789,
  url: 'https://fra1.example/a/it%27s%20100%25.iso',
  expected: 'ab'.repeat(32),
  got: 'cd'.repeat(32),
  start: 3 * 2 ** 32,
  end: 4 * 2 ** 32 - 1,
}

export function block(
  mirror: string,
  set: SetName,
  number: number,
  content: Uint8Array | undefined,
): PresenceChange {
  return { kind: 'block', mirror, set, block: number, content }
}

export function scan(known: StoredSurvey): PresenceChange {
  return { kind: 'survey', mirror: known.mirror, survey: known }
}

export function corrupt(known: StoredCorruptFile): PresenceChange {
  return { kind: 'corrupt', corrupt: known }
}

/** Follows the blocks of a store, as a process does that does not survey. */
export class Follower {
  readonly #store: Pick<MirrorStateStore, 'presence'>
  readonly #blocks = new Map<string, string>()
  #version = 0

  constructor(store: Pick<MirrorStateStore, 'presence'>) {
    this.#store = store
  }

  /** Returns the changes since the last call, sorted, one per line: `mirror set block: hex`. */
  async news(): Promise<readonly string[]> {
    const { version, whole, blocks } = await this.#store.presence(this.#version)
    if (whole) this.#blocks.clear()
    this.#version = version
    for (const { mirror, set, block, content } of blocks) {
      const key = `${mirror} ${set} ${block}`
      if (content === undefined) this.#blocks.delete(key)
      else this.#blocks.set(key, hexOf(content))
    }
    return blocks
      .map(
        ({ mirror, set, block, content }) =>
          `${mirror} ${set} ${block}: ${content === undefined ? 'removed' : hexOf(content)}`,
      )
      .sort()
  }

  /** Returns all known blocks, in the same form. */
  async all(): Promise<readonly string[]> {
    await this.news()
    return [...this.#blocks].map(([key, content]) => `${key}: ${content}`).sort()
  }
}

/** Returns every block of a store, in the form of a `Follower`. */
export function blocksIn(store: Pick<MirrorStateStore, 'presence'>): Promise<readonly string[]> {
  return new Follower(store).all()
}

function hexOf(content: Uint8Array): string {
  return Buffer.from(content).toString('hex')
}

const ONE = Uint8Array.of(1)
const TWO = Uint8Array.of(2, 2)

/** Tests the part of a state store that holds the presence of files on mirrors. */
export function keepsPresence(open: (context: TestContext) => Awaitable<MirrorStateStore>): void {
  test('knows of no presence at first', async (t) => {
    const { version, ...rest } = await (await open(t)).presence(0)
    assert.ok(Number.isSafeInteger(version) && version > 0, `${version}`)
    assert.deepEqual(rest, { whole: true, blocks: [], surveys: [], corrupt: [], requestedChecks: [] })
  })

  test('gives back blocks as they were put, of each set of each mirror', async (t) => {
    const store = await open(t)
    const large = bytesOf(70_000, 'large')
    const changes = ['a', 'b'].flatMap((mirror) =>
      SET_NAMES.flatMap((set, index) => [
        block(mirror, set, 0, Uint8Array.of(index)),
        block(mirror, set, 2 ** 35 + index, large),
      ]),
    )
    await store.apply([...changes, block('empty', 'held', 1, new Uint8Array())])
    const expected = ['a', 'b'].flatMap((mirror) =>
      SET_NAMES.flatMap((set, index) => [
        `${mirror} ${set} 0: 0${index}`,
        `${mirror} ${set} ${2 ** 35 + index}: ${hexOf(large)}`,
      ]),
    )
    assert.deepEqual(await blocksIn(store), [...expected, 'empty held 1: '].sort())
  })

  test('tells the blocks that have changed, and those that were removed', async (t) => {
    const store = await open(t)
    const follower = new Follower(store)
    await store.apply([block('a', 'held', 1, ONE), block('a', 'held', 2, ONE), block('b', 'held', 1, ONE)])
    assert.deepEqual(await follower.news(), ['a held 1: 01', 'a held 2: 01', 'b held 1: 01'])
    assert.deepEqual(await follower.news(), [])
    await store.apply([block('a', 'held', 1, TWO), block('a', 'held', 2, undefined)])
    assert.deepEqual(await follower.news(), ['a held 1: 0202', 'a held 2: removed'])
    // Changes that change nothing: an equal value, and the removal of a missing one.
    await store.apply([
      block('a', 'held', 1, TWO),
      block('a', 'held', 2, undefined),
      block('c', 'stale', 1, undefined),
    ])
    assert.deepEqual(await follower.news(), [])
    await store.apply([block('a', 'held', 2, ONE)])
    assert.deepEqual(await follower.news(), ['a held 2: 01'])
    assert.deepEqual(await blocksIn(store), ['a held 1: 0202', 'a held 2: 01', 'b held 1: 01'])
  })

  test('tells nobody of removed blocks who knows of no others', async (t) => {
    const store = await open(t)
    await store.apply([block('a', 'held', 1, ONE), block('a', 'held', 2, ONE)])
    await store.apply([block('a', 'held', 1, undefined)])
    assert.deepEqual(await new Follower(store).news(), ['a held 2: 01'])
  })

  test('gives scans back as they were put, and replaces them whole', async (t) => {
    const store = await open(t)
    await store.apply([scan(SCAN), scan(BARE_SCAN)])
    const { surveys, version } = await store.presence(0)
    assert.deepEqual(new Set(surveys), new Set([SCAN, BARE_SCAN]))
    await store.apply([scan({ ...BARE_SCAN, mirror: SCAN.mirror })])
    // The store returns all of them each time, because they are few.
    const after = await store.presence(version)
    assert.deepEqual(new Set(after.surveys), new Set([{ ...BARE_SCAN, mirror: SCAN.mirror }, BARE_SCAN]))
  })

  test('gives corrupt files back as they were put, one of each number at each mirror', async (t) => {
    const store = await open(t)
    const others = [
      { ...CORRUPT, number: 5 },
      { ...CORRUPT, mirror: 'nyc1' },
    ]
    await store.apply([CORRUPT, ...others].map(corrupt))
    await store.apply([corrupt({ ...CORRUPT, piece: 9 })])
    const { corrupt: known, version } = await store.presence(0)
    assert.deepEqual(new Set(known), new Set([{ ...CORRUPT, piece: 9 }, ...others]))
    await store.apply([
      { kind: 'removeCorrupt', mirror: CORRUPT.mirror, number: CORRUPT.number },
      { kind: 'removeCorrupt', mirror: 'unknown', number: 5 },
    ])
    assert.deepEqual(new Set((await store.presence(version)).corrupt), new Set(others))
  })

  test('knows which files are wanted, and since when, until nobody wants them', async (t) => {
    const store = await open(t)
    await store.apply([want("it's", 3), want('b', 1), want('a', 2, 'n'), want('a', 2), want('c', 2)])
    const { version, requestedChecks } = await store.presence(0)
    assert.deepEqual(requestedChecks, [
      { mirror: 'm', path: 'b', at: 1 },
      { mirror: 'm', path: 'a', at: 2 },
      { mirror: 'n', path: 'a', at: 2 },
      { mirror: 'm', path: 'c', at: 2 },
      { mirror: 'm', path: "it's", at: 3 },
    ])
    const unwant = (path: string, mirror = 'm') => ({ kind: 'removeRequest', mirror, path }) as const
    await store.apply([want('b', 4), unwant('a'), unwant('a', 'n'), unwant('never')])
    assert.deepEqual(
      (await store.presence(version)).requestedChecks.map(({ path }) => path),
      ['c', "it's", 'b'],
    )
  })

  test(`keeps the ${MAX_REQUESTED_CHECKS} files that were wanted last`, async (t) => {
    const store = await open(t)
    const times = Array.from({ length: MAX_REQUESTED_CHECKS + 10 }, (_, at) => at)
    await store.apply(times.slice(5).map((at) => want(`f${at}`, at)))
    await store.apply(times.slice(0, 5).map((at) => want(`f${at}`, at)))
    const { requestedChecks } = await store.presence(0)
    assert.deepEqual(
      requestedChecks.map(({ at }) => at),
      times.slice(10),
    )
  })

  test('forgets a mirror, and no other', async (t) => {
    const store = await open(t)
    const follower = new Follower(store)
    for (const mirror of ['fra1', 'fra', 'fra11']) {
      await store.apply([
        block(mirror, 'held', 1, ONE),
        block(mirror, 'stale', 1, TWO),
        scan({ ...SCAN, mirror }),
        corrupt({ ...CORRUPT, mirror }),
      ])
    }
    await store.apply([want('fra1', 1), want('fra1', 2, 'fra1'), { kind: 'disable', mirror: 'fra1', at: 1 }])
    await follower.news()
    await store.apply([{ kind: 'forget', mirror: 'fra1' }])
    assert.deepEqual(await follower.news(), ['fra1 held 1: removed', 'fra1 stale 1: removed'])
    const { surveys, corrupt: known, requestedChecks } = await store.presence(0)
    assert.deepEqual(new Set(surveys.map(({ mirror }) => mirror)), new Set(['fra', 'fra11']))
    assert.deepEqual(new Set(known.map(({ mirror }) => mirror)), new Set(['fra', 'fra11']))
    assert.deepEqual(requestedChecks, [{ mirror: 'm', path: 'fra1', at: 1 }])
    assert.deepEqual((await store.read()).disabled, new Map([['fra1', 1]]))
    assert.equal((await blocksIn(store)).length, 4)
  })

  test('has another version of presence after each change of it, and of nothing else', async (t) => {
    const store = await open(t)
    const versionOf = async () => (await store.presence(0)).version
    const changes: readonly PresenceChange[] = [
      block('a', 'held', 1, ONE),
      scan(SCAN),
      corrupt(CORRUPT),
      { kind: 'removeCorrupt', mirror: 'a', number: 1 },
      want('a', 1),
      { kind: 'removeRequest', mirror: 'm', path: 'a' },
      { kind: 'forget', mirror: 'a' },
    ]
    let version = await versionOf()
    for (const change of changes) {
      await store.apply([{ kind: 'requestProbe', mirror: 'a', at: 1 }, change])
      const next = await versionOf()
      assert.ok(next > version, change.kind)
      version = next
    }
    await store.apply([
      { kind: 'requestProbe', mirror: 'a', at: 1 },
      { kind: 'disable', mirror: 'a', at: 1 },
    ])
    await store.apply([])
    assert.equal(await versionOf(), version)
  })

  test('tells everything to who asks after too long, or after what it has never told', async (t) => {
    const store = await open(t)
    await store.apply([block('a', 'held', 1, ONE), block('a', 'held', 2, ONE)])
    const follower = new Follower(store)
    const late = new Follower(store)
    await Promise.all([follower.news(), late.news()])
    await store.apply([block('a', 'held', 1, undefined)])
    for (let at = 1; at < KEPT_VERSIONS; at += 1) await store.apply([want('a', at)])
    assert.deepEqual(await follower.news(), ['a held 1: removed'])
    await store.apply([want('a', KEPT_VERSIONS)])
    assert.deepEqual(await late.news(), ['a held 2: 01'])
    assert.deepEqual(await late.all(), ['a held 2: 01'])
    const { version } = await store.presence(0)
    assert.equal((await store.presence(version)).whole, false)
    const { whole, blocks } = await store.presence(version + 1)
    assert.deepEqual([whole, blocks.length], [true, 1])
  })

  test('is not changed by what becomes of the bytes that were put', async (t) => {
    const store = await open(t)
    const content = Uint8Array.of(1, 2, 3)
    await store.apply([block('a', 'held', 1, content)])
    const before = await store.presence(0)
    content.fill(9)
    assert.deepEqual(await blocksIn(store), ['a held 1: 010203'])
    await store.apply([block('a', 'held', 1, content), scan(SCAN), want('a', 1)])
    assert.deepEqual(
      [before.blocks.map(({ content }) => content?.[0]), before.surveys, before.requestedChecks],
      [[1], [], []],
    )
  })

  test('who follows it knows what there is, whatever was changed and whenever it looked', async (t) => {
    const store = await open(t)
    const follower = new Follower(store)
    const mirror = fc.constantFrom('a', 'b')
    const content = fc.option(fc.constantFrom(...['', '00', '01'].map((hex) => Buffer.from(hex, 'hex'))), {
      nil: undefined,
    })
    const change: fc.Arbitrary<PresenceChange> = fc.oneof(
      {
        weight: 6,
        arbitrary: fc
          .tuple(mirror, fc.constantFrom(...SET_NAMES), fc.nat({ max: 2 }), content)
          .map((all) => block(...all)),
      },
      fc.record({ kind: fc.constant('forget' as const), mirror }),
    )
    const batch = fc.record({ changes: fc.array(change, { maxLength: 5 }), looks: fc.boolean() })
    await fc.assert(
      fc.asyncProperty(fc.array(batch, { maxLength: 8 }), async (batches) => {
        await store.apply([
          { kind: 'forget', mirror: 'a' },
          { kind: 'forget', mirror: 'b' },
        ])
        const expected = new Map<string, string>()
        for (const { changes, looks } of batches) {
          await store.apply(changes)
          if (looks) await follower.news()
          for (const one of changes) {
            if (one.kind === 'forget') {
              for (const key of expected.keys()) if (key.startsWith(`${one.mirror} `)) expected.delete(key)
            } else if (one.kind === 'block') {
              const key = `${one.mirror} ${one.set} ${one.block}`
              if (one.content === undefined) expected.delete(key)
              else expected.set(key, hexOf(one.content))
            }
          }
        }
        const all = [...expected].map(([key, hex]) => `${key}: ${hex}`).sort()
        assert.deepEqual(await follower.all(), all)
        assert.deepEqual(await blocksIn(store), all)
      }),
      { numRuns: 60 },
    )
  })
}

function want(path: string, at: number, mirror = 'm'): PresenceChange {
  return { kind: 'requestCheck', mirror, path, at }
}
