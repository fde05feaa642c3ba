import { MirroredByError } from '../errors.js'
import { type DescribedMirror, isOutdated, type KnownHealth } from '../mirrors/health/summary.js'
import { Registry } from '../mirrors/list/registry.js'
import { isChecked, storageKey, storageKeys } from '../mirrors/presence/persistence.js'
import type { Mirror } from '../model.js'
import { type CheckedOptions, presenceSettingsOf } from '../options.js'
import type { StoredStates } from '../store/states.js'
import type { StoredMirror } from './presence.js'
import type { LocalStates } from './states.js'

/** Ids that an error names. */
const MAX_NAMED_IDS = 10

/** A mirror of the configured list or of the state store, with the key of its stored files. */
export type KnownMirror = DescribedMirror & StoredMirror

/** Returns the mirrors of the options, or of the mirrors file that the options name. */
export async function configuredMirrors(options: CheckedOptions): Promise<readonly Mirror[]> {
  const registry = new Registry(options.mirrors, false, options, { replaced: () => {}, warning: () => {} })
  const { mirrors } = registry.snapshot
  await registry.close()
  return mirrors
}

/**
 * Returns the configured mirrors. Without a configured list, returns the mirrors of the state
 * store, because the list may be part of the server's program.
 */
export function knownMirrors(
  configured: readonly Mirror[],
  stored: Pick<LocalStates, 'states' | 'presence'>,
  options: CheckedOptions,
): readonly KnownMirror[] {
  const hasPresence = presenceSettingsOf(options) !== undefined
  if (configured.length > 0)
    return configured.map((mirror) => ({
      ...mirror,
      key: hasPresence && isChecked(mirror) ? storageKey(mirror) : undefined,
    }))
  const { endpoints, disabled } = stored.states
  const keys = storageKeys(stored.presence)
  const ids = new Set([...endpoints.map(({ mirror }) => mirror), ...disabled.keys(), ...keys.keys()])
  return [...ids].sort().map((id) => {
    const urls = new Set(endpoints.filter(({ mirror }) => mirror === id).map(({ url }) => url))
    const key = hasPresence ? (keys.get(id) ?? id) : undefined
    return { id, urls: [...urls], enabled: true, probe: true, maxAge: options.maxAge, key }
  })
}

/**
 * Returns the mirror with an id.
 *
 * @throws MirroredByError ERR_OPTIONS for an unknown id
 */
export function findMirror<M extends DescribedMirror>(id: string, mirrors: readonly M[]): M {
  const mirror = mirrors.find((candidate) => candidate.id === id)
  if (mirror !== undefined) return mirror
  const ids = mirrors.slice(0, MAX_NAMED_IDS).map((candidate) => candidate.id)
  const more = mirrors.length > MAX_NAMED_IDS ? ` and ${mirrors.length - MAX_NAMED_IDS} others` : ''
  const remedy =
    ids.length > 0
      ? `there are ${ids.join(', ')}${more}`
      : 'none is known here: name the list by --mirrors or --config, or the server by --root or --store'
  throw new MirroredByError('ERR_OPTIONS', `there is no mirror ${JSON.stringify(id)}: ${remedy}`)
}

/** Returns the stored health of a mirror, as a server with these options uses it. */
export function storedHealth(
  mirror: DescribedMirror,
  states: StoredStates,
  { probe }: CheckedOptions,
): KnownHealth {
  const endpoints =
    probe === undefined ? [] : states.endpoints.filter((endpoint) => endpoint.mirror === mirror.id)
  const disabled = states.disabled.get(mirror.id)
  return { endpoints, disabled, outdated: isOutdated(mirror, endpoints, Date.now()) }
}
