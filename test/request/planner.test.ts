import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { describe, test } from 'node:test'
import { lineBytes } from '../../lib/fields/budget.js'
import { DOWN_FOR_ALL, type MirrorStatus } from '../../lib/mirrors/ranking/mirror-status.js'
import { createSnapshot } from '../../lib/mirrors/ranking/snapshot.js'
import type { Mirror } from '../../lib/model.js'
import { FileCache } from '../../lib/request/file-cache.js'
import type { DocumentPlan, Plan } from '../../lib/request/plan.js'
import { Planner, type PlannerOptions } from '../../lib/request/planner.js'
import type { RequestView } from '../../lib/request/view.js'
import { memoryStore } from '../../lib/store/memory.js'
import type { Store } from '../../lib/store/store.js'
import { allDigests, fileAt, piecesOf } from '../support/files.js'
import { mirror } from '../support/mirrors.js'
import { overridden } from '../support/overridden.js'
import { FILES, linesOf, MIRRORS, OPTIONS, planFor, planner, type World } from './plans.js'
import { request } from './requests.js'

const M4 = 'application/metalink4+xml'

/** Document whose body is text, such as a Metalink. */
type TextPlan = DocumentPlan & { readonly body: string }

function assertDocument(plan: Plan): asserts plan is TextPlan {
  assert.equal(plan.kind, 'document')
  assert.equal(plan.kind === 'document' && typeof plan.body, 'string')
}

describe('a file is decorated', () => {
  test('with its links, digests and the rest, in order', async () => {
    const plan = await planFor({}, '/iso/disk%201.iso')
    assert.equal(plan.kind, 'decorate')
    const digests = allDigests('iso/disk 1.iso')
    const base64 = (bytes: Uint8Array) => Buffer.from(bytes).toString('base64')
    assert.deepEqual(plan, {
      kind: 'decorate',
      file: FILES[1],
      absolute: '/srv/iso/disk 1.iso',
      etag: `"${Buffer.from(digests['sha-256']).toString('base64url')}"`,
      fields: [
        ['Link', `<http://origin.example/iso/disk%201.iso.meta4>; rel=describedby; type="${M4}"`],
        ['Link', '<https://heavy.example/repo/iso/disk%201.iso>; rel=duplicate; pri=1; geo=de; depth=2'],
        ['Link', '<http://plain.example/iso/disk%201.iso>; rel=duplicate; pri=2; depth=2'],
        ['Link', '<https://light.example/repo/iso/disk%201.iso>; rel=duplicate; pri=3; geo=fr; depth=2'],
        ['Digest', `SHA-256=${base64(digests['sha-256'])}`],
        ['Digest', `SHA-512=${base64(digests['sha-512'])}`],
        ['Digest', `SHA=${base64(digests['sha-1'])}`],
        ['Digest', `MD5=${base64(digests.md5)}`],
        ['Digest', `CRC32C=${base64(digests.crc32c)}`],
        ['X-Mirrored-By', 'https://heavy.example/repo/iso/disk%201.iso'],
        ['X-Mirrored-By', 'http://plain.example/iso/disk%201.iso'],
        ['X-Mirrored-By', 'https://light.example/repo/iso/disk%201.iso'],
        ['Repr-Digest', `sha-256=:${base64(digests['sha-256'])}:, sha-512=:${base64(digests['sha-512'])}:`],
        ['X-MD5', Buffer.from(digests.md5).toString('hex')],
        ['Vary', 'Accept'],
      ],
    })
  })

  test('for HEAD as for GET', async () => {
    const get = await planFor({}, '/a.bin')
    assert.equal(get.kind, 'decorate')
    assert.deepEqual(await planFor({}, '/a.bin', {}, { method: 'HEAD' }), get)
  })

  test('with https URLs alone where the client came by https', async () => {
    const plan = await planFor({}, '/a.bin', {}, { secure: true })
    assert.deepEqual(linesOf(plan, 'X-Mirrored-By'), [
      'https://heavy.example/repo/a.bin',
      'https://light.example/repo/a.bin',
    ])
    assert.match(linesOf(plan, 'Link')[0] ?? '', /^<https:\/\/origin\.example\/a\.bin\.meta4>/)
  })

  test('with no more duplicates and bytes than the options say', async () => {
    const many = Array.from({ length: 40 }, (_, index) => mirror(`m${index}`))
    const duplicates = async (options: Partial<PlannerOptions>) =>
      linesOf(await planFor({ options, mirrors: many }, '/a.bin'), 'X-Mirrored-By').length
    assert.equal(await duplicates({}), 5)
    assert.equal(await duplicates({ maxDuplicates: 0 }), 0)
    assert.equal(await duplicates({ maxDuplicates: 12 }), 12)
    const plan = await planFor(
      { options: { maxDuplicates: 100, maxHeaderBytes: 1500 }, mirrors: many },
      '/a.bin',
    )
    assert.equal(plan.kind, 'decorate')
    const bytes = 'fields' in plan ? plan.fields.reduce((sum, field) => sum + lineBytes(field), 0) : 0
    assert.ok(bytes > 1200 && bytes <= 1500, `${bytes}`)
  })

  test('with its digests where there is no mirror', async () => {
    const plan = await planFor({ mirrors: [] }, '/a.bin')
    assert.equal(linesOf(plan, 'Digest').length, 2)
    assert.deepEqual(linesOf(plan, 'X-Mirrored-By'), [])
  })

  test('with its mirrors where there is no digest, and then without an entity tag', async () => {
    const plan = await planFor({}, '/bare')
    assert.ok(plan.kind === 'decorate')
    assert.equal(plan.etag, undefined)
    assert.deepEqual(linesOf(plan, 'Digest'), [])
    assert.equal(linesOf(plan, 'X-Mirrored-By').length, 3)
  })
})

