import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { explain, rank } from '../../../lib/mirrors/ranking/rank.js'
import { createSnapshot, DEFAULT_SELECTION } from '../../../lib/mirrors/ranking/snapshot.js'
import { STRATEGIES } from '../../../lib/mirrors/ranking/strategies/strategies.js'
import { type Client, type Mirror, SERVES, type Serves } from '../../../lib/model.js'
import { draws, ids, mirror, north, SOMEONE } from '../../support/mirrors.js'
import { assertFirsts, WANTED } from './selections.js'

/** A mirror with every property by which a client can belong to it. */
const BERLIN: Partial<Mirror> = {
  location: 'de',
  countries: ['at', 'ch'],
  asn: [64_500, 64_501],
  subnets: ['192.0.2.0/24', '2001:db8::/32'],
}

/** Clients from the nearest to the farthest, each near by one property only. */
const CLIENTS = {
  'in its subnet': { address: '192.0.2.7' },
  'in its other subnet': { address: '2001:db8::7' },
  'in its subnet, of another country': { address: '192.0.2.7', country: 'us', continent: 'na' },
  'in its asn': { address: '203.0.113.1', asn: 64_501 },
  'in its country': { address: '203.0.113.1', country: 'de', continent: 'eu' },
  'in a country that it also serves': { address: '203.0.113.1', country: 'ch', continent: 'eu' },
  'on its continent': { address: '203.0.113.1', country: 'fr', continent: 'eu' },
  'on its continent, in no known country': { address: '203.0.113.1', continent: 'eu' },
  'on another continent': { address: '203.0.113.1', country: 'us', continent: 'na' },
  'of another asn': { address: '203.0.113.1', asn: 64_502 },
  'of no known place': { address: '203.0.113.1' },
  'of no known address': { address: '' },
} satisfies Record<string, Client>
type Who = keyof typeof CLIENTS
const EVERYONE = Object.keys(CLIENTS) as Who[]

const NETWORK: readonly Who[] = [
  'in its subnet',
  'in its other subnet',
  'in its subnet, of another country',
  'in its asn',
]
const COUNTRY: readonly Who[] = [...NETWORK, 'in its country', 'in a country that it also serves']
const SERVED: Readonly<Record<Serves, readonly Who[]>> = {
  world: EVERYONE,
  continent: [...COUNTRY, 'on its continent', 'on its continent, in no known country'],
  country: COUNTRY,
  asn: NETWORK,
  subnet: NETWORK.filter((who) => who !== 'in its asn'),
}
const REASONS: Readonly<Record<Serves, string>> = {
  world: 'never',
  continent: 'serves its continent only',
  country: 'serves its country only',
  asn: 'serves its asn only',
  subnet: 'serves its subnets only',
}

/** Returns why a mirror is left out for a client; undefined if it is not. */
function reasonFor(properties: Partial<Mirror>, client: Client, query = WANTED): string | undefined {
  const { ranked, omitted } = explain(
    createSnapshot([mirror('m', { ...BERLIN, ...properties })]),
    query,
    client,
    'p',
  )
  assert.equal(ranked.length + omitted.length, 1)
  return omitted[0]?.reason
}

describe('a mirror that serves', () => {
  for (const serves of SERVES) {
    for (const who of EVERYONE) {
      const isServed = SERVED[serves].includes(who)
      test(`${serves} is ${isServed ? '' : 'not '}for a client ${who}`, () => {
        assert.equal(reasonFor({ serves }, CLIENTS[who]), isServed ? undefined : REASONS[serves])
      })
    }
  }

  test('its country is for no one where it has none, nor other countries, asn and subnets', () => {
    const none = { location: undefined, countries: [], asn: [], subnets: [] }
    for (const who of EVERYONE) {
      for (const serves of ['country', 'asn', 'subnet'] as const)
        assert.equal(reasonFor({ ...none, serves }, CLIENTS[who]), REASONS[serves], `${serves} ${who}`)
      assert.equal(reasonFor({ ...none, serves: 'continent' }, CLIENTS[who]), REASONS.continent, who)
    }
  })
})

