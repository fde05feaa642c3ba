import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import ipaddr from 'ipaddr.js'
import { continentOf } from '../../../lib/geo/countries.js'
import { baseUrl, type Candidate } from '../../../lib/mirrors/ranking/candidate.js'
import { explain, rank } from '../../../lib/mirrors/ranking/rank.js'
import { createSnapshot, DEFAULT_SELECTION } from '../../../lib/mirrors/ranking/snapshot.js'
import { STRATEGIES } from '../../../lib/mirrors/ranking/strategies/strategies.js'
import type { Strategy } from '../../../lib/mirrors/ranking/strategies/strategy.js'
import { type Client, type Coordinates, type Mirror, SERVES } from '../../../lib/model.js'
import { HERE, ids, mirror, north, SOMEONE, seededDraw } from '../../support/mirrors.js'

describe('the order of clients', () => {
  const MIRRORS = [
    mirror('net', { subnets: ['192.0.2.0/24', '192.0.2.128/25', '2001:db8::/32'], coordinates: north(9000) }),
    mirror('as', { asn: [64_500], coordinates: north(8000) }),
    mirror('de', { location: 'de', coordinates: north(500) }),
    mirror('fr', { location: 'fr', coordinates: north(300), urls: ['http://fr.example/'] }),
    mirror('own', { asn: [64_500], private: true, coordinates: north(100) }),
  ]
  const snapshot = createSnapshot(MIRRORS)
  const BASE: Client = { ...SOMEONE, address: '203.0.113.1', asn: 64_499 }

  const { asn: _, ...withoutAsn } = BASE

  const SAME: readonly (readonly [what: string, one: Client, other: Client])[] = [
    ['of other addresses', BASE, { ...BASE, address: '203.0.113.99' }],
    ['of other families, where no mirror has one', BASE, { ...BASE, address: '2001:db9::1' }],
    ['of other asn that no mirror has', BASE, { ...BASE, asn: 64_498 }],
    ['of an asn that no mirror has, and of none', BASE, withoutAsn],
    ['in the same square', BASE, { ...BASE, coordinates: [0, 0.249] }],
    ['of the same innermost subnet', { ...BASE, address: '192.0.2.1' }, { ...BASE, address: '192.0.2.127' }],
    ['of whom nothing is known', { address: '203.0.113.1' }, { address: '' }],
  ]
  for (const [what, one, other] of SAME) {
    test(`is one object for those ${what}`, () => {
      for (const secure of [false, true]) {
        assert.equal(snapshot.orderFor(one, secure), snapshot.orderFor(other, secure))
        assert.equal(snapshot.orderFor({ ...one }, secure), snapshot.orderFor(one, secure))
      }
    })
  }

  const families = createSnapshot([...MIRRORS, mirror('six', { family: 'ipv6' })])
  const DIFFERENT: readonly (readonly [
    what: string,
    one: Client,
    other: Client,
    expected: readonly string[],
  ])[] = [
    ['in a subnet', BASE, { ...BASE, address: '192.0.2.1' }, ['net', 'de', 'fr', 'as', 'six']],
    ['of an asn that a mirror has', BASE, { ...BASE, asn: 64_500 }, ['own', 'as', 'de', 'fr', 'net', 'six']],
    [
      'of such an asn who only say so',
      { ...BASE, asn: 64_500 },
      { ...BASE, asn: 64_500, assumed: true },
      ['as', 'de', 'fr', 'net', 'six'],
    ],
    ['of another country', BASE, { ...BASE, country: 'fr' }, ['fr', 'de', 'as', 'net', 'six']],
    [
      'of another continent',
      BASE,
      { ...BASE, country: 'us', continent: 'na' },
      ['fr', 'de', 'as', 'net', 'six'],
    ],
    ['in another square', BASE, { ...BASE, coordinates: [70, 0.25] }, ['de', 'fr', 'as', 'net', 'six']],
    ['of another family', BASE, { ...BASE, address: '2001:db9::1' }, ['de', 'fr', 'as', 'net', 'six']],
  ]
  for (const [what, one, other, expected] of DIFFERENT) {
    test(`is another for those ${what}`, () => {
      const query = { path: 'p', secure: false }
      assert.notEqual(families.orderFor(one, false), families.orderFor(other, false))
      assert.deepEqual(ids(rank(families, query, other, 9)), expected)
    })
  }

  test('is another for a longer prefix of the same mirror, and for another place that is only a middle', () => {
    const [wide, narrow] = ['192.0.2.1', '192.0.2.200'].map((address) => ({ ...BASE, address }))
    assert.ok(wide && narrow)
    assert.notEqual(snapshot.orderFor(wide, false), snapshot.orderFor(narrow, false))
    const middle = (coordinates: Coordinates) =>
      snapshot.orderFor({ address: '', coordinates, approximate: true }, false)
    assert.equal(middle([10, 10]), middle([10, 10]))
    assert.notEqual(middle([10, 10]), middle([80, 10]))
    assert.notEqual(middle([10, 10]), middle([10.1, 10.1]))
    assert.notEqual(middle(HERE), snapshot.orderFor({ address: '', coordinates: HERE }, false))
  })

  test('is another for those who came by https, where a mirror has none', () => {
    assert.notEqual(snapshot.orderFor(BASE, false), snapshot.orderFor(BASE, true))
    assert.deepEqual(ids(rank(snapshot, { path: 'p', secure: true }, BASE, 9)), ['de', 'as', 'net'])
    assert.deepEqual(ids(rank(snapshot, { path: 'p', secure: false }, BASE, 9)), ['de', 'fr', 'as', 'net'])
  })

  test('is the same from one request to the next, and another from one snapshot to the next', () => {
    const before = snapshot.orderFor(BASE, false)
    rank(snapshot, { path: 'x', secure: false }, BASE, 3, seededDraw(1))
    rank(snapshot, { path: 'y', secure: false, avoid: new Set(['de']) }, BASE, 3)
    assert.equal(snapshot.orderFor(BASE, false), before)
    assert.notEqual(createSnapshot(MIRRORS).orderFor(BASE, false), before)
  })

  for (const [edge, coordinates] of [
    ['the North Pole', [90, 0]],
    ['the South Pole', [-90, 0]],
    ['the antimeridian from the west', [10, 180]],
    ['the antimeridian from the east', [10, -180]],
  ] as const) {
    test(`is made at ${edge} too`, () => {
      const there = snapshot.choose({ address: '', coordinates }, false)
      for (const { mirrors } of there.choice.tiers)
        for (const { distance } of mirrors)
          assert.ok(distance !== undefined && distance >= 0 && distance < 20_016)
    })
  }

  test('is forgotten for places that were not asked for lately, and made again', () => {
    // Orders of 2,000 mirrors for 2,000 places exceed the cache.
    const many = createSnapshot(Array.from({ length: 2000 }, (_, index) => mirror(`m${index}`)))
    const first = many.orderFor({ address: '', coordinates: [0.25, 0.25] }, false)
    assert.equal(many.orderFor({ address: '', coordinates: [0.25, 0.25] }, false), first)
    for (let index = 0; index < 1100; index += 1) {
      const coordinates: Coordinates = [-89 + Math.floor(index / 300), -179 + (index % 300)]
      many.orderFor({ address: '', coordinates }, false)
    }
    assert.notEqual(many.orderFor({ address: '', coordinates: [0.25, 0.25] }, false), first)
  })
})

