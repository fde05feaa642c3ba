import assert from 'node:assert/strict'
import { validateHeaderName, validateHeaderValue } from 'node:http'
import { describe, test } from 'node:test'
import { urlPath } from '../../../lib/fields/url.js'
import type { DocumentBody, DocumentPlan, Plan } from '../../../lib/request/plan.js'
import type { RenderInput, Representation } from '../../../lib/request/representations/representation.js'
import { indexedAt, piecesOf } from '../../support/files.js'
import { mirror } from '../../support/mirrors.js'
import { FILES, linesOf, planFor, planner, type World } from '../plans.js'
import { request } from '../requests.js'

/** File with several pieces and a name beyond ASCII. */
const FILE = indexedAt('größe/日本 1.iso', { size: 1_000_000 })
const TARGET = `/${urlPath(FILE.path)}`

/** Names with characters that are special in URLs, fields, XML, HTML, shells or bencoded text. */
const HOSTILE_NAMES = [
  `"quoted" & 'quoted' <b>.txt`,
  'a b\tc\nd\re',
  'bell\u0007',
  'escape\u001b[31m',
  'delete\u007f',
  'next line\u0085',
  'lone high \ud800',
  'lone low \udc00',
  'not a character \uffff',
  '日本 😀 äß',
  '%2e%2e%2f?x=1#y;z',
  '-rf --help',
  '.hidden~',
  'magnet:?xt=urn:btih',
  '5:bytes4:more',
  ']]>--><!--',
  '*sum.txt',
  `${'x'.repeat(250)}.iso`,
]

async function bytesIn(body: DocumentBody): Promise<Buffer> {
  if (typeof body === 'string') return Buffer.from(body)
  if (body instanceof Uint8Array) return Buffer.from(body)
  const chunks: Uint8Array[] = []
  for await (const chunk of body) chunks.push(chunk)
  return Buffer.concat(chunks)
}

function assertDocument(plan: Plan): asserts plan is DocumentPlan {
  assert.equal(plan.kind, 'document')
}

