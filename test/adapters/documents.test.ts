import assert from 'node:assert/strict'
import { Readable } from 'node:stream'
import { describe, it } from 'node:test'
import type { DocumentPlan } from '../../lib/index.js'
import { type Scope, temporaryFolder } from '../support/folder.js'
import { startOrigin } from '../support/origin.js'
import { rawRequest, values } from '../support/raw.js'
import { listen } from '../support/server.js'
import { SETUPS, type Setup } from '../support/setups.js'
import { until } from '../support/until.js'

const TEXT = 'größer als 日本'
const BYTES = Buffer.from('\u0000\u00ff\u0080 not text \u00fe', 'latin1')

/** Starts a server that responds to every request with this document. */
async function serveDocument(scope: Scope, setup: Setup, plan: () => DocumentPlan) {
  const origin = await startOrigin(scope, { root: temporaryFolder(scope) })
  const warnings: Error[] = []
  origin.on('warning', (error) => warnings.push(error))
  const { port } = await listen(scope, setup.listener(Object.assign(origin, { plan })))
  return { port, warnings }
}

function document(body: DocumentPlan['body'], length?: number): DocumentPlan {
  const fields: DocumentPlan['fields'] = [
    ['Content-Type', 'application/x-document'],
    ...(length === undefined ? [] : [['Content-Length', String(length)] as const]),
    ['Vary', 'User-Agent'],
  ]
  return { kind: 'document', status: 200, fields, body }
}

async function* chunks(): AsyncGenerator<Uint8Array> {
  yield BYTES.subarray(0, 3)
  yield new Uint8Array(BYTES.subarray(3))
}

type Row = readonly [what: string, make: () => DocumentPlan, content: Buffer, length: string[]]

const ROWS: readonly Row[] = [
  ['text', () => document(TEXT, Buffer.byteLength(TEXT)), Buffer.from(TEXT), ['19']],
  ['an empty text', () => document('', 0), Buffer.of(), ['0']],
  ['bytes', () => document(BYTES, BYTES.length), BYTES, ['14']],
  [
    'bytes within a larger buffer',
    () => document(new Uint8Array(Buffer.concat([BYTES, BYTES, BYTES])).subarray(14, 28), 14),
    BYTES,
    ['14'],
  ],
  ['a stream of known length', () => document(Readable.from(chunks()), BYTES.length), BYTES, ['14']],
  ['a stream of unknown length', () => document(Readable.from(chunks())), BYTES, []],
  ['an iterable of known length', () => document(chunks(), BYTES.length), BYTES, ['14']],
  ['an iterable of unknown length', () => document(chunks()), BYTES, []],
]

for (const setup of SETUPS.filter(({ serve }) => serve)) {
  describe(`a document, by ${setup.name}`, () => {
    for (const [what, make, content, length] of ROWS) {
      it(`is sent as ${what}, and HEAD has the same fields`, async (t) => {
        const { port, warnings } = await serveDocument(t, setup, make)
        const get = await rawRequest(port, 'GET', '/a')
        assert.equal(get.status, 200)
        assert.deepEqual(get.body, content)
        const head = await rawRequest(port, 'HEAD', '/a')
        assert.equal(head.status, 200)
        assert.equal(head.body.length, 0)
        for (const answer of [get, head]) {
          assert.deepEqual(values(answer, 'content-type'), ['application/x-document'])
          assert.deepEqual(values(answer, 'content-length'), length)
          assert.deepEqual(values(answer, 'vary'), ['User-Agent'])
        }
        assert.deepEqual(warnings, [])
      })
    }

    it('that is a stream is not read for HEAD, and is closed', async (t) => {
      let reads = 0
      const streams: Readable[] = []
      const { port } = await serveDocument(t, setup, () => {
        const stream = new Readable({
          read() {
            reads += 1
            this.push(null)
          },
        })
        streams.push(stream)
        return document(stream, 5)
      })
      assert.equal((await rawRequest(port, 'HEAD', '/a')).status, 200)
      await until('the stream is closed', () => streams.every(({ destroyed }) => destroyed))
      assert.equal(streams.length, 1)
      assert.equal(reads, 0)
    })

    it('that fails on the way breaks the connection off, and the next is sent', async (t) => {
      let isBroken = true
      async function* failing(): AsyncGenerator<Uint8Array> {
        yield BYTES
        if (isBroken) throw new Error('the disk is gone')
      }
      const { port } = await serveDocument(t, setup, () => document(failing(), isBroken ? 100 : BYTES.length))
      const cut = await rawRequest(port, 'GET', '/a')
      assert.ok(cut.body.length < 100)
      isBroken = false
      assert.deepEqual((await rawRequest(port, 'GET', '/a')).body, BYTES)
    })
  })
}
