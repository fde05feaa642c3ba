import { MirroredByError } from '../../errors.js'
import {
  type DescribedMirror,
  eventOf,
  healthOf,
  isOutdated,
  type KnownHealth,
  type MirrorHealth,
  timeText,
} from '../../mirrors/health/summary.js'
import { Registry } from '../../mirrors/list/registry.js'
import { isChecked, storageKey, storageKeys } from '../../mirrors/presence/persistence.js'
import { type MirrorPresence, presenceOf } from '../../mirrors/presence/report.js'
import type { Mirror } from '../../model.js'
import { type CheckedOptions, presenceSettingsOf } from '../../options.js'
import type { StoredStates } from '../../store/states.js'
import type { Output } from '../output.js'
import { filesText, readKept, type StoredMirror, troubleText } from '../presence.js'
import { type LocalStates, readStates, statesFile, storeStates, useStates } from '../states.js'
import { roundTripText, table } from '../table.js'

/** Ids that are named where one is wrong. */
const MAX_NAMED = 10

/** How a mirror fares, and what it holds. */
export interface MirrorSummary extends MirrorHealth {
  readonly presence: MirrorPresence
}

/** A mirror as it is described here, and by what its files are stored. */
type DescribedHere = DescribedMirror & StoredMirror

/**
 * How the mirrors of a server fare, and what they hold, as it knows: `mirrored-by mirrors list`. Those that are configured, or
 * without a list here, for it may be in somebody's program, those of which the server has stored something.
 *
 * @throws MirroredByError ERR_MIRRORS_FILE, ERR_STORE, ERR_STORE_VERSION
 */
export async function listMirrors(options: CheckedOptions): Promise<readonly MirrorSummary[]> {
  const configured = await configuredMirrors(options)
  const stored = await readStates(options)
  const mirrors = describedHere(configured, stored, options)
  const kept = readKept(mirrors, stored?.presence)
  return mirrors.map((mirror) => {
    const known = stored === undefined ? NOTHING : knownOf(mirror, stored.states, options)
    const events = stored?.events.filter((event) => event.mirror === mirror.id) ?? []
    const files = kept.get(mirror.id)
    const presence = files === undefined ? ASSUMED : presenceOf(files)
    return { ...healthOf(mirror, known, events), presence }
  })
}

/**
 * The list as a person reads it.
 *
 * @param now milliseconds since 1970
 */
export function listText(list: readonly MirrorSummary[], now = Date.now()): string {
  if (list.length === 0) return 'no mirrors'
  return table([
    ['ID', 'STATE', 'SINCE', 'RTT', 'AGE', 'FILES', 'REASON'],
    ...list.map(({ id, state, since, reason, roundTrip, traced, presence }) => [
      id,
      state,
      since === undefined ? '-' : timeText(since.getTime()),
      roundTripText(roundTrip),
      traced === undefined ? '-' : ageText(now - traced.getTime()),
      filesText(presence),
      reason ?? troubleText(presence) ?? '',
    ]),
  ]).join('\n')
}

/**
 * Switches a mirror off or on: `mirrored-by mirrors disable`, `enable`. A running server sees it within a second.
 *
 * @throws MirroredByError ERR_OPTIONS where there is no such mirror, ERR_ROOT, ERR_MIRRORS_FILE, ERR_STORE, ERR_STORE_VERSION
 */
export async function switchMirror(
  options: CheckedOptions,
  id: string,
  isOn: boolean,
  output: Output,
): Promise<void> {
  const configured = await configuredMirrors(options)
  await useStates(statesFile(options), async (states) => {
    const known = await states.read()
    const stored = { states: known, presence: await states.presence(0) }
    const mirror = findMirror(id, describedHere(configured, stored, options))
    if (known.disabled.has(id) !== isOn) output.line(`${id} is ${isOn ? 'not disabled' : 'disabled already'}`)
    else {
      const now = Date.now()
      const disabled = isOn ? undefined : now
      const after = { ...knownOf(mirror, known, options), disabled }
      const reason = isOn ? 'its operator enabled it' : 'its operator disabled it'
      await storeStates(states, [
        { kind: 'disable', mirror: id, at: disabled },
        { kind: 'event', event: { ...eventOf(mirror, after, now), reason } },
      ])
      output.line(`${id} is ${isOn ? 'enabled' : 'disabled'}`)
    }
    if (isOn && !mirror.enabled) output.warning(`the list of mirrors says that ${id} is not enabled`)
  })
}

