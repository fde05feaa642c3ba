import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Schedule } from '../../../lib/mirrors/presence/schedule.js'

test('however often surveys are requested, a 36th of the interval passes between two of a mirror', () => {
  const schedule = new Schedule(36_000, () => 0)
  schedule.add('a', 0, 0)
  const take = (now: number) => {
    schedule.expedite('a', now)
    return schedule.take(now, () => true).length === 1
  }
  assert.ok(take(1), 'at once, where it was not surveyed just now')
  schedule.ended('a', 500, true)
  const taken: number[] = []
  for (let now = 501; now < 4000; now += 1) {
    if (!take(now)) continue
    taken.push(now)
    schedule.ended('a', now, true)
  }
  assert.deepEqual(taken, [1500, 2500, 3500])
})

const INTERVAL = 36_000
const ready = () => true

test('surveys start at once the first time, then an interval after the last', () => {
  const schedule = new Schedule(INTERVAL, () => 0)
  schedule.add('never', 0, undefined)
  schedule.add('lately', 0, INTERVAL / 2)
  schedule.add('long ago', 0, 5 * INTERVAL)
  assert.deepEqual(schedule.take(0, ready), ['never', 'long ago'])
  schedule.ended('never', 10, true)
  schedule.ended('long ago', 20, false)
  assert.deepEqual(schedule.take(20 + INTERVAL / 6 - 1, ready), [])
  assert.deepEqual(schedule.take(20 + INTERVAL / 6, ready), ['long ago'], 'sooner, where it failed')
  schedule.ended('long ago', 7000, true)
  assert.deepEqual(schedule.take(INTERVAL / 2, ready), ['lately'])
  schedule.ended('lately', INTERVAL / 2, true)
  assert.deepEqual(schedule.take(INTERVAL + 9, ready), [])
  assert.deepEqual(schedule.take(INTERVAL + 10, ready), ['never'])
})

test('two surveys run at the same time, and more only if these are slow', () => {
  const schedule = new Schedule(INTERVAL, () => 0)
  const ids = Array.from({ length: 12 }, (_, index) => `m${index}`)
  for (const id of ids) schedule.add(id, 0, undefined)
  assert.deepEqual(schedule.take(0, ready), ['m0', 'm1'])
  assert.deepEqual(schedule.take(99, ready), [])
  schedule.ended('m0', 99, true)
  assert.deepEqual(schedule.take(99, ready), ['m2'])
  assert.deepEqual(schedule.take(100, ready), ['m3'], 'm1 is slow')
  let begun = 0
  for (let now = 200; now < 2000; now += 100) begun += schedule.take(now, ready).length
  assert.equal(begun, 5, 'eight in all')
})

test('surveys wait for mirrors that are down, and removed mirrors do not block others', () => {
  const schedule = new Schedule(INTERVAL, () => 0)
  for (const id of ['a', 'b', 'c']) schedule.add(id, 0, undefined)
  assert.deepEqual(
    schedule.take(0, (id) => id !== 'a'),
    ['b', 'c'],
  )
  schedule.remove('b')
  schedule.ended('b', 1, true)
  assert.deepEqual(schedule.take(1, ready), ['a'])
  assert.deepEqual([schedule.has('a'), schedule.has('b')], [true, false])
})