describe('digests', () => {
  const asked = (fields: Readonly<Record<string, string>>) => planFor({}, '/iso/disk%201.iso', fields)
  const names = (plan: Plan) => linesOf(plan, 'Digest').map((line) => line.slice(0, line.indexOf('=')))
  const all = ['SHA-256', 'SHA-512', 'SHA', 'MD5', 'CRC32C']

  test('are those that Want-Digest asks for (RFC 3230 §4.3.1)', async () => {
    assert.deepEqual(names(await asked({ 'want-digest': 'md5;q=0.3, sha;q=1' })), ['SHA', 'MD5'])
    assert.deepEqual(names(await asked({ 'want-digest': 'SHA-512;q=1, SHA-256;q=1, SHA;q=0.1' })), [
      'SHA-512',
      'SHA-256',
      'SHA',
    ])
  })

  test('are all where what is asked for is not there, or not understood', async () => {
    assert.deepEqual(names(await asked({})), all)
    assert.deepEqual(names(await asked({ 'want-digest': 'unixsum' })), all)
    assert.deepEqual(names(await asked({ 'want-digest': '((' })), all)
    const plan = await planFor({}, '/a.bin', { 'want-digest': 'md5' })
    assert.deepEqual(names(plan), ['SHA-256', 'SHA'])
  })

  test('of a representation are those that Want-Repr-Digest asks for (RFC 9530 §4)', async () => {
    const keys = async (value: string) =>
      linesOf(await asked({ 'want-repr-digest': value }), 'Repr-Digest').map((line) =>
        [...line.matchAll(/(?:^|, )([a-z0-9-]+)=:/g)].map(([, key]) => key),
      )
    assert.deepEqual(await keys('md5=10, sha-256=1'), [['md5', 'sha-256']])
    assert.deepEqual(await keys('unixsum=1'), [['sha-256', 'sha-512']])
    assert.deepEqual(await keys('???'), [['sha-256', 'sha-512']])
  })

  test('that are asked for a thousand times are given once', async () => {
    assert.deepEqual(names(await asked({ 'want-digest': Array(1000).fill('md5').join() })), ['MD5'])
  })
})

describe('absolute URLs', () => {
  const describedby = async (options: Partial<PlannerOptions>, properties: Partial<RequestView>) =>
    linesOf(await planFor({ options, mirrors: [] }, '/a.bin', {}, properties), 'Link').map((line) =>
      line.slice(1, line.indexOf('>')),
    )

  test('are below the base URL where there is one', async () => {
    const options = { baseUrl: 'https://dl.example/repo/' }
    assert.deepEqual(await describedby(options, { host: 'evil.example' }), [
      'https://dl.example/repo/a.bin.meta4',
    ])
  })

  test('are below the host and the mount otherwise', async () => {
    assert.deepEqual(await describedby({}, { host: 'h:8080', mount: '/pub' }), [
      'http://h:8080/pub/a.bin.meta4',
    ])
    assert.deepEqual(await describedby({}, { host: '[2001:db8::1]:80' }), [
      'http://[2001:db8::1]:80/a.bin.meta4',
    ])
    assert.deepEqual(await describedby({}, { host: 'h', secure: true }), ['https://h/a.bin.meta4'])
  })

  for (const host of [
    undefined,
    '',
    'a b',
    'a>b',
    'h"',
    'h/x',
    'user@h',
    'h:port',
    'h:123456',
    'h\r\nX: y',
    '[::1',
    'ü',
  ]) {
    test(`are left out where the host is ${JSON.stringify(host)}`, async () => {
      assert.deepEqual(await describedby({}, { host }), [])
    })
  }
})

