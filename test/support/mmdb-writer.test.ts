import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Reader } from 'maxmind'
import { as, type DatabaseChoices, mmdb, type Value } from './mmdb-writer.js'

function reader(choices: DatabaseChoices): Reader<object> {
  return new Reader<object>(mmdb(choices))
}

const RECORD_SIZES = [24, 28, 32] as const

for (const recordSize of RECORD_SIZES) {
  for (const shared of [true, false]) {
    test(`what is written with records of ${recordSize} bits, ${shared ? 'shared' : 'apart'}, is what is read`, () => {
      const networks: Record<string, Value> = { '1.0.0.0/8': { a: 'x' }, '2.3.0.0/16': { a: 'y' } }
      for (let index = 0; index < 300; index += 1) {
        networks[`10.${index >> 4}.${(index & 15) << 4}.0/20`] = { index, name: `network ${index}` }
      }
      const { get } = bound(reader({ networks, recordSize, shared }))
      assert.deepEqual(get('1.255.0.1'), { a: 'x' })
      assert.deepEqual(get('2.3.4.5'), { a: 'y' })
      assert.equal(get('2.4.0.0'), null)
      assert.deepEqual(get('10.0.0.0'), { index: 0, name: 'network 0' })
      assert.deepEqual(get('10.18.176.255'), { index: 299, name: 'network 299' })
    })
  }
}

test('values of every type and length are read as they were', () => {
  const record: Record<string, Value> = {
    text: 'ü',
    empty: '',
    long: 'l'.repeat(284),
    longer: 'l'.repeat(65_820),
    longest: 'l'.repeat(70_000),
    zero: 0,
    number: 4_294_967_295,
    degrees: -33.25,
    exact: as('double', 10),
    single: as('float', 0.5),
    small: as('uint16', 65_535),
    big: 2n ** 63n,
    huge: as('uint128', 2n ** 127n + 1n),
    negative: as('int32', -5),
    yes: true,
    no: false,
    list: ['a', 1, ['b'], []],
    bytes: Buffer.from([1, 2, 3]),
    map: { of: { maps: {} } },
    many: Object.fromEntries(Array.from({ length: 400 }, (_, index) => [`key ${index}`, index])),
  }
  for (const shared of [true, false]) {
    const { get } = bound(reader({ networks: { '1.0.0.0/8': record }, shared }))
    assert.deepEqual(get('1.2.3.4'), {
      ...record,
      exact: 10,
      single: 0.5,
      small: 65_535,
      huge: 2n ** 127n + 1n,
      negative: -5,
    })
  }
})

test('a tree of IPv6 has IPv4 too, and the later network lies over the earlier', () => {
  const { get } = bound(
    reader({
      networks: {
        '2001:db8::/32': { a: 'documents' },
        '192.0.2.0/24': { a: 'four' },
        '2001:db8:5::/48': { a: 'over' },
        '192.0.2.128/25': { a: 'half' },
      },
    }),
  )
  assert.deepEqual(get('2001:db8:4::1'), { a: 'documents' })
  assert.deepEqual(get('2001:db8:5::1'), { a: 'over' })
  assert.deepEqual(get('2001:db8:6::1'), { a: 'documents' })
  assert.deepEqual(get('192.0.2.1'), { a: 'four' })
  assert.deepEqual(get('192.0.2.200'), { a: 'half' })
  assert.equal(get('192.0.3.1'), null)
  assert.equal(get('2001:db9::'), null)
})

test('metadata say what was asked for', () => {
  const { metadata } = reader({
    networks: { '2001:db8::/32': {} },
    type: 'GeoLite2-City',
    recordSize: 28,
    metadata: { languages: ['de'] },
  })
  assert.equal(metadata.databaseType, 'GeoLite2-City')
  assert.equal(metadata.ipVersion, 6)
  assert.equal(metadata.recordSize, 28)
  assert.deepEqual(metadata.languages, ['de'])
})

function bound(database: Reader<object>): { get(address: string): object | null } {
  return { get: (address) => database.get(address) }
}
