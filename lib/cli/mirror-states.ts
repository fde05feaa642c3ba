import { MirroredByError } from '../errors.js'
import { type Described, eventOf, healthOf, type Known, type MirrorHealth } from '../health/standing.js'
import { Registry } from '../mirrors/registry.js'
import type { Mirror } from '../model.js'
import type { CheckedOptions } from '../options.js'
import type { KnownStates } from '../store/states.js'
import type { Output } from './output.js'
import { existingStatesFile, statesFile, storeStates, useStates } from './states.js'
import { table } from './table.js'

/** Ids that are named where one is wrong. */
const MOST_NAMED = 10

/**
 * How the mirrors of a server fare, as it knows: `mirrored-by mirrors list`. Those that are configured, or without a list here,
 * for it may be in somebody's program, those of which the server has stored something.
 *
 * @throws MirroredByError ERR_MIRRORS_FILE, ERR_STORE, ERR_STORE_VERSION
 */
export async function listMirrors(options: CheckedOptions): Promise<readonly MirrorHealth[]> {
  const configured = await configuredMirrors(options)
  const file = existingStatesFile(options)
  if (file === undefined) return configured.map((mirror) => healthOf(mirror, NOTHING, []))
  return useStates(file, async (states) => {
    const known = await states.read()
    const events = await states.events(0)
    return describedMirrors(configured, known).map((mirror) =>
      healthOf(
        mirror,
        knownOf(mirror.id, known, options),
        events.filter((event) => event.mirror === mirror.id),
      ),
    )
  })
}

/** The list as a person reads it. */
export function listText(list: readonly MirrorHealth[]): string {
  if (list.length === 0) return 'no mirrors'
  return table([
    ['ID', 'STATE', 'SINCE', 'RTT', 'REASON'],
    ...list.map(({ id, state, since, reason, roundTrip }) => [
      id,
      state,
      since === undefined ? '-' : since.toISOString().replace(/\.\d+Z$/, 'Z'),
      roundTrip === undefined ? '-' : `${roundTrip.toFixed(roundTrip < 10 ? 1 : 0)} ms`,
      reason ?? '',
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
    const mirror = findMirror(id, describedMirrors(configured, known))
    if (known.disabled.has(id) !== isOn) output.line(`${id} is ${isOn ? 'not disabled' : 'disabled already'}`)
    else {
      const now = Date.now()
      const disabled = isOn ? undefined : now
      const after = { ...knownOf(id, known, options), disabled }
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
export function findMirror<M extends Described>(id: string, mirrors: readonly M[]): M {
  const found = mirrors.find((mirror) => mirror.id === id)
  if (found !== undefined) return found
  const ids = mirrors.slice(0, MOST_NAMED).map((mirror) => mirror.id)
  const more = mirrors.length > MOST_NAMED ? ` and ${mirrors.length - MOST_NAMED} others` : ''
  const known =
    ids.length > 0
      ? `there are ${ids.join(', ')}${more}`
      : 'none is known here: name the list by --mirrors or --config, or the server by --root or --store'
  throw new MirroredByError('ERR_OPTIONS', `there is no mirror ${JSON.stringify(id)}: ${known}`)
}

/** What the rest of the program says of mirrors, or what can be told from what is stored. */
function describedMirrors(
  configured: readonly Mirror[],
  { ways, disabled }: KnownStates,
): readonly Described[] {
  if (configured.length > 0) return configured
  const ids = [...new Set([...ways.map(({ mirror }) => mirror), ...disabled.keys()])].sort()
  return ids.map((id) => {
    const urls = new Set(ways.filter(({ mirror }) => mirror === id).map(({ url }) => url))
    return { id, urls: [...urls], enabled: true, probe: true }
  })
}

const NOTHING: Known = { ways: [], disabled: undefined }

/** What is stored of a mirror, as far as a server with these options heeds it. */
export function knownOf(id: string, states: KnownStates, { probe }: CheckedOptions): Known {
  const ways = probe === undefined ? [] : states.ways.filter(({ mirror }) => mirror === id)
  return { ways, disabled: states.disabled.get(id) }
}