describe('a request is passed on', () => {
  const cases: readonly (readonly [what: string, target: string, properties?: Partial<RequestView>])[] = [
    ['for the root', '/'],
    ['for a folder', '/iso/'],
    ['for a file that the index does not know', '/unknown'],
    ['for the metalink of a file that the index does not know', '/unknown.meta4'],
    ['whose target is malformed', '/%zz'],
    ['whose target leaves the root', '/../a.bin'],
    ['for the server as a whole', '*', { method: 'OPTIONS' }],
    ['that writes', '/a.bin', { method: 'PUT' }],
    ['that deletes', '/a.bin', { method: 'DELETE' }],
    ['that posts to a metalink', '/a.bin.meta4', { method: 'POST' }],
    ['that posts to a query', '/a.bin?meta4', { method: 'POST' }],
  ]
  for (const [what, target, properties] of cases) {
    test(what, async () => {
      assert.deepEqual(await planFor({}, target, {}, properties), { kind: 'pass' })
    })
  }
})

describe('an origin that sends the files itself', () => {
  const options: Partial<PlannerOptions> = { serve: true }

  test('plans the file, with the fields for what the index knows', async () => {
    const decorated = await planFor({}, '/a.bin')
    assert.ok(decorated.kind === 'decorate')
    assert.deepEqual(await planFor({ options }, '/a.bin'), {
      kind: 'file',
      path: 'a.bin',
      indexed: { file: FILES[0], fields: decorated.fields },
    })
  })

  test('plans a file that the index does not know yet without fields', async () => {
    assert.deepEqual(await planFor({ options }, '/unknown'), { kind: 'file', path: 'unknown' })
    assert.deepEqual(await planFor({ options }, '/unknown.meta4'), { kind: 'file', path: 'unknown.meta4' })
    assert.deepEqual(await planFor({ options }, '/unknown', {}, { method: 'HEAD' }), {
      kind: 'file',
      path: 'unknown',
    })
  })

  for (const target of [
    '/.hidden',
    '/.git/config',
    '/x.part',
    '/private',
    '/private/a',
    '/a/private/b',
    '/a%EF%BF%BD',
  ]) {
    test(`leaves alone what is not part of the repository: ${target}`, async () => {
      assert.deepEqual(await planFor({ options }, target), { kind: 'pass' })
    })
  }

  test('leaves folders, and writes to what it does not know, to others', async () => {
    assert.deepEqual(await planFor({ options }, '/'), { kind: 'pass' })
    assert.deepEqual(await planFor({ options }, '/iso/'), { kind: 'pass' })
    assert.deepEqual(await planFor({ options }, '/unknown', {}, { method: 'PUT' }), { kind: 'pass' })
  })

  test('refuses a target that is malformed or leaves the root (400)', async () => {
    for (const target of ['/%zz', '/../etc/passwd', '/a%00']) {
      assert.deepEqual(await planFor({ options }, target), {
        kind: 'reject',
        status: 400,
        message: 'the request target is malformed, or leaves the repository',
        fields: [],
      })
    }
  })

  test('refuses to write to a file or its metalink, and says what is allowed (405, RFC 9110 §15.5.6)', async () => {
    for (const target of ['/a.bin', '/a.bin?meta4', '/a.bin.meta4']) {
      assert.deepEqual(await planFor({ options }, target, {}, { method: 'PUT' }), {
        kind: 'reject',
        status: 405,
        message: 'files are read by GET and HEAD only',
        fields: [['Allow', 'GET, HEAD']],
      })
    }
  })
})

