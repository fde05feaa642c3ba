import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import ipaddr from 'ipaddr.js'
import { type Match, Subnets } from '../../../lib/mirrors/ranking/subnets.js'

/** Returns each mirror's longest matching prefix, by the mirror's index, by testing all subnets. */
function bruteForce(mirrors: readonly (readonly string[])[], address: string): Map<number, number> {
  const parsed = ipaddr.parse(address)
  const longest = new Map<number, number>()
  for (const [mirror, subnets] of mirrors.entries()) {
    for (const subnet of subnets) {
      const [network, bits] = ipaddr.parseCIDR(subnet)
      if (network.kind() !== parsed.kind() || !parsed.match(ipaddr.parseCIDR(subnet))) continue
      longest.set(mirror, Math.max(bits, longest.get(mirror) ?? 0))
    }
  }
  return longest
}

function byMirror(matches: readonly Match[]): Map<number, number> {
  assert.equal(new Set(matches.map(({ mirror }) => mirror)).size, matches.length, 'a mirror is there twice')
  return new Map(matches.map(({ mirror, prefix }) => [mirror, prefix]))
}

function find(mirrors: readonly (readonly string[])[], address: string): [mirror: number, prefix: number][] {
  return [...byMirror(new Subnets(mirrors).find(address))].sort(([a], [b]) => a - b)
}

describe('an address', () => {
  test('is found in a subnet from its first to its last', () => {
    const mirrors = [['192.0.2.64/26'], ['2001:db8:0:4000::/50']]
    for (const inside of ['192.0.2.64', '192.0.2.127', '192.0.2.100']) {
      assert.deepEqual(find(mirrors, inside), [[0, 26]], inside)
    }
    for (const inside of ['2001:db8:0:4000::', '2001:db8:0:7fff:ffff:ffff:ffff:ffff']) {
      assert.deepEqual(find(mirrors, inside), [[1, 50]], inside)
    }
    for (const outside of [
      '192.0.2.63',
      '192.0.2.128',
      '192.0.3.64',
      '2001:db8:0:3fff::',
      '2001:db8:0:8000::',
    ])
      assert.deepEqual(find(mirrors, outside), [], outside)
  })

  test('is found by a mirror’s longest subnet, in whatever order they are', () => {
    const nested = ['10.0.0.0/8', '10.1.0.0/16', '10.1.2.0/24', '10.1.2.3/32']
    for (const list of [nested, nested.toReversed()]) {
      assert.deepEqual(find([list], '10.1.2.3'), [[0, 32]])
      assert.deepEqual(find([list], '10.1.2.4'), [[0, 24]])
      assert.deepEqual(find([list], '10.1.3.4'), [[0, 16]])
      assert.deepEqual(find([list], '10.2.3.4'), [[0, 8]])
      assert.deepEqual(find([list], '11.2.3.4'), [])
    }
  })

  test('is found by every mirror whose subnet holds it, equal ones and nested ones', () => {
    const mirrors = [['10.0.0.0/8'], ['10.1.0.0/16'], ['10.0.0.0/8', '172.16.0.0/12'], ['10.1.0.0/16'], []]
    assert.deepEqual(find(mirrors, '10.1.2.3'), [
      [0, 8],
      [1, 16],
      [2, 8],
      [3, 16],
    ])
    assert.deepEqual(find(mirrors, '10.9.9.9'), [
      [0, 8],
      [2, 8],
    ])
    assert.deepEqual(find(mirrors, '172.31.255.255'), [[2, 12]])
  })

  test('is found once by a mirror that names a subnet twice', () => {
    assert.deepEqual(find([['10.0.0.0/8', '10.0.0.0/8']], '10.0.0.1'), [[0, 8]])
  })

  test('is in the subnet of all addresses of its family, and of no other', () => {
    assert.deepEqual(find([['0.0.0.0/0'], ['::/0']], '203.0.113.7'), [[0, 0]])
    assert.deepEqual(find([['0.0.0.0/0'], ['::/0']], '2001:db8::1'), [[1, 0]])
  })

  test('is in the subnet that is itself alone', () => {
    const mirrors = [['192.0.2.1/32', '2001:db8::1/128']]
    assert.deepEqual(find(mirrors, '192.0.2.1'), [[0, 32]])
    assert.deepEqual(find(mirrors, '192.0.2.0'), [])
    assert.deepEqual(find(mirrors, '2001:db8::1'), [[0, 128]])
    assert.deepEqual(find(mirrors, '2001:db8::'), [])
  })

  test('of IPv6 whose bits begin as those of an IPv4 subnet is not in that, nor the other way round', () => {
    // 192.0.2.0 is c000:0200 as the beginning of an IPv6 address.
    const mirrors = [['192.0.2.0/24'], ['c000:200::/24']]
    assert.deepEqual(find(mirrors, '192.0.2.1'), [[0, 24]])
    assert.deepEqual(find(mirrors, 'c000:201::1'), [[1, 24]])
    assert.deepEqual(find(mirrors, '::ffff:192.0.2.1'), [])
    assert.deepEqual(find(mirrors, '::192.0.2.1'), [])
  })

  for (const nonsense of [
    '',
    'nobody',
    '192.0.2',
    '192.0.2.256',
    '192.0.2.1.5',
    ':::',
    '192.0.2.1/24',
    '\0',
  ]) {
    test(`that is none is in no subnet: ${JSON.stringify(nonsense)}`, () => {
      const found = new Subnets([['8.0.0.0/8'], ['2001:db8::/32']]).find(nonsense)
      assert.deepEqual(found, [])
    })
  }
})