describe('whatever the mirrors, the client and the strategy', () => {
  const COUNTRIES = ['de', 'at', 'fr', 'us', 'jp', 'nz']
  const SUBNETS = ['192.0.2.0/24', '192.0.2.128/25', '0.0.0.0/0', '2001:db8::/32', '::/0']
  const ASNS = [64_500, 64_501]
  const coordinates = fc.oneof(
    fc.constantFrom<Coordinates>(HERE, [-89.9, 179.9], [90, -180], [0, 0]),
    fc.tuple(fc.double({ min: -90, max: 90, noNaN: true }), fc.double({ min: -180, max: 180, noNaN: true })),
  )
  const urls = fc.constantFrom(
    ['https://m.example/'],
    ['http://m.example/'],
    ['https://m.example/', 'http://m.example/', 'ftp://m.example/'],
    ['ftp://m.example/'],
  )
  const anyMirror = fc.record(
    {
      urls,
      location: fc.constantFrom(...COUNTRIES),
      countries: fc.subarray(COUNTRIES, { maxLength: 2 }),
      coordinates,
      asn: fc.subarray(ASNS),
      subnets: fc.subarray(SUBNETS, { maxLength: 3 }),
      family: fc.constantFrom('ipv4' as const, 'ipv6' as const),
      weight: fc.constantFrom(0, 0.001, 1, 50, 100, 100, 150, 1e9),
      paths: fc.constantFrom([], [], ['iso/**'], ['!iso/**']),
      serves: fc.constantFrom(...SERVES, 'world' as const, 'world' as const),
      excludes: fc.constantFrom([], [], ['de'], ['us', 'fr']),
      private: fc.constantFrom(false, false, false, true),
      enabled: fc.constantFrom(true, true, true, false),
    },
    { requiredKeys: ['urls'] },
  )
  const anyMirrors = fc
    .array(anyMirror, { maxLength: 20, size: 'max' })
    .map((list) => list.map((properties, index) => mirror(`m${index}`, properties)))
  const address = fc.constantFrom('', '192.0.2.1', '192.0.2.200', '203.0.113.1', '2001:db8::1', '2001:db9::1')
  const anyClient: fc.Arbitrary<Client> = fc
    .record(
      {
        address,
        country: fc.constantFrom(...COUNTRIES, 'br'),
        coordinates,
        approximate: fc.boolean(),
        asn: fc.constantFrom(...ASNS, 64_999),
        assumed: fc.boolean(),
      },
      { requiredKeys: ['address'] },
    )
    .map((client): Client => {
      const continent = client.country && continentOf(client.country)
      return continent === undefined ? client : { ...client, continent }
    })
  const anyWanted = fc.record({
    path: fc.constantFrom('iso/disk.iso', 'doc/a'),
    secure: fc.boolean(),
    redirectable: fc.boolean(),
    avoid: fc.constantFrom(undefined, undefined, undefined, new Set(['m0', 'm3']), new Set(['m.example'])),
  })
  const backwards: Strategy = (mirrors) => ({
    tiers: [{ name: 'x', mirrors: mirrors.toReversed(), shares: mirrors.map((_, index) => index) }],
  })
  const strategy = fc.constantFrom(...STRATEGIES, backwards)
  const seed = fc.option(fc.integer(), { nil: undefined })

  /** A second, simple implementation: whether a mirror may be named to a client. */
  function may(
    one: Mirror,
    client: Client,
    query: { path: string; secure: boolean; redirectable: boolean; avoid: ReadonlySet<string> | undefined },
  ): boolean {
    const { country, continent, asn } = client
    const inSubnet = one.subnets.some((subnet) => {
      if (client.address === '') return false
      const parsed = ipaddr.parse(client.address)
      const [network, bits] = ipaddr.parseCIDR(subnet)
      return parsed.kind() === network.kind() && parsed.match(network, bits)
    })
    const inAsn = asn !== undefined && one.asn.includes(asn)
    const inCountry = country !== undefined && [one.location, ...one.countries].includes(country)
    const onContinent =
      one.location !== undefined && continent !== undefined && continentOf(one.location) === continent
    const circles = {
      subnet: inSubnet,
      asn: inSubnet || inAsn,
      country: inSubnet || inAsn || inCountry,
      continent: inSubnet || inAsn || inCountry || onContinent,
      world: true,
    }
    const [first = ''] = one.urls
    const isHttp = first.startsWith('http')
    return (
      one.enabled &&
      one.weight > 0 &&
      !(country !== undefined && one.excludes.includes(country)) &&
      (!one.private || (!client.assumed && circles.asn)) &&
      circles[one.serves] &&
      (!query.secure || first.startsWith('https:')) &&
      (!query.redirectable || isHttp) &&
      !(one.paths[0] === 'iso/**' && !query.path.startsWith('iso/')) &&
      !(one.paths[0] === '!iso/**' && query.path.startsWith('iso/')) &&
      !(query.avoid?.has(one.id) || query.avoid?.has('m.example'))
    )
  }

  function given(
    mirrors: readonly Mirror[],
    named: (typeof STRATEGIES)[number] | Strategy,
    query: Parameters<typeof rank>[1],
    client: Client,
    limit: number,
    from: number | undefined,
  ): readonly Candidate[] {
    const failed = (error: Error) => assert.fail(error)
    const snapshot = createSnapshot(mirrors, { ...DEFAULT_SELECTION, strategy: named }, failed)
    return rank(snapshot, query, client, limit, from === undefined ? undefined : seededDraw(from))
  }

  test('no mirror is named twice, none that may not be, and one wherever one may be', () => {
    let named = 0
    fc.assert(
      fc.property(anyMirrors, anyClient, anyWanted, strategy, seed, (mirrors, client, query, how, from) => {
        const found = ids(given(mirrors, how, query, client, 100, from))
        const allowed = ids(mirrors.filter((one) => may(one, client, query)).map((one) => ({ mirror: one })))
        assert.equal(new Set(found).size, found.length)
        for (const id of found) assert.ok(allowed.includes(id), `${id} may not be named`)
        assert.equal(found.length > 0, allowed.length > 0)
        // These strategies name all mirrors. The others stay within their limit.
        if (how === 'nearest' || how === 'mirrorbrain' || how === backwards)
          assert.deepEqual(found.toSorted(), allowed.toSorted())
        if (how === 'mirrorbits') assert.ok(found.length <= 5)
        named += found.length
      }),
      { numRuns: 1500 },
    )
    assert.ok(named > 1000, `only ${named} mirrors were named`)
  })

  test('the same draws give the same answer, and the order of the file plays no part in lists', () => {
    fc.assert(
      fc.property(
        anyMirrors,
        anyClient,
        anyWanted,
        strategy,
        seed,
        fc.nat(8),
        (mirrors, client, query, how, from, limit) => {
          const once = ids(given(mirrors, how, query, client, limit, from))
          assert.deepEqual(ids(given(mirrors, how, query, client, limit, from)), once)
          assert.ok(once.length <= limit)
          if (
            from !== undefined ||
            how === backwards ||
            (how === 'mirrorbits' && client.coordinates === undefined)
          )
            return
          assert.deepEqual(ids(given(mirrors.toReversed(), how, query, client, limit, from)), once)
        },
      ),
      { numRuns: 400 },
    )
  })

  test('a client that came by https is given https alone, and a redirect http or https', () => {
    fc.assert(
      fc.property(anyMirrors, anyClient, anyWanted, strategy, seed, (mirrors, client, query, how, from) => {
        for (const one of given(mirrors, how, query, client, 100, from)) {
          const url = baseUrl(one, query.secure)
          assert.ok(url !== undefined && one.mirror.urls.includes(url))
          if (query.secure) assert.match(url, /^https:/)
          else if (query.redirectable) assert.match(url, /^https?:/)
        }
      }),
      { numRuns: 300 },
    )
  })

  test('mirrors of the other family come after all that the client reaches', () => {
    fc.assert(
      fc.property(anyMirrors, anyClient, anyWanted, strategy, seed, (mirrors, client, query, how, from) => {
        if (client.address === '') return
        const other = client.address.includes(':') ? 'ipv4' : 'ipv6'
        const found = given(mirrors, how, query, client, 100, from).map((one) => one.mirror.family === other)
        assert.ok(!found.slice(found.indexOf(true)).includes(false) || !found.includes(true), found.join())
      }),
      { numRuns: 400 },
    )
  })

  test('clients who share an order are given the same, to each the same as without any sharing', () => {
    fc.assert(
      fc.property(
        anyMirrors,
        fc.array(anyClient, { minLength: 2, maxLength: 12 }),
        anyWanted,
        strategy,
        (mirrors, clients, query, how) => {
          const shared = createSnapshot(mirrors, { ...DEFAULT_SELECTION, strategy: how })
          for (const client of clients) {
            const fresh = ids(given(mirrors, how, query, client, 100, undefined))
            assert.deepEqual(ids(rank(shared, query, client, 100)), fresh)
          }
        },
      ),
      { numRuns: 400 },
    )
  })

  test('the explanation names the same, in the order of lists, and a reason for each of the others', () => {
    fc.assert(
      fc.property(anyMirrors, anyClient, anyWanted, strategy, (mirrors, client, query, how) => {
        const snapshot = createSnapshot(mirrors, { ...DEFAULT_SELECTION, strategy: how })
        const { ranked, omitted } = explain(snapshot, query, client, 'p')
        assert.deepEqual(
          ranked.map(({ id }) => id),
          ids(rank(snapshot, query, client, 100)),
        )
        assert.deepEqual(
          [...ranked, ...omitted].map(({ id }) => id).toSorted(),
          mirrors.map(({ id }) => id).toSorted(),
        )
        for (const { reason } of omitted) assert.notEqual(reason, '')
      }),
      { numRuns: 400 },
    )
  })
})
