import { isIP } from 'node:net'
import ipaddr from 'ipaddr.js'

/** An address, read. */
export interface Address {
  /** As it is compared: IPv4 wherever it is one within IPv6, else IPv6 as RFC 5952 writes it, without a zone. */
  readonly text: string
  readonly version: 4 | 6
  /** Whether it says nothing of the place: many networks have the same. */
  readonly local: boolean
}

/** By their names in `ipaddr.js`. */
const LOCAL_RANGES: ReadonlySet<string> = new Set([
  'loopback',
  'private',
  'linkLocal',
  'uniqueLocal',
  'deprecatedSiteLocal',
  // RFC 6598: what providers give to customers behind their NAT.
  'carrierGradeNat',
  // Of NAT64, those of which no IPv4 address can be told.
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

/** Of an IPv6 address with a zone, as long as names of interfaces are; longer texts are no addresses. */
const MAX_ADDRESS_LENGTH = 80

/**
 * Reads an address as sockets and proxies give it: IPv4 or IPv6, a zone allowed (`fe80::1%eth0`). IPv6 that carries an
 * IPv4 address stands for that: mapped (`::ffff:0:0/96`), NAT64 (`64:ff9b::/96`, and `64:ff9b:1::/48` with prefixes of 96
 * bits) and 6to4 (`2002::/16`).
 *
 * @returns undefined where it is none
 */
export function readAddress(text: string): Address | undefined {
  if (text.length > MAX_ADDRESS_LENGTH) return undefined
  // Strict, where `ipaddr.js` would take `1` and `0x7f.1`.
  const version = isIP(text)
  if (version === 4) return { text, version, local: isLocal(ipaddr.IPv4.parse(text)) }
  if (version !== 6) return undefined
  const zone = text.indexOf('%')
  const address = ipaddr.IPv6.parse(zone === -1 ? text : text.slice(0, zone))
  const bytes = ipv4Within(address)
  if (bytes === undefined) return { text: address.toString(), version, local: isLocal(address) }
  const within = new ipaddr.IPv4([...bytes])
  return { text: within.toString(), version: 4, local: isLocal(within) }
}

function isLocal(address: ipaddr.IPv4 | ipaddr.IPv6): boolean {
  return LOCAL_RANGES.has(address.range())
}

/** The four bytes of the IPv4 address that an IPv6 address carries. */
function ipv4Within(address: ipaddr.IPv6): readonly number[] | undefined {
  const bytes = address.toByteArray()
  if (startsWith(bytes, SIX_TO_FOUR)) return bytes.slice(2, 6)
  if (startsWith(bytes, MAPPED) || startsWith(bytes, NAT64)) return bytes.slice(12)
  // Whose prefix is shorter than 96 bits has the IPv4 address further left, and zeros at the end (RFC 6052 §2.2). A
  // client's own address never ends in three zeros, which tells the two apart.
  if (startsWith(bytes, LOCAL_NAT64) && bytes.slice(13).some((byte) => byte !== 0)) return bytes.slice(12)
  return undefined
}

function startsWith(bytes: readonly number[], prefix: readonly number[]): boolean {
  return prefix.every((byte, index) => bytes[index] === byte)
}