/** Tests the contract of a representation. */
export function representationSuite(representation: Representation): void {
  const { name, suffix, type, negotiable = false, advertised = false, needs, vary = [] } = representation
  const WORLD: World = {
    files: [FILE, ...FILES],
    pieces: { [FILE.path]: piecesOf(4, 'pieces') },
    representations: [representation],
  }
  /** Returns every target that names the document of a file. */
  const targetsOf = (target: string) => [
    ...(suffix === undefined ? [] : [target + suffix]),
    `${target}?${name}`,
    `${target}?x=1&${name}=`,
  ]
  const documentOf = async (target: string, world: World = WORLD, ...rest: RequestRest) => {
    const plan = await planFor(world, target, ...rest)
    assertDocument(plan)
    return { plan, bytes: await bytesIn(plan.body) }
  }
  const accepting = { accept: `${type}, */*;q=0.1` }

  describe(`the representation ${name}`, () => {
    test('has a name and a suffix that URLs hold as they are, and a plain media type', () => {
      assert.match(name, /^[a-z0-9-]+$/)
      if (suffix !== undefined) assert.match(suffix, /^(?:\.[a-z0-9-]+)+$/)
      assert.match(type, /^[a-z]+\/[a-z0-9.+-]+$/)
    })

    test('is the same document under every name', async () => {
      const documents = await Promise.all(targetsOf(TARGET).map((target) => documentOf(target)))
      assert.equal(new Set(documents.map(({ bytes }) => bytes.toString('latin1'))).size, 1)
      for (const { plan } of documents) assert.equal(plan.status, 200)
    })

    test('has its fields: type, bytes, what it varies by, and CORS', async () => {
      for (const target of targetsOf(TARGET)) {
        const { plan, bytes } = await documentOf(target)
        assert.deepEqual(linesOf(plan, 'Content-Type'), [type])
        const isMeasured = typeof plan.body === 'string' || plan.body instanceof Uint8Array
        if (isMeasured || linesOf(plan, 'Content-Length').length > 0)
          assert.deepEqual(linesOf(plan, 'Content-Length'), [String(bytes.length)])
        assert.deepEqual(linesOf(plan, 'Vary'), vary.length === 0 ? [] : [vary.join(', ')])
        assert.deepEqual(linesOf(plan, 'Access-Control-Allow-Origin'), ['*'])
        // No field that the document does not have.
        const etag = linesOf(plan, 'ETag')
        assert.equal(etag.length, isMeasured ? 1 : 0)
        assert.deepEqual(linesOf(plan, 'Access-Control-Expose-Headers'), isMeasured ? ['ETag'] : [])
        assert.equal(linesOf(plan, 'Cache-Control').length, 1)
      }
    })

    test('has the same fields and the same document for HEAD', async () => {
      for (const target of targetsOf(TARGET)) {
        const get = await documentOf(target)
        const head = await documentOf(target, WORLD, {}, { method: 'HEAD' })
        assert.deepEqual(head.plan.fields, get.plan.fields)
        assert.deepEqual(head.bytes, get.bytes)
      }
    })

    test('is refused to methods that write, or left to others', async () => {
      for (const target of targetsOf(TARGET)) {
        assert.deepEqual(await planFor(WORLD, target, {}, { method: 'POST' }), { kind: 'pass' })
        const refused = await planFor({ ...WORLD, options: { serve: true } }, target, {}, { method: 'PUT' })
        assert.ok(refused.kind === 'reject' && refused.status === 405)
      }
    })

    test(`is ${negotiable ? '' : 'not '}selected by Accept, and then varies by it`, async () => {
      const plan = await planFor(WORLD, TARGET, accepting)
      if (!negotiable) {
        assert.equal(plan.kind, 'decorate')
        return
      }
      assertDocument(plan)
      assert.deepEqual(linesOf(plan, 'Vary'), [['Accept', ...vary].join(', ')])
      assert.deepEqual(await bytesIn(plan.body), (await documentOf(`${TARGET}?${name}`)).bytes)
      assert.equal((await planFor(WORLD, TARGET, { accept: `*/*, ${type}` })).kind, 'decorate')
      assert.equal((await planFor(WORLD, TARGET, { accept: `${type};q=0` })).kind, 'decorate')
    })

    test(`is ${advertised ? '' : 'not '}linked to by the fields of the file`, async () => {
      const links = linesOf(await planFor(WORLD, TARGET), 'Link').filter((link) =>
        link.includes('describedby'),
      )
      const own = `http://origin.example${TARGET}${suffix ?? `?${name}`}`
      assert.deepEqual(links, advertised ? [`<${own}>; rel=describedby; type="${type}"`] : [])
    })

    if (suffix !== undefined) {
      const real = indexedAt(FILE.path + suffix)

      test('gives way to a real file of its path, and is then found by its query', async () => {
        const world = { ...WORLD, files: [FILE, real] }
        const plan = await planFor(world, TARGET + suffix)
        assert.ok(plan.kind === 'decorate')
        assert.equal(plan.file, real)
        await documentOf(`${TARGET}?${name}`, world)
        await documentOf(`${TARGET}${suffix}${suffix}`, world)
        const links = linesOf(await planFor(world, TARGET), 'Link').filter((link) =>
          link.includes('describedby'),
        )
        assert.deepEqual(
          links,
          advertised ? [`<http://origin.example${TARGET}?${name}>; rel=describedby; type="${type}"`] : [],
        )
      })

      test('gives way to a real file that is not indexed yet', async () => {
        const world = { ...WORLD, onDisk: { [real.path]: real.identity } }
        assert.deepEqual(await planFor(world, TARGET + suffix), { kind: 'pass' })
        assert.deepEqual(await planFor({ ...world, options: { serve: true } }, TARGET + suffix), {
          kind: 'file',
          path: real.path,
        })
      })

      test('is not there for a file that is not there', async () => {
        assert.deepEqual(await planFor(WORLD, `/unknown${suffix}`), { kind: 'pass' })
        assert.deepEqual(await planFor(WORLD, `/${suffix}`), { kind: 'pass' })
        assert.deepEqual(await planFor(WORLD, `/größe/${suffix}`), { kind: 'pass' })
      })
    }

    test('knows its own URL, and no other, where it needs one', async () => {
      const seen: (string | undefined)[] = []
      const spy: Representation = { ...representation, render: ({ url }) => String(seen.push(url)) }
      for (const [files, own] of [
        [[FILE], `http://origin.example${TARGET}${suffix ?? `?${name}`}`],
        [
          [FILE, ...(suffix === undefined ? [] : [indexedAt(FILE.path + suffix)])],
          `http://origin.example${TARGET}?${name}`,
        ],
      ] as const) {
        await documentOf(`${TARGET}?${name}`, { ...WORLD, files, representations: [spy] })
        assert.equal(seen.pop(), needs.includes('url') ? own : undefined)
        await documentOf(`${TARGET}?${name}`, { ...WORLD, files, representations: [spy] }, {}, { host: '?' })
        assert.equal(seen.pop(), undefined)
      }
    })

    test('never shows private or disabled mirrors to others, whatever the query says', async () => {
      const mirrors = [
        mirror('shown'),
        mirror('secret', { private: true, asn: [64_500], subnets: ['203.0.113.0/24'] }),
        mirror('disabled', { enabled: false }),
      ]
      for (const query of ['', '&ip=203.0.113.7', '&as=64500', '&country=de', '&https=1']) {
        const { plan, bytes } = await documentOf(`${TARGET}?${name}${query}`, { ...WORLD, mirrors })
        for (const hidden of ['secret', 'disabled']) {
          assert.ok(!bytes.includes(hidden), `${hidden}, by ${query}`)
          assert.ok(!plan.fields.some(([, value]) => value.includes(hidden)), `${hidden}, by ${query}`)
        }
      }
    })

    test('is refused where the query overrides the client wrongly (400)', async () => {
      for (const target of targetsOf(TARGET)) {
        const mark = target.includes('?') ? '&' : '?'
        for (const query of ['country=zz', 'ip=1', 'as=0']) {
          const plan = await planFor(WORLD, target + mark + query)
          assert.ok(plan.kind === 'reject' && plan.status === 400, query)
        }
      }
    })

    test('is refused for a moment while the file changes, which is indexed again (503)', async () => {
      for (const present of [{ ...FILE.identity, size: 1 }, undefined]) {
        const world = planner({ ...WORLD, onDisk: { [FILE.path]: present } })
        const targets = targetsOf(TARGET)
        for (const target of targets) {
          const plan = await world.plan(request(target))
          assert.ok(plan.kind === 'reject' && plan.status === 503, target)
          assert.deepEqual(linesOf(plan, 'Retry-After'), ['2'])
        }
        assert.deepEqual(
          world.stale,
          targets.map(() => FILE.path),
        )
      }
    })

    for (const hostile of HOSTILE_NAMES) {
      test(`holds the name ${JSON.stringify(hostile)}, or is not there for it`, async () => {
        const file = indexedAt(`folder/${hostile}`, { size: 1_000_000 })
        const world = { ...WORLD, files: [file] }
        const isAvailable = representation.available(file)
        // A request cannot name a path with lone surrogates.
        if (/\p{Surrogate}/u.test(hostile)) return assert.ok(typeof isAvailable === 'boolean')
        const target = `/${urlPath(file.path)}`
        const links = linesOf(await planFor(world, target), 'Link')
        assert.equal(
          links.some((link) => link.includes('describedby')),
          advertised && isAvailable,
        )
        for (const document of targetsOf(target)) {
          const plan = await planFor(world, document)
          if (!isAvailable) {
            assert.equal(plan.kind, document.includes('?') ? 'decorate' : 'pass')
            continue
          }
          assertDocument(plan)
          await bytesIn(plan.body)
          for (const [field, value] of plan.fields) {
            validateHeaderName(field)
            validateHeaderValue(field, value)
          }
        }
        if (!isAvailable) assert.equal((await planFor(world, target, accepting)).kind, 'decorate')
      })
    }

    test('costs nothing that it does not need', async () => {
      const one = planner(WORLD)
      await one.plan(request(`${TARGET}?${name}`))
      for (const used of one.used) assert.ok(needs.includes(used), `${used} is read in vain`)
      for (const need of needs) if (need !== 'url') assert.ok(one.used.has(need), `${need} is not read`)
    })

    test('is pure, and reads no request field that it does not vary by', async () => {
      const read = new Set<string>()
      const pieces = piecesOf(4, 'pieces')
      const input: RenderInput = {
        file: FILE,
        urls: [
          { url: `https://a.example${TARGET}`, location: 'de' },
          { url: `https://b.example${TARGET}`, location: undefined },
        ],
        pieces,
        url: `https://o.example${TARGET}?${name}`,
        header: (field) => {
          read.add(field)
          return undefined
        },
      }
      const before = structuredClone({ ...input, header: undefined })
      const [first, second] = [
        await bytesIn(representation.render(input)),
        await bytesIn(representation.render(input)),
      ]
      assert.deepEqual(first, second)
      assert.deepEqual({ ...input, header: undefined }, before)
      const declared = vary.map((field) => field.toLowerCase())
      for (const field of read) assert.ok(declared.includes(field), field)
    })

    test('is planned at once, or by promise where the store answers so, and is the same', async () => {
      for (const target of targetsOf(TARGET)) {
        assert.ok(planner(WORLD).atOnce(request(target)))
        const later = await documentOf(target, { ...WORLD, byPromise: true })
        assert.deepEqual(later.bytes, (await documentOf(target)).bytes)
      }
    })

    test('is not there where it is not offered', async () => {
      const world = { ...WORLD, representations: [] }
      if (suffix !== undefined) assert.deepEqual(await planFor(world, TARGET + suffix), { kind: 'pass' })
      for (const [target, fields] of [
        [`${TARGET}?${name}`, {}],
        [TARGET, accepting],
      ] as const) {
        const plan = await planFor(world, target, fields)
        assert.equal(plan.kind, 'decorate')
        assert.ok(!linesOf(plan, 'Link').some((link) => link.includes('describedby')))
        assert.deepEqual(linesOf(plan, 'Vary'), [])
      }
    })
  })
}

type RequestRest = Parameters<typeof request> extends [string, ...infer Rest] ? Rest : never
