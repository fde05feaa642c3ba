import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { Hosts, type HostsDependencies, nameServers } from '../../../lib/mirrors/list/hosts.js'
import { Registry } from '../../../lib/mirrors/list/registry.js'
import { DEFAULT_SELECTION } from '../../../lib/mirrors/ranking/snapshot.js'
import type { Mirror, Place } from '../../../lib/model.js'
import { mirror } from '../../support/mirrors.js'

type Answers = Readonly<Record<string, { ipv4?: readonly string[]; ipv6?: readonly string[] }>>

const FRANKFURT: Place = { country: 'de', continent: 'eu', coordinates: [50.1, 8.7], asn: 64500 }
const MIDDLE: Place = { country: 'de', continent: 'eu', coordinates: [51, 9], approximate: true }

function parts(answers: Answers, place: Place = FRANKFURT): HostsDependencies {
  return {
    addresses: async (host, family) => answers[host]?.[family],
    cancel: () => {},
    locate: () => place,
  }
}

/** Returns a mirror as completed after the lookup of its host. */
async function completed(one: Mirror, answers: Answers, place?: Place): Promise<Mirror> {
  const hosts = new Hosts(parts(answers, place), () => {})
  await hosts.setMirrors([one])
  hosts.close()
  return hosts.complete(one)
}

const BOTH: Answers = { 'm.example': { ipv4: ['192.0.2.1'], ipv6: ['2001:db8::1'] } }

describe('what an entry leaves out is looked up by the address of its host', () => {
  test('place and network', async () => {
    const found = await completed(mirror('m'), BOTH)
    assert.deepEqual(found, mirror('m', { location: 'de', coordinates: [50.1, 8.7], asn: [64500] }))
  })

  test('the middle of a country is no place of a mirror', async () => {
    assert.deepEqual(await completed(mirror('m'), BOTH, MIDDLE), mirror('m', { location: 'de' }))
  })

  test('what the operator says stays', async () => {
    const own = mirror('m', { location: 'de', coordinates: [53, 10], asn: [1], family: 'ipv4' })
    assert.deepEqual(await completed(own, { 'm.example': { ipv4: [], ipv6: ['2001:db8::1'] } }), own)
  })

  test('coordinates in another country than the operator says are not believed', async () => {
    const own = mirror('m', { location: 'fr', asn: [1] })
    assert.deepEqual(await completed(own, BOTH), own)
  })

  for (const restricted of [{ private: true }, { serves: 'asn' }, { serves: 'subnet' }] as const) {
    test(`a mirror of ${JSON.stringify(restricted)} is not opened to the network that it stands in`, async () => {
      assert.deepEqual((await completed(mirror('m', restricted), BOTH)).asn, [])
    })
  }

  test('a host of IPv6 alone is known as such, one of IPv4 alone is left as it is', async () => {
    const only6: Answers = { 'm.example': { ipv4: [], ipv6: ['2001:db8::1'] } }
    const only4: Answers = { 'm.example': { ipv4: ['192.0.2.1'], ipv6: [] } }
    const silent: Answers = { 'm.example': { ipv6: ['2001:db8::1'] } }
    assert.equal((await completed(mirror('m'), only6)).family, 'ipv6')
    assert.equal((await completed(mirror('m'), only4)).family, undefined)
    assert.equal((await completed(mirror('m'), silent)).family, undefined)
  })

  for (const [network, addresses, place] of [
    ['Cloudflare, by its address', ['104.18.7.192'], FRANKFURT],
    ['Cloudflare, by its address of IPv6', ['2606:4700::6812:1'], FRANKFURT],
    ['Fastly, by its address', ['151.101.2.132'], FRANKFURT],
    ['Fastly, by one of its addresses', ['192.0.2.1', '199.232.174.132'], FRANKFURT],
    ['Akamai, by its AS number', ['192.0.2.1'], { ...FRANKFURT, asn: 20940 }],
  ] as const)
    test(`a host behind ${network} is at no place, and in no network`, async () => {
      const found = await completed(mirror('m'), { 'm.example': { ipv4: addresses, ipv6: [] } }, place)
      assert.deepEqual(found, mirror('m'))
      const said = mirror('m', { location: 'fr', asn: [1] })
      assert.deepEqual(await completed(said, { 'm.example': { ipv4: addresses, ipv6: [] } }, place), said)
    })

  test('a host that is not known leaves the entry as it is', async () => {
    assert.deepEqual(await completed(mirror('m'), {}), mirror('m'))
  })
})

test('addresses are known without being looked up', async () => {
  const { addresses, cancel } = nameServers()
  assert.deepEqual(await addresses('192.0.2.1', 'ipv4'), ['192.0.2.1'])
  assert.deepEqual(await addresses('192.0.2.1', 'ipv6'), [])
  assert.deepEqual(await addresses('2001:db8::1', 'ipv6'), ['2001:db8::1'])
  assert.deepEqual(await addresses('mirror.invalid', 'ipv4'), [])
  cancel()
})

test('what was known stays when name servers fall silent', async () => {
  let answers = BOTH
  const hosts = new Hosts(
    { ...parts({}), addresses: async (host, family) => answers[host]?.[family] },
    () => {},
  )
  await hosts.setMirrors([mirror('m')])
  answers = {}
  await hosts.setMirrors([mirror('m')])
  assert.equal(hosts.complete(mirror('m')).location, 'de')
  hosts.close()
})

test('it is told when something is learnt, and not when nothing is', async () => {
  let learnt = 0
  const hosts = new Hosts(parts(BOTH), () => {
    learnt += 1
  })
  await hosts.setMirrors([mirror('m')])
  await hosts.setMirrors([mirror('m')])
  hosts.close()
  assert.equal(learnt, 1)
})

test('a registry puts a new snapshot in force when it has learnt of the hosts', async (t) => {
  const replaced: (string | undefined)[] = []
  const registry = new Registry(
    [mirror('m')],
    false,
    DEFAULT_SELECTION,
    {
      replaced: ({ mirrors }) => replaced.push(mirrors[0]?.location),
      warning: (error) => assert.fail(error.message),
    },
    parts(BOTH),
  )
  t.after(() => registry.close())
  assert.equal(registry.snapshot.mirrors[0]?.location, undefined)
  await registry.complete
  assert.deepEqual(replaced, ['de'])
  assert.equal(registry.snapshot.mirrors[0]?.location, 'de')
})