describe('a metalink', () => {
  const metalink = async (
    target: string,
    fields: Readonly<Record<string, string>> = {},
    world: World = {},
  ) => {
    const plan = await planFor(world, target, fields)
    assertDocument(plan)
    return plan
  }

  test('is found under .meta4, by ?meta4, and where Accept prefers it', async () => {
    const { body } = await metalink('/a.bin.meta4')
    assert.match(body, /<file name="a\.bin">/)
    assert.equal((await metalink('/a.bin?meta4')).body, body)
    assert.equal((await metalink('/a.bin?x=1&meta4=')).body, body)
    assert.equal((await metalink('/a.bin', { accept: M4 })).body, body)
    assert.equal((await planFor({}, '/a.bin', { accept: `*/*,${M4}` })).kind, 'decorate')
  })

  test('has its type, its length, and is open to scripts of any site', async () => {
    const { status, fields, body } = await metalink(
      '/deep/it%27s%20%22%C3%BC%22%20%3C1%3E%20%26%202.txt.meta4',
    )
    assert.equal(status, 200)
    assert.deepEqual(fields, [
      ['Content-Type', M4],
      ['Content-Length', String(Buffer.byteLength(body))],
      ['Cache-Control', 'private, no-cache'],
      ['Access-Control-Allow-Origin', '*'],
      ['Access-Control-Expose-Headers', 'ETag'],
      ['ETag', `W/"${createHash('sha256').update(body).digest('base64url')}"`],
      ['Vary', 'User-Agent'],
    ])
    assert.ok(Buffer.byteLength(body) > body.length)
  })

  test('varies by Accept where that chose it', async () => {
    assert.deepEqual(linesOf(await metalink('/a.bin', { accept: M4 }), 'Vary'), ['Accept, User-Agent'])
  })

  test('lists every mirror that fits, heaviest first, and the origin last', async () => {
    const { body } = await metalink('/a.bin.meta4')
    assert.deepEqual(body.match(/<url.*<\/url>/g), [
      '<url location="de" priority="1">https://heavy.example/repo/a.bin</url>',
      '<url priority="2">http://plain.example/a.bin</url>',
      '<url location="fr" priority="3">https://light.example/repo/a.bin</url>',
      '<url priority="4">http://origin.example/a.bin</url>',
    ])
    assert.match(body, /<origin dynamic="true">http:\/\/origin\.example\/a\.bin\.meta4<\/origin>/)
  })

  test('lists more mirrors than the fields of an answer', async () => {
    const mirrors = Array.from({ length: 40 }, (_, index) => mirror(`m${index}`))
    const { body } = await metalink('/a.bin.meta4', {}, { mirrors })
    assert.equal(body.match(/<url /g)?.length, 41)
  })

  test('says nothing of the origin where its address is not known', async () => {
    const plan = await planFor({ mirrors: [] }, '/a.bin.meta4', {}, { host: undefined })
    assertDocument(plan)
    assert.doesNotMatch(plan.body, /<url|<origin/)
  })

  test('of a file of one piece has the digests of the file for those of the piece', async () => {
    const { body } = await metalink('/a.bin.meta4')
    const sha256 = Buffer.from(allDigests('a')['sha-256']).toString('hex')
    assert.match(
      body,
      new RegExp(`<pieces length="262144" type="sha-256">\\s*<hash>${sha256}</hash>\\s*</pieces>`),
    )
  })

  test('of a file of several pieces has those that are stored', async () => {
    const pieces = { 'iso/disk 1.iso': piecesOf(4, 'disk') }
    const { body } = await metalink('/iso/disk%201.iso.meta4', {}, { pieces })
    assert.equal(body.match(/<hash>/g)?.length, 4)
    assert.match(body, /<file name="disk 1\.iso">/)
    const without = await metalink('/iso/disk%201.iso.meta4')
    assert.doesNotMatch(without.body, /<pieces/)
  })

  test('has the sha-1 pieces for libzypp, under every name', async () => {
    const zypp = { 'user-agent': 'ZYpp 17.31' }
    for (const [target, fields] of [
      ['/a.bin.meta4', zypp],
      ['/a.bin?meta4', zypp],
      ['/a.bin', { ...zypp, accept: `*/*, ${M4}` }],
    ] as const) {
      const { body } = await metalink(target, fields)
      assert.match(body, /type="sha-1">\s*<hash>/)
      assert.equal(body.match(/<pieces/g)?.length, 1)
    }
  })

  test('is the same for HEAD', async () => {
    const get = await metalink('/a.bin.meta4')
    assert.deepEqual(await planFor({}, '/a.bin.meta4', {}, { method: 'HEAD' }), get)
  })

  test('gives way to a real file of its name, and is then found by its query', async () => {
    const real = await planFor({}, '/taken.meta4')
    assert.ok(real.kind === 'decorate')
    assert.equal(real.file.path, 'taken.meta4')
    assert.match(
      linesOf(await planFor({}, '/taken'), 'Link')[0] ?? '',
      /^<http:\/\/origin\.example\/taken\?meta4>/,
    )
    assert.match((await metalink('/taken?meta4')).body, /<file name="taken">/)
    assert.match((await metalink('/taken.meta4.meta4')).body, /<file name="taken\.meta4">/)
  })

  test('gives way to a real file that the index does not know yet', async () => {
    const onDisk = { 'a.bin.meta4': fileAt('x').identity }
    assert.deepEqual(await planFor({ onDisk }, '/a.bin.meta4'), { kind: 'pass' })
    assert.deepEqual(await planFor({ onDisk, options: { serve: true } }, '/a.bin.meta4'), {
      kind: 'file',
      path: 'a.bin.meta4',
    })
  })

  test('is not there for a name that XML cannot hold', async () => {
    const plan = await planFor({}, '/bell%07')
    assert.equal(plan.kind, 'decorate')
    assert.equal(
      linesOf(plan, 'Link').some((line) => line.includes('describedby')),
      false,
    )
    assert.deepEqual(await planFor({}, '/bell%07.meta4'), { kind: 'pass' })
    assert.equal((await planFor({}, '/bell%07?meta4')).kind, 'decorate')
    assert.equal((await planFor({}, '/bell%07', { accept: M4 })).kind, 'decorate')
  })

  for (const [what, present] of [
    ['changed', { ...fileAt('a.bin').identity, size: 1 }],
    ['is gone', undefined],
  ] as const) {
    test(`of a file that ${what} is refused for a moment, and the file is looked at again (503)`, async () => {
      const world = planner({ onDisk: { 'a.bin': present } })
      for (const view of [
        request('/a.bin.meta4'),
        request('/a.bin?meta4'),
        request('/a.bin', { accept: M4 }),
      ]) {
        assert.deepEqual(await world.plan(view), {
          kind: 'reject',
          status: 503,
          message: 'the file has just changed and is being hashed: try again in a moment',
          fields: [['Retry-After', '2']],
        })
      }
      assert.deepEqual(world.stale, ['a.bin', 'a.bin', 'a.bin'])
    })
  }
})