/** The mirrors of the options, or of the file that these name. */
export async function configuredMirrors(options: CheckedOptions): Promise<readonly Mirror[]> {
  const registry = new Registry(options.mirrors, false, options, { replaced: () => {}, warning: () => {} })
  const { mirrors } = registry.snapshot
  await registry.close()
  return mirrors
}

/**
 * One of these.
 *
 * @throws MirroredByError ERR_OPTIONS where there is none of that id
 */
export function findMirror<M extends DescribedMirror>(id: string, mirrors: readonly M[]): M {
  const found = mirrors.find((mirror) => mirror.id === id)
  if (found !== undefined) return found
  const ids = mirrors.slice(0, MAX_NAMED).map((mirror) => mirror.id)
  const more = mirrors.length > MAX_NAMED ? ` and ${mirrors.length - MAX_NAMED} others` : ''
  const known =
    ids.length > 0
      ? `there are ${ids.join(', ')}${more}`
      : 'none is known here: name the list by --mirrors or --config, or the server by --root or --store'
  throw new MirroredByError('ERR_OPTIONS', `there is no mirror ${JSON.stringify(id)}: ${known}`)
}

/** What the list of mirrors says, or what can be told from what is stored. */
function describedHere(
  configured: readonly Mirror[],
  stored: Pick<LocalStates, 'states' | 'presence'> | undefined,
  options: CheckedOptions,
): readonly DescribedHere[] {
  const looks = presenceSettingsOf(options) !== undefined
  if (configured.length > 0)
    return configured.map((mirror) => ({
      ...mirror,
      key: looks && isChecked(mirror) ? storageKey(mirror) : undefined,
    }))
  if (stored === undefined) return []
  const { endpoints, disabled } = stored.states
  const keys = storageKeys(stored.presence)
  const ids = new Set([...endpoints.map(({ mirror }) => mirror), ...disabled.keys(), ...keys.keys()])
  return [...ids].sort().map((id) => {
    const urls = new Set(endpoints.filter(({ mirror }) => mirror === id).map(({ url }) => url))
    const key = looks ? (keys.get(id) ?? id) : undefined
    return { id, urls: [...urls], enabled: true, probe: true, maxAge: options.maxAge, key }
  })
}

const ASSUMED: MirrorPresence = { kind: 'assumed' }
const NOTHING: KnownHealth = { endpoints: [], disabled: undefined, outdated: false }

/** What is stored of a mirror, as far as a server with these options heeds it. */
export function knownOf(
  mirror: DescribedMirror,
  states: StoredStates,
  { probe }: CheckedOptions,
): KnownHealth {
  const endpoints =
    probe === undefined ? [] : states.endpoints.filter((endpoint) => endpoint.mirror === mirror.id)
  const disabled = states.disabled.get(mirror.id)
  return { endpoints, disabled, outdated: isOutdated(mirror, endpoints, Date.now()) }
}

/** In the largest unit of which there are two at least: `90 min`, `3 h`. */
export function ageText(milliseconds: number): string {
  const seconds = Math.max(0, Math.floor(milliseconds / 1000))
  const [size, name] = UNITS.find(([unit]) => seconds >= 2 * unit) ?? [1, 's']
  return `${Math.floor(seconds / size)} ${name}`
}

const UNITS = [
  [86_400, 'd'],
  [3600, 'h'],
  [60, 'min'],
] as const
