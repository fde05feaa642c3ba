import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import type { Identity } from '../../lib/model.js'
import { type FileResponse, fileResponse } from '../../lib/request/file-response.js'
import { request } from './requests.js'

// A time zone far from UTC, in which a date without a zone would be a different time.
process.env.TZ = 'America/New_York'

const MODIFIED = 'Sun, 06 Nov 1994 08:49:37 GMT'
const BEFORE = 'Sun, 06 Nov 1994 08:49:36 GMT'
const AFTER = 'Sun, 06 Nov 1994 08:49:38 GMT'
const RFC850 = 'Sunday, 06-Nov-94 08:49:37 GMT'
const ASCTIME = 'Sun Nov  6 08:49:37 1994'
const SECONDS = 784_111_777n
const ETAG = '"tag"'
const NOW = Number(SECONDS + 1000n) * 1000

/** File of ten bytes that changed within the second of `MODIFIED`. */
const IDENTITY: Identity = { size: 10, mtimeNs: SECONDS * 1_000_000_000n + 5n, ctimeNs: 0n, inode: 1n }

interface Told {
  readonly method?: string
  readonly etag?: string | undefined
  readonly now?: number
  readonly size?: number
}

function answerTo(fields: Readonly<Record<string, string>>, told: Told = {}): FileResponse {
  const { method = 'GET', now = NOW, size = 10 } = told
  const etag = 'etag' in told ? told.etag : ETAG
  const representation = { identity: { ...IDENTITY, size }, etag, type: 'text/plain' }
  return fileResponse(request('/a', fields, { method }), representation, now, () => 'BOUNDARY')
}

function fieldsOf({ fields }: FileResponse): Record<string, string> {
  return Object.fromEntries(fields)
}

/** Returns the ranges or parts of a response as text: `0-9`. */
function bodyOf(one: FileResponse): string {
  if ('parts' in one) return one.parts.map(({ start, end }) => `${start}-${end}`).join()
  return 'ranges' in one ? one.ranges.map(({ start, end }) => `${start}-${end}`).join() : ''
}

const VALIDATORS = { 'Accept-Ranges': 'bytes', 'Last-Modified': MODIFIED, ETag: ETAG }
/** A response without the file does not have its tag. */
const DATED = { 'Accept-Ranges': 'bytes', 'Last-Modified': MODIFIED }
const WHOLE = { 'Content-Type': 'text/plain', 'Content-Length': '10', ...VALIDATORS }

test('without conditions and ranges the whole file is sent', () => {
  for (const method of ['GET', 'HEAD']) {
    const whole = answerTo({}, { method })
    assert.equal(whole.status, 200)
    assert.deepEqual(fieldsOf(whole), WHOLE)
    assert.equal(bodyOf(whole), '0-9')
  }
})

test('an empty file has no bytes to send', () => {
  const whole = answerTo({}, { size: 0 })
  assert.equal(whole.status, 200)
  assert.equal(fieldsOf(whole)['Content-Length'], '0')
  assert.equal(bodyOf(whole), '')
})

test('a file without an entity tag has none', () => {
  const { ETag: _, ...rest } = WHOLE
  assert.deepEqual(fieldsOf(answerTo({}, { etag: undefined })), rest)
})

type Row = readonly [section: string, fields: Readonly<Record<string, string>>, status: number, told?: Told]

