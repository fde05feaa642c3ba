import { availableParallelism } from 'node:os'
import ipaddr from 'ipaddr.js'
import * as v from 'valibot'
import type { LocalPlace } from './geo/locator.js'
import { countrySchema, localPlaceSchema } from './geo/schema.js'
import type { ProbeSettings } from './mirrors/health/health.js'
import { DEFAULT_INTERVAL_MS, MAX_TIMEOUT_SHARE } from './mirrors/health/timing.js'
import type { TraceSettings } from './mirrors/health/trace-writer.js'
import { filePathSchema, maxAgeSchema, mirrorListSchema } from './mirrors/list/schema.js'
import type { ChallengeSettings } from './mirrors/presence/challenger.js'
import type { PresenceSettings, PresenceTimes } from './mirrors/presence/settings.js'
import { STRATEGIES, type StrategyName } from './mirrors/ranking/strategies/strategies.js'
import type { Strategy } from './mirrors/ranking/strategies/strategy.js'
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
import { REPRESENTATION_NAMES, type RepresentationName } from './request/representations/table.js'
import type { MirrorStateStore } from './store/states.js'
import type { Store } from './store/store.js'
import { durationSchema, mapping, quantity, type Schema, validate } from './validation.js'

/** Milliseconds, or a number with a unit: `'500ms'`, `'90s'`, `'5m'`, `'12h'`, `'7d'`. */
export type Duration = number | string
/** Bytes, or a number with a unit: `'512B'`, `'4KiB'`, `'64MiB'`, `'1GiB'`. */
export type Size = number | string

/** A mirror as an operator writes it: an id, a `url` or several `urls`, and what else is known; see `docs/mirrors.md`. */
export interface MirrorOptions extends Partial<Omit<Mirror, 'id' | 'urls' | 'maxAge'>> {
  readonly id: string
  readonly url?: string | undefined
  readonly urls?: readonly string[] | undefined
  readonly maxAge?: Duration | undefined
}

/** How a trace file is written; see `docs/mirrors.md`. */
export interface TraceOptions {
  /** Of the file, from the root of the repository. Folders are made where they are missing. */
  readonly path: string
  /** How often; 1 s to 24 days. Default: 1 h. */
  readonly interval?: Duration | undefined
}

/** How mirrors are probed; see `docs/mirrors.md`. */
export interface ProbeOptions {
  /** From the death of a mirror to the first answer without it, at most; 100 ms or longer. Default: 60 s. */
  readonly interval?: Duration | undefined
  /** How long one probe may take, at most a quarter of the interval. Default: 5 s, or that quarter. */
  readonly timeout?: Duration | undefined
}

/** How mirrors are looked through for what they hold; see `docs/mirrors.md`. */
export interface PresenceOptions {
  /** Between two surveys of a mirror; 1 s or longer. Default: 6 h. */
  readonly interval?: Duration | undefined
  /** How long a look at one file may take. Default: 10 s. */
  readonly timeout?: Duration | undefined
  /** Files a second that a mirror without a listing is asked for. Default: 100. */
  readonly rate?: number | undefined
}