describe('a redirect', () => {
  const options: Partial<PlannerOptions> = { mode: 'redirect' }

  test('leads to the mirror that is drawn, with the fields of the file and its entity tag (RFC 6249)', async () => {
    const plan = await planFor({ options, random: () => 0 }, '/iso/disk%201.iso')
    assert.ok(plan.kind === 'redirect')
    assert.equal(plan.status, 302)
    assert.equal(plan.location, 'https://heavy.example/repo/iso/disk%201.iso')
    assert.equal(linesOf(plan, 'Link').length, 4)
    assert.equal(linesOf(plan, 'Digest').length, 5)
    assert.equal(linesOf(plan, 'ETag').length, 1)
    assert.deepEqual(linesOf(plan, 'Vary'), ['Accept'])
    assert.equal(linesOf(plan, 'X-Mirrored-By')[0], plan.location)
    const last = await planFor({ options, random: () => 0.999_999 }, '/iso/disk%201.iso')
    assert.ok(last.kind === 'redirect')
    assert.equal(last.location, 'https://light.example/repo/iso/disk%201.iso')
  })

  test('has no entity tag where there is none', async () => {
    const plan = await planFor({ options }, '/bare')
    assert.ok(plan.kind === 'redirect')
    assert.deepEqual(linesOf(plan, 'ETag'), [])
  })

  test('needs only one mirror, even where none is to be listed', async () => {
    const plan = await planFor({ options: { ...options, maxDuplicates: 0 } }, '/a.bin')
    assert.ok(plan.kind === 'redirect')
    assert.deepEqual(linesOf(plan, 'X-Mirrored-By'), [])
  })

  const unusable: readonly (readonly [
    what: string,
    mirrors: readonly Mirror[],
    properties?: Partial<RequestView>,
  ])[] = [
    ['there is no mirror', []],
    ['none carries the file', [mirror('m', { paths: ['other/**'] })]],
    ['none is enabled', [mirror('m', { enabled: false })]],
    ['none has weight', [mirror('m', { weight: 0 })]],
    ['none is public', [mirror('m', { private: true })]],
    ['none can be followed by a browser', [mirror('m', { urls: ['ftp://m.example/'] })]],
    [
      'the client came by https and none has it',
      [mirror('m', { urls: ['http://m.example/'] })],
      { secure: true },
    ],
  ]
  for (const [what, mirrors, properties] of unusable) {
    test(`falls back to the file where ${what}`, async () => {
      assert.equal((await planFor({ options, mirrors }, '/a.bin', {}, properties)).kind, 'decorate')
      const serving = { ...options, serve: true }
      assert.equal((await planFor({ options: serving, mirrors }, '/a.bin', {}, properties)).kind, 'file')
    })
  }

  test('falls back to the file where it changed, and has it looked at again', async () => {
    const onDisk = { 'a.bin': { ...fileAt('x').identity, mtimeNs: 0n } }
    const world = planner({ options, onDisk })
    // Adapters compare the file on disk with the plan before they add the fields.
    const plan = await world.plan(request('/a.bin'))
    assert.ok(plan.kind === 'decorate')
    assert.deepEqual(plan.file, FILES[0])
    assert.deepEqual(world.stale, ['a.bin'])
  })

  test('does not stand before a metalink that is asked for', async () => {
    assertDocument(await planFor({ options }, '/a.bin?meta4'))
    assertDocument(await planFor({ options }, '/a.bin', { accept: M4 }))
  })

  test('is not for files that the index does not know', async () => {
    assert.deepEqual(await planFor({ options }, '/unknown'), { kind: 'pass' })
  })
})

