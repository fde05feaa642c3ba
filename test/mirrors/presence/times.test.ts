import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { parseHttpDate, parseIsoTime, utc } from '../../../lib/mirrors/presence/listings/time.js'

const anyTime = fc.date({
  min: new Date('1000-01-01T00:00:00Z'),
  max: new Date('9999-12-31T23:59:59Z'),
  noInvalidDate: true,
})

test('a date of HTTP is read as it is written', () => {
  fc.assert(
    fc.property(anyTime, (date) => {
      assert.equal(parseHttpDate(date.toUTCString()), Math.floor(date.getTime() / 1000) * 1000)
    }),
  )
  for (const text of [
    '',
    'Mon, 30 Feb 2024 04:05:06 GMT',
    'Mon, 03 Feb 2024 24:05:06 GMT',
    'Mon, 03 Fob 2024 04:05:06 GMT',
  ])
    assert.equal(parseHttpDate(text), undefined)
  assert.equal(parseHttpDate('Sat, 03 Feb 2024 04:05:06 +0000'), undefined)
})

test('a date of ISO is read as it is written, to the second', () => {
  fc.assert(
    fc.property(anyTime, (date) => {
      assert.equal(parseIsoTime(date.toISOString()), Math.floor(date.getTime() / 1000) * 1000)
    }),
  )
  const time = Date.UTC(2024, 1, 3, 4, 5, 6)
  assert.equal(parseIsoTime('2024-02-03T09:35:06.136264359+05:30'), time)
  assert.equal(parseIsoTime('2024-02-02T23:05:06-05:00'), time)
  for (const text of [
    '',
    '2024-02-03',
    '2024-02-03T04:05:06',
    '2024-02-30T04:05:06Z',
    '2024-00-03T04:05:06Z',
  ])
    assert.equal(parseIsoTime(text), undefined)
})

test('a time is only one that there was', () => {
  assert.equal(utc(2024, 2, 29), Date.UTC(2024, 1, 29))
  assert.equal(utc(2000, 2, 29, 23, 59, 60), Date.UTC(2000, 2, 1))
  for (const [year, month, day] of [
    [2023, 2, 29],
    [1900, 2, 29],
    [2024, 4, 31],
    [2024, 1, 0],
    [2024, 13, 1],
    [2024, 0, 1],
    [99, 1, 1],
  ] as const)
    assert.equal(utc(year, month, day), undefined)
  assert.equal(utc(2024, undefined, 1), undefined)
  assert.equal(utc(2024, Number.NaN, 1), undefined)
})
