import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { parseHttpDate, parseImfFixdate, parseIsoTime, utc, zoneMinutes } from '../lib/dates.js'

const anyTime = fc.date({
  min: new Date('1000-01-01T00:00:00Z'),
  max: new Date('9999-12-31T23:59:59Z'),
  noInvalidDate: true,
})

test('a date of HTTP is read as it is written', () => {
  fc.assert(
    fc.property(anyTime, (date) => {
      assert.equal(parseImfFixdate(date.toUTCString()), Math.floor(date.getTime() / 1000) * 1000)
    }),
  )
  for (const text of [
    '',
    'Mon, 30 Feb 2024 04:05:06 GMT',
    'Mon, 03 Feb 2024 24:05:06 GMT',
    'Mon, 03 Fob 2024 04:05:06 GMT',
  ])
    assert.equal(parseImfFixdate(text), undefined)
  assert.equal(parseImfFixdate('Sat, 03 Feb 2024 04:05:06 +0000'), undefined)
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

test('each of the three forms of an HTTP date is read', () => {
  const time = Date.UTC(1994, 10, 6, 8, 49, 37)
  for (const text of [
    'Sun, 06 Nov 1994 08:49:37 GMT',
    'Sunday, 06-Nov-94 08:49:37 GMT',
    'Sun Nov  6 08:49:37 1994',
  ])
    assert.equal(parseHttpDate(text), time)
  for (const text of ['', '1994-11-06', 'Sun, 06 Nov 1994 08:49:37', 'yesterday GMT'])
    assert.equal(parseHttpDate(text), undefined)
})

test('a zone is minutes ahead of UTC', () => {
  assert.deepEqual(
    ['+05:30', '-0500', '+02', '-00:00', '+14:59'].map((zone) => zoneMinutes(zone)),
    [330, -300, 120, -0, 899],
  )
  for (const zone of ['', 'Z', '05:30', '+15:00', '+05:60']) assert.equal(zoneMinutes(zone), undefined)
  assert.equal(parseIsoTime('2024-02-03T04:05:06+99:99'), undefined)
})