describe('a private mirror', () => {
  const NOT_OWN = 'private: only for its own asn and subnets'

  for (const who of EVERYONE) {
    const isOwn = NETWORK.includes(who)
    test(`is ${isOwn ? '' : 'not '}for a client ${who}`, () => {
      assert.equal(reasonFor({ private: true }, CLIENTS[who]), isOwn ? undefined : NOT_OWN)
    })
  }

  test('is for nobody who only says where they are', () => {
    for (const who of EVERYONE) {
      const client = { ...CLIENTS[who], assumed: true }
      assert.equal(
        reasonFor({ private: true }, client),
        'private: not shown to clients that only claim their place',
      )
      // Mirrors that are not private are for these clients, too.
      assert.equal(reasonFor({}, client), undefined)
    }
  })

  test('keeps to what it serves as well', () => {
    assert.equal(reasonFor({ private: true, serves: 'subnet' }, CLIENTS['in its asn']), REASONS.subnet)
    assert.equal(reasonFor({ private: true, serves: 'subnet' }, CLIENTS['in its subnet']), undefined)
  })

  test('comes first for its own', () => {
    const snapshot = createSnapshot([
      mirror('public', { location: 'de' }),
      mirror('own', { ...BERLIN, private: true }),
    ])
    const list = (client: Client) => ids(rank(snapshot, WANTED, client, 9))
    assert.deepEqual(list({ ...CLIENTS['in its subnet'], country: 'de' }), ['own', 'public'])
    assert.deepEqual(list(CLIENTS['in its country']), ['public'])
  })
})

describe('a mirror that excludes a country', () => {
  const excludes = ['us', 'de']

  test('is for nobody there, its own country, asn and subnets included', () => {
    for (const who of [
      'in its country',
      'on another continent',
      'in its subnet, of another country',
    ] as const) {
      const { country } = CLIENTS[who]
      assert.equal(reasonFor({ excludes }, CLIENTS[who]), `excludes clients of ${country}`)
      assert.equal(reasonFor({ excludes, private: true }, CLIENTS[who]), `excludes clients of ${country}`)
    }
    assert.equal(
      reasonFor({ excludes }, { ...CLIENTS['in its asn'], country: 'de' }),
      'excludes clients of de',
    )
  })

  test('is for everyone else, and for those of whom no country is known', () => {
    for (const who of EVERYONE.filter((one) => !['us', 'de'].includes(countryOf(CLIENTS[one]))))
      assert.equal(reasonFor({ excludes }, CLIENTS[who]), undefined, who)
  })
})

function countryOf({ country = '' }: Client): string {
  return country
}

describe('the countries of a mirror', () => {
  test('are its own in every strategy that goes by countries', () => {
    const mirrors = [
      mirror('at', { location: 'fr', countries: ['at', 'de'], coordinates: north(900) }),
      mirror('fr', { location: 'fr', coordinates: north(100) }),
    ]
    for (const strategy of STRATEGIES.filter((name) => name !== 'mirrorbits')) {
      const snapshot = createSnapshot(mirrors, { ...DEFAULT_SELECTION, strategy })
      assert.deepEqual(ids(rank(snapshot, WANTED, SOMEONE, 9)), ['at', 'fr'], strategy)
      const french = { ...SOMEONE, country: 'fr' }
      assert.deepEqual(ids(rank(snapshot, WANTED, french, 9)), ['fr', 'at'], strategy)
    }
  })

  test('do not move its continent', () => {
    const one = { location: 'us', countries: ['de'], asn: [], subnets: [], serves: 'continent' } as const
    assert.equal(reasonFor(one, { address: '', country: 'de', continent: 'eu' }), undefined)
    assert.equal(reasonFor(one, { address: '', country: 'fr', continent: 'eu' }), REASONS.continent)
    assert.equal(reasonFor(one, { address: '', country: 'ca', continent: 'na' }), undefined)
  })
})

