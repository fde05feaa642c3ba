import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { gzipSync } from 'node:zlib'
import fc from 'fast-check'
import { readAddress } from '../../lib/geo/address.js'
import { Database } from '../../lib/geo/database.js'
import type { Place } from '../../lib/model.js'
import { pseudoRandomBytes } from '../support/folder.js'
import { as, type DatabaseChoices, mmdb } from '../support/mmdb-writer.js'
import { RECORDS } from './records.js'

function database(choices: DatabaseChoices): Database {
  return new Database(mmdb(choices))
}

function find(database: Database, text: string): Place {
  const address = readAddress(text)
  assert.ok(address, text)
  return database.find(address)
}

const FOUR = '93.184.216.0/24'
const SIX = '2606:2800::/32'

describe('a record is read, whatever the publisher:', () => {
  for (const [schema, { record, place }] of Object.entries(RECORDS)) {
    for (const recordSize of [24, 28, 32] as const) {
      test(`${schema}, ${recordSize} bits`, () => {
        const both = database({ networks: { [FOUR]: record, [SIX]: record }, recordSize, type: schema })
        assert.deepEqual(find(both, '93.184.216.34'), place)
        assert.deepEqual(find(both, '2606:2800::1'), place)
        assert.deepEqual(find(both, '93.184.217.34'), {})
        assert.deepEqual(find(both, '2606:2801::1'), {})
      })
    }
  }
})

test('a database of IPv4 alone knows no IPv6', () => {
  // The first bits of the IPv6 address are those of 38.6.40.0.
  const four = database({
    networks: { '38.0.0.0/8': { country_code: 'US' }, [FOUR]: { country_code: 'DE' } },
  })
  assert.deepEqual(find(four, '38.6.40.0'), { country: 'us' })
  assert.deepEqual(find(four, '2606:2800::1'), {})
  assert.deepEqual(find(four, '::ffff:93.184.216.34'), { country: 'de' })
})

test('a database of IPv6 alone knows no IPv4', () => {
  const six = database({ networks: { [SIX]: { country_code: 'US' } } })
  assert.deepEqual(find(six, '93.184.216.34'), {})
  assert.deepEqual(find(six, '2606:2800::1'), { country: 'us' })
})

test('the same record is read once', () => {
  const one = database({
    networks: { [FOUR]: { country_code: 'DE' }, [SIX]: { country_code: 'DE' } },
  })
  assert.equal(find(one, '93.184.216.34'), find(one, '2606:2800::1'))
})

test('a database is taken wherever in its range its only record stands', () => {
  for (const network of ['0.0.0.0/32', '255.255.255.255/32', '93.184.216.34/32', '128.0.0.0/1']) {
    assert.ok(database({ networks: { [network]: { country_code: 'DE' } } }), network)
    assert.ok(database({ networks: { [network]: { country_code: 'DE' } }, version: 6 }), network)
  }
  for (const network of ['::1/128', 'ffff:ffff::ffff/128', '2606:2800::1/128', '8000::/1']) {
    assert.ok(database({ networks: { [network]: { country_code: 'DE' } } }), network)
  }
})

