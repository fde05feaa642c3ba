import assert from 'node:assert/strict'
import { describe, type TestContext, test } from 'node:test'
import type { Awaitable } from '../../lib/model.js'
import {
  type KnownWay,
  MOST_EVENTS,
  type StateChange,
  type StateStore,
  wayKey,
} from '../../lib/store/states.js'
import { keepsPresence } from './presence-suite.js'

/** A way with everything that can be known of it. */
export const FULL: KnownWay = {
  mirror: 'fra1',
  url: "https://fra1.example/it's 100%/",
  family: 'ipv6',
  condition: 'down',
  since: 1_700_000_000_123,
  reason: 'connection refused',
  against: 1,
  falls: 3,
  fell: 1_700_000_000_000,
  probed: 1_700_000_001_000,
  roundTrip: 12.345,
  ranges: false,
  redirect: 'https://fra1.example/new/',
  note: 'ünïcödé "note"',
  trace: 1_699_990_000_500,
}
/** One with nothing that need not be known. */
export const BARE: KnownWay = {
  mirror: 'nyc1',
  url: 'http://nyc1.example/',
  family: 'ipv4',
  condition: 'unknown',
  since: 0,
  against: 0,
  falls: 0,
  probed: 0,
}

export function way(known: KnownWay): StateChange {
  return { kind: 'way', way: known }
}

export function event(mirror: string, at: number, reason = `reason ${at}`): StateChange {
  return { kind: 'event', event: { mirror, at, state: 'down', reason } }
}

async function waysIn(store: StateStore): Promise<KnownWay[]> {
  const { ways } = await store.read()
  return [...ways].sort((one, other) => (wayKey(one) < wayKey(other) ? -1 : 1))
}

/** What every store of states does. `open` gives an empty one, closed when the test ends. */
export function behavesAsAStateStore(
  name: string,
  open: (context: TestContext) => Awaitable<StateStore>,
): void {
  describe(name, () => {
    test('is empty at first', async (t) => {
      const store = await open(t)
      assert.deepEqual(await store.read(), { ways: [], disabled: new Map(), asked: new Map() })
      assert.deepEqual(await store.events(0), [])
    })

    test('gives back ways as they were put, and replaces them whole', async (t) => {
      const store = await open(t)
      await store.apply([way(FULL), way(BARE)])
      assert.deepEqual(await waysIn(store), [FULL, BARE])
      await store.apply([way({ ...BARE, mirror: FULL.mirror, url: FULL.url, family: FULL.family })])
      assert.deepEqual(await waysIn(store), [
        { ...BARE, mirror: FULL.mirror, url: FULL.url, family: FULL.family },
        BARE,
      ])
    })

    test('tells ways apart by mirror, URL and family', async (t) => {
      const store = await open(t)
      const others = [
        { ...BARE, mirror: 'other' },
        { ...BARE, url: 'https://nyc1.example/' },
        { ...BARE, family: 'ipv6' as const },
      ]
      await store.apply([BARE, ...others].map(way))
      assert.equal((await waysIn(store)).length, 4)
      await store.apply([{ kind: 'removeWay', way: { mirror: 'nyc1', url: BARE.url, family: 'ipv4' } }])
      assert.deepEqual(new Set(await waysIn(store)), new Set(others))
      await store.apply([{ kind: 'removeWay', way: { mirror: 'unknown', url: 'x', family: 'ipv4' } }])
      assert.equal((await waysIn(store)).length, 3)
    })

    test('knows which mirrors are disabled, and since when', async (t) => {
      const store = await open(t)
      await store.apply([
        { kind: 'disable', mirror: 'a', at: 1 },
        { kind: 'disable', mirror: 'b', at: 2 },
      ])
      await store.apply([{ kind: 'disable', mirror: 'a', at: 3 }])
      assert.deepEqual(
        (await store.read()).disabled,
        new Map([
          ['a', 3],
          ['b', 2],
        ]),
      )
      await store.apply([{ kind: 'disable', mirror: 'a', at: undefined }])
      await store.apply([{ kind: 'disable', mirror: 'never', at: undefined }])
      assert.deepEqual((await store.read()).disabled, new Map([['b', 2]]))
    })

    test('knows for which mirrors an early probe was asked, and when last', async (t) => {
      const store = await open(t)
      await store.apply([
        { kind: 'ask', mirror: 'a', at: 1 },
        { kind: 'ask', mirror: 'a', at: 5 },
      ])
      assert.deepEqual((await store.read()).asked, new Map([['a', 5]]))
    })

    test('gives events in their order, and those after a number', async (t) => {
      const store = await open(t)
      await store.apply([event('a', 3), event('b', 1)])
      const first = await store.events(0)
      assert.deepEqual(
        first.map(({ mirror, at, state, reason }) => [mirror, at, state, reason]),
        [
          ['a', 3, 'down', 'reason 3'],
          ['b', 1, 'down', 'reason 1'],
        ],
      )
      await store.apply([event('a', 2)])
      const last = await store.events(first.at(-1)?.number ?? 0)
      assert.deepEqual(
        last.map(({ mirror, at }) => [mirror, at]),
        [['a', 2]],
      )
      assert.deepEqual(await store.events(last.at(-1)?.number ?? 0), [])
    })

    test(`keeps the last ${MOST_EVENTS} events of each mirror`, async (t) => {
      const store = await open(t)
      await store.apply([event('quiet', 1)])
      for (let at = 0; at < 100; at += 1) await store.apply([event('busy', at), event('other', at)])
      const events = await store.events(0)
      assert.equal(events.length, 1 + 2 * MOST_EVENTS)
      const busy = events.filter(({ mirror }) => mirror === 'busy').map(({ at }) => at)
      assert.deepEqual(
        busy,
        Array.from({ length: MOST_EVENTS }, (_, index) => 100 - MOST_EVENTS + index),
      )
    })

    test('says what it was told in one go, in the order in which it was told', async (t) => {
      const store = await open(t)
      await store.apply([
        way(BARE),
        { kind: 'removeWay', way: BARE },
        way(FULL),
        { kind: 'disable', mirror: 'a', at: 1 },
        { kind: 'disable', mirror: 'a', at: undefined },
      ])
      const { ways, disabled } = await store.read()
      assert.deepEqual([ways, disabled], [[FULL], new Map()])
    })

    test('what it gave is not changed by what comes later', async (t) => {
      const store = await open(t)
      await store.apply([way(BARE), { kind: 'disable', mirror: 'a', at: 1 }, event('a', 1)])
      const before = await store.read()
      const events = await store.events(0)
      await store.apply([way(FULL), { kind: 'disable', mirror: 'b', at: 1 }, event('b', 1)])
      assert.deepEqual(before, { ways: [BARE], disabled: new Map([['a', 1]]), asked: new Map() })
      assert.equal(events.length, 1)
    })

    keepsPresence(open)
  })
}