describe('what is found', () => {
  const subnets = new Subnets([['10.0.0.0/8'], ['10.1.0.0/16', '2001:db8::/32'], ['10.0.0.0/8']])

  test('is the same object for every address of the same innermost subnet', () => {
    assert.equal(subnets.find('10.1.0.1'), subnets.find('10.1.255.255'))
    assert.equal(subnets.find('10.0.0.1'), subnets.find('10.255.0.1'))
    assert.equal(subnets.find('2001:db8::1'), subnets.find('2001:db8:ffff::1'))
    assert.notEqual(subnets.find('10.1.0.1'), subnets.find('10.2.0.1'))
  })

  test('is the same object wherever there is nothing', () => {
    assert.equal(subnets.find('192.0.2.1'), subnets.find('2001:db9::1'))
    assert.equal(subnets.find('192.0.2.1'), subnets.find('nobody'))
    assert.equal(subnets.find('192.0.2.1'), new Subnets([]).find('10.0.0.1'))
  })
})

describe('whatever the subnets', () => {
  /** Few different bits, so that subnets overlap. Bits after the prefix are cleared. */
  const bytes = (count: number) =>
    fc.array(fc.constantFrom(0, 1, 128, 255, 0x20), { minLength: count, maxLength: count })
  const texts = (version: 4 | 6, values: readonly number[]) =>
    version === 4 ? new ipaddr.IPv4([...values]).toString() : new ipaddr.IPv6([...values]).toString()
  const address = fc.oneof(
    bytes(4).map((values) => texts(4, values)),
    bytes(16).map((values) => texts(6, values)),
  )
  const subnetOf = (version: 4 | 6) => {
    const length = version === 4 ? 4 : 16
    // More short prefixes, because long ones contain none of the tested addresses.
    const bits = fc.oneof(fc.nat(12), fc.nat(length * 8), fc.constant(length * 8))
    return fc.tuple(bytes(length), bits).map(([values, prefix]) => {
      const text = `${texts(version, values)}/${prefix}`
      const network =
        version === 4 ? ipaddr.IPv4.networkAddressFromCIDR(text) : ipaddr.IPv6.networkAddressFromCIDR(text)
      return `${network}/${prefix}`
    })
  }
  const subnet = fc.oneof(subnetOf(4), subnetOf(6))
  const mirrors = fc.array(fc.array(subnet, { maxLength: 6 }), { maxLength: 8 })

  test('the same are found as by asking every one of them', () => {
    let found = 0
    fc.assert(
      fc.property(mirrors, fc.array(address, { minLength: 1, maxLength: 10 }), (all, addresses) => {
        const trie = new Subnets(all)
        for (const one of addresses) {
          const matches = trie.find(one)
          assert.deepEqual(byMirror(matches), bruteForce(all, one), one)
          found += matches.length
        }
      }),
      { numRuns: 600 },
    )
    assert.ok(found > 1500, `only ${found} matches were compared`)
  })

  test('so are they for the first and last address of each, and those beside it', () => {
    fc.assert(
      fc.property(mirrors, (all) => {
        const trie = new Subnets(all)
        for (const text of all.flat()) {
          const [network, bits] = ipaddr.parseCIDR(text)
          const first = network.toByteArray()
          const last = first.map((byte, index) => {
            const free = Math.min(8, Math.max(0, (index + 1) * 8 - bits))
            return byte | ((1 << free) - 1)
          })
          for (const values of [first, last, beside(first, -1), beside(last, 1)]) {
            const one = ipaddr.fromByteArray(values).toString()
            assert.deepEqual(byMirror(trie.find(one)), bruteForce(all, one), `${one} of ${text}`)
          }
        }
      }),
      { numRuns: 150 },
    )
  })
})

/** Returns the address before or after, which wraps around at the end. */
function beside(bytes: readonly number[], step: 1 | -1): number[] {
  const result = [...bytes]
  for (let index = result.length - 1; index >= 0; index -= 1) {
    const sum = (result[index] ?? 0) + step
    result[index] = sum & 255
    if (sum >= 0 && sum <= 255) break
  }
  return result
}
