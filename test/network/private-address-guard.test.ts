import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { request } from 'undici'
import { challenge } from '../../lib/mirrors/presence/file/challenge.js'
import { checkFile } from '../../lib/mirrors/presence/file/head.js'
import { listHttp } from '../../lib/mirrors/presence/listings/http.js'
import { type HostAddresses, isPrivate } from '../../lib/network/addresses.js'
import {
  allowedAddresses,
  checkHost,
  guardedAgent,
  type PrivateAddressGuardOptions,
} from '../../lib/network/private-address-guard.js'
import type { Scope } from '../support/folder.js'
import { listen } from '../support/server.js'
import { until } from '../support/until.js'

const UNKNOWN: HostAddresses = { ipv4: undefined, ipv6: undefined }

/** Returns a resolver that knows these hosts, and records its lookups. */
function resolverOf(hosts: Readonly<Record<string, Partial<HostAddresses>>>) {
  const lookedUp: string[] = []
  const find = async (host: string): Promise<HostAddresses> => {
    lookedUp.push(host)
    const found = hosts[host]
    return found === undefined ? UNKNOWN : { ipv4: [], ipv6: [], ...found }
  }
  return { find, lookedUp }
}

async function agentFor(
  scope: Scope,
  resolver: ReturnType<typeof resolverOf>,
  options: PrivateAddressGuardOptions = {},
) {
  const agent = await guardedAgent(resolver, options)
  scope.after(() => agent.destroy())
  return agent
}

describe('a guarded agent', { timeout: 30_000 }, () => {
  test('connects to no private address, whoever asks', async (t) => {
    const resolver = resolverOf({ 'mirror.example': { ipv4: ['127.0.0.1'] } })
    const { port, server } = await listen(t, (_, response) => response.end('secret'))
    let connections = 0
    server.on('connection', () => {
      connections += 1
    })
    const url = `http://mirror.example:${port}/`
    const dispatcher = await agentFor(t, resolver)
    const refusal = 'its host mirror.example has the private address 127.0.0.1'
    await assert.rejects(request(url, { dispatcher }), { message: refusal })
    assert.deepEqual(await checkFile(url, { dispatcher }), { state: 'unknown', reason: refusal })
    const target = { url, size: 6, piece: 0, length: 6, sha256: new Uint8Array(32) }
    assert.deepEqual(await challenge(target, { dispatcher }), { state: 'unknown', reason: refusal })
    const listing = listHttp(url, { dispatcher })
    for await (const batch of listing) assert.fail(`${batch.length} files`)
    assert.equal((await listing.outcome).reason, `the root: ${refusal}`)
    assert.equal(connections, 0)
  })

  test('follows no redirect to a name that leads within', async (t) => {
    const resolver = resolverOf({ 'inside.example': { ipv4: ['127.0.0.1'] } })
    const inside = await listen(t, () => assert.fail('it was asked'))
    const { url } = await listen(t, (_, response) => {
      response.writeHead(302, { Location: `http://inside.example:${inside.port}/` }).end()
    })
    const target = { url, size: 6, piece: 0, length: 6, sha256: new Uint8Array(32) }
    const result = await challenge(target, { dispatcher: await agentFor(t, resolver), redirects: true })
    assert.deepEqual(result, {
      state: 'unknown',
      reason: 'its host inside.example has the private address 127.0.0.1',
    })
    assert.deepEqual(resolver.lookedUp, ['inside.example'])
  })

  test('goes where the book says, and asks once a connection', async (t) => {
    const resolver = resolverOf({ 'mirror.example': { ipv4: ['127.0.0.3'], ipv6: [] } })
    const hosts: (string | undefined)[] = []
    const { port } = await listen(
      t,
      (incoming, response) => {
        hosts.push(incoming.headers.host)
        response.end('here')
      },
      '127.0.0.3',
    )
    const dispatcher = await agentFor(t, resolver, { allowsPrivate: true, connections: 1 })
    for (let count = 0; count < 3; count += 1) {
      const { body } = await request(`http://mirror.example:${port}/`, { dispatcher })
      assert.equal(await body.text(), 'here')
    }
    assert.deepEqual(resolver.lookedUp, ['mirror.example'])
    assert.deepEqual(new Set(hosts), new Set([`mirror.example:${port}`]))
  })

  test('goes to a host that says itself where it is', async (t) => {
    const resolver = resolverOf({ localhost: { ipv4: ['127.0.0.1'] } })
    const { port } = await listen(t, (_, response) => response.end('here'))
    const dispatcher = await agentFor(t, resolver)
    for (const host of ['127.0.0.1', 'localhost']) {
      const { body } = await request(`http://${host}:${port}/`, { dispatcher })
      assert.equal(await body.text(), 'here')
    }
  })

  test('has few connections to one origin', async (t) => {
    let open = 0
    const waiting: (() => void)[] = []
    const { url } = await listen(t, (_, response) => {
      open += 1
      waiting.push(() => response.end())
    })
    const dispatcher = await agentFor(t, resolverOf({}))
    const requests = Array.from({ length: 6 }, () =>
      request(url, { dispatcher }).then(({ body }) => body.text()),
    )
    await until('4 are there', () => open === 4)
    for (let count = 0; count < 6; count += 1) {
      const [next] = await until('one is there', () => waiting.length > 0 && waiting.splice(0, 1))
      assert.ok(open - count <= 4, `${open - count} at once`)
      next?.()
    }
    await Promise.all(requests)
  })

  test('says why there is nowhere to go', async (t) => {
    const dispatcher = await agentFor(t, resolverOf({ 'gone.example': {} }))
    await assert.rejects(request('http://gone.example/', { dispatcher }), {
      message: 'its host gone.example has no address',
    })
    await assert.rejects(request('http://silent.example/', { dispatcher }), {
      message: 'name servers are silent',
    })
  })
})

