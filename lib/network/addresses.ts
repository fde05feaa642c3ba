import { lookup, Resolver } from 'node:dns/promises'
import { isIP } from 'node:net'
import ipaddr from 'ipaddr.js'
import { systemCode } from '../errors.js'
import type { Family } from '../model.js'

/** Addresses of a host; a family is undefined if its addresses are unknown at the moment. */
export type HostAddresses = { readonly [F in Family]: readonly string[] | undefined }

export interface HostResolver {
  /** Never rejects. Resolves within seconds. */
  find(host: string): Promise<HostAddresses>
  /** Cancels running queries. */
  close(): void
}

/** Timeout of each of two attempts at a name server. */
const LOOKUP_TIMEOUT_MS = 2000
const NO_ADDRESSES: HostAddresses = { ipv4: [], ipv6: [] }

/**
 * Returns a resolver that asks the system's name servers, then its hosts file if they lack the
 * name.
 */
export function systemResolver(): HostResolver {
  const resolver = new Resolver({ timeout: LOOKUP_TIMEOUT_MS, tries: 2 })
  let lastLookup: Promise<unknown> = Promise.resolve()

  async function queryNameServers(
    host: string,
    family: Family,
  ): Promise<readonly string[] | undefined | 'no such name'> {
    try {
      return family === 'ipv4' ? await resolver.resolve4(host) : await resolver.resolve6(host)
    } catch (error) {
      const code = systemCode(error)
      if (code === 'ENODATA') return []
      return code === 'ENOTFOUND' ? 'no such name' : undefined
    }
  }

  /**
   * Looks a host up by `getaddrinfo`, which reads the hosts file. One lookup at a time, because
   * each occupies a thread of the pool that reads files.
   */
  function queryHostsFile(host: string): Promise<HostAddresses> {
    const addresses = lastLookup.then(async () => {
      try {
        return byFamily((await lookup(host, { all: true })).map(({ address }) => address))
      } catch {
        return NO_ADDRESSES
      }
    })
    lastLookup = addresses
    return addresses
  }

  return {
    close: () => resolver.cancel(),
    find: async (host) => {
      if (isIP(host) !== 0) return byFamily([host])
      // RFC 6761 §6.3, §6.4: `localhost` and `invalid` need no name server.
      if (isLiteral(host)) return queryHostsFile(host)
      if (/(^|\.)invalid$/.test(host)) return NO_ADDRESSES
      const [ipv4, ipv6] = await Promise.all([queryNameServers(host, 'ipv4'), queryNameServers(host, 'ipv6')])
      if (ipv4 === 'no such name' || ipv6 === 'no such name') return queryHostsFile(host)
      return { ipv4, ipv6 }
    },
  }
}

function byFamily(addresses: readonly string[]): HostAddresses {
  const unique = [...new Set(addresses)]
  const of = (family: Family) => unique.filter((address) => isIP(address) === (family === 'ipv4' ? 4 : 6))
  return { ipv4: of('ipv4'), ipv6: of('ipv6') }
}

/** Returns the host of a URL as resolvers take it: an IPv6 address without brackets. */
export function hostOf({ hostname }: URL): string {
  return hostname.replace(/^\[|\]$/g, '')
}

/** Whether a host is an address or `localhost`, so that its URL itself names where it is. */
export function isLiteral(host: string): boolean {
  return isIP(host) !== 0 || host === 'localhost' || host.endsWith('.localhost')
}

/** Prefix of NAT64 (RFC 6052 §2.1). The last four bytes are the IPv4 address that counts. */
const NAT64 = [0, 0x64, 0xff, 0x9b, 0, 0, 0, 0, 0, 0, 0, 0]

/**
 * Whether an address is outside of the public internet: loopback, private, multicast or reserved.
 */
export function isPrivate(address: string): boolean {
  if (isIP(address) === 0) return true
  const parsed = ipaddr.process(address)
  if (parsed instanceof ipaddr.IPv4) return parsed.range() !== 'unicast'
  const bytes = parsed.toByteArray()
  if (NAT64.every((byte, index) => bytes[index] === byte))
    return isPrivate(new ipaddr.IPv4(bytes.slice(12)).toString())
  // Everything else in use on the internet is in 2000::/3 (RFC 4291 §2.4). Deprecated forms of IPv4
  // addresses are outside: `::7f00:1` is 127.0.0.1 for some systems.
  const isGlobal = ((bytes[0] ?? 0) & 0xe0) === 0x20
  return !isGlobal || parsed.range() !== 'unicast'
}
