import { BlockList, isIP } from 'node:net'

/**
 * AS numbers of content delivery networks that announce the same addresses from many places:
 * Cloudflare, Fastly, Akamai, Bunny and CDN77, Edgio, Imperva, Sucuri, Gcore, StackPath.
 */
const ANYCAST_ASNS: ReadonlySet<number> = new Set([
  13335, 209242, 54113, 20940, 16625, 60068, 200325, 15133, 22822, 19551, 30148, 199524, 33438, 12989,
])

/** Networks that Cloudflare and Fastly publish, for databases without AS numbers. */
const ANYCAST_NETWORKS = [
  // Cloudflare
  '103.21.244.0/22',
  '103.22.200.0/22',
  '103.31.4.0/22',
  '104.16.0.0/13',
  '104.24.0.0/14',
  '108.162.192.0/18',
  '131.0.72.0/22',
  '141.101.64.0/18',
  '162.158.0.0/15',
  '172.64.0.0/13',
  '173.245.48.0/20',
  '188.114.96.0/20',
  '190.93.240.0/20',
  '197.234.240.0/22',
  '198.41.128.0/17',
  '2400:cb00::/32',
  '2405:8100::/32',
  '2405:b500::/32',
  '2606:4700::/32',
  '2803:f800::/32',
  '2a06:98c0::/29',
  '2c0f:f248::/32',
  // Fastly
  '103.244.50.0/24',
  '103.245.222.0/23',
  '103.245.224.0/24',
  '104.156.80.0/20',
  '140.248.64.0/18',
  '140.248.128.0/17',
  '146.75.0.0/17',
  '151.101.0.0/16',
  '157.52.64.0/18',
  '167.82.0.0/17',
  '167.82.128.0/20',
  '167.82.160.0/20',
  '167.82.224.0/20',
  '172.111.64.0/18',
  '185.31.16.0/22',
  '199.27.72.0/21',
  '199.232.0.0/16',
  '23.235.32.0/20',
  '43.249.72.0/22',
  '2a04:4e40::/32',
  '2a04:4e42::/32',
]

const networks = new BlockList()
for (const network of ANYCAST_NETWORKS) {
  const [address = '', bits] = network.split('/')
  networks.addSubnet(address, Number(bits), isIP(address) === 6 ? 'ipv6' : 'ipv4')
}

/**
 * Returns whether an address belongs to a content delivery network, so that its place in a database
 * says nothing about the server that clients reach.
 *
 * @param asn AS number of the address; undefined if it is unknown
 */
export function isAnycast(address: string, asn: number | undefined): boolean {
  if (asn !== undefined && ANYCAST_ASNS.has(asn)) return true
  return networks.check(address, isIP(address) === 6 ? 'ipv6' : 'ipv4')
}
