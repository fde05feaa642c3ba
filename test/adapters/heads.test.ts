import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer, type RequestListener, type ServerResponse } from 'node:http'
import http2 from 'node:http2'
import { type AddressInfo, connect } from 'node:net'
import { describe, it } from 'node:test'
import { mirroredBy } from '../../lib/adapters/node.js'
import { type Scope, temporaryFolder, writeFiles } from '../support/folder.js'
import { startOrigin } from '../support/origin.js'

const BODY = 'x'.repeat(1000)
const LENGTH = { 'Content-Length': '1000' }
const FIELDS = { ...LENGTH, 'X-App': '1' }
const PAIRS = [
  ['Content-Length', '1000'],
  ['Set-Cookie', 'a=1'],
  ['X-App', '1'],
  ['Set-Cookie', 'b=2'],
]

/** Response as the row needs it: arguments that no type allows are given on purpose. */
interface LooseResponse extends Omit<ServerResponse, 'writeHead'> {
  // biome-ignore lint/suspicious/noExplicitAny: every form of the arguments is tried
  writeHead(...args: any[]): LooseResponse
}

interface Row {
  readonly name: string
  /** Writes the head, and possibly some of the body. The rest of the body is sent by the test. */
  readonly write: (response: LooseResponse) => void
  /** Default: true. */
  readonly isDecorated?: boolean
  /** What is sent at the end. Default: the content of the file. */
  readonly end?: string
}

const given = (...args: readonly unknown[]): Row['write'] => {
  return (response) => void response.writeHead(...args)
}
const after = (
  fields: Readonly<Record<string, string | string[]>>,
  ...args: readonly unknown[]
): Row['write'] => {
  return (response) => {
    for (const [name, value] of Object.entries(fields)) response.setHeader(name, value)
    if (args.length > 0) response.writeHead(...args)
  }
}
/** Attempts that throw, and then one that works. */
const again = (...attempts: readonly (readonly unknown[])[]): Row['write'] => {
  return (response) => {
    for (const args of attempts) assert.throws(() => response.writeHead(...args), JSON.stringify(args))
    response.writeHead(200, FIELDS)
  }
}