test('plans are the same, and each at once or not, whether the store answers at once or by promise', async () => {
  const targets = [
    '/',
    '/a.bin',
    '/a.bin?meta4',
    '/a.bin.meta4',
    '/iso/disk%201.iso',
    '/iso/disk%201.iso.meta4',
    '/bare',
    '/taken',
    '/taken.meta4',
    '/taken?meta4',
    '/bell%07.meta4',
    '/unknown',
    '/unknown.meta4',
    '/private/x.meta4',
    '/%zz',
  ]
  const pieces = { 'iso/disk 1.iso': piecesOf(4, 'disk') }
  for (const mode of ['decorate', 'redirect'] as const) {
    for (const serve of [false, true]) {
      const options = { mode, serve }
      const direct = planner({ options, pieces })
      const waiting = planner({ options, pieces, byPromise: true })
      for (const method of ['GET', 'HEAD', 'POST']) {
        for (const fields of [{}, { accept: M4 }, { 'user-agent': 'ZYpp 17', accept: `*/*, ${M4}` }]) {
          for (const target of targets) {
            const view = request(target, fields, { method })
            const expected = await direct.plan(view)
            assert.deepEqual(await waiting.plan(view), expected, `${method} ${target}`)
            // Once more, from the cache.
            assert.deepEqual(await waiting.plan(view), expected, `${method} ${target}`)
            assert.ok(direct.atOnce(view), `${method} ${target} waits for nothing`)
          }
        }
      }
    }
  }
})

test('a store that fails by promise fails the plan, and leaves nothing unhandled', async () => {
  const failing = overridden<Store>(memoryStore(), {
    get: () => Promise.reject(new Error('the store is away')),
  })
  const one = new Planner(OPTIONS, {
    files: new FileCache(failing, 'digest'),
    store: failing,
    includes: () => true,
    snapshot: () => createSnapshot([]),
    locate: (address) => ({ address }),
    identify: () => undefined,
    absolute: (path) => path,
    invalidate: () => {},
    reportBroken: () => {},
    reportUnchecked: () => {},
    random: () => 0,
  })
  await assert.rejects(async () => one.plan(request('/a')), /the store is away/)
  await new Promise(setImmediate)
})

