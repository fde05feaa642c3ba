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
  ]
  for (const address of PRIVATE) test(address, () => assert.equal(isPrivate(address), true))
})

describe('an address is public', () => {
  for (const address of ['93.184.216.34', '8.8.8.8', '2606:2800::1', '::ffff:8.8.8.8', '64:ff9b::8.8.8.8'])
    test(address, () => assert.equal(isPrivate(address), false))
})

test('a host that says where it is means just that', () => {
  const hosts = ['http://127.0.0.1/', 'http://[::1]:80/', 'http://localhost/', 'http://a.localhost/']
  for (const url of hosts) assert.equal(isLiteral(hostOf(new URL(url))), true, url)
  for (const url of ['http://a.example/', 'http://localhost.example/', 'http://10.example/'])
    assert.equal(isLiteral(hostOf(new URL(url))), false, url)
})
