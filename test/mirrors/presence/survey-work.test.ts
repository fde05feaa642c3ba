import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { type CheckPace, CheckQueue, type QueuedCheck } from '../../../lib/mirrors/presence/check-queue.js'
import type { IndexedName } from '../../../lib/mirrors/presence/index-reader.js'
import { NewFileQueue } from '../../../lib/mirrors/presence/new-file-queue.js'
import { checkAll } from '../../../lib/mirrors/presence/sweep.js'
import { until } from '../../support/until.js'

const INTERVAL = 360_000

describe('new files', () => {
  test('are checked at once, and again a few times, with growing pauses', () => {
    const newFiles = new NewFileQueue(INTERVAL)
    newFiles.add('a', 0)
    const checkedAt: number[] = []
    for (let now = 0; now <= INTERVAL; now += 500) if (newFiles.take(now, 1).length > 0) checkedAt.push(now)
    assert.deepEqual(checkedAt, [0, 1000, 6000, 21_000, 81_000])
    assert.equal(newFiles.size, 0)
  })

  test('that are requested most come first', () => {
    const newFiles = new NewFileQueue(INTERVAL)
    for (const path of ['a', 'b', 'c']) newFiles.add(path, 0)
    for (const path of ['b', 'c', 'b', 'x']) newFiles.countRequest(path)
    assert.deepEqual(newFiles.take(0, 2), ['b', 'c'])
    assert.deepEqual(newFiles.take(0, 2), ['a'])
    assert.deepEqual(newFiles.take(0, 2), [])
  })

  test('that change again start again, and those held everywhere are done', () => {
    const newFiles = new NewFileQueue(INTERVAL)
    newFiles.add('a', 0)
    newFiles.take(0, 1)
    newFiles.add('a', 10)
    assert.deepEqual(newFiles.take(10, 1), ['a'])
    newFiles.remove('a')
    assert.deepEqual(newFiles.take(INTERVAL, 1), [])
  })

  test('that are too many are refused', () => {
    const newFiles = new NewFileQueue(INTERVAL)
    const paths = Array.from({ length: 1001 }, (_, index) => `f${index}`)
    assert.deepEqual(
      paths.filter((path) => !newFiles.add(path, 0)),
      ['f1000'],
    )
    assert.ok(newFiles.add('f0', 1), 'it is there already')
  })
})

describe('checks of single files', () => {
  /** Creates a queue whose checks end on command. */
  function queue(pace: Partial<CheckPace> = {}) {
    const begun: string[] = []
    const ends = new Map<string, () => void>()
    const checks = new CheckQueue(
      ({ mirror, path }: QueuedCheck) => {
        begun.push(`${mirror} ${path}`)
        return new Promise<void>((resolve) => ends.set(`${mirror} ${path}`, resolve))
      },
      { delayOf: () => 0, started: () => {}, after: () => () => {}, ...pace },
    )
    const end = async (what: string) => {
      ends.get(what)?.()
      await new Promise((resolve) => setImmediate(resolve))
    }
    return { checks, begun, end }
  }

  test('are done once each, two at a mirror, eight in all', async () => {
    const { checks, begun, end } = queue()
    for (const mirror of ['a', 'b', 'c', 'd', 'e'])
      for (const path of ['1', '2', '3', '1']) assert.ok(checks.add({ mirror, path }, false))
    assert.deepEqual(begun, ['a 1', 'a 2', 'b 1', 'b 2', 'c 1', 'c 2', 'd 1', 'd 2'])
    await end('a 2')
    assert.deepEqual(begun.slice(8), ['a 3'])
    await end('a 1')
    await end('a 3')
    assert.deepEqual(begun.slice(9), ['e 1', 'e 2'])
    assert.equal(checks.size, 12)
  })

  test('that clients wait for come first', async () => {
    const { checks, begun, end } = queue()
    for (const path of ['1', '2', '3', '4']) checks.add({ mirror: 'a', path }, false)
    checks.add({ mirror: 'a', path: '4' }, true)
    await end('a 1')
    assert.deepEqual(begun, ['a 1', 'a 2', 'a 4'])
    assert.equal(checks.size, 3)
  })

  test('are bounded, and end', async () => {
    const { checks, begun, end } = queue()
    const taken = Array.from({ length: 3000 }, (_, index) =>
      checks.add({ mirror: 'a', path: `${index}` }, true),
    )
    assert.equal(taken.filter(Boolean).length, 2002)
    checks.close()
    await end('a 0')
    assert.deepEqual(begun, ['a 0', 'a 1'])
    assert.equal(checks.add({ mirror: 'b', path: '1' }, true), false)
  })
})

