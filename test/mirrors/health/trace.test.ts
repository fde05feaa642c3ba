import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { parseTrace } from '../../../lib/mirrors/health/trace.js'

const NOW = Date.UTC(2026, 10, 22)
/** 21 November 2026, 20:04:11 UTC. */
const THEN = Date.UTC(2026, 10, 21, 20, 4, 11)
const DAY = 86_400_000

describe('a time is read', () => {
  const TABLE: readonly (readonly [what: string, text: string, time: number])[] = [
    ['in seconds since 1970', `${THEN / 1000}\n`, THEN],
    ['in seconds without an end of the line', `${THEN / 1000}`, THEN],
    ['in seconds with a fraction, as of AlmaLinux', `${THEN / 1000}.123956`, THEN + 123],
    ['in milliseconds', `${THEN + 5}\r\n`, THEN + 5],
    ['before a remark', `${THEN / 1000} by rsync of fra1\n`, THEN],
    ['after empty lines and a byte order mark', `\uFEFF\n\n${THEN / 1000}\n`, THEN],
    ['of the first line, and no other', `${THEN / 1000}\n2026-01-01\nDate: yesterday\n`, THEN],
    ['by ISO 8601', '2026-11-21T20:04:11Z', THEN],
    ['by ISO 8601 with a fraction', '2026-11-21T20:04:11.9999Z', THEN + 999],
    ['by ISO 8601 with a zone', '2026-11-21T22:04:11+02:00', THEN],
    ['by ISO 8601 with a zone behind', '2026-11-21T14:34:11-0530', THEN],
    ['by ISO 8601 with a zone of hours', '2026-11-21T22:04:11+02', THEN],
    ['by ISO 8601 without a zone', '2026-11-21T20:04:11', THEN],
    ['by ISO 8601 with a space', '2026-11-21 20:04:11 UTC', THEN],
    ['by ISO 8601 with spaces', '2026-11-21 22:04:11 +0200', THEN],
    ['by ISO 8601 without seconds', '2026-11-21T20:04Z', THEN - 11_000],
    ['by ISO 8601 in its short form', '20261121T200411Z', THEN],
    ['by ISO 8601, before a remark', '2026-11-21T20:04:11Z OK, 5 files', THEN],
    ['by ISO 8601 without a zone, before a remark', '2026-11-21T20:04:11 by rsync', THEN],
    ['by ISO 8601, a day', '2026-11-21', Date.UTC(2026, 10, 21)],
    ['by date -u', 'Sat Nov 21 20:04:11 UTC 2026\nUsed ftpsync version: 20180513', THEN],
    ['by date -u with AM and PM', 'Sat Nov 21 08:04:11 PM UTC 2026', THEN],
    ['by date -u, day first', 'Sat 21 Nov 2026 08:04:11 PM UTC', THEN],
    ['by date -u, day first, of 24 hours', 'Sat 21 Nov 2026 20:04:11 UTC', THEN],
    ['by date -u with a comma', 'Sat, 21 Nov 2026, 8:04:11 p.m. UTC', THEN],
    ['by date -u at midnight', 'Sun Nov  1 12:04:11 AM UTC 2026', Date.UTC(2026, 10, 1, 0, 4, 11)],
    ['by date -u at noon', 'Sun Nov  1 12:04:11 PM UTC 2026', Date.UTC(2026, 10, 1, 12, 4, 11)],
    ['by date -u, early in a month', 'Sun Nov  1 20:04:11 UTC 2026', Date.UTC(2026, 10, 1, 20, 4, 11)],
    ['by RFC 2822', 'Sat, 21 Nov 2026 20:04:11 +0000', THEN],
    ['by RFC 2822 with a zone', 'Sat, 21 Nov 2026 21:04:11 +0100', THEN],
    ['by RFC 2822 without the day of the week', '21 Nov 2026 20:04:11 GMT', THEN],
    ['in a second that was put in', '2016-12-31T23:59:60Z', Date.UTC(2017, 0, 1)],
    ['as early as 1990', '1990-01-01', Date.UTC(1990)],
    ['as late as in a day', `${(NOW + DAY) / 1000}`, NOW + DAY],
  ]
  for (const [what, text, time] of TABLE) test(what, () => assert.equal(parseTrace(text, NOW), time))
})