/** Sections of RFC 9110. */
const CONDITIONS: readonly Row[] = [
  ['§13.1.1', { 'if-match': ETAG }, 200],
  ['§13.1.1', { 'if-match': `"x", ${ETAG}` }, 200],
  ['§13.1.1', { 'if-match': '*' }, 200],
  ['§13.1.1', { 'if-match': ' * ' }, 200],
  ['§13.1.1', { 'if-match': '*' }, 200, { etag: undefined }],
  ['§13.1.1', { 'if-match': '"other"' }, 412],
  ['§13.1.1: by strong comparison', { 'if-match': `W/${ETAG}` }, 412],
  ['§13.1.1', { 'if-match': ETAG }, 412, { etag: undefined }],
  ['§13.1.1', { 'if-match': 'tag' }, 412],
  ['§8.8.3: a tag may hold a comma', { 'if-match': '"a,b"' }, 200, { etag: '"a,b"' }],
  ['§13.1.2', { 'if-none-match': ETAG }, 304],
  ['§13.1.2', { 'if-none-match': `"x", ${ETAG}` }, 304],
  ['§13.1.2: by weak comparison', { 'if-none-match': `W/${ETAG}` }, 304],
  ['§13.1.2', { 'if-none-match': '*' }, 304],
  ['§13.1.2', { 'if-none-match': '"other"' }, 200],
  ['§13.1.2', { 'if-none-match': ETAG }, 200, { etag: undefined }],
  ['§13.1.3', { 'if-modified-since': MODIFIED }, 304],
  ['§13.1.3', { 'if-modified-since': AFTER }, 304],
  ['§13.1.3', { 'if-modified-since': BEFORE }, 200],
  ['§13.1.3: what is no date is ignored', { 'if-modified-since': 'yesterday' }, 200],
  ['§13.1.3: what is no date is ignored', { 'if-modified-since': '2099' }, 200],
  ['§5.6.7: an obsolete date', { 'if-modified-since': RFC850 }, 304],
  ['§5.6.7: an obsolete date, in UTC', { 'if-modified-since': ASCTIME }, 304],
  ['§5.6.7: an obsolete date, in UTC', { 'if-modified-since': 'Sun Nov  6 08:49:36 1994' }, 200],
  ['§13.1.3: not beside If-None-Match', { 'if-none-match': '"other"', 'if-modified-since': AFTER }, 200],
  ['§13.1.4', { 'if-unmodified-since': MODIFIED }, 200],
  ['§13.1.4', { 'if-unmodified-since': AFTER }, 200],
  ['§13.1.4', { 'if-unmodified-since': BEFORE }, 412],
  ['§13.1.4: what is no date is ignored', { 'if-unmodified-since': 'yesterday' }, 200],
  ['§13.1.4: what is no date is ignored', { 'if-unmodified-since': '1' }, 200],
  ['§5.6.7: an obsolete date', { 'if-unmodified-since': RFC850 }, 200],
  ['§5.6.7: an obsolete date, in UTC', { 'if-unmodified-since': ASCTIME }, 200],
  ['§5.6.7: an obsolete date, in UTC', { 'if-unmodified-since': 'Sun Nov  6 08:49:36 1994' }, 412],
  ['§13.1.4: not beside If-Match', { 'if-match': ETAG, 'if-unmodified-since': BEFORE }, 200],
  ['§13.2.2: If-Match before If-None-Match', { 'if-match': '"other"', 'if-none-match': ETAG }, 412],
  ['§13.2.2: both are held against it', { 'if-match': ETAG, 'if-none-match': ETAG }, 304],
  ['§13.2.2', { 'if-unmodified-since': BEFORE, 'if-none-match': ETAG }, 412],
  ['§13.2.2: conditions before ranges', { 'if-none-match': ETAG, range: 'bytes=0-1' }, 304],
  ['§13.2.2: conditions before ranges', { 'if-match': '"other"', range: 'bytes=0-1' }, 412],
  ['§13.2.2: conditions before ranges', { 'if-none-match': ETAG, range: 'bytes=99-' }, 304],
]

test('§8.8.2.1: a file from the future is as old as the answer, and no date is met', () => {
  for (const ahead of [1, 3600, 30 * 365 * 86_400]) {
    const now = (Number(SECONDS) - ahead) * 1000 + 999
    const whole = fieldsOf(answerTo({}, { now }))
    const shown = new Date((Number(SECONDS) - ahead) * 1000).toUTCString()
    assert.deepEqual(whole, { ...WHOLE, 'Last-Modified': shown })
    assert.equal(answerTo({ 'if-modified-since': shown }, { now }).status, 200)
    assert.equal(bodyOf(answerTo({ range: 'bytes=0-1', 'if-range': shown }, { now })), '0-9')
    assert.equal(bodyOf(answerTo({ range: 'bytes=0-1', 'if-range': MODIFIED }, { now })), '0-9')
    // Entity tags still count.
    assert.equal(answerTo({ 'if-none-match': ETAG }, { now }).status, 304)
    assert.equal(bodyOf(answerTo({ range: 'bytes=0-1', 'if-range': ETAG }, { now })), '0-1')
  }
})

describe('conditions', () => {
  for (const [section, fields, status, told] of CONDITIONS) {
    const of = told === undefined ? '' : ` of a file with the tag ${told.etag}`
    test(`${section}: ${JSON.stringify(fields)}${of} is answered ${status}`, () => {
      const one = answerTo(fields, told)
      assert.equal(one.status, status)
      assert.equal(answerTo(fields, { ...told, method: 'HEAD' }).status, status)
      if (status === 200) assert.equal(bodyOf(one), '0-9')
      else assert.equal(bodyOf(one), '')
    })
  }

  test('§15.4.5: a 304 has the validators, and no length or type', () => {
    assert.deepEqual(fieldsOf(answerTo({ 'if-none-match': ETAG })), VALIDATORS)
  })

  test('§15.5.13: a 412 has no length or type of the file', () => {
    assert.deepEqual(fieldsOf(answerTo({ 'if-match': '"other"' })), DATED)
  })
})

type RangeRow = readonly [section: string, range: string, body: string, contentRange: string]

