import { availableParallelism } from 'node:os'
import ipaddr from 'ipaddr.js'
import * as v from 'valibot'
import type { Home } from './geo/locator.js'
import { countrySchema, homeSchema } from './geo/schema.js'
import type { Probing } from './health/health.js'
import { MOST_TIMEOUT } from './health/timing.js'
import { mirrorListSchema } from './mirrors/schema.js'
import { STRATEGIES, type StrategyName } from './mirrors/strategies/strategies.js'
import type { Strategy } from './mirrors/strategies/strategy.js'
import {
  ALGORITHMS,
  type Algorithm,
  ETAG_POLICIES,
  type EtagPolicy,
  type Mirror,
  MODES,
  type Mode,
  type Watch,
} from './model.js'
import type { StateStore } from './store/states.js'
import type { Store } from './store/store.js'
import { mapping, type Schema, validate } from './validation.js'

/** Milliseconds, or a number with a unit: `'500ms'`, `'90s'`, `'5m'`, `'12h'`, `'7d'`. */
export type Duration = number | string
/** Bytes, or a number with a unit: `'512B'`, `'4KiB'`, `'64MiB'`, `'1GiB'`. */
export type Size = number | string

/** A mirror as an operator writes it: an id, a `url` or several `urls`, and what else is known; see `docs/mirrors.md`. */
export interface MirrorOptions extends Partial<Omit<Mirror, 'id' | 'urls'>> {
  readonly id: string
  readonly url?: string | undefined
  readonly urls?: readonly string[] | undefined
}

/** How mirrors are probed; see `docs/mirrors.md`. */
export interface ProbeOptions {
  /** From the death of a mirror to the first answer without it, at most; 100 ms or longer. Default: 60 s. */
  readonly interval?: Duration | undefined
  /** How long one probe may take, at most a quarter of the interval. Default: 5 s, or that quarter. */
  readonly timeout?: Duration | undefined
  /**
   * Whether the host of a mirror may have an address of a private network, or of this machine. Default: false, but for mirrors
   * whose URLs name such an address, or `localhost`.
   */
  readonly privateAddresses?: boolean | undefined
}

/** Options of `createOrigin`. Only `root` is needed. */
export interface OriginOptions {
  /** Folder of the repository. */
  root: string
  /** Path of a mirrors file, which is watched, or the mirrors themselves. Default: none. */
  mirrors?: string | readonly MirrorOptions[] | undefined
  /**
   * Paths of MMDB databases that say where clients are, most trusted first; `false` for none. Default: the free one of
   * countries, where `@ip-location-db/geo-whois-asn-country-mmdb` is installed. The files are watched.
   */
  geo?: string | readonly string[] | false | undefined
  /** Where clients with local addresses are: a country of two letters, or more. Default: unknown. */
  home?: string | Home | undefined
  /** Path of the SQLite file that keeps the index, or a store. Default: see `defaultStoreFile`. */
  store?: string | Store | undefined
  /**
   * Path of the SQLite file that keeps the states of mirrors, or a store of them. Default: a file beside the index; in memory,
   * where `store` is no path.
   */
  states?: string | StateStore | undefined
  /** Whether, and how, to probe mirrors, and leave out those that are down. Default: true. */
  probe?: boolean | ProbeOptions | undefined
  /** URL of the repository's root on this server, for absolute URLs. Default: from the request's Host. */
  baseUrl?: string | undefined
  /** What to do with a file that mirrors hold: `decorate` (default) the answer, or `redirect` to a mirror. */
  mode?: Mode | undefined
  /** Whether the origin sends the files itself. Default: false, for whoever comes next sends them. */
  serve?: boolean | undefined
  /** Globs of what is not part of the repository. */
  ignore?: readonly string[] | undefined
  /** Digests to compute. Default: sha-256, sha-1, md5. */
  algorithms?: readonly Algorithm[] | undefined
  /** Threads that hash. Default: one less than there are cores, 1 to 4. */
  workers?: number | undefined
  /** How long a file must be quiet before it is hashed. Default: 500 ms. */
  settle?: Duration | undefined
  /**
   * Whether to follow changes of the repository, the mirrors file and the geo databases. Default: true. `'rescan'` lists
   * the repository again and again, for network file systems that tell of no changes.
   */
  watch?: Watch | undefined
  /** How often what cannot be watched is listed again. Default: 60 s. */
  rescan?: Duration | undefined
  /** How `ETag` is made. Default: `digest`. */
  etag?: EtagPolicy | undefined
  /**
   * How mirrors are chosen: `nearest` (default), or as `mirrorbits`, `almalinux` or `mirrorbrain` do, or a function. See
   * `docs/mirrors.md`.
   */
  strategy?: StrategyName | Strategy | undefined
  /** How many times as far as the nearest mirror others may be to share with it. Default: 1.5. */
  range?: number | undefined
  /**
   * Whether to ask name servers for the addresses of mirrors, and the geo databases for what these tell, where the mirrors
   * file does not say it. Default: true.
   */
  resolve?: boolean | undefined
  /** Whether clients that came by http are given https URLs where a mirror has some. Default: true. */
  preferSecure?: boolean | undefined
  /** Whether requests may say where their client is, by `?country=`, `?ip=` and `?as=`. Default: true. */
  overrides?: boolean | undefined
  /** Most duplicates in the fields of an answer. Default: 5. */
  maxDuplicates?: number | undefined
  /** Most bytes of all our fields in an answer. Default: 3500, which every known client and proxy takes. */
  maxHeaderBytes?: Size | undefined
  /** Addresses and subnets of proxies whose X-Forwarded-* is believed, by the `node` adapter and `serve`. Default: none. */
  trustProxy?: readonly string[] | undefined
}

