import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import ipaddr from 'ipaddr.js'
import { readAddress } from '../../lib/geo/address.js'

test('IPv4 and IPv6 are read, in the shortest form', () => {
  assert.deepEqual(readAddress('93.184.216.34'), { text: '93.184.216.34', version: 4, local: false })
  for (const text of ['2606:2800:21f::1', '2606:2800:021F:0:0:0:0:1', '2606:2800:21f:0::0.0.0.1']) {
    assert.deepEqual(readAddress(text), { text: '2606:2800:21f::1', version: 6, local: false }, text)
  }
})

for (const [how, text] of [
  ['mapped', '::ffff:93.184.216.34'],
  ['mapped, in digits', '::FFFF:5db8:d822'],
  ['mapped, at length', '0:0:0:0:0:ffff:5db8:d822'],
  ['mapped, with a zone', '::ffff:93.184.216.34%eth0'],
  ['NAT64', '64:ff9b::93.184.216.34'],
  ['NAT64 of local use, of 96 bits', '64:ff9b:1::93.184.216.34'],
  ['NAT64 of local use, of 96 bits', '64:ff9b:1:fffe:1:2:5db8:d822'],
  ['6to4', '2002:5db8:d822::1'],
] as const) {
  test(`IPv4 within IPv6 is IPv4: ${how}`, () => {
    assert.deepEqual(readAddress(text), { text: '93.184.216.34', version: 4, local: false })
  })
}

test('NAT64 of local use with a shorter prefix says nothing', () => {
  // 93.184.216.34 as RFC 6052 §2.2 puts it behind 48, 56 and 64 bits.
  for (const text of [
    '64:ff9b:1:5db8:d8:2200::',
    '64:ff9b:1:5d:b8:d822::',
    '64:ff9b:1::5d:b8d8:2200:0',
    '64:ff9b:1::',
  ]) {
    const address = readAddress(text)
    assert.equal(address?.local, true, text)
    assert.equal(address?.version, 6)
  }
})

for (const text of [
  '127.0.0.1',
  '127.255.255.254',
  '10.1.2.3',
  '172.16.0.1',
  '172.31.255.255',
  '192.168.1.1',
  '169.254.1.1',
  '100.64.0.1',
  '100.127.255.255',
  '::1',
  'fe80::1',
  'fe80::1%eth0',
  'fec0::1',
  'fc00::1',
  'fdff:ffff::1',
  '::ffff:10.1.2.3',
  '64:ff9b::a01:203',
  '2002:c0a8:101::1',
]) {
  test(`${text} is local`, () => {
    assert.equal(readAddress(text)?.local, true)
  })
}

test('what stands beside the local networks is not local', () => {
  for (const text of ['11.0.0.1', '172.32.0.1', '192.169.0.1', '169.253.0.1', '100.128.0.1', '126.0.0.1']) {
    assert.equal(readAddress(text)?.local, false, text)
  }
  for (const text of ['fe00::1', '64:ff9b:2::1', '2003::1', '::2']) {
    assert.equal(readAddress(text)?.local, false, text)
  }
})

test('a zone is left out', () => {
  assert.equal(readAddress('fe80::1%eth0')?.text, 'fe80::1')
  assert.equal(readAddress('fe80::1%2')?.text, 'fe80::1')
})

test('what is no address is none', () => {
  for (const text of [
    '',
    ' ',
    'unknown',
    'localhost',
    '1',
    '1.2.3',
    '1.2.3.4.5',
    '1.2.3.256',
    '01.2.3.4',
    '0x7f.0.0.1',
    '1.2.3.4:80',
    '1.2.3.4 ',
    '[::1]',
    '::1::',
    ':::',
    'g::1',
    '1.2.3.4%eth0',
    '::ffff:1.2.3',
    `fe80::1%${'x'.repeat(100)}`,
    '1'.repeat(100_000),
    '1.2.3.4\0',
  ]) {
    assert.equal(readAddress(text), undefined, JSON.stringify(text.slice(0, 50)))
  }
})

const anyIpv6 = fc
  .array(fc.nat(0xffff), { minLength: 8, maxLength: 8 })
  .map((parts) => new ipaddr.IPv6(parts).toString())

test('any text is read as an address or not, and the address reads as itself', () => {
  const text = fc.oneof(
    fc.string(),
    fc.string({ unit: 'binary' }),
    fc.ipV4(),
    fc.ipV4Extended(),
    fc.ipV6(),
    anyIpv6,
    fc.stringMatching(/^[0-9a-f:.%]{0,50}$/),
    fc.ipV4().map((address) => `::ffff:${address}`),
    fc.ipV6().map((address) => `${address}%eth0`),
  )
  fc.assert(
    fc.property(text, (given) => {
      const address = readAddress(given)
      if (address === undefined) return
      assert.deepEqual(readAddress(address.text), address)
      assert.equal(ipaddr.parse(address.text).toString(), address.text)
    }),
    { numRuns: 2000 },
  )
})

test('any IPv4 address is the same one within IPv6', () => {
  fc.assert(
    fc.property(fc.ipV4(), (address) => {
      const plain = readAddress(address)
      const mapped = ipaddr.IPv4.parse(address).toIPv4MappedAddress()
      for (const text of [`::ffff:${address}`, mapped.toString(), mapped.toNormalizedString()]) {
        assert.deepEqual(readAddress(text), plain)
      }
      assert.deepEqual(readAddress(`64:ff9b::${address}`), plain)
    }),
  )
})
