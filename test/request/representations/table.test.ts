import assert from 'node:assert/strict'
import { Readable } from 'node:stream'
import { describe, test } from 'node:test'
import { checkOptions } from '../../../lib/options.js'
import type { Representation } from '../../../lib/request/representations/representation.js'
import {
  RepresentationSet,
  representationsNamed,
} from '../../../lib/request/representations/representation-set.js'
import { REPRESENTATION_NAMES, REPRESENTATIONS } from '../../../lib/request/representations/table.js'
import { bytesOf, indexedAt } from '../../support/files.js'
import { temporaryFolder, writeFiles } from '../../support/folder.js'
import { startOrigin } from '../../support/origin.js'
import { linesOf, planFor } from '../plans.js'
import { request } from '../requests.js'
import { representationSuite } from './suite.js'

const BYTES = bytesOf(5000, 'document')

async function* chunks(): AsyncGenerator<Uint8Array> {
  yield BYTES.subarray(0, 1000)
  yield BYTES.subarray(1000)
}

/** Entries that the table lacks today: bytes, and streams of known and of unknown length. */
const SAMPLES: readonly Representation[] = [
  {
    name: 'sample-bytes',
    suffix: '.sample',
    type: 'application/x-bytes',
    needs: ['url'],
    available: ({ path }) => !path.includes('\u0007'),
    render: () => BYTES.subarray(10, 20),
  },
  {
    name: 'stream',
    type: 'application/x-stream',
    negotiable: true,
    advertised: true,
    needs: ['pieces'],
    vary: ['Accept-Language', 'User-Agent'],
    available: () => true,
    render: ({ header }) => (header('accept-language') === 'none' ? '' : Readable.from(chunks())),
    streamBytes: () => BYTES.length,
  },
  {
    name: 'unsized',
    suffix: '.stream.gz',
    type: 'application/x-unsized',
    advertised: true,
    needs: ['mirrors'],
    available: ({ digests }) => digests['sha-256'] !== undefined,
    render: chunks,
  },
]

for (const representation of [...REPRESENTATIONS, ...SAMPLES]) representationSuite(representation)

describe('the table', () => {
  test('has each name and each suffix once', () => {
    const names = REPRESENTATIONS.map(({ name }) => name)
    assert.equal(new Set(names).size, names.length)
    assert.deepEqual(REPRESENTATION_NAMES, names)
    const suffixes = REPRESENTATIONS.flatMap(({ suffix }) => suffix ?? [])
    assert.equal(new Set(suffixes).size, suffixes.length)
  })

  test('gives the entries that an option names, in its own order', () => {
    const everything = representationsNamed(REPRESENTATION_NAMES.toReversed())
    assert.deepEqual(
      everything.advertised,
      REPRESENTATIONS.filter(({ advertised }) => advertised),
    )
    assert.equal(representationsNamed([]).isNegotiated, false)
    assert.deepEqual(representationsNamed([]).advertised, [])
  })

  test('links to documents in its order', async () => {
    const representations = [...SAMPLES, ...REPRESENTATIONS]
    const links = linesOf(await planFor({ representations }, '/a.bin'), 'Link')
    assert.deepEqual(
      links.filter((link) => link.includes('describedby')),
      representations
        .filter(({ advertised }) => advertised)
        .map(({ name, suffix = `?${name}`, type }) => {
          return `<http://origin.example/a.bin${suffix}>; rel=describedby; type="${type}"`
        }),
    )
  })
})

describe('several representations', () => {
  const entry = (name: string, properties: Partial<Representation> = {}): Representation => ({
    name,
    suffix: `.${name}`,
    type: `text/${name}`,
    negotiable: true,
    needs: [],
    available: () => true,
    render: () => name,
    ...properties,
  })
  const short = entry('sum')
  const long = entry('long', { suffix: '.long.sum', available: ({ path }) => path !== 'bare' })
  const files = [
    indexedAt('a'),
    indexedAt('b'),
    indexedAt('b.long'),
    indexedAt('bare'),
    indexedAt('bare.long'),
  ]
  const bodyOf = async (target: string, accept?: string) => {
    const fields = accept === undefined ? {} : { accept }
    const plan = await planFor({ files, representations: [short, long] }, target, fields)
    return plan.kind === 'document' ? plan.body : plan.kind
  }

  test('are found by the longest suffix whose file has such a document', async () => {
    assert.equal(await bodyOf('/a.sum'), 'sum')
    assert.equal(await bodyOf('/a.long.sum'), 'long')
    assert.equal(await bodyOf('/b.long.sum'), 'long')
    assert.equal(await bodyOf('/b.long.long.sum'), 'long')
    assert.equal(await bodyOf('/bare.long.sum'), 'sum')
    assert.equal(await bodyOf('/none.long.sum'), 'pass')
  })

  test('are found by the first query name of the table, where the file has such a document', async () => {
    assert.equal(await bodyOf('/a?long&sum'), 'sum')
    assert.equal(await bodyOf('/a?long'), 'long')
    assert.equal(await bodyOf('/bare?long'), 'decorate')
  })

  test('are selected by their weight in Accept, and then by the order of the table', async () => {
    assert.equal(await bodyOf('/a', 'text/long, text/sum'), 'sum')
    assert.equal(await bodyOf('/a', 'text/long, text/sum;q=0.9'), 'long')
    assert.equal(await bodyOf('/bare', 'text/long, text/sum;q=0.9'), 'sum')
    assert.equal(await bodyOf('/a', 'text/long;q=0.5, */*'), 'decorate')
  })

  test('that win a tie do so in the order of the table', () => {
    const tied = new RepresentationSet([
      short,
      { ...long, winsTie: (header) => header('user-agent') === 'tied' },
    ])
    const fields: Readonly<Record<string, string>> = {
      accept: '*/*, text/long, text/sum',
      'user-agent': 'tied',
    }
    const header = (name: string) => fields[name]
    assert.equal(tied.byAccept({ header }, indexedAt('a'))?.name, 'long')
    assert.equal(
      tied.byAccept({ header: (name) => fields[name]?.replace('tied', '') }, indexedAt('a')),
      undefined,
    )
  })
})

describe('the option representations', () => {
  test('is all of the table by default, and takes any of its names', () => {
    assert.deepEqual(checkOptions({ root: '.' }).representations, REPRESENTATION_NAMES)
    assert.deepEqual(checkOptions({ root: '.', representations: [] }).representations, [])
    for (const name of REPRESENTATION_NAMES)
      assert.deepEqual(checkOptions({ root: '.', representations: [name] }).representations, [name])
  })

  test('refuses other names, and says which there are', () => {
    const names = `must be one of ${REPRESENTATION_NAMES.join(', ')}`
    for (const [given, message] of [
      [['meta5'], `representations[0]: ${names}`],
      [['META4'], `representations[0]: ${names}`],
      ['meta4', 'representations: must be a list of representations'],
    ] as const) {
      assert.throws(() => Reflect.apply(checkOptions, undefined, [{ root: '.', representations: given }]), {
        code: 'ERR_OPTIONS',
        message: `createOrigin: ${message}`,
      })
    }
  })

  test('decides what an origin offers', async (t) => {
    const root = temporaryFolder(t)
    writeFiles(root, { 'a.bin': 'content' })
    for (const [representations, kind] of [
      [undefined, 'document'],
      [['meta4'], 'document'],
      [[], 'pass'],
    ] as const) {
      const origin = await startOrigin(t, { root, representations })
      assert.equal((await origin.plan(request('/a.bin.meta4'))).kind, kind)
    }
  })
})
