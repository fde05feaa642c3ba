import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { lastModified } from '../../lib/fields/last-modified.js'
import type { Field, Identity } from '../../lib/model.js'
import { decoration } from '../../lib/request/decoration.js'
import type { DecoratePlan } from '../../lib/request/plan.js'
import { IDENTITY, indexedAt } from '../support/files.js'
import { request } from './requests.js'

const FIELDS: readonly Field[] = [['Digest', 'SHA-256=x']]
const ETAG = '"ours"'
const PLAN: DecoratePlan = {
  kind: 'decorate',
  file: indexedAt('a'),
  absolute: '/srv/a',
  fields: FIELDS,
  etag: ETAG,
}
const SIZE = String(IDENTITY.size)
const MODIFIED = lastModified(IDENTITY)
const OTHER_DATE = 'Sun, 06 Nov 1994 08:49:37 GMT'
const OURS: Field = ['ETag', ETAG]

function decorated(
  status: number,
  fields: Readonly<Record<string, string>>,
  {
    plan = PLAN,
    asked = {},
    present = IDENTITY,
  }: { plan?: DecoratePlan; asked?: Readonly<Record<string, string>>; present?: Identity | undefined } = {},
) {
  return decoration(plan, request('/a', asked), { status, header: (name) => fields[name] }, present)
}

type Row = readonly [what: string, status: number, fields: Readonly<Record<string, string>>]

const DECORATED: readonly Row[] = [
  ['the whole file', 200, { 'content-length': SIZE }],
  ['the whole file with its time', 200, { 'content-length': SIZE, 'last-modified': MODIFIED }],
  ['the whole file said not to be encoded', 200, { 'content-length': SIZE, 'content-encoding': 'identity' }],
  ['a part', 206, { 'content-range': `bytes 0-99/${SIZE}`, 'content-length': '100' }],
  ['a part at the end', 206, { 'content-range': `bytes 1233-1233/${SIZE}` }],
  ['not modified, by its time', 304, { 'last-modified': MODIFIED }],
  ['not modified, with its length', 304, { 'last-modified': MODIFIED, 'content-length': SIZE }],
]

describe('fields are added to an answer that is', () => {
  for (const [what, status, fields] of DECORATED) {
    test(`${what} (${status})`, () => {
      assert.deepEqual(decorated(status, fields), { fields: [...FIELDS, OURS], notModified: false })
    })
  }

  test('not modified, by our entity tag (304)', () => {
    assert.deepEqual(decorated(304, { etag: ETAG }), { fields: FIELDS, notModified: false })
  })
})

const LEFT: readonly Row[] = [
  ['of another length', 200, { 'content-length': '1233' }],
  ['of unknown length', 200, {}],
  ['of another time', 200, { 'content-length': SIZE, 'last-modified': OTHER_DATE }],
  ['of no time at all', 200, { 'content-length': SIZE, 'last-modified': 'today' }],
  ['compressed', 200, { 'content-length': SIZE, 'content-encoding': 'gzip' }],
  [
    'compressed and otherwise the same',
    200,
    { 'content-length': SIZE, 'content-encoding': 'br', 'last-modified': MODIFIED },
  ],
  ['a part of another file', 206, { 'content-range': 'bytes 0-99/5000' }],
  ['a part of unknown length', 206, { 'content-range': 'bytes 0-99/*' }],
  ['a part beyond the end', 206, { 'content-range': `bytes 0-524287/${SIZE}`, 'content-length': '524288' }],
  ['a part of negative length', 206, { 'content-range': `bytes 9999999-1233/${SIZE}` }],
  ['a part of another length', 206, { 'content-range': `bytes 0-99/${SIZE}`, 'content-length': '99' }],
  ['a part without its place', 206, { 'content-length': SIZE }],
  ['several parts', 206, { 'content-type': 'multipart/byteranges; boundary=x', 'content-length': SIZE }],
  ['a part in other units', 206, { 'content-range': `lines 0-99/${SIZE}` }],
  ['a part, compressed', 206, { 'content-range': `bytes 0-99/${SIZE}`, 'content-encoding': 'gzip' }],
  ['not modified, and nothing more', 304, {}],
  ['not modified, by an entity tag of others', 304, { etag: '"theirs"' }],
  ['not modified, of another time', 304, { 'last-modified': OTHER_DATE }],
  ['not modified, of another length', 304, { 'last-modified': MODIFIED, 'content-length': '0' }],
  ['not modified, our tag but another time', 304, { etag: ETAG, 'last-modified': OTHER_DATE }],
  ['nothing', 204, { 'content-length': SIZE }],
  ['a redirect', 302, { 'content-length': SIZE }],
  ['not found', 404, { 'content-length': SIZE }],
  ['not satisfiable', 416, { 'content-range': `bytes */${SIZE}` }],
  ['an error', 500, { 'content-length': SIZE }],
]