describe('questions to one mirror', () => {
  test('keep a pace that all reasons to ask share', () => {
    const begun: string[] = []
    let tokens = 3
    const timers: (() => void)[] = []
    const checks = new CheckQueue(
      async ({ path }: QueuedCheck) => {
        begun.push(path)
      },
      {
        delayOf: (mirror) => (mirror === 'a' && tokens < 1 ? 1000 : 0),
        started: () => {
          tokens -= 1
        },
        after: (_, action) => {
          timers.push(action)
          return () => {}
        },
      },
    )
    return until('three are asked', async () => {
      if (checks.size === 0 && begun.length === 0)
        for (const path of ['1', '2', '3', '4', '5']) checks.add({ mirror: 'a', path }, path !== '3')
      return begun.length === 3
    }).then(async () => {
      assert.deepEqual(begun, ['1', '2', '4'])
      tokens = 1
      timers.at(-1)?.()
      await until('another is asked', () => begun.length === 4)
      assert.deepEqual(begun.slice(3), ['5'])
    })
  })
})

describe('a sweep', () => {
  const clock = {
    steady: () => 0,
    after: (_: number, action: () => void) => {
      setImmediate(action)
      return () => {}
    },
  }
  const file = (number: number): IndexedName => ({
    path: `${number}`,
    number,
    identity: { size: 1, mtimeNs: 0n, ctimeNs: 0n, inode: 0n },
  })
  async function* pages(count: number) {
    for (let number = 0; number < count; number += 10)
      yield Array.from({ length: Math.min(10, count - number) }, (_, index) => file(number + index))
  }
  const { signal } = new AbortController()

  test('checks each wanted file, and counts those that are held', async () => {
    const asked: number[] = []
    const result = await checkAll(
      pages(25),
      ({ number }) => number % 2 === 0,
      async ({ number }) => {
        asked.push(number)
        return number < 10 ? 'held' : 'absent'
      },
      { rate: 1000, clock, signal },
    )
    assert.deepEqual(result, { found: 5 })
    assert.deepEqual(asked, [0, 2, 4, 6, 8, 10, 12, 14, 16, 18, 20, 22, 24])
  })

  test('waits, so that it keeps its rate', async () => {
    const waits: number[] = []
    const slow = {
      steady: () => 0,
      after: (time: number, action: () => void) => {
        waits.push(time)
        setImmediate(action)
        return () => {}
      },
    }
    await checkAll(
      pages(103),
      () => true,
      async () => 'held',
      { rate: 10, clock: slow, signal },
    )
    assert.deepEqual(waits, [100, 200])
  })

  test('reports files without a result, and ends after too many of them in a row', async () => {
    const parts = { rate: 1000, clock, signal }
    const odd = await checkAll(
      pages(30),
      () => true,
      async ({ number }) => (number % 3 === 0 ? undefined : 'held'),
      parts,
    )
    assert.deepEqual(odd, { found: 20, reason: 'it told nothing of 10 files' })
    let asked = 0
    const none = await checkAll(
      pages(1000),
      () => true,
      async () => {
        asked += 1
        return undefined
      },
      parts,
    )
    assert.deepEqual(none, { found: 0, reason: 'it did not answer 10 times, one after the other' })
    assert.ok(asked <= 12)
  })

  test('goes on after the file for which the mirror asked for fewer requests', async () => {
    let now = 0
    let busyUntil = 0
    const waits: number[] = []
    const asked: number[] = []
    const slow = {
      steady: () => now,
      after: (time: number, action: () => void) => {
        waits.push(time)
        now += time
        setImmediate(action)
        return () => {}
      },
    }
    const busyFor = () => Math.max(0, busyUntil - now)
    const result = await checkAll(
      pages(4),
      () => true,
      async ({ number }) => {
        asked.push(number)
        if (asked.length !== 3) return 'held'
        busyUntil = now + 60_000
        return undefined
      },
      { rate: 10, clock: slow, signal, busyFor },
    )
    assert.deepEqual(result, { found: 4 })
    assert.deepEqual([...asked].sort(), [0, 1, 2, 2, 3])
    assert.ok(waits.includes(60_000))
  })

  test('ends if the mirror goes on asking for fewer requests, and says how far it came', async () => {
    const result = await checkAll(
      pages(100),
      () => true,
      async ({ number }) => (number < 20 ? 'held' : undefined),
      { rate: 1000, clock, signal, busyFor: () => 1 },
    )
    assert.equal(result.reason, 'it goes on asking for fewer requests')
    assert.match(result.last ?? '', /^1[89]$/)
  })

  test('ends when it is aborted', async () => {
    const controller = new AbortController()
    const parts = { rate: 1000, clock, signal: controller.signal }
    const result = await checkAll(
      pages(1000),
      () => true,
      async ({ number }) => {
        if (number === 5) controller.abort()
        return 'held'
      },
      parts,
    )
    assert.equal(result.reason, 'it was ended')
    assert.ok(result.found < 10)
  })
})
