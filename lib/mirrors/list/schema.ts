import { isIP } from 'node:net'
import ipaddr from 'ipaddr.js'
import * as v from 'valibot'
import { asnSchema, coordinatesSchema, countrySchema } from '../../geo/schema.js'
import { quote } from '../../message-text.js'
import { FAMILIES, type Mirror, SERVES } from '../../model.js'
import { durationSchema, mapping } from '../../validation.js'
import { isGlob } from '../ranking/paths.js'

const SCHEMES = ['https:', 'http:', 'ftp:']

/**
 * Returns a schema of a base URL. Its output ends in `/`.
 *
 * @param credentialsFault returns a message if the credentials of a URL are refused
 */
function checkedUrl(schemes: readonly string[], credentialsFault: (url: URL) => string | undefined) {
  return v.pipe(
    v.string('must be a URL'),
    v.rawTransform<string, string>(({ dataset, addIssue, NEVER }) => {
      const text = dataset.value
      const names = schemes.map((scheme) => `${scheme}//`).join(' or ')
      const refuse = (message: string) => {
        addIssue({ message })
        return NEVER
      }
      if (!URL.canParse(text))
        return refuse(`${JSON.stringify(text)} is not an absolute URL; it begins with ${names}`)
      const url = new URL(text)
      if (!schemes.includes(url.protocol)) return refuse(`${JSON.stringify(text)} must begin with ${names}`)
      const fault = credentialsFault(url)
      if (fault !== undefined) return refuse(fault)
      // Test the text: an empty query or fragment is missing in `search` and `hash`, but stays in
      // `href`.
      if (/[?#]/.test(text)) {
        return refuse(
          `${JSON.stringify(text)} must not have a query or a fragment: file names are added to it`,
        )
      }
      return url.href.endsWith('/') ? url.href : `${url.href}/`
    }),
  )
}

function clientUrlFault({ username, password }: URL): string | undefined {
  return username + password === ''
    ? undefined
    : 'a URL must not carry credentials: it is sent to every client'
}

/** Refuses passwords only: clients never see the URL, but many users may read the file. */
function rsyncUrlFault({ password }: URL): string | undefined {
  return password === ''
    ? undefined
    : 'a URL must not carry a password; set it in the environment, as RSYNC_PASSWORD'
}

const clientUrl = checkedUrl(SCHEMES, clientUrlFault)
const rsyncUrl = checkedUrl(['rsync:'], rsyncUrlFault)

/** URL of a page, which responses publish: a browser must not run it. */
const pageUrl = v.pipe(
  v.string('must be a URL'),
  v.check(
    (text) => URL.canParse(text) && /^https?:$/.test(new URL(text).protocol),
    ({ input }) => `${quote(input)} must be an http or https URL`,
  ),
)

const subnetSchema = v.pipe(
  v.string('must be a subnet'),
  v.rawCheck(({ dataset, addIssue }) => {
    if (!dataset.typed) return
    const text = dataset.value
    // Require a full address: `ipaddr.js` reads `10/8` as a network of 0.0.0.10.
    const isAddress = isIP(text.slice(0, text.lastIndexOf('/'))) !== 0
    if (!isAddress || !ipaddr.isValidCIDR(text)) {
      addIssue({ message: `${JSON.stringify(text)} is no subnet such as 192.0.2.0/24 or 2001:db8::/32` })
      return
    }
    const [address, bits] = ipaddr.parseCIDR(text)
    const network = networkOf(address, bits)
    if (address.toString() !== network) {
      addIssue({
        message: `${JSON.stringify(text)} has bits set beyond its prefix; write ${network}/${bits}`,
      })
    } else if (address instanceof ipaddr.IPv6 && address.isIPv4MappedAddress() && bits >= 96) {
      // Clients with IPv4-mapped addresses are located by their IPv4 addresses.
      const plain = `${address.toIPv4Address()}/${bits - 96}`
      addIssue({ message: `${JSON.stringify(text)} is of IPv4 addresses within IPv6; write ${plain}` })
    }
  }),
)

/** Returns an address with all bits beyond a prefix cleared. */
export function networkOf(address: ipaddr.IPv4 | ipaddr.IPv6, bits: number): string {
  const subnet = `${address}/${bits}`
  return address.kind() === 'ipv4'
    ? ipaddr.IPv4.networkAddressFromCIDR(subnet).toString()
    : ipaddr.IPv6.networkAddressFromCIDR(subnet).toString()
}

const globSchema = v.pipe(
  v.string('must be a glob'),
  v.check(isGlob, ({ input }) => `${JSON.stringify(input.slice(0, 40))} is no glob`),
)

/**
 * Returns a schema of a file's path below the repository's root, with or without a leading `/`. Its
 * output is a repository path.
 */
export function filePathSchema(message: string) {
  return v.pipe(
    v.string('must be a path'),
    v.transform((text) => text.replace(/^\//, '')),
    v.check((path) => path.split('/').every((part) => part !== '' && part !== '.' && part !== '..'), message),
  )
}

/** Schema of the maximum age of a copy. */
export const maxAgeSchema = v.pipe(durationSchema, v.minValue(1, 'must be longer than nothing'))

const weightMessage = 'must be a number, 0 or greater'
const flagSchema = v.boolean('must be true or false')

const entrySchema = v.pipe(
  mapping(
    {
      id: v.pipe(
        v.string('must be a text'),
        v.regex(/^[A-Za-z0-9._-]+$/, 'must consist of letters, digits, ".", "_" and "-"'),
      ),
      url: v.optional(clientUrl),
      urls: v.optional(v.pipe(v.array(clientUrl, 'must be a list'), v.minLength(1, 'must not be empty'))),
      rsync: v.optional(rsyncUrl),
      location: v.optional(countrySchema),
      countries: v.optional(v.array(countrySchema, 'must be a list of countries'), []),
      coordinates: v.optional(coordinatesSchema),
      asn: v.optional(v.array(asnSchema, 'must be a list of numbers'), []),
      subnets: v.optional(v.array(subnetSchema, 'must be a list of subnets'), []),
      family: v.optional(v.picklist(FAMILIES, `must be one of ${FAMILIES.join(', ')}`)),
      weight: v.optional(
        v.pipe(v.number(weightMessage), v.finite(weightMessage), v.minValue(0, weightMessage)),
        100,
      ),
      paths: v.optional(v.array(globSchema, 'must be a list of globs'), []),
      serves: v.optional(v.picklist(SERVES, `must be one of ${SERVES.join(', ')}`), 'world'),
      excludes: v.optional(v.array(countrySchema, 'must be a list of countries'), []),
      sponsor: v.optional(
        mapping({ name: v.string('must be a text'), url: v.optional(pageUrl) }, 'must have a name'),
      ),
      private: v.optional(flagSchema, false),
      trust: v.optional(flagSchema, false),
      enabled: v.optional(flagSchema, true),
      trace: v.optional(
        filePathSchema("must be the path of a file below the mirror's URL, such as /timestamp"),
      ),
      maxAge: v.optional(maxAgeSchema),
      redirects: v.optional(flagSchema, false),
      probe: v.optional(flagSchema, true),
    },
    'must be a mapping with an id and a url',
  ),
  v.check(
    ({ url, urls }) => (url === undefined) !== (urls === undefined),
    'must have either a url or a list of urls',
  ),
  v.forward(
    v.check(
      ({ maxAge, trace }) => maxAge === undefined || trace !== undefined,
      'needs a trace, which tells how old the copy is',
    ),
    ['maxAge'],
  ),
  v.transform(
    ({ url, urls, ...rest }): Mirror => ({ ...rest, urls: urls ?? (url === undefined ? [] : [url]) }),
  ),
)

/** Schema of an array of mirrors; see `docs/mirrors.md`. */
export const mirrorListSchema = v.pipe(
  v.array(entrySchema, 'must be a list of mirrors'),
  v.rawCheck(({ dataset, addIssue }) => {
    if (!dataset.typed) return
    const indexes = new Map<string, number>()
    for (const [index, mirror] of dataset.value.entries()) {
      const first = indexes.get(mirror.id)
      indexes.set(mirror.id, first ?? index)
      if (first === undefined) continue
      addIssue({
        message: `the id ${JSON.stringify(mirror.id)} is taken by the mirror at ${first}; ids must be unique`,
        path: [
          { type: 'array', origin: 'value', input: dataset.value, key: index, value: mirror },
          { type: 'object', origin: 'value', input: { ...mirror }, key: 'id', value: mirror.id },
        ],
      })
    }
  }),
)

/** Schema of a mirrors file. */
export const mirrorsFileSchema = mapping(
  { mirrors: mirrorListSchema },
  'must be a mapping with the key "mirrors"',
)