const SINGLE: readonly RangeRow[] = [
  ['§14.1.2', 'bytes=0-9', '0-9', 'bytes 0-9/10'],
  ['§14.1.2', 'bytes=0-0', '0-0', 'bytes 0-0/10'],
  ['§14.1.2', 'bytes=9-9', '9-9', 'bytes 9-9/10'],
  ['§14.1.2', 'bytes=2-5', '2-5', 'bytes 2-5/10'],
  ['§14.1.2', 'bytes=5-', '5-9', 'bytes 5-9/10'],
  ['§14.1.2: an end beyond the file', 'bytes=5-99', '5-9', 'bytes 5-9/10'],
  ['§14.1.2: a suffix', 'bytes=-3', '7-9', 'bytes 7-9/10'],
  ['§14.1.2: a suffix longer than the file', 'bytes=-99', '0-9', 'bytes 0-9/10'],
  ['§14.1.2: one of two is beyond the file', 'bytes=0-1,50-60', '0-1', 'bytes 0-1/10'],
  ['§15.3.7.2: ranges that touch are one', 'bytes=0-1,2-3', '0-3', 'bytes 0-3/10'],
  ['§15.3.7.2: ranges that overlap are one', 'bytes=0-5,3-7', '0-7', 'bytes 0-7/10'],
]

describe('a range', () => {
  for (const [section, range, body, contentRange] of SINGLE) {
    test(`${section}: ${range} is answered with ${contentRange}`, () => {
      const part = answerTo({ range })
      assert.equal(part.status, 206)
      assert.equal(bodyOf(part), body)
      const [first = 0, last = 0] = body.split('-').map(Number)
      assert.deepEqual(fieldsOf(part), {
        ...WHOLE,
        'Content-Length': String(last - first + 1),
        'Content-Range': contentRange,
      })
    })
  }

  for (const range of ['bytes=10-', 'bytes=99-100', 'bytes=-0', 'bytes=10-11,12-13']) {
    test(`§15.5.17: ${range} cannot be satisfied`, () => {
      const none = answerTo({ range })
      assert.equal(none.status, 416)
      assert.equal(bodyOf(none), '')
      assert.deepEqual(fieldsOf(none), { ...DATED, 'Content-Range': 'bytes */10' })
    })
  }

  for (const [range, status] of [
    ['bytes=0-', 416],
    ['bytes=0-0', 416],
    ['bytes=1-', 416],
    ['bytes=0-4,7-9', 416],
    ['bytes=-0', 416],
    ['bytes=-5', 200],
    ['bytes=-1', 200],
    ['bytes=-010', 200],
    ['bytes=-99999999999999999999', 200],
    ['bytes=0-4,-5', 200],
    ['bytes=0-4, -5', 200],
    ['bytes=-0,-5', 200],
    ['bytes=-5,0-', 200],
  ] as const) {
    test(`§14.1.2: of an empty file, ${range} is answered with ${status}`, () => {
      const answer = answerTo({ range }, { size: 0 })
      assert.equal(answer.status, status)
      assert.equal(bodyOf(answer), '')
      const fields = fieldsOf(answer)
      if (status === 200) assert.deepEqual(fields, { ...WHOLE, 'Content-Length': '0' })
      else assert.equal(fields['Content-Range'], 'bytes */0')
    })
  }

  for (const range of ['items=0-1', 'bytes', 'bytes=', 'bytes=a-b', '0-1', 'bytes=0-1x', 'bytes 0-1', '']) {
    test(`§14.2: ${JSON.stringify(range)} says nothing that can be followed`, () => {
      const one = answerTo({ range })
      assert.ok(one.status === 200 || one.status === 416, `${one.status}`)
      if (one.status === 200) assert.equal(bodyOf(one), '0-9')
    })
  }

  test('§14.2: a HEAD has none', () => {
    const whole = answerTo({ range: 'bytes=0-1' }, { method: 'HEAD' })
    assert.equal(whole.status, 200)
    assert.deepEqual(fieldsOf(whole), WHOLE)
  })
})

const IF_RANGE: readonly (readonly [section: string, value: string, status: number, told?: Told])[] = [
  ['§13.1.5', ETAG, 206],
  ['§13.1.5', '"other"', 200],
  ['§13.1.5: by strong comparison', `W/${ETAG}`, 200],
  ['§13.1.5', ETAG, 200, { etag: undefined }],
  ['§13.1.5', MODIFIED, 206],
  ['§13.1.5', RFC850, 206],
  ['§13.1.5', ASCTIME, 206],
  ['§13.1.5', BEFORE, 200],
  ['§13.1.5: exactly the same date', AFTER, 200],
  ['§8.8.2.2: a date of this very second is weak', MODIFIED, 200, { now: Number(SECONDS) * 1000 + 999 }],
  ['§8.8.2.2: a date of the second before is strong', MODIFIED, 206, { now: Number(SECONDS + 1n) * 1000 }],
  ['§13.1.5', 'tag', 200],
  ['§13.1.5', '', 200],
]