describe('a mirror of one family', () => {
  const MIRRORS = [
    mirror('six', { family: 'ipv6', weight: 500, coordinates: north(100), location: 'de' }),
    mirror('four', { family: 'ipv4', weight: 300, coordinates: north(100), location: 'de' }),
    mirror('both', { weight: 100, coordinates: north(100), location: 'de' }),
    mirror('far', { coordinates: north(5000) }),
  ]
  const V4 = { ...SOMEONE, address: '203.0.113.1' }
  const V6 = { ...SOMEONE, address: '2001:db8::1' }
  const list = (client: Client, mirrors: readonly Mirror[] = MIRRORS) =>
    ids(rank(createSnapshot(mirrors), WANTED, client, 9))

  test('comes last for a client of the other, behind mirrors of the whole world', () => {
    assert.deepEqual(list(V4), ['four', 'both', 'far', 'six'])
    assert.deepEqual(list(V6), ['six', 'both', 'far', 'four'])
  })

  test('comes as any other for a client of whose family nothing is known', () => {
    assert.deepEqual(list({ ...SOMEONE, address: '' }), ['six', 'four', 'both', 'far'])
  })

  test('comes last for a client of the other family whose address alone is not known', () => {
    assert.deepEqual(list({ ...SOMEONE, address: '', family: 'ipv4' }), ['four', 'both', 'far', 'six'])
    assert.deepEqual(list({ ...SOMEONE, address: '', family: 'ipv6' }), ['six', 'both', 'far', 'four'])
  })

  test('is better than none', () => {
    const [six] = MIRRORS
    assert.ok(six)
    assert.deepEqual(list(V4, [six]), ['six'])
    assert.deepEqual(ids(rank(createSnapshot([six]), WANTED, V4, 1, draws(0.5))), ['six'])
  })

  test('has no part in the draw for a client of the other', () => {
    const snapshot = createSnapshot(MIRRORS)
    assertFirsts(snapshot, V4, 51, { four: 0.75, both: 0.25 })
    assertFirsts(snapshot, V6, 52, { six: 5 / 6, both: 1 / 6 })
  })

  test('does not lift the limit of a strategy that has one', () => {
    const many = Array.from({ length: 30 }, (_, index) =>
      mirror(`m${index}`, { family: 'ipv6', location: 'de', coordinates: north(100 + index) }),
    )
    const count = (strategy: 'mirrorbits' | 'almalinux', mirrors: readonly Mirror[]) =>
      rank(createSnapshot(mirrors, { ...DEFAULT_SELECTION, strategy }), WANTED, V4, 100).length
    const [, four] = MIRRORS
    assert.ok(four)
    for (const mirrors of [many, [...many, four]]) {
      assert.ok(count('mirrorbits', mirrors) <= 5)
      assert.equal(count('almalinux', mirrors), 10)
    }
  })
})

test('reasons come in this order, where several hold', () => {
  const everything: Partial<Mirror> = {
    enabled: false,
    weight: 0,
    excludes: ['us'],
    private: true,
    serves: 'subnet',
    urls: ['http://m.example/'],
    paths: ['other/**'],
  }
  const client: Client = { address: '203.0.113.1', country: 'us', continent: 'na' }
  const secure = { path: 'iso/disk.iso', secure: true, redirectable: true, avoid: new Set(['m']) }
  const steps: readonly (readonly [reason: string, mended: Partial<Mirror>])[] = [
    ['disabled', { enabled: true }],
    ['weight 0', { weight: 1 }],
    ['excludes clients of us', { excludes: [] }],
    ['private: only for its own asn and subnets', { private: false }],
    ['serves its subnets only', { serves: 'world' }],
    ['no https URL, and the client came by https', { urls: ['https://m.example/'] }],
    ['its paths leave the file out', { paths: [] }],
  ]
  let properties = everything
  for (const [reason, mended] of steps) {
    assert.equal(reasonFor(properties, client, secure), reason)
    properties = { ...properties, ...mended }
  }
  assert.equal(reasonFor(properties, client, secure), 'the client avoids it')
})