/** Options checked and with every default filled in. */
export interface CheckedOptions {
  readonly root: string
  readonly mirrors: string | readonly Mirror[]
  /** Paths; undefined for the free database. */
  readonly geo?: readonly string[] | false | undefined
  readonly home?: Home | undefined
  readonly store?: string | Store | undefined
  readonly states?: string | StateStore | undefined
  /** Undefined where mirrors are not probed. */
  readonly probe: Probing | undefined
  readonly baseUrl?: string | undefined
  readonly mode: Mode
  readonly serve: boolean
  readonly ignore: readonly string[]
  readonly algorithms: readonly Algorithm[]
  readonly workers: number
  /** Milliseconds. */
  readonly settle: number
  readonly watch: Watch
  /** Milliseconds. */
  readonly rescan: number
  readonly etag: EtagPolicy
  readonly strategy: StrategyName | Strategy
  readonly range: number
  readonly resolve: boolean
  readonly preferSecure: boolean
  readonly overrides: boolean
  readonly maxDuplicates: number
  /** Bytes. */
  readonly maxHeaderBytes: number
  readonly trustProxy: readonly string[]
}

const DURATION_UNITS: Readonly<Record<string, number>> = {
  ms: 1,
  s: 1000,
  m: 60_000,
  h: 3_600_000,
  d: 86_400_000,
}
const SIZE_UNITS: Readonly<Record<string, number>> = { B: 1, KiB: 1024, MiB: 1024 ** 2, GiB: 1024 ** 3 }

function quantity(units: Readonly<Record<string, number>>, message: string) {
  return v.pipe(
    v.union([v.number(), v.string()], message),
    v.rawTransform<number | string, number>(({ dataset, addIssue, NEVER }) => {
      const [, digits, unit = ''] = /^(\d+(?:\.\d+)?) ?([A-Za-z]+)$/.exec(String(dataset.value)) ?? []
      const value =
        typeof dataset.value === 'number' ? dataset.value : Number(digits) * (units[unit] ?? Number.NaN)
      if (Number.isFinite(value) && value >= 0) return value
      addIssue({ message })
      return NEVER
    }),
  )
}

const durationSchema = quantity(
  DURATION_UNITS,
  "must be milliseconds, or a text such as '90s', '5m' or '12h'",
)
const sizeSchema = quantity(SIZE_UNITS, "must be bytes, or a text such as '4KiB' or '64MiB'")

function wholeNumber(least: number, most: number) {
  const message = `must be a whole number from ${least} to ${most}`
  return v.pipe(v.number(message), v.integer(message), v.minValue(least, message), v.maxValue(most, message))
}

const baseUrlSchema = v.pipe(
  v.string('must be a URL'),
  v.check((text) => {
    if (!URL.canParse(text)) return false
    const { protocol, search, hash, username, password } = new URL(text)
    return /^https?:$/.test(protocol) && search + hash + username + password === ''
  }, 'must be an absolute http or https URL without credentials, query or fragment'),
  v.transform((text) => {
    const { href } = new URL(text)
    return href.endsWith('/') ? href : `${href}/`
  }),
)

