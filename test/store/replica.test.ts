import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { memoryStates } from '../../lib/store/memory-states.js'
import { type ReplicatedState, StateReplica } from '../../lib/store/replica.js'
import type { MirrorStateStore, StateChange } from '../../lib/store/states.js'
import { FakeClock } from '../support/fake-clock.js'
import { overridden } from '../support/overridden.js'

const change = (mirror: string, at: number): StateChange => ({ kind: 'disable', mirror, at })

/** Creates a replica of a store that records what is done with it. */
function setting(methods: Partial<MirrorStateStore> = {}, state: Partial<ReplicatedState> = {}) {
  const clock = new FakeClock()
  const calls: string[] = []
  const warnings: string[] = []
  const memory = memoryStates()
  const world = { version: 0 }
  const store = overridden<MirrorStateStore>(memory, {
    version: () => world.version,
    apply: (changes) => {
      calls.push(`apply ${changes.length}`)
      return memory.apply(changes)
    },
    ...methods,
  })
  const replica = new StateReplica(
    {
      poll: () => {},
      load: (_, isStart) => void calls.push(isStart ? 'load at start' : 'load'),
      failureText: (reason) => `failed: ${reason}`,
      ...state,
    },
    { store, clock, warning: ({ message }) => warnings.push(message) },
  )
  return { clock, calls, warnings, memory, world, replica }
}

describe('a replica', () => {
  test('loads at once if the store is synchronous, and again when the version of the store changes', async () => {
    const { replica, calls, clock, world } = setting()
    replica.start()
    assert.deepEqual(calls, ['load at start'])
    await clock.pass(2000)
    assert.equal(calls.length, 1)
    world.version = 1
    await clock.pass(500)
    assert.deepEqual(calls, ['load at start', 'load'])
  })

  test('loads although the version is the same, as long as its state needs it', async () => {
    let isNew = true
    const { replica, calls, clock } = setting({}, { needsLoad: () => isNew })
    replica.start()
    await clock.pass(500)
    isNew = false
    await clock.pass(5000)
    assert.deepEqual(calls, ['load at start', 'load'])
  })

  test('writes urgent changes with the next poll, or at once; others within five seconds', async () => {
    const { replica, calls, clock } = setting()
    replica.start()
    replica.queue('a', change('a', 1), false)
    replica.queue('a', change('a', 2), false)
    await clock.pass(4900)
    assert.deepEqual(calls, ['load at start'])
    await clock.pass(100)
    assert.deepEqual(calls.slice(1), ['apply 1'])
    replica.queue('b', change('b', 1), true)
    replica.queue('c', change('c', 1), false)
    await clock.pass(500)
    assert.deepEqual(calls.slice(2), ['apply 2'])
    replica.queue('d', change('d', 1), true)
    replica.flush()
    await clock.pass(0)
    assert.deepEqual(calls.slice(3), ['apply 1'])
    assert.equal(replica.size, 0)
  })

  test('keeps a change that was replaced while it was written', async () => {
    let end = () => {}
    const applied: (readonly StateChange[])[] = []
    const { replica, clock } = setting({
      apply: (changes) => {
        applied.push(changes)
        return new Promise<void>((resolve) => {
          end = resolve
        })
      },
    })
    replica.start()
    replica.queue('a', change('a', 1), true)
    await clock.pass(500)
    replica.queue('a', change('a', 2), true)
    end()
    await clock.pass(500)
    assert.deepEqual(applied, [[change('a', 1)], [change('a', 2)]])
  })

  test('keeps changes while the store fails, and warns', async () => {
    let isFull = true
    const { replica, clock, warnings } = setting({
      apply: () => {
        if (isFull) throw new Error('disk full')
      },
    })
    replica.start()
    replica.queue('a', change('a', 1), true)
    await clock.pass(1000)
    assert.deepEqual(warnings, ['failed: disk full', 'failed: disk full'])
    assert.equal(replica.size, 1)
    isFull = false
    await clock.pass(500)
    assert.equal(replica.size, 0)
  })

  test('writes everything before it reads a store that has lost its content', async () => {
    const { replica, calls, clock, world } = setting()
    replica.start()
    world.version = 1
    replica.queue('a', change('a', 1), false)
    replica.restore()
    await clock.pass(500)
    assert.deepEqual(calls, ['load at start', 'apply 1', 'load'])
  })

  test('collects changes before it writes, every five seconds at least', async () => {
    const collected: number[] = []
    const { replica, clock } = setting({}, { collect: () => collected.push(clock.steady()) })
    replica.start()
    await clock.pass(11_000)
    assert.deepEqual(collected, [5000, 10_000])
    replica.queue('a', change('a', 1), true)
    await clock.pass(500)
    assert.deepEqual(collected, [5000, 10_000, 11_500])
  })

  test('writes what is left when it is closed, and leaves nothing planned', async () => {
    const { replica, calls, clock, memory } = setting()
    replica.start()
    replica.queue('a', change('a', 1), false)
    await replica.close()
    assert.deepEqual(calls, ['load at start', 'apply 1'])
    assert.equal(clock.plans, 0)
    assert.deepEqual(memory.read(), {
      endpoints: [],
      disabled: new Map([['a', 1]]),
      requestedProbes: new Map(),
    })
  })

  test('polls at once if that is requested', async () => {
    let polls = 0
    const { replica, clock } = setting(
      {},
      {
        poll: () => {
          polls += 1
        },
      },
    )
    replica.start()
    replica.pollSoon()
    await clock.pass(0)
    assert.equal(polls, 1)
  })
})
