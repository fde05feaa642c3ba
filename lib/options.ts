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
import { hasPattern, PUBLISHED_DOTFILES } from './paths.js'
import { REPRESENTATION_NAMES, type RepresentationName } from './request/representations/table.js'
import type { MirrorStateStore } from './store/states.js'
import type { Store } from './store/store.js'
import { durationSchema, mapping, quantity, renamed, type Schema, validate } from './validation.js'

/** Milliseconds, or a text with a unit: `'500ms'`, `'90s'`, `'5m'`, `'12h'`, `'7d'`. */
export type Duration = number | string
/** Bytes, or a text with a unit: `'512B'`, `'4KiB'`, `'64MiB'`, `'1GiB'`. */
export type Size = number | string

/**
 * A mirror as an operator writes it: an id, a `url` or several `urls`, and optional properties;
 * see `docs/mirrors.md`.
 */
export interface MirrorOptions extends Partial<Omit<Mirror, 'id' | 'urls' | 'maxAge'>> {
  readonly id: string
  readonly url?: string | undefined
  readonly urls?: readonly string[] | undefined
  readonly maxAge?: Duration | undefined
}

/** Options of the trace file that the origin writes; see `docs/mirrors.md`. */
export interface TraceOptions {
  /** Path of the file below the root. Missing folders are created. */
  readonly path: string
  /** Time between two writes; 1 s to 24 days. Default: 1 h. */
  readonly interval?: Duration | undefined
}

/** Options of probes; see `docs/mirrors.md`. */
export interface ProbeOptions {
  /**
   * Maximum time from the failure of a mirror to the first response without it; 100 ms or longer.
   * Default: 60 s.
   */
  readonly interval?: Duration | undefined
  /**
   * Time limit of one probe; at most a quarter of the interval. Default: 5 s, or that quarter if
   * it is shorter.
   */
  readonly timeout?: Duration | undefined
}

/** Options of surveys, which find out which files mirrors hold; see `docs/mirrors.md`. */
export interface PresenceOptions {
  /** Time between two surveys of a mirror; 1 s or longer. Default: 6 h. */
  readonly interval?: Duration | undefined
  /** Time limit of the check of one file. Default: 10 s. */
  readonly timeout?: Duration | undefined
  /** Files per second that are checked on a mirror without a listing. Default: 100. */
  readonly rate?: number | undefined
}

/**
 * Options of challenges, which fetch pieces of files from mirrors and compare them; see
 * `docs/mirrors.md`.
 */
export interface ChallengeOptions {
  /** Bytes per hour that are fetched from all mirrors together. Default: 64 MiB. */
  readonly bytesPerHour?: Size | undefined
  /**
   * Time after which a corrupt file is fetched again, to check whether it was repaired. Default:
   * 10 min.
   */
  readonly recheckInterval?: Duration | undefined
}