describe('If-Range', () => {
  for (const [section, value, status, told] of IF_RANGE) {
    test(`${section}: ${value} is answered ${status}${told === undefined ? '' : ` (${JSON.stringify(told)})`}`, () => {
      const one = answerTo({ range: 'bytes=2-5', 'if-range': value }, told)
      assert.equal(one.status, status)
      assert.equal(bodyOf(one), status === 206 ? '2-5' : '0-9')
    })
  }

  test('§13.1.5: where it is not met, a range that cannot be satisfied does not matter', () => {
    assert.equal(answerTo({ range: 'bytes=99-', 'if-range': '"other"' }).status, 200)
  })

  test('§13.1.5: means nothing without a range', () => {
    assert.equal(answerTo({ 'if-range': '"other"' }).status, 200)
  })
})

describe('several ranges', () => {
  test('§14.6: are sent as parts, each with its place', () => {
    const one = answerTo({ range: 'bytes=0-1,4-5,-1' })
    assert.equal(one.status, 206)
    assert.ok('parts' in one)
    assert.deepEqual(one.parts, [
      {
        start: 0,
        end: 1,
        head: '--BOUNDARY\r\nContent-Type: text/plain\r\nContent-Range: bytes 0-1/10\r\n\r\n',
      },
      {
        start: 4,
        end: 5,
        head: '\r\n--BOUNDARY\r\nContent-Type: text/plain\r\nContent-Range: bytes 4-5/10\r\n\r\n',
      },
      {
        start: 9,
        end: 9,
        head: '\r\n--BOUNDARY\r\nContent-Type: text/plain\r\nContent-Range: bytes 9-9/10\r\n\r\n',
      },
    ])
    assert.equal(one.end, '\r\n--BOUNDARY--\r\n')
  })

  test('§15.3.7.2: have no Content-Range of the whole, and the type multipart/byteranges', () => {
    const fields = fieldsOf(answerTo({ range: 'bytes=0-1,4-5' }))
    assert.equal(fields['Content-Type'], 'multipart/byteranges; boundary=BOUNDARY')
    assert.equal('Content-Range' in fields, false)
  })

  test('§14.2: keep the order in which they were asked for', () => {
    assert.equal(bodyOf(answerTo({ range: 'bytes=8-9,0-1' })), '8-9,0-1')
  })

  test('§14.2: of which there are more than 32 are answered with the whole file', () => {
    const many = (count: number) =>
      `bytes=${Array.from({ length: count }, (_, index) => `${index * 3}-${index * 3}`).join()}`
    assert.equal(answerTo({ range: many(32) }, { size: 1000 }).status, 206)
    assert.equal(answerTo({ range: many(33) }, { size: 1000 }).status, 200)
    assert.equal(answerTo({ range: `bytes=${'0-,'.repeat(1000)}0-` }).status, 206)
  })

  test('the boundary is made only where it is needed', () => {
    const representation = { identity: IDENTITY, etag: ETAG, type: 'text/plain' }
    const never = () => assert.fail('a boundary was made')
    for (const range of ['bytes=0-1', 'bytes=0-1,2-3', 'bytes=99-']) {
      fileResponse(request('/a', { range }), representation, NOW, never)
    }
  })

  test('are together as long as Content-Length says', () => {
    const bound = fc.nat(120)
    const spec = fc.oneof(
      fc.tuple(bound, bound).map(([a, b]) => `${Math.min(a, b)}-${Math.max(a, b)}`),
      bound.map((start) => `${start}-`),
      bound.map((length) => `-${length}`),
    )
    fc.assert(
      fc.property(
        fc.array(spec, { minLength: 1, maxLength: 8 }),
        fc.integer({ min: 1, max: 100 }),
        (specs, size) => {
          const one = answerTo({ range: `bytes=${specs.join()}` }, { size })
          const bytes = Buffer.alloc(size, 'x')
          const sent: Buffer[] = []
          if ('parts' in one) {
            for (const { head, start, end } of one.parts) {
              assert.ok(start >= 0 && start <= end && end < size)
              sent.push(Buffer.from(head, 'latin1'), bytes.subarray(start, end + 1))
            }
            sent.push(Buffer.from(one.end, 'latin1'))
          } else if ('ranges' in one) {
            for (const { start, end } of one.ranges) sent.push(bytes.subarray(start, end + 1))
          } else {
            assert.equal(one.status, 416)
            return
          }
          assert.equal(fieldsOf(one)['Content-Length'], String(Buffer.concat(sent).length))
        },
      ),
      { numRuns: 1000 },
    )
  })
})