describe('refused, with the reason:', () => {
  const good = mmdb({ networks: { [FOUR]: { country_code: 'DE' } } })

  function refused(what: string, bytes: Buffer, why: RegExp): void {
    test(what, () => {
      assert.throws(() => new Database(bytes), { message: why })
    })
  }

  const notOne = /^it is no MMDB database, or only the beginning of one; download it again$/
  refused('an empty file', Buffer.alloc(0), /^it is empty; download it again$/)
  refused('a single byte', Buffer.from([0x1f]), notOne)
  refused('a text', Buffer.from('Not found\n'.repeat(100)), notOne)
  refused('noise', pseudoRandomBytes(300_000), notOne)
  refused('a compressed database', gzipSync(good), /^it is compressed; unpack it$/)
  refused('the first half', good.subarray(0, good.length / 2), notOne)
  refused('a marker and nothing else', Buffer.from('\xab\xcd\xefMaxMind.com', 'latin1'), /^it is damaged/)
  refused('the second half', good.subarray(20), /^it is damaged/)
  refused('metadata far from the end', Buffer.concat([good, Buffer.alloc(200_000)]), notOne)
  refused('no records', mmdb({ networks: {} }), /^it has no records; download it again$/)
  for (const [name, value] of [
    ['binary_format_major_version', 3],
    ['ip_version', 5],
    ['ip_version', '4'],
    ['record_size', 20],
    ['node_count', 0],
    ['node_count', 1_000_000_000],
    ['node_count', 'many'],
    ['node_count', 23],
  ] as const) {
    const bytes = mmdb({ networks: { [FOUR]: { country_code: 'DE' } }, metadata: { [name]: value } })
    refused(`${name} of ${value}`, bytes, /^it is damaged \(.+\); download it again$/)
  }
  for (const [type, record] of [
    ['GeoIP2-Anonymous-IP', { is_anonymous: true, is_tor_exit_node: true }],
    ['GeoIP2-Connection-Type', { connection_type: 'Cable/DSL' }],
    ['GeoIP2-Domain', { domain: 'example.com' }],
    ['none', { country_code: 'ZZ', latitude: as('double', 200), longitude: as('double', 200) }],
  ] as const) {
    refused(
      `a database of the type ${type}`,
      mmdb({ networks: { [FOUR]: record, [SIX]: record }, type }),
      new RegExp(
        `^it is of the type "${type}", and knows neither countries, coordinates nor autonomous systems; ` +
          'name a database of countries, cities or autonomous systems, such as GeoLite2-City$',
      ),
    )
  }
  test('records that cannot be read', () => {
    const bytes = Buffer.from(good)
    // The record begins after the tree and its 16 zeros. A map of 31 + 65,821 and more pairs is
    // longer than the file.
    const start = bytes.indexOf(Buffer.alloc(16), 12 * 6) + 16
    bytes.fill(0xff, start, start + 20)
    assert.throws(() => new Database(bytes), { message: /^it is damaged \(.+\); download it again$/ })
  })
})

const FULL = mmdb({
  networks: Object.fromEntries(
    Object.values(RECORDS).flatMap(({ record }, index) => [
      [`${20 + index}.0.0.0/8`, record],
      [`2606:${index}::/32`, record],
    ]),
  ),
})
const ADDRESSES = Object.keys(RECORDS).flatMap((_, index) => [`${20 + index}.1.2.3`, `2606:${index}::1`])

/**
 * Opens the bytes, or refuses them. An opened database returns records, or throws an error that
 * `locate` catches.
 */
function tryAll(bytes: Buffer): 'taken' | 'refused' {
  let taken: Database
  try {
    taken = new Database(bytes)
  } catch (error) {
    assert.ok(
      error instanceof Error && /^it (is|has) .+; (download|unpack|name) /.test(error.message),
      `${error}`,
    )
    return 'refused'
  }
  for (const address of ADDRESSES) {
    try {
      find(taken, address)
    } catch (error) {
      assert.ok(error instanceof Error)
    }
  }
  return 'taken'
}

test('any beginning of a database is refused, or as good as the whole', () => {
  const results = new Set<string>()
  for (let length = 0; length < FULL.length; length += 1) {
    const result = tryAll(FULL.subarray(0, length))
    results.add(result)
    // Without its last bytes, a database is still readable if they belong to a text.
    if (length < FULL.length - 30) assert.equal(result, 'refused', `${length} of ${FULL.length} bytes`)
  }
  assert.ok(results.has('refused'))
})

test('any byte may be another one', () => {
  fc.assert(
    fc.property(fc.nat(FULL.length - 1), fc.nat(255), (index, value) => {
      const bytes = Buffer.from(FULL)
      bytes[index] = value
      tryAll(bytes)
    }),
    { numRuns: 3000 },
  )
})

test('any stretch may be zeros, or noise', () => {
  fc.assert(
    fc.property(fc.nat(FULL.length - 1), fc.nat(500), fc.boolean(), (start, length, zeros) => {
      const bytes = Buffer.from(FULL)
      const end = Math.min(bytes.length, start + length)
      if (zeros) bytes.fill(0, start, end)
      else pseudoRandomBytes(end - start, start + 1).copy(bytes, start)
      tryAll(bytes)
    }),
    { numRuns: 2000 },
  )
})