/** Options of `createOrigin`. Only `root` is required. */
export interface OriginOptions {
  /** Folder of the repository. */
  root: string
  /** Path of a mirrors file, which is watched, or a list of mirrors. Default: no mirrors. */
  mirrors?: string | readonly MirrorOptions[] | undefined
  /**
   * Paths of MMDB databases with the locations of clients, most trusted first; `false` for none.
   * The files are watched. Default: the free country database
   * `@ip-location-db/geo-whois-asn-country-mmdb`, if it is installed.
   */
  geo?: string | readonly string[] | false | undefined
  /** Place of clients with local addresses: a country code, or an object. Default: unknown. */
  localPlace?: string | LocalPlace | undefined
  /**
   * Path of the SQLite file of the index, or a store. Default: a file of its own for each root,
   * in `mirrored-by/` under `$STATE_DIRECTORY`, `$XDG_CACHE_HOME` or `~/.cache`.
   */
  store?: string | Store | undefined
  /**
   * Path of the SQLite file of the mirror states, or a store. Default: a file beside the index;
   * memory if `store` is a store.
   */
  mirrorStates?: string | MirrorStateStore | undefined
  /** Whether and how to probe mirrors, and to leave out mirrors that are down. Default: true. */
  probe?: boolean | ProbeOptions | undefined
  /**
   * Whether and how to check which files mirrors hold, and to leave out mirrors that lack a file.
   * Default: true; false if `probe` is false, so that no request is sent to a mirror.
   */
  presence?: boolean | PresenceOptions | undefined
  /**
   * Whether and how often to compare pieces of mirrors' files with ours. Needs `presence`.
   * Default: true.
   */
  challenge?: boolean | ChallengeOptions | undefined
  /**
   * Whether hosts of mirrors may have private or loopback addresses. Default: false; such an
   * address, or `localhost`, is always allowed if the URL of the mirror names it.
   */
  privateAddresses?: boolean | undefined
  /**
   * Age above which the copy of a mirror with a `trace` is left out for files that changed since.
   * The `maxAge` of a mirror takes precedence. Default: any age.
   */
  maxAge?: Duration | undefined
  /**
   * Path of a trace file to write below the root, or options. Default: no trace file is written.
   */
  writeTrace?: string | TraceOptions | undefined
  /**
   * URL of the repository's root on this server, for absolute URLs. Default: taken from the
   * request's Host.
   */
  baseUrl?: string | undefined
  /**
   * What to do with a file that mirrors hold: `decorate` the response, or `redirect` to a mirror.
   * Default: `decorate`.
   */
  mode?: Mode | undefined
  /** Whether the origin sends the files itself. Default: false; the next middleware sends them. */
  serve?: boolean | undefined
  /**
   * Globs of paths that are not part of the repository. A glob after `!` takes back what globs
   * before it, or a dot, have left out. Default: none.
   */
  ignore?: readonly string[] | undefined
  /**
   * Names that begin with a dot and are part of the repository, or globs of them. Default: names
   * that distributions publish, and `.well-known`; see the README.
   */
  hidden?: readonly string[] | undefined
  /** Digests to compute. Default: sha-256, sha-1, md5. */
  algorithms?: readonly Algorithm[] | undefined
  /** Number of threads that hash. Default: number of cores minus 1, but 1 to 4. */
  workers?: number | undefined
  /** Time for which a file must not change before it is hashed. Default: 500 ms. */
  settle?: Duration | undefined
  /**
   * Whether to follow changes of the repository, the mirrors file and the geo databases.
   * `'rescan'` scans the repository at an interval, for network file systems that do not report
   * changes. Default: true.
   */
  watch?: Watch | undefined
  /**
   * Receives a line for each mirror and each change of its situation: unchecked, out of reach,
   * holding files or nothing. `console.log` will do. Default: no lines.
   */
  log?: ((line: string) => void) | undefined
  /** Time between two scans of folders that cannot be watched. Default: 60 s. */
  rescan?: Duration | undefined
  /** How `ETag` is computed. Default: `digest`. */
  etag?: EtagPolicy | undefined
  /**
   * `Cache-Control` of redirects and of documents that depend on the client; `false` for none.
   * Default: `private, no-cache`.
   */
  cacheControl?: string | false | undefined
  /** Whether scripts of any site may read files and their fields, by CORS. Default: false. */
  cors?: boolean | undefined
  /**
   * Whether to multiply the weights of mirrors by their performance, as probes and challenges
   * measure it from here. Changes the shares of mirrors at a similar distance. Default: false.
   */
  adaptiveWeights?: boolean | undefined
  /**
   * How mirrors are chosen: `nearest`, or as `mirrorbits`, `almalinux` or `mirrorbrain` do, or by
   * a function; see `docs/mirrors.md`. Default: `nearest`.
   */
  strategy?: StrategyName | Strategy | undefined
  /**
   * Mirrors up to this multiple of the nearest mirror's distance share traffic by weight.
   * Default: 1.5.
   */
  nearFactor?: number | undefined
  /**
   * Whether to look up the addresses of mirrors' hosts, and their places in the geo databases, to
   * fill in what the mirrors file leaves out. Default: true.
   */
  lookupHosts?: boolean | undefined
  /**
   * Whether clients that use http are given https URLs of mirrors that have them. Default: true.
   */
  preferSecure?: boolean | undefined
  /**
   * Whether requests may override the client's place by `?country=`, `?ip=` and `?as=`. Default:
   * true.
   */
  overrides?: boolean | undefined
  /**
   * Representations of files that are offered, by their names in the query; see `docs/http.md`.
   * Default: all.
   */
  representations?: readonly RepresentationName[] | undefined
  /** Maximum number of duplicates in the fields of a response. Default: 5. */
  maxDuplicates?: number | undefined
  /**
   * Maximum size of all our fields in a response. Default: 3500 bytes, which all known clients
   * and proxies accept.
   */
  maxHeaderBytes?: Size | undefined
  /**
   * Addresses and subnets of proxies whose `X-Forwarded-*` and `Forwarded` are believed.
   * `loopback` includes Unix sockets, which `unix` names alone. Default: none.
   */
  trustProxy?: readonly string[] | undefined
}