describe('mirrors with a bad status', () => {
  const DOWN: MirrorStatus = {
    downFor: DOWN_FOR_ALL,
    reason: 'down',
    plainUrl: undefined,
    ignoresRange: false,
  }
  const WHOLE: MirrorStatus = {
    downFor: 0,
    reason: '',
    plainUrl: 'https://heavy.example/repo/',
    ignoresRange: true,
  }
  const urls = (plan: Plan) => linesOf(plan, 'X-Mirrored-By').map((url) => new URL(url).hostname)

  test('are named nowhere while they are down', async () => {
    const statuses = [undefined, DOWN, undefined, undefined]
    assert.deepEqual(urls(await planFor({ statuses }, '/a.bin')), ['plain.example', 'light.example'])
    const document: Plan = await planFor({ statuses }, '/a.bin.meta4')
    assertDocument(document)
    assert.ok(!document.body.includes('heavy.example'))
    const redirect = await planFor({ statuses, options: { mode: 'redirect' } }, '/a.bin')
    assert.ok(redirect.kind === 'redirect')
    assert.equal(new URL(redirect.location).hostname, 'plain.example')
    assert.ok(!urls(redirect).includes('heavy.example'))
  })

  test('are all down: the origin answers, without duplicates', async () => {
    const statuses = MIRRORS.map(() => DOWN)
    for (const mode of ['decorate', 'redirect'] as const) {
      const plan = await planFor({ statuses, options: { mode } }, '/a.bin')
      assert.equal(plan.kind, 'decorate')
      assert.deepEqual(linesOf(plan, 'Link').length, 1)
      assert.deepEqual(urls(plan), [])
    }
  })

  test('are redirected to, and listed nowhere, where they ignore Range', async () => {
    const statuses = [undefined, WHOLE, undefined, undefined]
    assert.deepEqual(urls(await planFor({ statuses }, '/a.bin')), ['plain.example', 'light.example'])
    const document: Plan = await planFor({ statuses }, '/a.bin.meta4')
    assertDocument(document)
    assert.ok(!document.body.includes('heavy.example'))
    const redirect = await planFor({ statuses, options: { mode: 'redirect' } }, '/a.bin')
    assert.ok(redirect.kind === 'redirect')
    assert.equal(new URL(redirect.location).hostname, 'heavy.example')
    assert.deepEqual(urls(redirect), ['plain.example', 'light.example'])
    assert.match(linesOf(redirect, 'Link').at(-2) ?? '', /plain\.example.*pri=1/)
  })

  const RANGES: readonly (readonly [what: string, fields: Record<string, string>, method?: string])[] = [
    ['resumes', { range: 'bytes=1000-' }],
    ['asks for the last bytes', { range: 'bytes=-5' }],
    ['asks for several parts', { range: 'bytes=0-1,5-9' }],
    ['asks for all of it as a part', { range: 'bytes=0-' }],
    ['resumes on a condition', { range: 'bytes=10-', 'if-range': '"x"' }],
    ['asks by HEAD', { range: 'bytes=1-' }, 'HEAD'],
  ]
  for (const [what, fields, method] of RANGES) {
    test(`get no redirect of a client that ${what}, where they ignore Range`, async () => {
      const options = { mode: 'redirect' as const }
      const one = planner({ statuses: [undefined, WHOLE, undefined, undefined], options })
      const view = { ...request('/a.bin', fields), ...(method && { method }) }
      const redirect = await one.plan(view)
      assert.ok(redirect.kind === 'redirect')
      assert.notEqual(new URL(redirect.location).hostname, 'heavy.example')
      // This server can send the range itself.
      const alone = planner({ statuses: MIRRORS.map(() => WHOLE), options })
      assert.equal((await alone.plan(view)).kind, 'decorate')
      assert.equal((await alone.plan(request('/a.bin'))).kind, 'redirect')
    })
  }

  test('are reported by clients, with every request whose response lists mirrors', async () => {
    const one = planner({})
    const fields = { 'x-broken-mirrors': 'HEAVY, https://Light.example/repo/a.bin' }
    for (const target of ['/a.bin', '/a.bin.meta4']) await one.plan(request(target, fields))
    const names = 'heavy,https://light.example/repo/a.bin,light.example'
    assert.deepEqual(one.broken, [names, names])
    await one.plan(request('/a.bin?avoid=heavy'))
    await one.plan(request('/nowhere', fields))
    assert.equal(one.broken.length, 2)
  })
})

