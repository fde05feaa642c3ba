import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { MirroredByError } from '../../lib/index.js'
import { checkOptions } from '../../lib/options.js'
import { temporaryFolder } from '../support/folder.js'
import { startOrigin } from '../support/origin.js'

/** Returns the message about invalid options, as a caller in plain JavaScript may pass them. */
function mistake(options: object): string {
  try {
    Reflect.apply(checkOptions, undefined, [{ root: '.', ...options }])
  } catch (error) {
    assert.ok(error instanceof MirroredByError)
    assert.equal(error.code, 'ERR_OPTIONS')
    return error.message
  }
  return assert.fail('nothing is wrong with them')
}

describe('options of how mirrors are chosen', () => {
  test('have defaults', () => {
    const { strategy, nearFactor, preferSecure, overrides } = checkOptions({ root: '.' })
    assert.deepEqual(
      { strategy, nearFactor, preferSecure, overrides },
      { strategy: 'nearest', nearFactor: 1.5, preferSecure: true, overrides: true },
    )
  })

  test('are kept', () => {
    for (const strategy of [
      'nearest',
      'mirrorbits',
      'almalinux',
      'mirrorbrain',
      () => ({ tiers: [] }),
    ] as const)
      assert.equal(checkOptions({ root: '.', strategy }).strategy, strategy)
    for (const nearFactor of [1, 1.5, 20_000])
      assert.equal(checkOptions({ root: '.', nearFactor }).nearFactor, nearFactor)
  })

  const STRATEGY = 'strategy: must be one of nearest, mirrorbits, almalinux, mirrorbrain, or a function'
  const RANGE = 'nearFactor: must be a number, 1 or greater'
  for (const [what, options, message] of [
    ['a strategy that does not exist', { strategy: 'closest' }, STRATEGY],
    ['a strategy in capitals', { strategy: 'Nearest' }, STRATEGY],
    ['a list of strategies', { strategy: ['nearest'] }, STRATEGY],
    ['a strategy that is an object', { strategy: {} }, STRATEGY],
    ['null for a strategy', { strategy: null }, STRATEGY],
    ['a range below 1', { nearFactor: 0.99 }, RANGE],
    ['a range below 0', { nearFactor: -1.5 }, RANGE],
    ['a range without an end', { nearFactor: Number.POSITIVE_INFINITY }, RANGE],
    ['a range that is no number', { nearFactor: Number.NaN }, RANGE],
    ['a range that is a text', { nearFactor: '1.5' }, RANGE],
    ['preferSecure as a text', { preferSecure: 'yes' }, 'preferSecure: must be true or false'],
    ['overrides as a number', { overrides: 0 }, 'overrides: must be true or false'],
    [
      'a mirror with a bad subnet',
      { mirrors: [{ id: 'a', url: 'https://a.example/', subnets: ['10/8'] }] },
      'mirrors[0].subnets[0]: "10/8" is no subnet such as 192.0.2.0/24 or 2001:db8::/32',
    ],
  ] as const) {
    test(`are refused by their name: ${what}`, () => {
      assert.equal(mistake(options), `createOrigin: ${message}`)
    })
  }
})

test('an origin chooses by the strategy, range and preference of its options', async (t) => {
  const root = temporaryFolder(t)
  const both = (id: string) => [`http://${id}.example/`, `https://${id}.example/`]
  const mirrors = [
    { id: 'a', urls: both('a'), location: 'de', coordinates: [50, 9] },
    { id: 'b', urls: both('b'), location: 'fr', coordinates: [50, 7], weight: 300 },
  ] as const
  const client = { address: '203.0.113.1', country: 'de', continent: 'eu', coordinates: [50, 10.5] } as const
  const rankBy = async (options: Parameters<typeof startOrigin>[1]) => {
    const { ranked } = (await startOrigin(t, options)).rank('a.bin', client)
    return ranked.map(({ tier, url }) => `${tier} ${url}`)
  }
  assert.deepEqual(await rankBy({ root, mirrors }), [
    'country https://a.example/a.bin',
    'continent https://b.example/a.bin',
  ])
  // 107 and 250 km: within three times the nearest distance, the heavier mirror is first.
  const abroad = mirrors.map((one) => ({ ...one, location: 'us' }))
  assert.deepEqual(await rankBy({ root, mirrors: abroad }), [
    'world https://a.example/a.bin',
    'world https://b.example/a.bin',
  ])
  assert.deepEqual(await rankBy({ root, mirrors: abroad, nearFactor: 3, preferSecure: false }), [
    'world http://b.example/a.bin',
    'world http://a.example/a.bin',
  ])
  assert.deepEqual(await rankBy({ root, mirrors, strategy: 'almalinux' }), [
    'country https://a.example/a.bin',
    'region https://b.example/a.bin',
  ])
  assert.deepEqual(
    await rankBy({
      root,
      mirrors,
      strategy: (given) => ({ tiers: [{ name: 'mine', mirrors: given.slice(1) }] }),
    }),
    ['mine https://b.example/a.bin'],
  )
})