const ROWS: readonly Row[] = [
  { name: 'an object', write: given(200, FIELDS) },
  { name: 'an object after undefined', write: given(200, undefined, FIELDS) },
  { name: 'an object after null', write: given(200, null, FIELDS) },
  { name: 'an object and undefined', write: given(200, FIELDS, undefined) },
  { name: 'a text and an object', write: given(200, 'Fine', FIELDS) },
  { name: 'an empty text and an object', write: given(200, '', FIELDS) },
  { name: 'a text and null', write: given(200, 'Fine', null), isDecorated: false },
  { name: 'a status as text', write: given('200', FIELDS) },
  { name: 'a status with a fraction', write: given(200.9, FIELDS) },
  { name: 'pairs', write: given(200, PAIRS) },
  { name: 'pairs after undefined', write: given(200, undefined, PAIRS) },
  {
    name: 'pairs with several values',
    write: given(200, [
      ['Content-Length', 1000],
      ['X-A', ['1', '2']],
    ]),
  },
  { name: 'a flat array', write: given(200, PAIRS.flat()) },
  { name: 'a flat array after a text', write: given(200, 'Fine', PAIRS.flat()) },
  { name: 'an empty array', write: given(200, []), isDecorated: false },
  {
    name: 'names in lower case',
    write: given(200, { 'content-length': 1000, link: '</a>; rel=up', 'x-app': 1 }),
  },
  { name: 'names in two cases', write: given(200, { 'Content-Length': 1000, 'x-app': '1', 'X-App': '2' }) },
  { name: 'several values of a name', write: given(200, { ...LENGTH, 'Set-Cookie': ['a=1', 'b=2'] }) },
  { name: 'an object without prototype', write: given(200, Object.assign(Object.create(null), FIELDS)) },
  { name: 'a frozen object', write: given(200, Object.freeze({ ...FIELDS })) },
  { name: 'an object of a class', write: given(200, new Headers(FIELDS)), isDecorated: false },
  { name: 'setHeader', write: after(FIELDS) },
  { name: 'setHeader and a status', write: after(FIELDS, 200) },
  { name: 'setHeader and a text', write: after(FIELDS, 200, 'Fine') },
  { name: 'setHeader and an object', write: after({ 'X-App': '0', 'X-B': '2' }, 200, FIELDS) },
  { name: 'setHeader and undefined', write: after({ 'X-B': '2' }, 200, undefined, FIELDS) },
  { name: 'setHeader and a flat array', write: after({ 'X-App': '0', 'X-B': '2' }, 200, PAIRS.flat()) },
  { name: 'Link by setHeader and a flat array', write: after({ Link: '</a>; rel=up' }, 200, PAIRS.flat()) },
  {
    name: 'Link by setHeader and an object',
    write: after({ Link: ['</a>; rel=up', '</b>; rel=up'] }, 200, FIELDS),
  },
  { name: 'Link in a flat array', write: given(200, ['Link', '</a>; rel=up', ...PAIRS.flat()]) },
  {
    name: 'Link twice in pairs',
    write: given(200, [['Link', '</a>; rel=up'], ['link', '</b>; rel=up'], ...PAIRS]),
  },
  {
    name: 'a field that was removed',
    write: (response) => {
      response.setHeader('X-Gone', '1')
      response.removeHeader('X-Gone')
      response.writeHead(200, FIELDS)
    },
  },
  { name: 'setHeaders with Headers', write: (response) => void response.setHeaders(new Headers(FIELDS)) },
  {
    name: 'setHeaders with a Map',
    write: (response) => void response.setHeaders(new Map(Object.entries(FIELDS))),
  },
  {
    name: 'appendHeader',
    write: (response) => {
      response.setHeader('Content-Length', 1000)
      response.appendHeader('Link', '</a>; rel=up')
      response.appendHeader('Link', ['</b>; rel=up', '</c>; rel=up'])
    },
  },
  {
    name: 'flushHeaders',
    write: (response) => {
      response.setHeader('Content-Length', '1000')
      response.flushHeaders()
    },
  },
  {
    name: 'writeEarlyHints',
    write: (response) => {
      response.writeEarlyHints({ link: ['</style.css>; rel=preload; as=style'] })
      response.writeHead(200, FIELDS)
    },
  },
  {
    name: 'writeContinue and writeProcessing',
    write: (response) => {
      response.writeContinue()
      if ('writeProcessing' in response) response.writeProcessing()
      response.writeHead(200, FIELDS)
    },
  },
  {
    name: 'a head with the first bytes',
    write: (response) => {
      response.setHeader('Content-Length', '1000')
      response.write(BODY.slice(0, 10))
    },
    end: BODY.slice(10),
  },
  {
    name: 'a text in statusMessage',
    write: (response) => {
      response.statusMessage = 'Fine'
      response.writeHead(200, FIELDS)
    },
  },
  {
    name: 'no Date',
    write: (response) => {
      response.sendDate = false
      response.writeHead(200, FIELDS)
    },
  },
  { name: 'no length', write: given(200), isDecorated: false },
  { name: 'no head at all', write: () => {}, isDecorated: false },
  {
    name: 'trailers',
    write: (response) => {
      response.writeHead(200, { Trailer: 'X-End' })
      response.addTrailers({ 'X-End': '1' })
    },
    isDecorated: false,
  },
  { name: 'a 404', write: given(404, { 'Content-Length': '1000' }), isDecorated: false },
  { name: 'a 204', write: given(204, { 'X-App': '1' }), isDecorated: false, end: '' },
  {
    name: 'a second head',
    write: (response) => {
      response.writeHead(200, FIELDS)
      assert.throws(() => response.writeHead(200, FIELDS), { code: /HEADERS_SENT/ })
      assert.throws(() => response.setHeader('X-Late', '1'), { code: /HEADERS_SENT/ })
    },
  },
]

/** Rows that HTTP/2 cannot have: it has no text of the status, and does not check values. */
const HTTP1_ROWS: readonly Row[] = [
  { name: 'a status that is none', write: again([99, FIELDS], ['x', FIELDS], [undefined, FIELDS]) },
  { name: 'a wrong value', write: again([200, { ...FIELDS, 'X-Wrong': 'a\nb' }]) },
  { name: 'a wrong value in pairs', write: again([200, [...PAIRS, ['X-Wrong', 'a\nb']]]) },
  { name: 'an array of odd length', write: again([200, ['Content-Length', '1000', 'X-App']]) },
  {
    name: 'a wrong value after setHeader',
    write: (response) => {
      response.setHeader('Link', '</a>; rel=up')
      again([200, { ...FIELDS, 'X-Wrong': 'a\nb' }], [200, { ...FIELDS, '': '', 'a b': '1' }])(response)
    },
  },
  {
    name: 'another response after a head that throws',
    write: (response) => {
      response.setHeader('X-App', '1')
      assert.throws(() => response.writeHead(200, { ...LENGTH, 'X-Wrong': 'a\nb' }))
      response.removeHeader('Content-Length')
      response.writeHead(500, { 'Content-Length': '1000' })
    },
    isDecorated: false,
  },
  {
    name: 'a wrong text of the status after setHeader',
    write: (response) => {
      response.setHeader('X-App', '1')
      assert.throws(() => response.writeHead(200, 'a\nb', LENGTH))
      assert.equal(response.getHeader('Digest'), undefined)
      response.writeHead(200, 'Fine', LENGTH)
    },
  },
  { name: 'pairs after setHeader', write: after({ 'X-B': '2' }, 200, PAIRS) },
]

