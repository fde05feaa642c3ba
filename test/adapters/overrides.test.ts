import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { OriginOptions } from '../../lib/index.js'
import { isXmlText } from '../../lib/request/representations/xml.js'
import { type Scope, temporaryFolder, writeFiles } from '../support/folder.js'
import { startOrigin } from '../support/origin.js'
import { type RawAnswer, rawRequest, sendRaw, values } from '../support/raw.js'
import { listen } from '../support/server.js'
import { SETUPS, type Setup } from '../support/setups.js'

/** The client is 127.0.0.1, whose place is unknown, so mirrors are ordered by weight. */
const MIRRORS: OriginOptions['mirrors'] = [
  { id: 'own', url: 'http://own.invalid/', subnets: ['127.0.0.0/8'], private: true },
  { id: 'de', url: 'http://de.invalid/', location: 'de', coordinates: [52.5, 13.4], weight: 30 },
  { id: 'us', url: 'http://us.invalid/', location: 'us', coordinates: [40.7, -74], weight: 20 },
  {
    id: 'net',
    urls: ['http://net.invalid/', 'https://net.invalid/'],
    asn: [64_500],
    subnets: ['203.0.113.0/24'],
    coordinates: [-33.9, 151.2],
    weight: 10,
  },
]

async function start(scope: Scope, setup: Setup, options: Partial<OriginOptions> = {}): Promise<number> {
  const root = temporaryFolder(scope)
  writeFiles(root, { 'a.bin': 'content' })
  const origin = await startOrigin(scope, {
    root,
    mirrors: MIRRORS,
    serve: setup.serve,
    preferSecure: false,
    ...options,
  })
  origin.on('warning', (warning) => assert.fail(warning.message))
  const { port } = await listen(scope, setup.listener(origin))
  return port
}

/** Returns the ids of the mirrors that a response names, in order. */
function named(answer: RawAnswer): string[] {
  const urls = answer.body.toString().startsWith('<?xml')
    ? [...answer.body.toString().matchAll(/<url[^>]*>([^<]*)/g)].map(([, url = '']) => url)
    : values(answer, 'x-mirrored-by')
  return urls.map((url) => new URL(url).hostname.split('.')[0] ?? '').filter((id) => id !== 'origin')
}

const HOSTILE = [
  '%0d%0aX-Injected:%201',
  '%0aSet-Cookie:%20a=b',
  '%00',
  '%3C/url%3E%3Curl%3Ehttp://evil.invalid/',
  '%22%3E%3Cscript%3Ealert(1)%3C/script%3E',
  ']]%3E%3C!--',
  '%ff%fe',
  '%zz',
  '"\'<>',
  'http://%5b',
  '%E2%80%AE',
  `${'9'.repeat(4000)}`,
]

