import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Schedule } from '../../lib/presence/schedule.js'

test('whoever asks for surveys, a mirror has a 36th of the interval between two of them', () => {
  const schedule = new Schedule(36_000, () => 0)
  schedule.add('a', 0, 0)
  const take = (now: number) => {
    schedule.hasten('a', now)
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