/** How much of what mirrors hold is fetched and compared; see `docs/mirrors.md`. */
export interface ChallengeOptions {
  /** Of all mirrors together. Default: 64 MiB. */
  readonly bytesPerHour?: Size | undefined
  /** After which time a corrupt file is fetched again, to see whether it is mended. Default: 10 min. */
  readonly recheckInterval?: Duration | undefined
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
  localPlace?: string | LocalPlace | undefined
  /** Path of the SQLite file that keeps the index, or a store. Default: see `defaultStoreFile`. */
  store?: string | Store | undefined
  /**
   * Path of the SQLite file that keeps the states of mirrors, or a store of them. Default: a file beside the index; in memory,
   * where `store` is no path.
   */
  mirrorStates?: string | MirrorStateStore | undefined
  /** Whether, and how, to probe mirrors, and leave out those that are down. Default: true. */
  probe?: boolean | ProbeOptions | undefined
  /**
   * Whether, and how, to look which files mirrors hold, and to leave them out for the others. Default: true, unless `probe` is
   * false: no mirror is asked for anything then.
   */
  presence?: boolean | PresenceOptions | undefined
  /** Whether, and how much, to compare pieces of mirrors' files with ours. Default: true, where `presence` is. */
  challenge?: boolean | ChallengeOptions | undefined
  /**
   * Whether the host of a mirror may have an address of a private network, or of this machine. Default: false, but for mirrors
   * whose URLs name such an address, or `localhost`.
   */
  privateAddresses?: boolean | undefined
  /**
   * How old the copies of mirrors that have a `trace` may be, before they are left out for files that changed since. The
   * `maxAge` of a mirror goes before. Default: any age.
   */
  maxAge?: Duration | undefined
  /** Path of a trace file that is written below the root, or how that is done. Default: none is written. */
  writeTrace?: string | TraceOptions | undefined
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
   * Whether to multiply the weights of mirrors by how they perform, as probes and challenges have measured it from here: those
   * that are about as near share by that. Default: false.
   */
  adaptiveWeights?: boolean | undefined
  /**
   * How mirrors are chosen: `nearest` (default), or as `mirrorbits`, `almalinux` or `mirrorbrain` do, or a function. See
   * `docs/mirrors.md`.
   */
  strategy?: StrategyName | Strategy | undefined
  /** How many times as far as the nearest mirror others may be to share with it. Default: 1.5. */
  nearFactor?: number | undefined
  /**
   * Whether to ask name servers for the addresses of mirrors, and the geo databases for what these tell, where the mirrors
   * file does not say it. Default: true.
   */
  lookupHosts?: boolean | undefined
  /** Whether clients that came by http are given https URLs where a mirror has some. Default: true. */
  preferSecure?: boolean | undefined
  /** Whether requests may say where their client is, by `?country=`, `?ip=` and `?as=`. Default: true. */
  overrides?: boolean | undefined
  /** Documents about files that are offered, by their names in the query. Default: all; see `docs/http.md`. */
  representations?: readonly RepresentationName[] | undefined
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
  readonly localPlace?: LocalPlace | undefined
  readonly store?: string | Store | undefined
  readonly mirrorStates?: string | MirrorStateStore | undefined
  /** Undefined where mirrors are not probed. */
  readonly probe: ProbeSettings | undefined
  /** Undefined where that follows from `probe`. */
  readonly presence?: PresenceTimes | boolean | undefined
  /** Undefined where nothing is fetched. */
  readonly challenge: ChallengeSettings | undefined
  readonly privateAddresses: boolean
  /** Milliseconds. */
  readonly maxAge?: number | undefined
  readonly writeTrace?: TraceSettings | undefined
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
  readonly adaptiveWeights: boolean
  readonly nearFactor: number
  readonly lookupHosts: boolean
  readonly preferSecure: boolean
  readonly overrides: boolean
  readonly representations: readonly RepresentationName[]
  readonly maxDuplicates: number
  /** Bytes. */
  readonly maxHeaderBytes: number
  readonly trustProxy: readonly string[]
}

const DEFAULT_PRESENCE: PresenceTimes = { interval: 6 * 3_600_000, timeout: 10_000, rate: 100 }
const DEFAULT_CHALLENGE: ChallengeSettings = { bytesPerHour: 64 * 1024 ** 2, recheckInterval: 600_000 }
const rateMessage = 'must be a number, 0.1 or greater'

const SIZE_UNITS: Readonly<Record<string, number>> = { B: 1, KiB: 1024, MiB: 1024 ** 2, GiB: 1024 ** 3 }

const sizeSchema = quantity(SIZE_UNITS, "must be bytes, or a text such as '4KiB' or '64MiB'")

/** What is on or off, or on in a way that is described: undefined where it is off. */
function toggleOr<T>(described: Schema<T>, usual: T) {
  return v.lazy((given): Schema<T | undefined> => {
    if (typeof given !== 'boolean') return described
    return v.pipe(
      v.boolean(),
      v.transform((isWanted) => (isWanted ? usual : undefined)),
    )
  })
}

