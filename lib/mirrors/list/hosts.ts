import { Resolver } from 'node:dns/promises'
import { isIP } from 'node:net'
import { systemCode } from '../../errors.js'
import type { Family, Mirror, Place } from '../../model.js'
import { hostOf } from '../../network/addresses.js'
import { isAnycast } from './anycast.js'

/** Time for a response of a name server; each query is sent at most twice. */
const LOOKUP_TIMEOUT_MS = 2000
const MAX_CONCURRENT_LOOKUPS = 8
const REFRESH_MS = 3_600_000

export interface HostsDependencies {
  /** Returns the addresses of a host in a family; undefined if the lookup failed. Never rejects. */
  readonly addresses: (host: string, family: Family) => Promise<readonly string[] | undefined>
  /** Cancels pending lookups. */
  readonly cancel: () => void
  readonly locate: (address: string) => Place
}

/** Addresses of a host by family; undefined if a lookup never succeeded. */
type Addresses = { readonly [F in Family]: readonly string[] | undefined }

/**
 * Completes mirrors by the addresses of their hosts: location, ASN, and whether a host has IPv6
 * only. Used for values that the operator left out. Queries name servers in the background, and
 * never contacts a mirror.
 */
export class Hosts {
  readonly #dependencies: HostsDependencies
  readonly #onUpdate: () => void
  readonly #addresses = new Map<string, Addresses>()
  #hosts: readonly string[] = []
  #lookups: Promise<void> = Promise.resolve()
  #timer: NodeJS.Timeout | undefined
  #isClosed = false

  /** @param onUpdate called when results of `complete` may have changed */
  constructor(dependencies: HostsDependencies, onUpdate: () => void) {
    this.#dependencies = dependencies
    this.#onUpdate = onUpdate
  }

  /**
   * Looks up the hosts of mirrors now and every REFRESH_MS. Settles after the first lookups; never
   * rejects.
   */
  setMirrors(mirrors: readonly Mirror[]): Promise<void> {
    this.#hosts = [...new Set(mirrors.map(hostOfMirror))]
    return this.#queueLookups()
  }

  /** Returns a mirror with its missing values filled in by the addresses of its host. */
  complete(mirror: Mirror): Mirror {
    const addresses = this.#addresses.get(hostOfMirror(mirror))
    if (addresses === undefined) return mirror
    const { ipv4 = [], ipv6 = [] } = addresses
    const place = this.#placeOf([...ipv4, ...ipv6])
    const hasOnlyIpv6 = addresses.ipv4 !== undefined && ipv4.length === 0 && ipv6.length > 0
    return {
      ...mirror,
      ...placeFor(mirror, place),
      ...asnFor(mirror, place),
      // Do not set `ipv4` for hosts with IPv4 only: nearly all IPv6 clients have IPv4, too.
      ...(mirror.family === undefined && hasOnlyIpv6 ? { family: 'ipv6' } : {}),
    }
  }

  /** Returns the place of the first address; nothing if the host is behind an anycast network. */
  #placeOf(addresses: readonly string[]): Place {
    const places = addresses.map((address) => ({ address, place: this.#dependencies.locate(address) }))
    if (places.some(({ address, place }) => isAnycast(address, place.asn))) return {}
    return places[0]?.place ?? {}
  }

  close(): void {
    this.#isClosed = true
    clearTimeout(this.#timer)
    this.#dependencies.cancel()
  }

  #queueLookups(): Promise<void> {
    this.#lookups = this.#lookups.then(() => this.#lookUpAll())
    return this.#lookups
  }

  async #lookUpAll(): Promise<void> {
    clearTimeout(this.#timer)
    const remaining = [...this.#hosts]
    let hasChanged = false
    const lookUpNext = async (): Promise<void> => {
      for (let host = remaining.pop(); host !== undefined && !this.#isClosed; host = remaining.pop())
        hasChanged = (await this.#lookUp(host)) || hasChanged
    }
    await Promise.all(Array.from({ length: MAX_CONCURRENT_LOOKUPS }, lookUpNext))
    if (this.#isClosed) return
    this.#timer = setTimeout(() => void this.#queueLookups(), REFRESH_MS).unref()
    if (hasChanged) this.#onUpdate()
  }

  /** Returns whether the addresses changed. Keeps known addresses while name servers fail. */
  async #lookUp(host: string): Promise<boolean> {
    const before = this.#addresses.get(host)
    const { addresses } = this.#dependencies
    const [ipv4, ipv6] = await Promise.all([addresses(host, 'ipv4'), addresses(host, 'ipv6')])
    const now = { ipv4: ipv4?.toSorted() ?? before?.ipv4, ipv6: ipv6?.toSorted() ?? before?.ipv6 }
    this.#addresses.set(host, now)
    return JSON.stringify(now) !== JSON.stringify(before ?? {})
  }
}

function hostOfMirror({ urls: [url = ''] }: Mirror): string {
  return hostOf(new URL(url))
}

function placeFor(mirror: Mirror, { country, coordinates, approximate }: Place): Partial<Mirror> {
  const location = mirror.location ?? country
  // If a database and the operator disagree on the country, the database's city is wrong, too.
  const isTrusted = location === country && coordinates !== undefined && !approximate
  return {
    ...(location === undefined ? {} : { location }),
    ...(mirror.coordinates === undefined && isTrusted ? { coordinates } : {}),
  }
}

function asnFor({ asn, serves, private: isPrivate }: Mirror, place: Place): Partial<Mirror> {
  // Do not fill in the ASN of a mirror with restricted access: its operator must name the ASN,
  // because the host's network (for example a CDN) may be huge.
  const isRestricted = isPrivate || serves === 'asn' || serves === 'subnet'
  return asn.length > 0 || place.asn === undefined || isRestricted ? {} : { asn: [place.asn] }
}

/**
 * Uses the system's name servers without `getaddrinfo`, which would block a thread that reads
 * files.
 */
export function nameServers(): Pick<HostsDependencies, 'addresses' | 'cancel'> {
  const resolver = new Resolver({ timeout: LOOKUP_TIMEOUT_MS, tries: 2 })
  return {
    cancel: () => resolver.cancel(),
    addresses: async (host, family) => {
      const version = isIP(host)
      if (version !== 0) return family === `ipv${version}` ? [host] : []
      // RFC 6761 §6.4: `.invalid` has no addresses, so that a query is not needed.
      if (host.endsWith('.invalid')) return []
      try {
        return family === 'ipv4' ? await resolver.resolve4(host) : await resolver.resolve6(host)
      } catch (error) {
        return systemCode(error) === 'ENODATA' ? [] : undefined
      }
    },
  }
}