for (const setup of SETUPS) {
  describe(`over HTTP, ${setup.name}`, () => {
    it('lists, documents and redirects go by what the query says of the client', async (t) => {
      const decorating = await start(t, setup)
      const redirecting = await start(t, setup, { mode: 'redirect', maxDuplicates: 10 })
      const table: readonly (readonly [query: string, expected: readonly string[]])[] = [
        ['', ['own', 'de', 'us', 'net']],
        ['country=us', ['us', 'de', 'net']],
        ['country=DE', ['de', 'us', 'net']],
        ['ip=203.0.113.77', ['net', 'de', 'us']],
        ['as=64500', ['net', 'de', 'us']],
        ['as=64500&country=us', ['net', 'us', 'de']],
        ['https=1', ['net']],
        ['avoid=own,us', ['de', 'net']],
        ['avoid=http://own.invalid/a.bin&avoid=DE.invalid', ['us', 'net']],
        ['country=us&avoid=us', ['de', 'net']],
      ]
      for (const [query, expected] of table) {
        for (const target of [`/a.bin?${query}`, `/a.bin.meta4?${query}`, `/a.bin?meta4&${query}`]) {
          const answer = await rawRequest(decorating, 'GET', target)
          assert.equal(answer.status, 200, target)
          assert.deepEqual(named(answer), expected, target)
        }
        const redirect = await rawRequest(redirecting, 'GET', `/a.bin?${query}`)
        assert.equal(redirect.status, 302)
        const [first = '', ...others] = named(redirect)
        assert.match(values(redirect, 'location').join(), new RegExp(`^https?://${first}\\.invalid/a\\.bin$`))
        if (query === 'https=1') continue
        assert.deepEqual([first, ...others].toSorted(), expected.toSorted())
        // Mirrors that share a tier come in any order. A mirror in a tier of its own comes first.
        if (/^(?:country|ip|as)=/.test(query) && !query.includes('avoid'))
          assert.equal(first, expected[0], query)
      }
      const https = await rawRequest(redirecting, 'GET', '/a.bin?https=1')
      assert.deepEqual(values(https, 'location'), ['https://net.invalid/a.bin'])
    })

    it('every line of X-Broken-Mirrors leaves mirrors out', async (t) => {
      const port = await start(t, setup)
      const ask = async (...lines: readonly string[]) => {
        const fields = lines.map((line) => `${line}\r\n`).join('')
        return named(
          await sendRaw(
            port,
            `GET /a.bin HTTP/1.1\r\nHost: origin.example\r\n${fields}Connection: close\r\n\r\n`,
          ),
        )
      }
      assert.deepEqual(await ask('X-Broken-Mirrors: de'), ['own', 'us', 'net'])
      assert.deepEqual(await ask('x-broken-mirrors: de, OWN'), ['us', 'net'])
      assert.deepEqual(await ask('X-Broken-Mirrors: de', 'X-Broken-Mirrors: http://us.invalid/a.bin'), [
        'own',
        'net',
      ])
      assert.deepEqual(await ask('X-Broken-Mirrors:', 'X-Broken-Mirrors: ,, true'), [
        'own',
        'de',
        'us',
        'net',
      ])
      // Latin-1, because Node reads fields so.
      assert.deepEqual(await ask('X-Broken-Mirrors: \u00fc\u00ff <>"\' net'), ['own', 'de', 'us'])
    })

    it('a client that is sent to a bad mirror goes on to another, until the origin answers', async (t) => {
      const port = await start(t, setup, { mode: 'redirect' })
      const broken: string[] = []
      for (let round = 0; round < 4; round += 1) {
        const answer = await rawRequest(port, 'GET', '/a.bin', { 'X-Broken-Mirrors': broken.join(', ') })
        assert.equal(answer.status, 302)
        const [location = ''] = values(answer, 'location')
        assert.ok(!broken.includes(location), location)
        broken.push(location)
      }
      const last = await rawRequest(port, 'GET', '/a.bin', { 'X-Broken-Mirrors': broken.join(', ') })
      assert.equal(last.status, 200)
      assert.equal(last.body.toString(), 'content')
      assert.deepEqual(values(last, 'x-mirrored-by'), [])
      assert.ok(values(last, 'digest').length > 0)
    })

    it('a mistake is a 400 on documents and passed over on files', async (t) => {
      const port = await start(t, setup)
      for (const query of ['country=zz', 'ip=1', 'as=x']) {
        for (const target of [`/a.bin.meta4?${query}`, `/a.bin?meta4&${query}`]) {
          const answer = await rawRequest(port, 'GET', target)
          assert.equal(answer.status, 400, target)
          assert.match(answer.body.toString(), /^[a-z]+="[a-z0-9]+" is no [ -~]+\n$/)
          assert.deepEqual(values(answer, 'content-type'), ['text/plain; charset=utf-8'])
          const head = await rawRequest(port, 'HEAD', target)
          assert.equal(head.status, 400)
          assert.equal(head.body.length, 0)
        }
        const file = await rawRequest(port, 'GET', `/a.bin?${query}`)
        assert.equal(file.status, 200)
        assert.equal(file.body.toString(), 'content')
        assert.deepEqual(named(file), ['own', 'de', 'us', 'net'])
      }
    })

    it('overrides: false makes nothing of the three', async (t) => {
      const port = await start(t, setup, { overrides: false })
      for (const query of ['country=us', 'ip=203.0.113.77', 'as=64500', 'country=zz', 'ip=1', 'as=x']) {
        for (const target of [`/a.bin?${query}`, `/a.bin.meta4?${query}`]) {
          const answer = await rawRequest(port, 'GET', target)
          assert.equal(answer.status, 200, target)
          assert.deepEqual(named(answer), ['own', 'de', 'us', 'net'], target)
        }
      }
      assert.deepEqual(named(await rawRequest(port, 'GET', '/a.bin?country=us&avoid=own')), [
        'de',
        'us',
        'net',
      ])
    })

    it('nothing that a request says comes back as a field or as markup', async (t) => {
      const ports = [await start(t, setup), await start(t, setup, { mode: 'redirect' })]
      const head = new Map<number, string[]>()
      for (const port of ports) {
        for (const name of ['country', 'ip', 'as', 'avoid', 'https']) {
          for (const value of HOSTILE) {
            for (const path of ['/a.bin', '/a.bin.meta4']) {
              const target = `${path}?${name}=${value}`
              const answer = await rawRequest(port, 'GET', target.replace(/["'<> ]/g, encodeURIComponent))
              const status = [200, 302, 400]
              assert.ok(status.includes(answer.status), `${answer.status} for ${target}`)
              const names = answer.lines.map((line) => line.slice(0, line.indexOf(':')).toLowerCase())
              for (const one of ['x-injected', 'set-cookie']) assert.ok(!names.includes(one), target)
              for (const line of answer.lines) assert.match(line, /^[!-~]+: [ -~]*$/, target)
              const body = answer.body.toString()
              assert.doesNotMatch(body, /<script|evil\.invalid\/<\/url>/)
              if (answer.status === 400) {
                assert.match(body, /^[ -~]{1,200}\n$/, target)
                assert.ok(values(answer, 'content-type').join().startsWith('text/plain'), target)
              }
              if (body.startsWith('<?xml')) {
                assert.ok(isXmlText(body))
                assert.equal(body.match(/<url /g)?.length, 5, target)
              }
              head.set(answer.status, names)
            }
          }
        }
      }
      assert.deepEqual([...head.keys()].sort(), [200, 302, 400])
    })
  })
}

describe('without a mirror to name', () => {
  for (const [what, mirrors, query] of [
    ['the list is empty', [], ''],
    ['there is no list', undefined, ''],
    ['all are avoided', MIRRORS, '?avoid=own,de,us,net'],
    ['none is for such a client', [{ id: 'm', url: 'http://m.invalid/', excludes: ['de'] }], '?country=de'],
    ['the only one is private', [{ id: 'm', url: 'http://m.invalid/', private: true }], ''],
    ['the only one has no https', [{ id: 'm', url: 'http://m.invalid/' }], '?https=1'],
  ] as const) {
    for (const setup of SETUPS) {
      it(`because ${what}, ${setup.name} sends the file with its digests, decorating and redirecting alike`, async (t) => {
        for (const mode of ['decorate', 'redirect'] as const) {
          const port = await start(t, setup, { mode, mirrors })
          const answer = await rawRequest(port, 'GET', `/a.bin${query}`)
          assert.equal(answer.status, 200)
          assert.equal(answer.body.toString(), 'content')
          assert.equal(values(answer, 'digest').length, 3)
          assert.equal(values(answer, 'x-mirrored-by').length, 0)
          assert.ok(!values(answer, 'link').some((link) => link.includes('rel=duplicate')))
          const document = await rawRequest(port, 'GET', `/a.bin.meta4${query}`)
          assert.deepEqual(document.body.toString().match(/<url.*<\/url>/g), [
            '<url priority="1">http://origin.example/a.bin</url>',
          ])
        }
      })
    }
  }
})
