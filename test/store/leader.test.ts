import assert from 'node:assert/strict'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { Leader } from '../../lib/store/leader.js'
import { sqliteStore } from '../../lib/store/sqlite.js'
import type { Store } from '../../lib/store/store.js'
import { temporaryFolder } from '../support/folder.js'

const HOUR = 3_600_000
/** A process on another host: only its silence can show that it is dead. */
const ELSEWHERE = 'elsewhere.example/4711/0'

/**
 * A process that shares the store and has its own clocks. It only acts when a test calls `look`.
 */
class Member {
  readonly #leader: Leader
  readonly store: Store
  readonly told: string[] = []
  wall: number
  steady: number

  constructor(
    context: TestContext,
    file: string,
    clocks: { readonly wall: number; readonly steady?: number },
  ) {
    this.wall = clocks.wall
    this.steady = clocks.steady ?? 1000
    const store = sqliteStore(file)
    this.store = store
    context.after(() => store.close())
    this.#leader = new Leader(
      store,
      {
        lead: () => this.told.push('lead'),
        follow: () => this.told.push('follow'),
        complete: () => {},
        changed: () => {},
        failed: (error) => this.told.push(String(error)),
      },
      { wall: () => this.wall, steady: () => this.steady },
    )
  }

  get leads(): boolean {
    return this.told.at(-1) === 'lead'
  }

  /** Looks again after so many milliseconds on both clocks. */
  async look(later = 0): Promise<void> {
    this.wall += later
    this.steady += later
    await this.#leader.poll()
  }

  close(): Promise<void> {
    return this.#leader.close()
  }
}

const NOW = 1_700_000_000_000

function shared(context: TestContext): string {
  return join(temporaryFolder(context), 'index.sqlite')
}

/** Lets members look in turns, twice a second, for so many seconds. */
async function together(seconds: number, ...members: readonly Member[]): Promise<void> {
  for (let turn = 0; turn < seconds * 2; turn += 1) for (const member of members) await member.look(500)
}

test('the first leads, the second follows, and leads when the first has given the lease back', async (t) => {
  const file = shared(t)
  const first = new Member(t, file, { wall: NOW })
  const second = new Member(t, file, { wall: NOW })
  await together(5, first, second)
  assert.deepEqual([first.told, second.told], [['lead'], ['follow']])
  await first.close()
  await second.look()
  assert.deepEqual(second.told, ['follow', 'lead'])
})

for (const [what, change] of [
  ['set back by an hour', -HOUR],
  ['set forward by an hour', HOUR],
  ['set back by half a second, as long as it is between two looks', -500],
] as const) {
  test(`a leader whose clock is ${what} stays in force`, async (t) => {
    const file = shared(t)
    const leader = new Member(t, file, { wall: NOW })
    const other = new Member(t, file, { wall: NOW })
    await together(2, leader, other)
    leader.wall += change
    await together(10, leader, other)
    assert.deepEqual([leader.told, other.told], [['lead'], ['follow']])
  })

  test(`whoever waits, and whose clock is ${what}, deposes nobody`, async (t) => {
    const file = shared(t)
    const leader = new Member(t, file, { wall: NOW })
    const other = new Member(t, file, { wall: NOW })
    await together(2, leader, other)
    other.wall += change
    await together(10, leader, other)
    assert.deepEqual([leader.told, other.told], [['lead'], ['follow']])
  })

  test(`a leader that falls silent is replaced, when every clock is ${what}, after as long as ever`, async (t) => {
    const file = shared(t)
    const dead = new Member(t, file, { wall: NOW })
    const other = new Member(t, file, { wall: NOW })
    await together(2, dead, other)
    other.wall += change
    await together(2, other)
    assert.equal(other.leads, false)
    await together(2, other)
    assert.equal(other.leads, true)
  })
}