describe('no time is', () => {
  const TABLE: readonly (readonly [what: string, text: string])[] = [
    ['nothing', ''],
    ['an empty line', '\n'],
    ['a word', 'yesterday'],
    ['a page of HTML', '<!DOCTYPE html><html><body>2026-11-21</body></html>'],
    ['a page of HTML in one line', '<p>1732212345</p>'],
    ['a small number', '42'],
    ['a number with a unit', '1732212345s'],
    ['a number below 0', '-1732212345'],
    ['a number of too many digits', '17322123451732212345'],
    ['a time before 1990', '631151999'],
    ['a time more than a day ahead', `${NOW / 1000 + 86_401}`],
    ['a time in microseconds', `${THEN}000`],
    ['a month 13', '2026-13-01T00:00:00Z'],
    ['a day that there is not', '2026-02-29T00:00:00Z'],
    ['an hour 24', '2026-11-21T24:00:00Z'],
    ['a minute 60', '2026-11-21T20:60:00Z'],
    ['a second 61', '2026-11-21T20:00:61Z'],
    ['a zone that there is not', '2026-11-21T20:04:11+15:00'],
    ['a time in a zone by name', '2026-11-21 20:04:11 CET'],
    ['the output of date in another zone', 'Sat Nov 21 21:04:11 CET 2026'],
    ['a month by another name', 'Sat, 21 Nov. 2026 20:04:11 GMT'],
    ['a month in German', '21 Mai 2026 20:04:11 GMT'],
    ['a time after something else', 'Date: Sat, 21 Nov 2026 20:04:11 GMT'],
  ]
  for (const [what, text] of TABLE) test(what, () => assert.equal(parseTrace(text, NOW), undefined))
})

const times = fc.integer({ min: Date.UTC(1990), max: NOW + DAY })
const seconds = times.map((time) => Math.floor(time / 1000) * 1000).filter((time) => time >= Date.UTC(1990))

test('every time is read as it was written', () => {
  const zones = fc.integer({ min: -12 * 60, max: 14 * 60 })
  fc.assert(
    fc.property(times, (time) => {
      assert.equal(parseTrace(new Date(time).toISOString(), NOW), time)
      assert.equal(parseTrace(`${(time / 1000).toFixed(6)}\n`, NOW), time)
    }),
  )
  fc.assert(
    fc.property(seconds, zones, (time, minutes) => {
      assert.equal(parseTrace(`${time / 1000}`, NOW), time)
      assert.equal(parseTrace(new Date(time).toUTCString(), NOW), time)
      const part = (number: number) => String(Math.floor(number)).padStart(2, '0')
      const [sign, ahead] = [minutes < 0 ? '-' : '+', Math.abs(minutes)]
      const local = new Date(time + minutes * 60_000).toISOString().slice(0, 19)
      assert.equal(parseTrace(`${local}${sign}${part(ahead / 60)}:${part(ahead % 60)}`, NOW), time)
    }),
  )
})

test('whatever a mirror sends, it is a time in these bounds or none', () => {
  const pieces = fc.constantFrom(
    '2026',
    '-',
    ':',
    '11',
    '21',
    'T',
    ' ',
    'Z',
    '+02',
    'Nov',
    'Sat',
    '\n',
    '.',
    '<',
  )
  const texts = fc.oneof(
    fc.string(),
    fc.string({ unit: 'binary' }),
    fc.array(pieces, { maxLength: 15 }).map((list) => list.join('')),
    fc.bigInt({ min: 0n, max: 10n ** 20n }).map(String),
  )
  fc.assert(
    fc.property(texts, (text) => {
      const time = parseTrace(text, NOW)
      if (time === undefined) return
      assert.ok(Number.isInteger(time) && time >= Date.UTC(1990) && time <= NOW + DAY, `${time}`)
    }),
    { numRuns: 2000 },
  )
})