const storeSchema = v.union(
  [v.string(), v.custom<Store>((value) => typeof value === 'object' && value !== null && 'apply' in value)],
  'must be the path of a file, or a store',
)
const statesSchema = v.union(
  [
    v.string(),
    v.custom<StateStore>((value) => typeof value === 'object' && value !== null && 'events' in value),
  ],
  'must be the path of a file, or a store of states',
)
const probeSchema = v.pipe(
  mapping(
    {
      interval: v.optional(v.pipe(durationSchema, v.minValue(100, 'must be 100 ms or longer')), 60_000),
      timeout: v.optional(v.pipe(durationSchema, v.minValue(1, 'must be 1 ms or longer'))),
      privateAddresses: v.optional(v.boolean('must be true or false'), false),
    },
    'must be true, false, or an object',
  ),
  v.forward(
    v.check(
      ({ interval, timeout = 0 }) => timeout <= interval * MOST_TIMEOUT,
      'must be at most a quarter of the interval',
    ),
    ['timeout'],
  ),
)
/** The named ranges of `proxy-addr`. */
const PROXY_NAMES = ['loopback', 'linklocal', 'uniquelocal']
const proxySchema = v.pipe(
  v.string('must be an address or a subnet'),
  v.check(
    (text) => PROXY_NAMES.includes(text) || ipaddr.isValid(text) || ipaddr.isValidCIDR(text),
    (issue) =>
      `${JSON.stringify(issue.input)} is no address, no subnet, and none of ${PROXY_NAMES.join(', ')}`,
  ),
)
const rangeMessage = 'must be a number, 1 or greater'
const databaseMessage = 'must be the path of a database, a list of paths, or false'
const databaseSchema = v.pipe(v.string(databaseMessage), v.nonEmpty(databaseMessage))
const flag = v.boolean('must be true or false')
const texts = (what: string) => v.array(v.string(`must be a ${what}`), `must be a list of ${what}s`)

/** The options of `createOrigin`, key by key; the command line's configuration file has the same. */
export const optionEntries = {
  root: v.pipe(v.string('must be the path of a folder'), v.nonEmpty('must be the path of a folder')),
  // Chosen by what is given, so that a mistake is named within its mirror and not as "no path, no list".
  mirrors: v.optional(
    v.lazy(
      (given): Schema<string | readonly Mirror[]> =>
        typeof given === 'string' ? v.string() : mirrorListSchema,
    ),
    [],
  ),
  geo: v.optional(
    v.lazy((given): Schema<readonly string[] | false> => {
      if (given === false) return v.literal(false)
      if (Array.isArray(given)) {
        return v.pipe(v.array(databaseSchema), v.minLength(1, 'must name a database, or be false'))
      }
      return v.pipe(
        databaseSchema,
        v.transform((path) => [path]),
      )
    }),
  ),
  home: v.optional(
    v.lazy((given): Schema<Home> => {
      if (typeof given !== 'string') return homeSchema
      return v.pipe(
        countrySchema,
        v.transform((country) => ({ country })),
      )
    }),
  ),
  store: v.optional(storeSchema),
  states: v.optional(statesSchema),
  probe: v.optional(
    v.lazy((given): Schema<Probing | undefined> => {
      if (typeof given !== 'boolean') return probeSchema
      return v.pipe(
        v.boolean(),
        v.transform((isWanted) => (isWanted ? { interval: 60_000, privateAddresses: false } : undefined)),
      )
    }),
    true,
  ),
  baseUrl: v.optional(baseUrlSchema),
  mode: v.optional(v.picklist(MODES, `must be one of ${MODES.join(', ')}`), 'decorate'),
  serve: v.optional(flag, false),
  ignore: v.optional(texts('glob'), []),
  algorithms: v.optional(
    v.pipe(
      v.array(
        v.picklist(ALGORITHMS, `must be one of ${ALGORITHMS.join(', ')}`),
        'must be a list of algorithms',
      ),
      v.minLength(1, 'must name at least one algorithm'),
    ),
    ['sha-256', 'sha-1', 'md5'],
  ),
  workers: v.optional(wholeNumber(1, 64), () => Math.max(1, Math.min(4, availableParallelism() - 1))),
  settle: v.optional(durationSchema, 500),
  watch: v.optional(v.union([v.boolean(), v.literal('rescan')], "must be true, false or 'rescan'"), true),
  rescan: v.optional(v.pipe(durationSchema, v.minValue(100, 'must be 100 ms or longer')), 60_000),
  etag: v.optional(v.picklist(ETAG_POLICIES, `must be one of ${ETAG_POLICIES.join(', ')}`), 'digest'),
  strategy: v.optional(
    v.union(
      [v.picklist(STRATEGIES), v.custom<Strategy>((value) => typeof value === 'function')],
      `must be one of ${STRATEGIES.join(', ')}, or a function`,
    ),
    'nearest',
  ),
  range: v.optional(v.pipe(v.number(rangeMessage), v.finite(rangeMessage), v.minValue(1, rangeMessage)), 1.5),
  resolve: v.optional(flag, true),
  preferSecure: v.optional(flag, true),
  overrides: v.optional(flag, true),
  maxDuplicates: v.optional(wholeNumber(0, 100), 5),
  maxHeaderBytes: v.optional(sizeSchema, 3500),
  trustProxy: v.optional(v.array(proxySchema, 'must be a list of addresses and subnets'), []),
}

const optionsSchema = v.strictObject(optionEntries, 'must be an object')

/**
 * Checks the options of `createOrigin` whole.
 *
 * @throws MirroredByError ERR_OPTIONS naming every mistake by its path
 */
export function checkOptions(options: OriginOptions): CheckedOptions {
  return validate(optionsSchema, options, 'createOrigin', 'ERR_OPTIONS')
}