test('clocks that stand still, or differ by hours, share one leader', async (t) => {
  const file = shared(t)
  const members = [
    new Member(t, file, { wall: NOW, steady: 5 }),
    new Member(t, file, { wall: NOW - HOUR, steady: 77_777_777 }),
    new Member(t, file, { wall: NOW - 2 * HOUR, steady: 0 }),
  ]
  for (let turn = 0; turn < 40; turn += 1) {
    for (const member of members) {
      member.steady += 500
      await member.look()
    }
  }
  assert.deepEqual(
    members.map(({ told }) => told),
    [['lead'], ['follow'], ['follow']],
  )
})

test('a process that starts with its clock ahead takes over, and the one before it gives way', async (t) => {
  const file = shared(t)
  const before = new Member(t, file, { wall: NOW })
  await before.look()
  const ahead = new Member(t, file, { wall: NOW + HOUR })
  await ahead.look()
  await together(10, before, ahead)
  assert.deepEqual([before.told, ahead.told], [['lead', 'follow'], ['lead']])
})

test('a lease left behind before the clock was set back keeps nobody waiting for long', async (t) => {
  const file = shared(t)
  const member = new Member(t, file, { wall: NOW })
  await member.store.lease(ELSEWHERE, NOW + HOUR, true)
  await together(3, member)
  assert.deepEqual(member.told, ['follow'])
  await together(1, member)
  assert.deepEqual(member.told, ['follow', 'lead'])
})

test('a lease that ran out before the start keeps nobody waiting at all', async (t) => {
  const member = new Member(t, shared(t), { wall: NOW })
  await member.store.lease(ELSEWHERE, NOW - 1, true)
  await member.look()
  assert.deepEqual(member.told, ['lead'])
})

test('of several that wait one takes over', async (t) => {
  const file = shared(t)
  const members = Array.from({ length: 4 }, () => new Member(t, file, { wall: NOW }))
  await members[0]?.store.lease(ELSEWHERE, NOW + 3000, true)
  await together(10, ...members)
  assert.deepEqual(
    members.map(({ told }) => told),
    [['follow', 'lead'], ['follow'], ['follow'], ['follow']],
  )
})

test('who was silent and renews at the last moment is not deposed', async (t) => {
  const file = shared(t)
  const silent = new Member(t, file, { wall: NOW })
  const other = new Member(t, file, { wall: NOW })
  await together(2, silent, other)
  await together(3, other)
  await silent.look(3000)
  await together(5, silent, other)
  assert.deepEqual([silent.told, other.told], [['lead'], ['follow']])
})

test('who was silent for too long gives way, and takes nothing back', async (t) => {
  const file = shared(t)
  const silent = new Member(t, file, { wall: NOW })
  const other = new Member(t, file, { wall: NOW })
  await together(2, silent, other)
  await together(4, other)
  assert.equal(other.leads, true)
  await together(5, silent, other)
  assert.deepEqual(
    [silent.told, other.told],
    [
      ['lead', 'follow'],
      ['follow', 'lead'],
    ],
  )
  await silent.close()
  await other.look(500)
  assert.equal(other.leads, true)
})

test('a store that is busy at the start makes no second leader, and one that stays so makes one', async (t) => {
  const file = shared(t)
  const leader = new Member(t, file, { wall: NOW })
  await leader.look()
  const other = new Member(t, file, { wall: NOW })
  const { lease } = other.store
  other.store.lease = () => {
    throw new Error('database is locked')
  }
  await together(2, leader, other)
  assert.deepEqual(new Set(other.told), new Set(['Error: database is locked']))
  other.store.lease = lease
  await together(5, leader, other)
  assert.deepEqual([leader.leads, other.told.at(-1)], [true, 'follow'])

  const alone = new Member(t, shared(t), { wall: NOW })
  alone.store.lease = () => {
    throw new Error('the disk is on fire')
  }
  await together(4, alone)
  assert.ok(alone.told.includes('lead'))
})