/** A name that an option had before: it is refused, and the message tells the name that the option has now. */
const renamed = (name: string) => v.optional(v.never(`is now called ${name}`))

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
    v.custom<MirrorStateStore>((value) => typeof value === 'object' && value !== null && 'events' in value),
  ],
  'must be the path of a file, or a store of states',
)
const probeSchema = v.pipe(
  mapping(
    {
      interval: v.optional(
        v.pipe(durationSchema, v.minValue(100, 'must be 100 ms or longer')),
        DEFAULT_INTERVAL_MS,
      ),
      timeout: v.optional(v.pipe(durationSchema, v.minValue(1, 'must be 1 ms or longer'))),
    },
    'must be true, false, or an object',
  ),
  v.forward(
    v.check(
      ({ interval, timeout = 0 }) => timeout <= interval * MAX_TIMEOUT_SHARE,
      'must be at most a quarter of the interval',
    ),
    ['timeout'],
  ),
)
const presenceSchema = mapping(
  {
    interval: v.optional(
      v.pipe(durationSchema, v.minValue(1000, 'must be 1 s or longer')),
      DEFAULT_PRESENCE.interval,
    ),
    timeout: v.optional(
      v.pipe(durationSchema, v.minValue(1, 'must be 1 ms or longer')),
      DEFAULT_PRESENCE.timeout,
    ),
    rate: v.optional(
      v.pipe(v.number(rateMessage), v.finite(rateMessage), v.minValue(0.1, rateMessage)),
      DEFAULT_PRESENCE.rate,
    ),
  },
  'must be true, false, or an object',
)
const challengeSchema = mapping(
  {
    bytesPerHour: v.optional(
      v.pipe(sizeSchema, v.minValue(1, 'must be 1 byte or more; `challenge: false` turns it off')),
      DEFAULT_CHALLENGE.bytesPerHour,
    ),
    recheckInterval: v.optional(
      v.pipe(durationSchema, v.minValue(1, 'must be 1 ms or longer')),
      DEFAULT_CHALLENGE.recheckInterval,
    ),
    again: renamed('recheckInterval'),
  },
  'must be true, false, or an object',
)
const HOUR_MS = 3_600_000
/** Timers take no more. */
const MAX_TRACE_INTERVAL_MS = 24 * 24 * HOUR_MS
const tracePathSchema = filePathSchema('must be the path of a file below the root, such as /.trace')
const traceSchema = mapping(
  {
    path: tracePathSchema,
    interval: v.optional(
      v.pipe(
        durationSchema,
        v.minValue(1000, 'must be 1 s or longer'),
        v.maxValue(MAX_TRACE_INTERVAL_MS, 'must be 24 days at most'),
      ),
      HOUR_MS,
    ),
  },
  'must be the path of a file, or an object with a path',
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
const nearFactorMessage = 'must be a number, 1 or greater'
const databaseMessage = 'must be the path of a database, a list of paths, or false'
const databaseSchema = v.pipe(v.string(databaseMessage), v.nonEmpty(databaseMessage))
const booleanSchema = v.boolean('must be true or false')
const listOf = (what: string) => v.array(v.string(`must be a ${what}`), `must be a list of ${what}s`)

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
  localPlace: v.optional(
    v.lazy((given): Schema<LocalPlace> => {
      if (typeof given !== 'string') return localPlaceSchema
      return v.pipe(
        countrySchema,
        v.transform((country) => ({ country })),
      )
    }),
  ),
  store: v.optional(storeSchema),
  mirrorStates: v.optional(statesSchema),
  probe: v.optional(toggleOr<ProbeSettings>(probeSchema, { interval: DEFAULT_INTERVAL_MS }), true),
  presence: v.optional(
    v.lazy(
      (given): Schema<PresenceTimes | boolean> => (typeof given === 'boolean' ? v.boolean() : presenceSchema),
    ),
  ),
  challenge: v.optional(toggleOr<ChallengeSettings>(challengeSchema, DEFAULT_CHALLENGE), true),
  privateAddresses: v.optional(booleanSchema, false),
  maxAge: v.optional(maxAgeSchema),
  writeTrace: v.optional(
    v.lazy((given): Schema<TraceSettings> => {
      if (typeof given !== 'string') return traceSchema
      return v.pipe(
        tracePathSchema,
        v.transform((path) => ({ path, interval: HOUR_MS })),
      )
    }),
  ),
  baseUrl: v.optional(baseUrlSchema),
  mode: v.optional(v.picklist(MODES, `must be one of ${MODES.join(', ')}`), 'decorate'),
  serve: v.optional(booleanSchema, false),
  ignore: v.optional(listOf('glob'), []),
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
  adaptiveWeights: v.optional(booleanSchema, false),
  nearFactor: v.optional(
    v.pipe(v.number(nearFactorMessage), v.finite(nearFactorMessage), v.minValue(1, nearFactorMessage)),
    1.5,
  ),
  lookupHosts: v.optional(booleanSchema, true),
  preferSecure: v.optional(booleanSchema, true),
  overrides: v.optional(booleanSchema, true),
  representations: v.optional(
    v.array(
      v.picklist(REPRESENTATION_NAMES, `must be one of ${REPRESENTATION_NAMES.join(', ')}`),
      'must be a list of representations',
    ),
    [...REPRESENTATION_NAMES],
  ),
  maxDuplicates: v.optional(wholeNumber(0, 100), 5),
  maxHeaderBytes: v.optional(sizeSchema, 3500),
  trustProxy: v.optional(v.array(proxySchema, 'must be a list of addresses and subnets'), []),
  home: renamed('localPlace'),
  measured: renamed('adaptiveWeights'),
  range: renamed('nearFactor'),
  resolve: renamed('lookupHosts'),
  states: renamed('mirrorStates'),
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

/** How mirrors are looked through, as all options together say; undefined where they are not. */
export function presenceSettingsOf(options: CheckedOptions): PresenceSettings | undefined {
  const { probe, presence = probe !== undefined, challenge, privateAddresses } = options
  if (presence === false) return undefined
  return { ...(presence === true ? DEFAULT_PRESENCE : presence), challenge, privateAddresses }
}
