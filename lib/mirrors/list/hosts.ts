import { Resolver } from 'node:dns/promises'
import { isIP } from 'node:net'
import { systemCode } from '../../errors.js'
import type { Family, Mirror, Place } from '../../model.js'
import { hostOf } from '../../network/addresses.js'

/** Milliseconds that a name server has to answer, twice. */
const LOOKUP_TIMEOUT_MS = 2000
/** Hosts looked up at the same time. */
const MAX_CONCURRENT = 8
/** Milliseconds until all are looked up again. */
const REFRESH_MS = 3_600_000

export interface HostsDependencies {
  /** Addresses of a host in a family; undefined where that cannot be known at the moment. Never rejects. */
  readonly addresses: (host: string, family: Family) => Promise<readonly string[] | undefined>
  /** Ends what is under way. */
  readonly cancel: () => void
  readonly locate: (address: string) => Place
}

/** Addresses of a host as far as they are known. */
type Addresses = { readonly [F in Family]: readonly string[] | undefined }

/**
 * Knows what the names and addresses of mirrors say of them, for what their operator left out: where they are, in whose
 * network, and whether they have IPv6 alone. It asks in the background, and name servers only: never a mirror.
 */
export class Hosts {
  readonly #dependencies: HostsDependencies
  readonly #updated: () => void
  readonly #known = new Map<string, Addresses>()
  #hosts: readonly string[] = []
  #looking: Promise<void> = Promise.resolve()
  #timer: NodeJS.Timeout | undefined
  #closed = false

  /** @param learnt told when `complete` may give something else than before */
  constructor(parts: HostsDependencies, learnt: () => void) {
    this.#dependencies = parts
    this.#updated = learnt
  }

  /** Looks up the hosts of these mirrors, now and every hour; settles after the first time, and never rejects. */
  setMirrors(mirrors: readonly Mirror[]): Promise<void> {
    this.#hosts = [...new Set(mirrors.map(hostOfMirror))]
    return this.#look()
  }

  /** A mirror with what its host tells of it, where its operator does not. */
  complete(mirror: Mirror): Mirror {
    const known = this.#known.get(hostOfMirror(mirror))
    if (known === undefined) return mirror
    const { ipv4 = [], ipv6 = [] } = known
    const [address] = [...ipv4, ...ipv6]
    const place = address === undefined ? {} : this.#dependencies.locate(address)
    const hasOnlyIpv6 = known.ipv4 !== undefined && ipv4.length === 0 && ipv6.length > 0
    return {
      ...mirror,
      ...placeFor(mirror, place),
      ...asnFor(mirror, place),
      // Nothing is said of those that have IPv4 alone: nearly all who come by IPv6 have that too.
      ...(mirror.family === undefined && hasOnlyIpv6 ? { family: 'ipv6' } : {}),
    }
  }

  close(): void {
    this.#closed = true
    clearTimeout(this.#timer)
    this.#dependencies.cancel()
  }

  #look(): Promise<void> {
    this.#looking = this.#looking.then(() => this.#lookUpAll())
    return this.#looking
  }

  async #lookUpAll(): Promise<void> {
    clearTimeout(this.#timer)
    const left = [...this.#hosts]
    let learnt = false
    const lane = async (): Promise<void> => {
      for (let host = left.pop(); host !== undefined && !this.#closed; host = left.pop())
        learnt = (await this.#lookUp(host)) || learnt
    }
    await Promise.all(Array.from({ length: MAX_CONCURRENT }, lane))
    if (this.#closed) return
    this.#timer = setTimeout(() => void this.#look(), REFRESH_MS).unref()
    if (learnt) this.#updated()
  }

  /** Whether that gave something new. What was known stays while name servers are silent. */
  async #lookUp(host: string): Promise<boolean> {
    const before = this.#known.get(host)
    const { addresses } = this.#dependencies
    const [ipv4, ipv6] = await Promise.all([addresses(host, 'ipv4'), addresses(host, 'ipv6')])
    const now = { ipv4: ipv4?.toSorted() ?? before?.ipv4, ipv6: ipv6?.toSorted() ?? before?.ipv6 }
    this.#known.set(host, now)
    return JSON.stringify(now) !== JSON.stringify(before ?? {})
  }
}

function hostOfMirror({ urls: [url = ''] }: Mirror): string {
  return hostOf(new URL(url))
}

function placeFor(mirror: Mirror, { country, coordinates, approximate }: Place): Partial<Mirror> {
  const location = mirror.location ?? country
  // A database that has it in another country than its operator is wrong about the city too.
  const isTrusted = location === country && coordinates !== undefined && !approximate
  return {
    ...(location === undefined ? {} : { location }),
    ...(mirror.coordinates === undefined && isTrusted ? { coordinates } : {}),
  }
}

function asnFor({ asn, serves, private: isPrivate }: Mirror, place: Place): Partial<Mirror> {
  // Whom a mirror is restricted to, its operator says: the network it stands in may be half of the internet.
  const isRestricted = isPrivate || serves === 'asn' || serves === 'subnet'
  return asn.length > 0 || place.asn === undefined || isRestricted ? {} : { asn: [place.asn] }
}

/** Asks the system's name servers; not by `getaddrinfo`, which would hold a thread that reads files. */
export function nameServers(): Pick<HostsDependencies, 'addresses' | 'cancel'> {
  const resolver = new Resolver({ timeout: LOOKUP_TIMEOUT_MS, tries: 2 })
  return {
    cancel: () => resolver.cancel(),
    addresses: async (host, family) => {
      const version = isIP(host)
      if (version !== 0) return family === `ipv${version}` ? [host] : []
      // RFC 6761 §6.4: there are none, and name servers need not be asked.
      if (host.endsWith('.invalid')) return []
      try {
        return family === 'ipv4' ? await resolver.resolve4(host) : await resolver.resolve6(host)
      } catch (error) {
        return systemCode(error) === 'ENODATA' ? [] : undefined
      }
    },
  }
}
