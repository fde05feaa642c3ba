import assert from 'node:assert/strict'
import { Agent, type IncomingHttpHeaders, request } from 'node:http'
import { it } from 'node:test'
import fc from 'fast-check'
import { systemCode } from '../../lib/errors.js'
import { temporaryFolder, writeFiles } from '../support/folder.js'
import { startOrigin } from '../support/origin.js'
import { listen } from '../support/server.js'
import { SETUPS } from '../support/setups.js'

/** Sends requests to a setup, several at a time. */
const REQUESTS = Number(process.env.MIRRORED_BY_HOSTILE_REQUESTS ?? 12_000)
const AT_ONCE = 20

const FILES: Readonly<Record<string, string>> = {
  'a.txt': 'content of a',
  'deep/b c.txt': 'content of b',
  'odd/<x>&"\'#?%.txt': 'content of odd',
  'odd/new\nline\r.txt': 'content of newline',
  'odd/ü – 漢.txt': 'content of letters',
  'odd/-dash': 'content of dash',
}

interface Reply {
  readonly status: number
  readonly headers: IncomingHttpHeaders
  readonly rawHeaders: readonly string[]
  readonly body: string
}

// Node's client refuses spaces and control characters in a target.
const anyByte = fc.integer({ min: 0x21, max: 0xff }).map((code) => String.fromCharCode(code))
const known = fc
  .constantFrom(...Object.keys(FILES))
  .map((path) => path.split('/').map(encodeURIComponent).join('/'))
const piece = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.constantFrom(
      '/',
      '.',
      '..',
      '%',
      '%2e',
      '%2f',
      '%5c',
      '\\',
      '%00',
      '%c0%ae',
      '%ff',
      '?',
      '&',
      '#',
      ';',
    ),
  },
  {
    weight: 4,
    arbitrary: fc.constantFrom(
      '.meta4',
      '?meta4',
      '&meta4=',
      '%0d%0aX-Injected:1',
      'http://',
      '//',
      '~',
      '%u0041',
      '?country=',
      '&ip=',
      '&as=',
      '&avoid=m',
      '?https=1',
    ),
  },
  { weight: 4, arbitrary: known },
  { weight: 2, arbitrary: fc.constantFrom('etc/passwd', 'a.txt', 'deep', '.git', 'odd') },
  { weight: 2, arbitrary: fc.string({ unit: anyByte, maxLength: 8 }) },
)
const target = fc.oneof(
  { weight: 3, arbitrary: fc.array(piece, { maxLength: 8 }).map((pieces) => `/${pieces.join('')}`) },
  {
    weight: 2,
    arbitrary: fc
      .tuple(known, fc.constantFrom('', '.meta4', '?meta4', '?x&meta4'))
      .map((parts) => `/${parts.join('')}`),
  },
  { weight: 1, arbitrary: fc.array(piece, { minLength: 1, maxLength: 4 }).map((pieces) => pieces.join('')) },
)

const value = fc.oneof(
  fc.string({
    unit: fc
      .integer({ min: 0x20, max: 0xff })
      .filter((code) => code !== 0x7f)
      .map((code) => String.fromCharCode(code)),
    maxLength: 30,
  }),
  fc.constantFrom(
    '*/*',
    'application/metalink4+xml',
    'application/metalink4+xml;q=0.5, */*;q=0.1',
    'bytes=0-',
    'bytes=-1,0-1,5-',
    'bytes=9-1',
    '*',
    '"x"',
    'W/"x", "',
    'sha-256=1',
    'SHA-256;q=0',
    'x=;',
    '(((',
    'Thu, 01 Jan 1970 00:00:00 GMT',
    '127.0.0.1, ::1, junk',
  ),
)
const headers = fc.dictionary(
  fc.constantFrom(
    'Accept',
    'Want-Digest',
    'Want-Repr-Digest',
    'Range',
    'If-Range',
    'If-Match',
    'If-None-Match',
    'If-Modified-Since',
    'If-Unmodified-Since',
    'User-Agent',
    'X-Forwarded-For',
    'X-Forwarded-Proto',
    'Host',
    'Cache-Control',
    'X-Broken-Mirrors',
  ),
  value,
  { maxKeys: 5 },
)
const method = fc.constantFrom('GET', 'GET', 'GET', 'HEAD', 'HEAD', 'POST', 'OPTIONS', 'DELETE')

