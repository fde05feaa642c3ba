import { isIP } from 'node:net'
import ipaddr from 'ipaddr.js'

/** A parsed IP address. */
export interface Address {
  /** Canonical form: IPv4 also if embedded in IPv6, else IPv6 by RFC 5952, without a zone. */
  readonly text: string
  readonly version: 4 | 6
  /** Whether the address is used in many networks, and so says nothing about a place. */
  readonly local: boolean
}

/** Ranges by their names in `ipaddr.js`. */
const LOCAL_RANGES: ReadonlySet<string> = new Set([
  'loopback',
  'private',
  'linkLocal',
  'uniqueLocal',
  'deprecatedSiteLocal',
  // RFC 6598: addresses of customers behind a provider's NAT.
  'carrierGradeNat',
  // NAT64 addresses without a recognisable IPv4 address.
  'rfc6052',
])

/** RFC 4291 §2.5.5.2 */
const MAPPED = [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff]
/** RFC 6052 §2.1 */
const NAT64 = [0, 0x64, 0xff, 0x9b, 0, 0, 0, 0, 0, 0, 0, 0]
/** RFC 8215 */
const LOCAL_NAT64 = [0, 0x64, 0xff, 0x9b, 0, 1]
/** RFC 3056 §2 */
const SIX_TO_FOUR = [0x20, 0x02]

/** Characters of an IPv6 address with a zone, which is as long as names of interfaces are. */
const MAX_ADDRESS_LENGTH = 80

/**
 * Parses an address as sockets and proxies report it: IPv4, or IPv6 with an optional zone
 * (`fe80::1%eth0`). An IPv6 address with an embedded IPv4 address becomes that IPv4 address: mapped
 * (`::ffff:0:0/96`), NAT64 (`64:ff9b::/96`, and `64:ff9b:1::/48` with prefixes of 96 bits) and 6to4
 * (`2002::/16`).
 *
 * @returns undefined if the text is not an address
 */
export function readAddress(text: string): Address | undefined {
  if (text.length > MAX_ADDRESS_LENGTH) return undefined
  // `isIP` is strict; `ipaddr.js` accepts `1` and `0x7f.1`.
  const version = isIP(text)
  if (version === 4) return { text, version, local: isLocal(ipaddr.IPv4.parse(text)) }
  if (version !== 6) return undefined
  const zone = text.indexOf('%')
  const address = ipaddr.IPv6.parse(zone === -1 ? text : text.slice(0, zone))
  const bytes = ipv4Within(address)
  if (bytes === undefined) return { text: address.toString(), version, local: isLocal(address) }
  const embedded = new ipaddr.IPv4([...bytes])
  return { text: embedded.toString(), version: 4, local: isLocal(embedded) }
}

function isLocal(address: ipaddr.IPv4 | ipaddr.IPv6): boolean {
  return LOCAL_RANGES.has(address.range())
}

/**
 * Returns the four bytes of the IPv4 address embedded in an IPv6 address; undefined without one.
 */
function ipv4Within(address: ipaddr.IPv6): readonly number[] | undefined {
  const bytes = address.toByteArray()
  if (startsWith(bytes, SIX_TO_FOUR)) return bytes.slice(2, 6)
  if (startsWith(bytes, MAPPED) || startsWith(bytes, NAT64)) return bytes.slice(12)
  // With a prefix shorter than 96 bits, the IPv4 address stands further left, with zeros at the end
  // (RFC 6052 §2.2). Clients' addresses never end in three zeros, which tells both forms apart.
  if (startsWith(bytes, LOCAL_NAT64) && bytes.slice(13).some((byte) => byte !== 0)) return bytes.slice(12)
  return undefined
}

function startsWith(bytes: readonly number[], prefix: readonly number[]): boolean {
  return prefix.every((byte, index) => bytes[index] === byte)
}
