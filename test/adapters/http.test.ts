import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { utimesSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import type { OriginOptions } from '../../lib/index.js'
import { type Scope, temporaryFolder, writeFiles } from '../support/folder.js'
import { startOrigin } from '../support/origin.js'
import { type RawAnswer, rawRequest, sendRaw, values } from '../support/raw.js'
import { listen } from '../support/server.js'
import { SETUPS, type Setup } from '../support/setups.js'

const CONTENT = 'a file of thirty-two bytes, here'
const MODIFIED = 'Thu, 01 Feb 2024 03:04:05 GMT'
const SHA256 = createHash('sha256').update(CONTENT).digest()
const SHA1 = createHash('sha1').update(CONTENT).digest('base64')
const MD5 = createHash('md5').update(CONTENT).digest()
const ETAG = `"${SHA256.toString('base64url')}"`

const MIRRORS: OriginOptions['mirrors'] = [
  { id: 'heavy', url: 'http://heavy.invalid/repo/', weight: 200, location: 'de' },
  { id: 'light', url: 'http://light.invalid/', location: 'us' },
  { id: 'secret', url: 'http://secret.invalid/', private: true },
  { id: 'off', url: 'http://off.invalid/', enabled: false },
  { id: 'never', url: 'http://never.invalid/', weight: 0 },
  { id: 'partial', url: 'http://partial.invalid/', paths: ['docs/**'] },
]

const LINKS = [
  'Link: <http://origin.example/iso/disk%201.iso.meta4>; rel=describedby; type="application/metalink4+xml"',
  'Link: <http://heavy.invalid/repo/iso/disk%201.iso>; rel=duplicate; pri=1; geo=de; depth=2',
  'Link: <http://light.invalid/iso/disk%201.iso>; rel=duplicate; pri=2; geo=us; depth=2',
]
const DIGESTS = [
  `Digest: SHA-256=${SHA256.toString('base64')}`,
  `Digest: SHA=${SHA1}`,
  `Digest: MD5=${MD5.toString('base64')}`,
]
const REST = [
  'X-Mirrored-By: http://heavy.invalid/repo/iso/disk%201.iso',
  'X-Mirrored-By: http://light.invalid/iso/disk%201.iso',
  `Repr-Digest: sha-256=:${SHA256.toString('base64')}:`,
  `X-MD5: ${MD5.toString('hex')}`,
]
const BLOCK = [...LINKS, ...DIGESTS, ...REST]
const OURS = /^(link|digest|repr-digest|x-mirrored-by|x-md5): /i

function ours(answer: RawAnswer): string[] {
  return answer.lines.filter((line) => OURS.test(line))
}

/** Starts a setup over a repository with one ordinary file and several odd ones. */
async function start(scope: Scope, setup: Setup, options: Partial<OriginOptions> = {}) {
  const root = temporaryFolder(scope)
  writeFiles(root, {
    'iso/disk 1.iso': CONTENT,
    'iso/large.iso': LARGE_CONTENT,
    'docs/x': 'documented',
    'empty.bin': '',
    'page.html': '<p>a page</p>',
    'taken.bin': 'has a namesake',
    'taken.bin.meta4': 'a real file',
    '.treeinfo': 'published',
    'os/.treeinfo': 'published',
    '.well-known/security.txt': 'published',
    '.git/config': 'hidden',
    '.htpasswd': 'hidden',
    'os/.rsync-filter': 'hidden',
    '.f.bin.Xy12': 'hidden',
    '.well-known/.env': 'hidden',
  })
  const modified = Date.parse(MODIFIED) / 1000
  utimesSync(join(root, 'iso/disk 1.iso'), modified, modified)
  const origin = await startOrigin(scope, { root, mirrors: MIRRORS, serve: setup.serve, ...options })
  const warnings: Error[] = []
  origin.on('warning', (warning) => warnings.push(warning))
  const { port } = await listen(scope, setup.listener(origin))
  return { root, origin, port, warnings }
}

const FILE = '/iso/disk%201.iso'
/** A file that is larger than its documents, so that they can be negotiated. */
const LARGE = '/iso/large.iso'
const LARGE_CONTENT = 'large '.repeat(1000)

for (const setup of SETUPS) {
  describe(`over HTTP, ${setup.name}`, () => {
    let port = 0
    let root = ''
    let warnings: readonly Error[] = []
    const afters: (() => unknown)[] = []
    before(async () => {
      const scope: Scope = { after: (hook) => void afters.unshift(hook as () => unknown) }
      ;({ port, root, warnings } = await start(scope, setup))
    })
    after(async () => {
      for (const hook of afters) await hook()
    })

    it('a GET has every field in the order that clients need, and the file', async () => {
      const answer = await rawRequest(port, 'GET', FILE)
      assert.equal(answer.status, 200)
      assert.deepEqual(ours(answer), BLOCK)
      assert.deepEqual(values(answer, 'etag'), [ETAG])
      assert.deepEqual(values(answer, 'content-length'), ['32'])
      assert.deepEqual(values(answer, 'last-modified'), [MODIFIED])
      assert.match(values(answer, 'vary').join(), /Accept/)
      assert.equal(answer.body.toString(), CONTENT)
    })

    it('a HEAD has the same fields as a GET, and no body', async () => {
      const get = await rawRequest(port, 'GET', FILE)
      const head = await rawRequest(port, 'HEAD', FILE)
      const comparable = (answer: RawAnswer) => answer.lines.filter((line) => !line.startsWith('Date:'))
      assert.equal(head.status, 200)
      assert.deepEqual(comparable(head), comparable(get))
      assert.equal(head.body.length, 0)
    })

    it('an absolute-form target is the same as its path', async () => {
      const answer = await rawRequest(port, 'GET', `http://origin.example${FILE}`)
      if (answer.status === 200) assert.deepEqual(ours(answer), BLOCK)
      else assert.ok([400, 404].includes(answer.status), `status ${answer.status}`)
    })

    for (const spelling of [
      '/iso/./disk%201.iso',
      '/iso//disk%201.iso',
      '/iso/x/../disk%201.iso',
      '/iso/%2e/disk%201.iso',
      '/iso/x/%2E./disk%201.iso',
      '/./iso/disk%201.iso',
      '/x/y/../../iso/disk%201.iso',
      '/iso///.//disk%201.iso?x',
    ]) {
      it(`${spelling} is the file, and has its document`, async () => {
        for (const method of ['GET', 'HEAD']) {
          const answer = await rawRequest(port, method, spelling)
          assert.equal(answer.status, 200)
          assert.deepEqual(ours(answer), BLOCK)
          assert.equal(answer.body.toString(), method === 'GET' ? CONTENT : '')
        }
        const document = await rawRequest(port, 'GET', spelling.replace('.iso', '.iso.meta4'))
        assert.equal(document.status, 200)
        assert.ok(document.body.toString().includes('>http://origin.example/iso/disk%201.iso</url>'))
      })
    }

    it('of names that begin with a dot, those that are published are files as any other', async () => {
      for (const path of ['/.treeinfo', '/os/.treeinfo', '/.well-known/security.txt']) {
        for (const method of ['GET', 'HEAD']) {
          const answer = await rawRequest(port, method, path)
          // koa-static does not send them, unless its option `hidden` is set.
          if (setup.name.includes('koa-static')) {
            assert.equal(answer.status, 404)
            assert.deepEqual(ours(answer), [])
            continue
          }
          assert.equal(answer.status, 200)
          assert.equal(values(answer, 'digest').length, 3)
          assert.equal(answer.body.toString(), method === 'GET' ? 'published' : '')
        }
        assert.equal((await rawRequest(port, 'GET', `${path}.meta4`)).status, 200)
      }
      for (const path of [
        '/.git/config',
        '/.htpasswd',
        '/os/.rsync-filter',
        '/.f.bin.Xy12',
        '/.well-known/.env',
      ]) {
        for (const target of [path, `${path}.meta4`, `${path}?meta4`, `/x/..${path}`]) {
          const answer = await rawRequest(port, 'GET', target)
          assert.deepEqual(ours(answer), [], target)
          if (setup.serve) assert.equal(answer.status, 404, target)
        }
      }
    })

    it('no spelling leaves the root', async () => {
      for (const target of [
        '/../iso/disk%201.iso',
        '/iso/../../iso/disk%201.iso',
        '/%2e%2e/iso/disk%201.iso',
        '/..%2fiso/disk%201.iso',
        '/iso%2f..%2f..%2fiso/disk%201.iso',
        '/./../disk%201.iso',
      ]) {
        for (const path of [target, target.replace('.iso', '.iso.meta4')]) {
          const answer = await rawRequest(port, 'GET', path)
          assert.deepEqual(ours(answer), [], path)
          if (setup.serve) assert.equal(answer.status, 400, path)
        }
      }
    })

    it('a mirror is listed only where its paths have the file', async () => {
      const answer = await rawRequest(port, 'HEAD', '/docs/x')
      assert.deepEqual(values(answer, 'x-mirrored-by'), [
        'http://heavy.invalid/repo/docs/x',
        'http://light.invalid/docs/x',
        'http://partial.invalid/docs/x',
      ])
    })

    it('an empty file has its digests too', async () => {
      const answer = await rawRequest(port, 'GET', '/empty.bin')
      assert.equal(answer.status, 200)
      assert.ok(values(answer, 'digest').includes('SHA-256=47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU='))
      assert.equal(answer.body.length, 0)
      assert.deepEqual(values(answer, 'content-length'), ['0'])
    })

    it('Want-Digest and Want-Repr-Digest choose the algorithms, best first', async () => {
      const answer = await rawRequest(port, 'HEAD', FILE, {
        'Want-Digest': 'MD5;q=0.5, sha-256, crc32c;q=0',
        'Want-Repr-Digest': 'md5=1, sha=5, sha-256=0',
      })
      assert.deepEqual(values(answer, 'digest'), [
        `SHA-256=${SHA256.toString('base64')}`,
        `MD5=${MD5.toString('base64')}`,
      ])
      assert.deepEqual(values(answer, 'repr-digest'), [`sha=:${SHA1}:, md5=:${MD5.toString('base64')}:`])
    })

    it('a wish that cannot be met or read is not there', async () => {
      for (const wish of ['sha-512', 'nonsense;;;=', '', 'sha-256;q="x"']) {
        const answer = await rawRequest(port, 'HEAD', FILE, { 'Want-Digest': wish, 'Want-Repr-Digest': wish })
        assert.deepEqual(ours(answer), BLOCK, `for ${JSON.stringify(wish)}`)
      }
    })

    for (const [name, target, fields] of [
      ['.meta4', `${FILE}.meta4`, {}],
      ['?meta4', `${FILE}?meta4`, {}],
      ['Accept', LARGE, { Accept: 'application/metalink4+xml, */*;q=0.1' }],
      [
        'libzypp',
        LARGE,
        { Accept: '*/*, application/metalink+xml, application/metalink4+xml', 'User-Agent': 'ZYpp 17' },
      ],
    ] as const) {
      it(`a metalink by ${name}`, async () => {
        const answer = await rawRequest(port, 'GET', target, fields)
        assert.equal(answer.status, 200)
        assert.deepEqual(values(answer, 'content-type'), ['application/metalink4+xml'])
        assert.deepEqual(values(answer, 'access-control-allow-origin'), ['*'])
        const negotiated = target === LARGE
        const content = negotiated ? LARGE_CONTENT : CONTENT
        const file = negotiated ? 'large' : 'disk 1'
        const hexOf = (algorithm: string) => createHash(algorithm).update(content).digest('hex')
        assert.deepEqual(values(answer, 'vary'), [negotiated ? 'Accept, User-Agent' : 'User-Agent'])
        const kind = name === 'libzypp' ? 'sha-1' : 'sha-256'
        const piece = hexOf(name === 'libzypp' ? 'sha1' : 'sha256')
        assert.equal(
          answer.body.toString(),
          `<?xml version="1.0" encoding="UTF-8"?>
<metalink xmlns="urn:ietf:params:xml:ns:metalink">
  <generator>mirrored-by</generator>
  <origin dynamic="true">http://origin.example/iso/${encodeURIComponent(file)}.iso.meta4</origin>
  <file name="${file}.iso">
    <size>${content.length}</size>
    <hash type="sha-256">${hexOf('sha256')}</hash>
    <hash type="sha-1">${hexOf('sha1')}</hash>
    <hash type="md5">${hexOf('md5')}</hash>
    <pieces length="262144" type="${kind}">
      <hash>${piece}</hash>
    </pieces>
    <url location="de" priority="1">http://heavy.invalid/repo/iso/${encodeURIComponent(file)}.iso</url>
    <url location="us" priority="2">http://light.invalid/iso/${encodeURIComponent(file)}.iso</url>
    <url priority="3">http://origin.example/iso/${encodeURIComponent(file)}.iso</url>
  </file>
</metalink>
`,
        )
        const head = await rawRequest(port, 'HEAD', target, fields)
        assert.deepEqual(values(head, 'content-length'), [String(answer.body.length)])
        assert.equal(head.body.length, 0)
      })
    }

    it('a document larger than its file is not selected by Accept', async () => {
      for (const fields of [
        { Accept: 'application/metalink4+xml' },
        { Accept: '*/*, application/metalink4+xml', 'User-Agent': 'ZYpp 17' },
      ]) {
        const answer = await rawRequest(port, 'GET', FILE, fields)
        assert.equal(answer.body.toString(), CONTENT)
        assert.deepEqual(ours(answer), BLOCK)
        assert.match(values(answer, 'vary').join(), /Accept/)
      }
    })

    it('a document has a tag, which revalidates it', async () => {
      for (const [target, fields] of [
        [`${FILE}.meta4`, {}],
        [LARGE, { Accept: 'application/metalink4+xml' }],
      ] as const) {
        const [etag = ''] = values(await rawRequest(port, 'GET', target, fields), 'etag')
        assert.match(etag, /^W\/"[\w-]{43}"$/)
        for (const method of ['GET', 'HEAD']) {
          const same = await rawRequest(port, method, target, { ...fields, 'If-None-Match': `"x", ${etag}` })
          assert.equal(same.status, 304)
          assert.equal(same.body.length, 0)
          assert.deepEqual(values(same, 'etag'), [etag])
          assert.deepEqual(values(same, 'cache-control'), ['private, no-cache'])
          assert.deepEqual(values(same, 'content-type'), [])
          const other = await rawRequest(port, method, target, { ...fields, 'If-None-Match': '"x"' })
          assert.equal(other.status, 200)
          const failed = await rawRequest(port, method, target, { ...fields, 'If-Match': '"x"' })
          assert.equal(failed.status, 412)
        }
      }
    })

    it("aria2's Accept gets the file, for it would save the metalink under the file's name", async () => {
      const answer = await rawRequest(port, 'GET', FILE, {
        Accept: '*/*,application/metalink4+xml,application/metalink+xml',
        'Want-Digest': 'SHA-512;q=1, SHA-256;q=1, SHA;q=0.1',
      })
      assert.equal(answer.body.toString(), CONTENT)
      assert.deepEqual(values(answer, 'digest'), [`SHA-256=${SHA256.toString('base64')}`, `SHA=${SHA1}`])
    })

    it('a real file of the name of a metalink wins, and the description goes by the query', async () => {
      assert.equal((await rawRequest(port, 'GET', '/taken.bin.meta4')).body.toString(), 'a real file')
      const answer = await rawRequest(port, 'HEAD', '/taken.bin')
      assert.equal(
        values(answer, 'link')[0],
        '<http://origin.example/taken.bin?meta4>; rel=describedby; type="application/metalink4+xml"',
      )
      const described = await rawRequest(port, 'GET', '/taken.bin?meta4')
      assert.match(described.body.toString(), /<file name="taken.bin">/)
    })

    it('a host that is no host is not repeated', async () => {
      for (const host of ['origin.example/<x>', 'a b', '"', 'x\ty']) {
        const answer = await rawRequest(port, 'HEAD', FILE, { Host: host })
        if (answer.status === 400) continue
        assert.deepEqual(
          ours(answer),
          [...LINKS.slice(1), ...DIGESTS, ...REST],
          `for ${JSON.stringify(host)}`,
        )
      }
    })

    it('what is no file of the repository is not touched', async () => {
      for (const target of [
        '/',
        '/iso/',
        '/iso',
        '/none',
        '/none.meta4',
        '/none?meta4',
        '/iso.meta4',
        '/.hidden',
      ]) {
        const answer = await rawRequest(port, 'GET', target)
        assert.equal(answer.status, 404, target)
        assert.deepEqual(ours(answer), [], target)
      }
    })

    it('other methods are not decorated', async () => {
      for (const method of ['POST', 'PUT', 'DELETE', 'OPTIONS']) {
        const answer = await rawRequest(port, method, FILE, { 'Content-Length': '0' })
        assert.ok(setup.serve ? answer.status === 405 : true, `${method}: ${answer.status}`)
        if (setup.serve) assert.deepEqual(values(answer, 'allow'), ['GET, HEAD'])
        if (answer.status >= 400) assert.deepEqual(ours(answer), [], method)
      }
    })

    it('a hostile target is refused or passed on, and never leaves the root', async () => {
      const hostile = [
        '/../../../../etc/passwd',
        '/..%2f..%2f..%2fetc/passwd',
        '/%2e%2e/%2e%2e/%2e%2e/etc/passwd',
        '/iso/../../../../etc/passwd',
        '/iso/%2e%2e%5c..%5cetc/passwd',
        '/..\\..\\etc\\passwd',
        '/%00',
        '/iso/disk%201.iso%00.meta4',
        '/%c0%ae%c0%ae/%c0%ae%c0%ae/etc/passwd',
        '/%ff%fe',
        '/%',
        '/%zz',
        '/iso/%',
        '//etc/passwd',
        '/./iso/./disk%201.iso',
        '/iso//disk%201.iso',
        '/%e0%80%af',
        '/%ed%a0%80',
        `/${'a/'.repeat(2000)}x`,
        `/${'x'.repeat(5000)}`,
        '/?meta4',
        '/%0d%0aX-Injected:%20yes.meta4',
      ]
      for (const target of hostile) {
        const answer = await rawRequest(port, 'GET', target)
        assert.ok(answer.status < 500, `${target}: ${answer.status}`)
        assert.doesNotMatch(answer.body.toString('latin1'), /root:/, target)
        assert.ok(!answer.lines.some((line) => /^x-injected/i.test(line)), target)
        if (answer.status === 200) assert.equal(answer.body.toString(), CONTENT, target)
      }
    })

    it('raw bytes that are no target at all are answered as without us', async (t) => {
      const bare = setup.bare && (await listen(t, setup.bare(root)))
      for (const target of ['*', 'http://', 'x', '/\u00e4', '/iso/disk 1.iso', '/%', '/%ff', '/a\\b']) {
        const request = Buffer.from(
          `GET ${target} HTTP/1.1\r\nHost: origin.example\r\nConnection: close\r\n\r\n`,
          'latin1',
        )
        const answer = await sendRaw(port, request)
        if (bare === undefined) assert.ok([400, 404].includes(answer.status), `${target}: ${answer.status}`)
        else assert.equal(answer.status, (await sendRaw(bare.port, request)).status, target)
      }
    })

    it('a client that has the file by our entity tag gets a 304 with the same fields', async () => {
      const answer = await rawRequest(port, 'GET', FILE, { 'If-None-Match': `"other", ${ETAG}` })
      assert.equal(answer.status, 304)
      assert.equal(answer.body.length, 0)
      assert.deepEqual(ours(answer), BLOCK)
      assert.deepEqual(values(answer, 'etag'), [ETAG])
      assert.equal((await rawRequest(port, 'GET', FILE, { 'If-None-Match': '"other"' })).status, 200)
    })

    it('none of this gave a warning', () => {
      assert.deepEqual(warnings, [])
    })
  })
}

for (const setup of SETUPS.filter(({ serve }) => serve)) {
  describe(`ranges and conditions, ${setup.name}`, () => {
    let port = 0
    const afters: (() => unknown)[] = []
    before(async () => {
      const scope: Scope = { after: (hook) => void afters.unshift(hook as () => unknown) }
      ;({ port } = await start(scope, setup))
    })
    after(async () => {
      for (const hook of afters) await hook()
    })

    it('the last bytes of an empty file are the file, and its first byte does not exist', async () => {
      const suffix = await rawRequest(port, 'GET', '/empty.bin', { Range: 'bytes=-5' })
      assert.equal(suffix.status, 200)
      assert.deepEqual(values(suffix, 'content-length'), ['0'])
      assert.deepEqual(values(suffix, 'content-range'), [])
      assert.equal(values(suffix, 'digest').length, 3)
      const first = await rawRequest(port, 'GET', '/empty.bin', { Range: 'bytes=0-0' })
      assert.equal(first.status, 416)
      assert.deepEqual(values(first, 'content-range'), ['bytes */0'])
    })

    const table: readonly {
      readonly does: string
      readonly fields: Readonly<Record<string, string>>
      readonly status: number
      readonly body?: string
      readonly range?: string
    }[] = [
      {
        does: 'the first bytes',
        fields: { Range: 'bytes=0-3' },
        status: 206,
        body: 'a fi',
        range: 'bytes 0-3/32',
      },
      {
        does: 'from a byte on',
        fields: { Range: 'bytes=28-' },
        status: 206,
        body: 'here',
        range: 'bytes 28-31/32',
      },
      {
        does: 'the last bytes',
        fields: { Range: 'bytes=-4' },
        status: 206,
        body: 'here',
        range: 'bytes 28-31/32',
      },
      {
        does: 'an end beyond the file',
        fields: { Range: 'bytes=28-999' },
        status: 206,
        body: 'here',
        range: 'bytes 28-31/32',
      },
      {
        does: 'ranges that touch, as one',
        fields: { Range: 'bytes=0-1,2-3' },
        status: 206,
        body: 'a fi',
        range: 'bytes 0-3/32',
      },
      { does: 'a start beyond the file', fields: { Range: 'bytes=32-' }, status: 416, range: 'bytes */32' },
      { does: 'a range that is none', fields: { Range: 'bytes=x-y' }, status: 200, body: CONTENT },
      { does: 'a unit that is not bytes', fields: { Range: 'lines=0-1' }, status: 200, body: CONTENT },
      {
        does: 'If-Range with our tag',
        fields: { Range: 'bytes=0-3', 'If-Range': ETAG },
        status: 206,
        body: 'a fi',
      },
      {
        does: 'If-Range with another tag',
        fields: { Range: 'bytes=0-3', 'If-Range': '"x"' },
        status: 200,
        body: CONTENT,
      },
      {
        does: 'If-Range with a weak tag',
        fields: { Range: 'bytes=0-3', 'If-Range': `W/${ETAG}` },
        status: 200,
        body: CONTENT,
      },
      {
        does: 'If-Range with its date',
        fields: { Range: 'bytes=0-3', 'If-Range': MODIFIED },
        status: 206,
        body: 'a fi',
      },
      {
        does: 'If-Range with another date',
        fields: { Range: 'bytes=0-3', 'If-Range': 'Thu, 01 Feb 2024 03:04:06 GMT' },
        status: 200,
        body: CONTENT,
      },
      { does: 'If-Match with our tag', fields: { 'If-Match': `"x", ${ETAG}` }, status: 200, body: CONTENT },
      { does: 'If-Match with any', fields: { 'If-Match': '*' }, status: 200, body: CONTENT },
      { does: 'If-Match with another tag', fields: { 'If-Match': '"x"' }, status: 412 },
      { does: 'If-Match with a weak tag', fields: { 'If-Match': `W/${ETAG}` }, status: 412 },
      {
        does: 'If-Unmodified-Since its date',
        fields: { 'If-Unmodified-Since': MODIFIED },
        status: 200,
        body: CONTENT,
      },
      {
        does: 'If-Unmodified-Since before it',
        fields: { 'If-Unmodified-Since': 'Thu, 01 Feb 2024 03:04:04 GMT' },
        status: 412,
      },
      { does: 'If-None-Match with any', fields: { 'If-None-Match': '*' }, status: 304, body: '' },
      {
        does: 'If-Modified-Since its date',
        fields: { 'If-Modified-Since': MODIFIED },
        status: 304,
        body: '',
      },
      {
        does: 'If-Modified-Since before it',
        fields: { 'If-Modified-Since': 'Thu, 01 Feb 2024 03:04:04 GMT' },
        status: 200,
        body: CONTENT,
      },
      {
        does: 'If-None-Match above If-Modified-Since',
        fields: { 'If-None-Match': '"x"', 'If-Modified-Since': MODIFIED },
        status: 200,
        body: CONTENT,
      },
    ]
    for (const { does, fields, status, body, range } of table) {
      it(`${does}: ${status}`, async () => {
        const answer = await rawRequest(port, 'GET', FILE, fields)
        assert.equal(answer.status, status)
        if (body !== undefined) assert.equal(answer.body.toString(), body)
        if (range !== undefined) assert.deepEqual(values(answer, 'content-range'), [range])
        assert.deepEqual(ours(answer), status < 400 ? BLOCK : [])
        assert.deepEqual(values(answer, 'etag'), status < 400 ? [ETAG] : [])
        if (status < 300) assert.deepEqual(values(answer, 'accept-ranges'), ['bytes'])
      })
    }

    it('several ranges come as multipart/byteranges of the promised length', async () => {
      const answer = await rawRequest(port, 'GET', FILE, { Range: 'bytes=0-1,10-11,-2' })
      assert.equal(answer.status, 206)
      const [type = ''] = values(answer, 'content-type')
      const boundary = /^multipart\/byteranges; boundary=([\w-]+)$/.exec(type)?.[1]
      assert.ok(boundary, type)
      assert.deepEqual(values(answer, 'content-length'), [String(answer.body.length)])
      const part = (range: string, bytes: string) =>
        `--${boundary}\r\nContent-Type: application/x-iso9660-image\r\nContent-Range: bytes ${range}/32\r\n\r\n${bytes}\r\n`
      assert.equal(
        answer.body.toString(),
        `${part('0-1', 'a ')}${part('10-11', 'th')}${part('30-31', 're')}--${boundary}--\r\n`,
      )
      assert.deepEqual(ours(answer), BLOCK)
    })

    it('a HEAD takes no notice of Range, as the standard says', async () => {
      const answer = await rawRequest(port, 'HEAD', FILE, { Range: 'bytes=0-3' })
      assert.equal(answer.status, 200)
      assert.deepEqual(values(answer, 'content-length'), ['32'])
    })
  })
}

describe('the order of our fields', () => {
  for (const setup of SETUPS) {
    for (const [mode, fields] of [
      ['decorate', {}],
      ['decorate', { 'If-None-Match': ETAG }],
      ['redirect', {}],
    ] as const) {
      it(`${setup.name}: ends with ETag and Vary, ${mode}, ${JSON.stringify(fields)}`, async (t) => {
        const { port } = await start(t, setup, { mode })
        const answer = await rawRequest(port, 'GET', FILE, fields)
        const names = answer.lines.map((line) => line.split(':')[0] ?? '')
        const order = ['Link', 'Digest', 'X-Mirrored-By', 'Repr-Digest', 'X-MD5', 'ETag', 'Vary']
        assert.deepEqual([...new Set(names.filter((name) => order.includes(name)))], order)
      })
    }
  }
})

describe('redirects', () => {
  for (const setup of SETUPS) {
    it(`${setup.name}: a 302 to the first mirror, with every field`, async (t) => {
      const { port } = await start(t, setup, { mode: 'redirect' })
      const answer = await rawRequest(port, 'GET', FILE)
      assert.equal(answer.status, 302)
      const [location] = values(answer, 'location')
      assert.equal(location, values(answer, 'x-mirrored-by')[0])
      assert.deepEqual([...values(answer, 'x-mirrored-by')].toSorted(), [
        'http://heavy.invalid/repo/iso/disk%201.iso',
        'http://light.invalid/iso/disk%201.iso',
      ])
      assert.equal(
        values(answer, 'link')[1],
        `<${location}>; rel=duplicate; pri=1; geo=${location?.includes('heavy') ? 'de' : 'us'}; depth=2`,
      )
      assert.deepEqual(values(answer, 'digest').length, 3)
      assert.deepEqual(values(answer, 'etag'), [ETAG])
      assert.equal(answer.body.length, 0)
    })

    it(`${setup.name}: without a mirror the origin answers`, async (t) => {
      const { port } = await start(t, setup, { mode: 'redirect', mirrors: [] })
      const answer = await rawRequest(port, 'GET', FILE)
      assert.equal(answer.status, 200)
      assert.equal(answer.body.toString(), CONTENT)
      assert.equal(values(answer, 'digest').length, 3)
    })
  }

  it('share out clients in proportion to the weights', async (t) => {
    const setup = SETUPS[3]
    assert.ok(setup)
    const { origin } = await start(t, setup, { mode: 'redirect' })
    let heavy = 0
    for (let count = 0; count < 3000; count += 1) {
      const plan = await origin.plan({
        method: 'GET',
        target: FILE,
        header: () => undefined,
        address: '',
        secure: false,
        host: 'origin.example',
        mount: '',
      })
      assert.equal(plan.kind, 'redirect')
      if (plan.kind === 'redirect' && plan.location.includes('heavy')) heavy += 1
    }
    // Two of three, within seven standard deviations.
    assert.ok(Math.abs(heavy - 2000) < 180, `${heavy} of 3000`)
  })
})