describe('an answer is left as it is that is', () => {
  for (const [what, status, fields] of LEFT) {
    test(`${what} (${status})`, () => {
      assert.equal(decorated(status, fields), undefined)
    })
  }
})

describe('an answer is left as it is where the file at this moment', () => {
  for (const [what, present] of [
    ['has another size', { ...IDENTITY, size: 1 }],
    ['has another mtime, by a nanosecond', { ...IDENTITY, mtimeNs: IDENTITY.mtimeNs + 1n }],
    ['has another ctime', { ...IDENTITY, ctimeNs: 0n }],
    ['is another file', { ...IDENTITY, inode: 1n }],
  ] as const) {
    test(what, () => {
      assert.equal(decorated(200, { 'content-length': SIZE }, { present }), undefined)
    })
  }

  test('is not there', () => {
    const answer = { status: 200, header: (name: string) => (name === 'content-length' ? SIZE : undefined) }
    assert.equal(decoration(PLAN, request('/a'), answer, undefined), undefined)
  })
})

test('the time may be rounded as Node rounds it', () => {
  const mtimeNs = 784_111_777_999_600_000n
  const plan = { ...PLAN, file: indexedAt('a', { mtimeNs }) }
  const fields = { 'content-length': SIZE, 'last-modified': 'Sun, 06 Nov 1994 08:49:38 GMT' }
  assert.ok(decorated(200, fields, { plan, present: { ...IDENTITY, mtimeNs } }))
})

describe('the entity tag', () => {
  test('of somebody else is kept', () => {
    const fields = { 'content-length': SIZE, etag: '"theirs"' }
    assert.deepEqual(decorated(200, fields), { fields: FIELDS, notModified: false })
    const asked = { 'if-none-match': ETAG }
    assert.deepEqual(decorated(200, fields, { asked }), { fields: FIELDS, notModified: false })
  })

  test('is not added where there is none', () => {
    const plan = { ...PLAN, etag: undefined }
    const asked = { 'if-none-match': '*' }
    assert.deepEqual(decorated(200, { 'content-length': SIZE }, { plan, asked }), {
      fields: FIELDS,
      notModified: false,
    })
  })

  const whole = { 'content-length': SIZE }
  for (const [ifNoneMatch, notModified] of [
    [ETAG, true],
    [`"x", ${ETAG}, "y"`, true],
    [`W/${ETAG}`, true],
    ['*', true],
    ['"other"', false],
    ['', false],
    ['ours', false],
  ] as const) {
    test(`that the client has already (If-None-Match: ${ifNoneMatch}) ${notModified ? 'makes' : 'does not make'} it a 304`, () => {
      assert.deepEqual(decorated(200, whole, { asked: { 'if-none-match': ifNoneMatch } }), {
        fields: [...FIELDS, OURS],
        notModified,
      })
    })
  }

  test('of the application takes pref from our links', () => {
    const link = (pref: string): Field => [
      'Link',
      `<http://m.example/a>; rel=duplicate; pri=1${pref}; geo=de`,
    ]
    const plan = { ...PLAN, fields: [link('; pref'), ...FIELDS] }
    for (const etag of ['"theirs"', 'W/"theirs"', `W/${ETAG}`])
      assert.deepEqual(decorated(200, { ...whole, etag }, { plan })?.fields, [link(''), ...FIELDS])
    assert.deepEqual(decorated(200, { ...whole, etag: ETAG }, { plan })?.fields, plan.fields)
  })

  test('makes no 304 of a reload or a 304, but of a part', () => {
    const asked = { 'if-none-match': ETAG }
    const reload = { ...asked, 'cache-control': 'no-cache' }
    assert.equal(decorated(200, whole, { asked: reload })?.notModified, false)
    assert.equal(decorated(206, { 'content-range': `bytes 0-9/${SIZE}` }, { asked })?.notModified, true)
    assert.equal(decorated(304, { 'last-modified': MODIFIED }, { asked })?.notModified, false)
  })
})
