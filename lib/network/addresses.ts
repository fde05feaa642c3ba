import { lookup, Resolver } from 'node:dns/promises'
import { isIP } from 'node:net'
import ipaddr from 'ipaddr.js'
import { systemCode } from '../errors.js'
import type { Family } from '../model.js'

/** Addresses of a host; of a family, undefined where that cannot be known at the moment. */
export type HostAddresses = { readonly [F in Family]: readonly string[] | undefined }

export interface HostResolver {
  /** Never rejects, and gives an answer within seconds. */
  find(host: string): Promise<HostAddresses>
  /** Ends what is under way. */
  close(): void
}

/** Milliseconds that a name server has to answer, twice. */
const LOOKUP_TIMEOUT_MS = 2000
const NONE: HostAddresses = { ipv4: [], ipv6: [] }

/** The addresses that this machine knows: of the system's name servers, and of its own files where these know no such name. */
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

  /** By `getaddrinfo`, which reads the system's own files; one at a time, for each holds a thread that reads files for others. */
  function queryHostsFile(host: string): Promise<HostAddresses> {
    const addresses = lastLookup.then(async () => {
      try {
        return byFamily((await lookup(host, { all: true })).map(({ address }) => address))
      } catch {
        return NONE
      }
    })
    lastLookup = addresses
    return addresses
  }

  return {
    close: () => resolver.cancel(),
    find: async (host) => {
      if (isIP(host) !== 0) return byFamily([host])
      // RFC 6761 §6.3, §6.4: whatever name servers say.
      if (isLiteral(host)) return queryHostsFile(host)
      if (/(^|\.)invalid$/.test(host)) return NONE
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

/** The host of a URL as it is looked up: an IPv6 address without its brackets. */
export function hostOf({ hostname }: URL): string {
  return hostname.replace(/^\[|\]$/g, '')
}

/** Whether a host says itself where it is: an operator who writes it means just that. */
export function isLiteral(host: string): boolean {
  return isIP(host) !== 0 || host === 'localhost' || host.endsWith('.localhost')
}

/** NAT64 (RFC 6052 §2.1): the last four bytes are an IPv4 address, and it is what counts. */
const NAT64 = [0, 0x64, 0xff, 0x9b, 0, 0, 0, 0, 0, 0, 0, 0]

/** Whether an address is not of the internet: of this machine, of a private network, of a group, or of nobody. */
export function isPrivate(address: string): boolean {
  if (isIP(address) === 0) return true
  const parsed = ipaddr.process(address)
  if (parsed instanceof ipaddr.IPv4) return parsed.range() !== 'unicast'
  const bytes = parsed.toByteArray()
  if (NAT64.every((byte, index) => bytes[index] === byte))
    return isPrivate(new ipaddr.IPv4(bytes.slice(12)).toString())
  return parsed.range() !== 'unicast'
}
