import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { hostOf, isLiteral, isPrivate } from '../../lib/network/addresses.js'

describe('an address is private', () => {
  const PRIVATE = [
    '127.0.0.1',
    '10.1.2.3',
    '172.16.0.1',
    '192.168.1.1',
    '169.254.169.254',
    '100.64.0.1',
    '0.0.0.0',
    '224.0.0.1',
    '255.255.255.255',
    '192.0.2.1', // reserved for documentation
    '::1',
    '::',
    'fd00::1',
    'fe80::1',
    'ff02::1',
    '::ffff:10.0.0.1',
    '64:ff9b::10.0.0.1',
    'not an address',
    // IPv4 addresses in deprecated and local forms.
    '::7f00:1',
    '::127.0.0.1',
    '::10.0.0.1',
    '::808:808',
    '::ffff:0:127.0.0.1',
    '64:ff9b::127.0.0.1',
    '64:ff9b:1::808:808',
    '2002:7f00:1::',
    '2001::7f00:1',
    'fec0::1',
    '100::1',
    '4000::1',
    '2001:db8::1',
  ]
  for (const address of PRIVATE) test(address, () => assert.equal(isPrivate(address), true))
})

describe('an address is public', () => {
  for (const address of [
    '93.184.216.34',
    '8.8.8.8',
    '2606:2800::1',
    '::ffff:8.8.8.8',
    '64:ff9b::8.8.8.8',
    '2a00:1450::1',
  ])
    test(address, () => assert.equal(isPrivate(address), false))
})

test('the address of a URL is judged in every spelling', () => {
  for (const url of [
    'http://[::7f00:1]/',
    'http://[0:0:0:0:0:0:7f00:1]/',
    'http://[::127.0.0.1]/',
    'http://0x7f.1/',
    'http://2130706433/',
    'http://0177.0.0.1/',
    'http://127.1/',
    'http://[::ffff:7f00:1]/',
  ])
    assert.equal(isPrivate(hostOf(new URL(url))), true, url)
})

test('a host that says where it is means just that', () => {
  const hosts = ['http://127.0.0.1/', 'http://[::1]:80/', 'http://localhost/', 'http://a.localhost/']
  for (const url of hosts) assert.equal(isLiteral(hostOf(new URL(url))), true, url)
  for (const url of ['http://a.example/', 'http://localhost.example/', 'http://10.example/'])
    assert.equal(isLiteral(hostOf(new URL(url))), false, url)
})
