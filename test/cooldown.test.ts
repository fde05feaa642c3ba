import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { Cooldown } from '../lib/cooldown.js'

describe('a cooldown', () => {
  test('lets a key start once within its time, and again after it', () => {
    let time = 0
    const cooldown = new Cooldown<string>({ milliseconds: 100, maxKeys: 10, now: () => time })
    assert.equal(cooldown.start('a'), true)
    time = 99
    assert.equal(cooldown.start('a'), false)
    time = 100
    assert.equal(cooldown.start('a'), true)
    time = 199
    assert.equal(cooldown.start('a'), false)
  })

  test('is not extended by attempts that came too early', () => {
    let time = 0
    const cooldown = new Cooldown<string>({ milliseconds: 100, maxKeys: 10, now: () => time })
    const attempts = [0, 60, 120].map((at) => {
      time = at
      return cooldown.start('a')
    })
    assert.deepEqual(attempts, [true, false, true])
  })

  test('keeps keys apart', () => {
    const cooldown = new Cooldown<string | number>({ milliseconds: 100, maxKeys: 10, now: () => 0 })
    assert.deepEqual([cooldown.start('1'), cooldown.start(1), cooldown.start('1')], [true, true, false])
  })

  test('forgets all keys when there are too many', () => {
    const cooldown = new Cooldown<number>({ milliseconds: 100, maxKeys: 2, now: () => 0 })
    assert.deepEqual(
      [1, 2, 1, 3, 1, 3].map((key) => cooldown.start(key)),
      [true, true, false, true, true, false],
    )
  })
})