const address = fc.oneof(
  fc.constantFrom('10.0.0.1', '127.0.0.1', '192.168.0.1', '8.8.8.8', '93.184.216.34'),
  fc.ipV4(),
)
const address6 = fc.oneof(fc.constantFrom('::1', 'fd00::1', '2606:2800::1'), fc.ipV6())
const of = (one: fc.Arbitrary<string>) => fc.option(fc.array(one, { maxLength: 4 }), { nil: undefined })

describe('the addresses of a name that may be connected to', () => {
  test('are public, are its own, and are there exactly where some are', () => {
    fc.assert(
      fc.property(of(address), of(address6), (ipv4, ipv6) => {
        const all = [...(ipv4 ?? []), ...(ipv6 ?? [])]
        const open = allowedAddresses('mirror.example', { ipv4, ipv6 }, false)
        assert.deepEqual(
          typeof open === 'string' ? [] : open,
          all.filter((one) => !isPrivate(one)),
        )
        if (all.length > 0) assert.deepEqual(allowedAddresses('mirror.example', { ipv4, ipv6 }, true), all)
      }),
    )
  })
})

describe('a check of a host', () => {
  const hosts = {
    'public.example': { ipv4: ['93.184.216.34'], ipv6: ['2606:2800::1'] },
    'mixed.example': { ipv4: ['93.184.216.34', '10.0.0.1'] },
    'half.example': { ipv4: ['93.184.216.34'], ipv6: ['fd00::1'] },
    'private.example': { ipv4: ['192.168.1.1'] },
    'gone.example': {},
  }
  const table: readonly (readonly [host: string, reason: string | undefined])[] = [
    ['public.example', undefined],
    ['mixed.example', 'its host mixed.example has the private address 10.0.0.1'],
    ['half.example', 'its host half.example has the private address fd00::1'],
    ['private.example', 'its host private.example has the private address 192.168.1.1'],
    ['gone.example', 'its host gone.example has no address'],
    ['silent.example', 'name servers are silent'],
    ['10.0.0.1', undefined],
    ['::1', undefined],
    ['localhost', undefined],
  ]
  for (const [host, reason] of table)
    test(`finds ${reason ?? 'nothing'} with ${host}`, async () => {
      const resolver = resolverOf(hosts)
      assert.equal(await checkHost(host, resolver, false), reason)
      assert.equal(await checkHost(host, resolver, true), undefined)
    })
})