const LINK =
  /^<[!-~]+>; rel=(?:duplicate; pri=\d+(?:; geo=[a-z]{2})?(?:; depth=\d+)?|describedby; type="[a-z0-9+/]+")$/
const OURS = new Set(['link', 'digest', 'repr-digest', 'x-mirrored-by', 'x-md5'])

for (const setup of SETUPS) {
  for (const mode of ['decorate', 'redirect'] as const) {
    it(`${setup.name}, ${mode}: answers ${REQUESTS / 2} arbitrary requests as they deserve`, async (t) => {
      const root = temporaryFolder(t)
      writeFiles(root, FILES)
      const mirrors = [{ id: 'm', url: 'http://m.invalid/', location: 'de' }]
      const origin = await startOrigin(t, {
        root,
        mirrors,
        mode,
        serve: setup.serve,
        trustProxy: ['loopback'],
      })
      origin.on('warning', (warning) => assert.fail(warning.message))
      const { port } = await listen(t, setup.listener(origin))
      const agent = new Agent({ keepAlive: true, maxSockets: AT_ONCE })
      t.after(() => agent.destroy())
      const batch = fc.array(fc.tuple(method, target, headers), { minLength: AT_ONCE, maxLength: AT_ONCE })
      await fc.assert(
        fc.asyncProperty(batch, async (requests) => {
          await Promise.all(
            requests.map(async ([verb, path, fields]) => {
              const reply = await ask(agent, port, verb, path, fields)
              check(reply, setup.serve, `${verb} ${JSON.stringify(path)} ${JSON.stringify(fields)}`)
            }),
          )
        }),
        { numRuns: REQUESTS / 2 / AT_ONCE },
      )
    })
  }
}

function check(reply: Reply, ours: boolean, what: string): void {
  const { status, body, rawHeaders } = reply
  // The middleware that sends the files can fail. The response then has none of our fields.
  if (status >= 500 && status !== 503) {
    assert.ok(!ours, `${status} for ${what}`)
    assert.ok(!rawHeaders.some((name, index) => index % 2 === 0 && OURS.has(name.toLowerCase())), what)
  }
  assert.equal(reply.headers['x-injected'], undefined, what)
  assert.doesNotMatch(body, /root:/, what)
  for (let index = 0; index < rawHeaders.length; index += 2) {
    const name = rawHeaders[index]?.toLowerCase() ?? ''
    const line = rawHeaders[index + 1] ?? ''
    if (name === 'link') assert.match(line, LINK, what)
    if (OURS.has(name)) assert.match(line, /^[ -~]*$/, what)
    if (name === 'location' && status === 302) assert.match(line, /^http:\/\/m\.invalid\/[!-~]+$/, what)
  }
  if (body.startsWith('<?xml')) {
    // Every character that could end a name or a string early is escaped.
    for (const [, text] of body.matchAll(/>([^<]*)</g))
      assert.doesNotMatch(text ?? '', /&(?!amp;|lt;|gt;|quot;|#\d+;)/, what)
    assert.equal(body.match(/<file /g)?.length, 1, what)
    assert.doesNotMatch(body.match(/<file name="([^"]*)">/)?.[1] ?? '<', /[<>\n\r]/, what)
  } else if (status === 200 && body !== '') {
    assert.ok(Object.values(FILES).includes(body), what)
  }
}

function ask(
  agent: Agent,
  port: number,
  verb: string,
  path: string,
  fields: Readonly<Record<string, string>>,
): Promise<Reply> {
  return new Promise<Reply>((resolve, reject) => {
    const asked = request(
      { agent, host: '127.0.0.1', port, method: verb, path, headers: fields },
      (response) => {
        const chunks: Buffer[] = []
        response.on('data', (chunk: Buffer) => chunks.push(chunk))
        response.on('error', reject)
        response.on('end', () => {
          const { statusCode = 0, headers: named, rawHeaders } = response
          resolve({
            status: statusCode,
            headers: named,
            rawHeaders,
            body: Buffer.concat(chunks).toString('latin1'),
          })
        })
      },
    )
    asked.on('error', (error) => {
      // Node closes a connection after a request that it cannot parse. The next request needs a new
      // connection.
      if (asked.reusedSocket && systemCode(error) === 'ECONNRESET') {
        ask(agent, port, verb, path, fields).then(resolve, reject)
      } else reject(error)
    })
    asked.end()
  })
}