/** Options of `createOrigin`, checked and with all defaults filled in. */
export interface CheckedOptions {
  readonly root: string
  readonly mirrors: string | readonly Mirror[]
  /** Paths of databases; undefined: the free database. */
  readonly geo?: readonly string[] | false | undefined
  readonly localPlace?: LocalPlace | undefined
  readonly store?: string | Store | undefined
  readonly mirrorStates?: string | MirrorStateStore | undefined
  /** Undefined if mirrors are not probed. */
  readonly probe: ProbeSettings | undefined
  /** Undefined: enabled if `probe` is. */
  readonly presence?: PresenceTimes | boolean | undefined
  /** Undefined if nothing is fetched. */
  readonly challenge: ChallengeSettings | undefined
  readonly privateAddresses: boolean
  /** Milliseconds. */
  readonly maxAge?: number | undefined
  readonly writeTrace?: TraceSettings | undefined
  readonly baseUrl?: string | undefined
  readonly mode: Mode
  readonly serve: boolean
  readonly ignore: readonly string[]
  readonly hidden: readonly string[]
  readonly algorithms: readonly Algorithm[]
  readonly workers: number
  /** Milliseconds. */
  readonly settle: number
  readonly watch: Watch
  /** Milliseconds. */
  readonly rescan: number
  readonly log?: ((line: string) => void) | undefined
  readonly etag: EtagPolicy
  readonly cacheControl: string | false
  readonly cors: boolean
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

const SIZE_UNITS: Readonly<Record<string, number>> = { B: 1, KiB: 1024, MiB: 1024 ** 2, GiB: 1024 ** 3 }

const sizeSchema = quantity(SIZE_UNITS, "must be bytes, or a text such as '4KiB' or '64MiB'")

/**
 * Returns the schema of settings that may also be `true` for their defaults, or `false` for
 * undefined.
 */
function toggleOr<T>(settings: Schema<T>, defaults: T) {
  return v.lazy((given): Schema<T | undefined> => {
    if (typeof given !== 'boolean') return settings
    return v.pipe(
      v.boolean(),
      v.transform((isOn) => (isOn ? defaults : undefined)),
    )
  })
}

function wholeNumber(min: number, max: number) {
  const message = `must be a whole number from ${min} to ${max}`
  return v.pipe(v.number(message), v.integer(message), v.minValue(min, message), v.maxValue(max, message))
}

function numberFrom(min: number) {
  const message = `must be a number, ${min} or greater`
  return v.pipe(v.number(message), v.finite(message), v.minValue(min, message))
}

/**
 * @param minName the minimum as the message names it
 */
function durationFrom(minMs: number, minName: string) {
  return v.pipe(durationSchema, v.minValue(minMs, `must be ${minName} or longer`))
}

function oneOf<const Names extends readonly string[]>(names: Names) {
  return v.picklist(names, `must be one of ${names.join(', ')}`)
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

const filePath = v.custom<string>((value) => typeof value === 'string' && value !== '')

const storeSchema = v.union(
  [filePath, v.custom<Store>((value) => typeof value === 'object' && value !== null && 'apply' in value)],
  'must be the path of a file, or a store',
)
const statesSchema = v.union(
  [
    filePath,
    v.custom<MirrorStateStore>((value) => typeof value === 'object' && value !== null && 'events' in value),
  ],
  'must be the path of a file, or a store of states',
)
const probeSchema = v.pipe(
  mapping(
    {
      interval: v.optional(durationFrom(100, '100 ms'), DEFAULT_INTERVAL_MS),
      timeout: v.optional(durationFrom(1, '1 ms')),
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
    interval: v.optional(durationFrom(1000, '1 s'), DEFAULT_PRESENCE.interval),
    timeout: v.optional(durationFrom(1, '1 ms'), DEFAULT_PRESENCE.timeout),
    rate: v.optional(numberFrom(0.1), DEFAULT_PRESENCE.rate),
  },
  'must be true, false, or an object',
)
const challengeSchema = mapping(
  {
    bytesPerHour: v.optional(
      v.pipe(sizeSchema, v.minValue(1, 'must be 1 byte or more; `challenge: false` turns it off')),
      DEFAULT_CHALLENGE.bytesPerHour,
    ),
    recheckInterval: v.optional(durationFrom(1, '1 ms'), DEFAULT_CHALLENGE.recheckInterval),
    again: renamed('recheckInterval'),
  },
  'must be true, false, or an object',
)
const HOUR_MS = 3_600_000
/** Longest delay of timers, in whole days. */
const MAX_TRACE_INTERVAL_MS = 24 * 24 * HOUR_MS
const tracePathSchema = filePathSchema('must be the path of a file below the root, such as /.trace')
const traceSchema = mapping(
  {
    path: tracePathSchema,
    interval: v.optional(
      v.pipe(durationFrom(1000, '1 s'), v.maxValue(MAX_TRACE_INTERVAL_MS, 'must be 24 days at most')),
      HOUR_MS,
    ),
  },
  'must be the path of a file, or an object with a path',
)
/** `unix`, and names of address ranges in `proxy-addr`. `loopback` includes `unix`. */
const PROXY_NAMES = ['loopback', 'unix', 'linklocal', 'uniquelocal']
const proxySchema = v.pipe(
  v.string('must be an address or a subnet'),
  v.check(
    (text) => PROXY_NAMES.includes(text) || ipaddr.isValid(text) || ipaddr.isValidCIDR(text),
    (issue) =>
      `${JSON.stringify(issue.input)} is no address, no subnet, and none of ${PROXY_NAMES.join(', ')}`,
  ),
)
const mirrorsPathSchema = v.pipe(v.string(), v.nonEmpty('must be the path of a file, or a list of mirrors'))
const databaseMessage = 'must be the path of a database, a list of paths, or false'
const databaseSchema = v.pipe(v.string(databaseMessage), v.nonEmpty(databaseMessage))
const booleanSchema = v.boolean('must be true or false')
const globSchema = v.pipe(v.string('must be a glob'), v.check(hasPattern, 'must be a glob, and not empty'))
const dotNameMessage = "must be a name that begins with a dot, such as '.treeinfo', or a glob of such names"
const dotNameSchema = v.pipe(v.string(dotNameMessage), v.regex(/^\.[^/]+$/, dotNameMessage))

/**
 * Schemas of the options of `createOrigin`, by name; configuration files of the command have the
 * same options.
 */
export const optionEntries = {
  root: v.pipe(v.string('must be the path of a folder'), v.nonEmpty('must be the path of a folder')),
  // The schema depends on the value, so that a message names the mistake within a mirror instead
  // of "no path, no list".
  mirrors: v.optional(
    v.lazy(
      (given): Schema<string | readonly Mirror[]> =>
        typeof given === 'string' ? mirrorsPathSchema : mirrorListSchema,
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
  mode: v.optional(oneOf(MODES), 'decorate'),
  serve: v.optional(booleanSchema, false),
  ignore: v.optional(v.array(globSchema, 'must be a list of globs'), []),
  hidden: v.optional(v.array(dotNameSchema, 'must be a list of names'), [...PUBLISHED_DOTFILES]),
  algorithms: v.optional(
    v.pipe(
      v.array(oneOf(ALGORITHMS), 'must be a list of algorithms'),
      v.minLength(1, 'must name at least one algorithm'),
    ),
    ['sha-256', 'sha-1', 'md5'],
  ),
  workers: v.optional(wholeNumber(1, 64), () => Math.max(1, Math.min(4, availableParallelism() - 1))),
  settle: v.optional(durationSchema, 500),
  watch: v.optional(v.union([v.boolean(), v.literal('rescan')], "must be true, false or 'rescan'"), true),
  rescan: v.optional(durationFrom(100, '100 ms'), 60_000),
  log: v.optional(
    v.custom<(line: string) => void>((value) => typeof value === 'function', 'must be a function'),
  ),
  etag: v.optional(oneOf(ETAG_POLICIES), 'digest'),
  cacheControl: v.optional(
    v.union(
      [v.literal(false), v.pipe(v.string(), v.regex(/^[\x21-\x7e](?:[ \t\x21-\x7e]*[\x21-\x7e])?$/))],
      "must be a value of Cache-Control, such as 'private, no-cache', or false",
    ),
    'private, no-cache',
  ),
  cors: v.optional(booleanSchema, false),
  strategy: v.optional(
    v.union(
      [v.picklist(STRATEGIES), v.custom<Strategy>((value) => typeof value === 'function')],
      `must be one of ${STRATEGIES.join(', ')}, or a function`,
    ),
    'nearest',
  ),
  adaptiveWeights: v.optional(booleanSchema, false),
  nearFactor: v.optional(numberFrom(1), 1.5),
  lookupHosts: v.optional(booleanSchema, true),
  preferSecure: v.optional(booleanSchema, true),
  overrides: v.optional(booleanSchema, true),
  representations: v.optional(v.array(oneOf(REPRESENTATION_NAMES), 'must be a list of representations'), [
    ...REPRESENTATION_NAMES,
  ]),
  maxDuplicates: v.optional(wholeNumber(0, 100), 5),
  maxHeaderBytes: v.optional(sizeSchema, 3500),
  trustProxy: v.optional(v.array(proxySchema, 'must be a list of addresses and subnets'), []),
  home: renamed('localPlace'),
  measured: renamed('adaptiveWeights'),
  range: renamed('nearFactor'),
  resolve: renamed('lookupHosts'),
  states: renamed('mirrorStates'),
}

const optionsSchema = mapping(optionEntries, 'must be an object')

/**
 * Checks the options of `createOrigin`, and fills in defaults.
 *
 * @throws MirroredByError ERR_OPTIONS, which names every mistake by its path
 */
export function checkOptions(options: OriginOptions): CheckedOptions {
  return validate(optionsSchema, options, 'createOrigin', 'ERR_OPTIONS')
}

/**
 * Returns the settings of surveys and checks, which depend on several options; undefined if there
 * are none.
 */
export function presenceSettingsOf(options: CheckedOptions): PresenceSettings | undefined {
  const { probe, presence = probe !== undefined, challenge, privateAddresses } = options
  if (presence === false) return undefined
  return { ...(presence === true ? DEFAULT_PRESENCE : presence), challenge, privateAddresses }
}