/** Returns a listener that writes the head of a row and then the content. */
function listenerOf({ write, end = BODY }: Row, errors: unknown[]): RequestListener {
  return (_request, response) => {
    try {
      write(response as unknown as LooseResponse)
      response.end(end)
    } catch (error) {
      errors.push(error)
      response.destroy()
    }
  }
}

function codeOf(error: unknown): string {
  return error instanceof Error && 'code' in error ? String(error.code) : String(error)
}

async function originAbove(scope: Scope) {
  const root = temporaryFolder(scope)
  writeFiles(root, { 'f.bin': BODY })
  const mirrors = [
    { id: 'a', url: 'http://a.example/' },
    { id: 'b', url: 'http://b.example/' },
  ]
  return startOrigin(scope, { root, mirrors, representations: ['metalink'] })
}

const OURS = /^(?:link: <http:\/\/[ab]\.example\/|(?:digest|repr-digest|x-mirrored-by|x-md5|etag): )/i

/** Returns the bytes of a response without the value of `Date`. */
async function bytesOf(listener: RequestListener, method: string): Promise<string> {
  const server = createServer(listener)
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const socket = connect((server.address() as AddressInfo).port, '127.0.0.1')
  const chunks: Buffer[] = []
  socket.on('data', (chunk) => chunks.push(chunk))
  socket.write(`${method} /f.bin HTTP/1.1\r\nHost: o.example\r\nConnection: close\r\n\r\n`)
  await once(socket, 'close')
  server.close()
  return Buffer.concat(chunks)
    .toString('latin1')
    .replace(/^Date: .*$/gm, 'Date: now')
}

/** Returns all heads of a response by HTTP/2, and its body. */
async function framesOf(listener: RequestListener, method: string): Promise<string> {
  const server = http2.createServer(listener as unknown as Parameters<typeof http2.createServer>[1])
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const client = http2.connect(`http://127.0.0.1:${(server.address() as AddressInfo).port}`)
  const stream = client.request({ ':path': '/f.bin', ':method': method })
  const lines: string[] = []
  for (const event of ['headers', 'response', 'trailers']) {
    stream.on(event, (_headers, _flags, raw: readonly string[] = []) => {
      for (let index = 0; index < raw.length; index += 2)
        lines.push(`${raw[index]}: ${raw[index] === 'date' ? 'now' : raw[index + 1]}`)
    })
  }
  stream.on('data', (chunk) => lines.push(String(chunk)))
  stream.on('error', (error) => lines.push(String(error)))
  await once(stream, 'close')
  client.close()
  server.close()
  return lines.join('\r\n')
}

for (const [protocol, read, rows] of [
  ['HTTP/1.1', bytesOf, [...ROWS, ...HTTP1_ROWS]],
  ['HTTP/2', framesOf, ROWS],
] as const) {
  describe(`heads by ${protocol} are as without us, and have our fields`, () => {
    for (const row of rows) {
      it(row.name, async (t) => {
        const origin = await originAbove(t)
        for (const method of ['GET', 'HEAD']) {
          const errors: unknown[] = []
          const plain = await read(listenerOf(row, errors), method)
          const plainErrors = errors.splice(0).map(codeOf)
          const mixed = await read(mirroredBy(origin, listenerOf(row, errors)), method)
          const lines = mixed.split('\r\n')
          assert.equal(lines.filter((line) => !OURS.test(line)).join('\r\n'), plain)
          const names = lines
            .filter((line) => OURS.test(line))
            .map((line) => line.split(':')[0]?.toLowerCase())
          assert.deepEqual(errors.map(codeOf), plainErrors)
          const { isDecorated = true } = row
          assert.deepEqual(names, isDecorated && plainErrors.length === 0 ? NAMES : [])
        }
      })
    }
  })
}

const NAMES = [
  ...['link', 'link', 'digest', 'digest', 'digest'],
  ...['x-mirrored-by', 'x-mirrored-by', 'repr-digest', 'x-md5', 'etag'],
]