describe('clients without TLS, or of one address family', () => {
  const BOTH = ['https://both.example/', 'http://both.example/']
  const SOME: readonly Mirror[] = [
    mirror('secure', { urls: ['https://secure.example/'], weight: 900 }),
    mirror('both', { urls: BOTH }),
    mirror('plain', { urls: ['http://plain.example/'], weight: 10 }),
    mirror('old', { urls: ['ftp://old.example/'], weight: 800 }),
  ]
  const without = (...ids: readonly string[]) => SOME.filter(({ id }) => !ids.includes(id))
  const urlsOf = (plan: Plan) => linesOf(plan, 'X-Mirrored-By').map((url) => url.replace('a.bin', ''))

  const TABLE: readonly (readonly [
    what: string,
    preferSecure: boolean,
    target: string,
    secure: boolean,
    expected: readonly string[],
  ])[] = [
    [
      'by default https where there is some',
      true,
      '',
      false,
      ['https://secure.example/', 'ftp://old.example/', 'https://both.example/', 'http://plain.example/'],
    ],
    [
      'http first with preferSecure: false',
      false,
      '',
      false,
      ['ftp://old.example/', 'http://both.example/', 'http://plain.example/', 'https://secure.example/'],
    ],
    ['http only with ?https=0', true, '?https=0', false, ['http://both.example/', 'http://plain.example/']],
    ['http only with both', false, '?https=0', false, ['http://both.example/', 'http://plain.example/']],
    [
      'https only with ?https=1',
      false,
      '?https=1',
      false,
      ['https://secure.example/', 'https://both.example/'],
    ],
    ['https only over https', false, '', true, ['https://secure.example/', 'https://both.example/']],
    [
      'https only over https, whatever it asks for',
      true,
      '?https=0',
      true,
      ['https://secure.example/', 'https://both.example/'],
    ],
  ]
  for (const [what, preferSecure, query, secure, expected] of TABLE) {
    test(`get ${what}, in lists, documents and redirects`, async () => {
      const world = { mirrors: SOME, choosing: { preferSecure } }
      const ask = (target: string) => ({ ...request(target), secure })
      assert.deepEqual(urlsOf(await planner(world).plan(ask(`/a.bin${query}`))), expected)
      const document: Plan = await planner(world).plan(ask(`/a.bin.meta4${query}`))
      assertDocument(document)
      const urls = [...String(document.body).matchAll(/<url[^>]*>([^<]*)a\.bin</g)].map(([, url]) => url)
      assert.deepEqual(
        urls.filter((url) => !url?.includes('origin')),
        expected,
      )
      const web = expected.filter((url) => url.startsWith('http'))
      for (const point of [0, 0.5, 0.999]) {
        const options = { mode: 'redirect' as const }
        const plan = await planner({ ...world, options, random: () => point }).plan(ask(`/a.bin${query}`))
        assert.ok(plan.kind === 'redirect')
        assert.ok(web.includes(plan.location.replace('a.bin', '')), plan.location)
        const isLast = !preferSecure && !secure && query === ''
        if (isLast) assert.notEqual(plan.location, 'https://secure.example/a.bin')
      }
    })
  }

  const ALONE: readonly (readonly [what: string, world: Parameters<typeof planner>[0], target: string])[] = [
    [
      'https alone, and preferSecure is false',
      { mirrors: without('both', 'plain'), choosing: { preferSecure: false } },
      '/a.bin',
    ],
    ['https alone, and the client wants http', { mirrors: without('both', 'plain') }, '/a.bin?https=0'],
    ['IPv6 alone', { mirrors: [mirror('six', { family: 'ipv6' })] }, '/a.bin'],
    ['IPv4 alone', { mirrors: [mirror('four', { family: 'ipv4' })] }, '/a.bin?ip=2001:db8::1'],
  ]
  for (const [what, world, target] of ALONE) {
    test(`are sent the file by this server where the only mirrors have ${what}`, async () => {
      const one = planner({ ...world, options: { mode: 'redirect' } })
      assert.equal((await one.plan(request(target))).kind, 'decorate')
    })
  }

  test('are redirected to a mirror of the other family where nothing is known of theirs', async () => {
    const one = planner({
      mirrors: [mirror('six', { family: 'ipv6' })],
      options: { mode: 'redirect' },
      locate: () => ({ address: '' }),
    })
    assert.equal((await one.plan(request('/a.bin'))).kind, 'redirect')
  })

  test('are named a mirror of the other family last, and are not sent there', async () => {
    const mirrors = [mirror('six', { family: 'ipv6', weight: 900 }), mirror('any')]
    for (const point of [0, 0.999]) {
      const plan = await planner({ mirrors, options: { mode: 'redirect' }, random: () => point }).plan(
        request('/a.bin'),
      )
      assert.ok(plan.kind === 'redirect')
      assert.deepEqual(
        urlsOf(plan).map((url) => new URL(url).hostname),
        ['any.example', 'six.example'],
      )
    }
  })

  test('with ?https=0 get no mirror whose http URL is down, and one whose https URL is', async () => {
    const status = (downFor: number, httpDownFor: number): MirrorStatus => ({
      downFor,
      httpDownFor,
      reason: 'down',
      plainUrl: BOTH[0],
      ignoresRange: false,
    })
    const ask = async (one: MirrorStatus) =>
      urlsOf(await planFor({ mirrors: without('plain'), statuses: [undefined, one] }, '/a.bin?https=0'))
    assert.deepEqual(await ask(status(0, DOWN_FOR_ALL)), [])
    assert.deepEqual(await ask(status(DOWN_FOR_ALL, 0)), ['http://both.example/'])
  })
})
