import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { SampleTaker } from '../../../lib/mirrors/presence/file-sample.js'
import type { IndexedName } from '../../../lib/mirrors/presence/index-reader.js'
import { seededDraw } from '../../support/mirrors.js'

function file(path: string, size: number, ctimeNs: bigint): IndexedName {
  return { path, number: 1, identity: { size, mtimeNs: 0n, ctimeNs, inode: 0n } }
}

describe('the sample of files that are checked after a survey', () => {
  test('has every file of 2 GiB and more, and one of each compressed type', () => {
    const sample = new SampleTaker(seededDraw(1))
    const large = Array.from({ length: 20 }, (_, index) => `large/${index}.iso`)
    for (let index = 0; index < 5000; index += 1)
      sample.add(file(`small/${index}${index % 2 === 0 ? '.gz' : '.xz'}`, 5, BigInt(index)))
    for (const path of large) sample.add(file(path, 2 ** 31, 0n))
    sample.add(file('almost', 2 ** 31 - 1, 0n))
    const { any, large: taken, newest } = sample.taken
    const all = [...any, ...taken, ...newest]
    assert.equal(new Set(all).size, all.length, 'none is checked twice')
    for (const path of large) assert.ok(all.includes(path), path)
    for (const type of ['.gz', '.xz']) assert.ok(any.some((path) => path.endsWith(type)))
    assert.ok(any.length <= 8)
  })

  test('has the newest files, newest first', () => {
    const sample = new SampleTaker(seededDraw(1))
    for (let index = 0; index < 1000; index += 1) {
      const place = (index * 7919) % 1000
      sample.add(file(`${place}`, 5, BigInt(place)))
    }
    assert.deepEqual(
      sample.taken.newest,
      Array.from({ length: 100 }, (_, index) => `${999 - index}`),
    )
  })

  test('draws every file, sooner or later', () => {
    const drawn = new Set<string>()
    const draw = seededDraw(7)
    for (let survey = 0; survey < 400; survey += 1) {
      const sample = new SampleTaker(draw)
      for (let index = 0; index < 200; index += 1) sample.add(file(`${index}`, 5, BigInt(index)))
      for (const path of sample.taken.any) drawn.add(path)
    }
    for (let index = 0; index < 100; index += 1) assert.ok(drawn.has(`${index}`), `${index}`)
  })
})
