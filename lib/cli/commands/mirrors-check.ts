import { existsSync } from 'node:fs'
import type { Command } from 'commander'
import { probeClient } from '../../mirrors/health/http.js'
import { probeMirror } from '../../mirrors/health/probe-mirror.js'
import { ProbeTargets } from '../../mirrors/health/probe-targets.js'
import type { ProbeOutcome } from '../../mirrors/health/state.js'
import { timeText } from '../../mirrors/health/summary.js'
import { timingOf } from '../../mirrors/health/timing.js'
import type { Family, Mirror } from '../../model.js'
import { systemResolver } from '../../network/addresses.js'
import { loopFields, loopIdOf } from '../../network/loop.js'
import { loadUndici } from '../../network/undici.js'
import type { CheckedOptions } from '../../options.js'
import { sqliteStore } from '../../store/sqlite.js'
import type { CommandContext } from '../command.js'
import { addServerFlags, JSON_OUTPUT, type ServerFlags, serverOptions } from '../flags.js'
import { configuredMirrors, findMirror } from '../known-mirrors.js'
import type { Output } from '../output.js'
import { indexFile, statesFile, storeStates, useStates } from '../states.js'
import { roundTripText, table } from '../table.js'

/** The result of one probe of a mirror from this machine. */
interface MirrorCheck {
  readonly id: string
  /** Whether an endpoint responds. */
  readonly up: boolean
  readonly endpoints: readonly {
    readonly url: string
    readonly family: Family
    /** `answered`, `failed`, or `nothing` if this machine or its name servers do not work. */
    readonly outcome: ProbeOutcome['kind']
    readonly reason?: string
    /** In milliseconds. */
    readonly roundTrip?: number | undefined
    readonly ranges?: boolean | undefined
    readonly redirect?: string | undefined
    readonly note?: string | undefined
    /** The time of the copy, by its trace file. */
    readonly traced?: Date | undefined
  }[]
}

/** Adds `mirrored-by mirrors check`: probes a mirror now. */
export function addCheckCommand(mirrors: Command, { output, fail }: CommandContext): void {
  addServerFlags(
    mirrors.command('check').description('probe a mirror now; exit with status 1 if the mirror is down'),
  )
    .argument('<id>', 'id of the mirror')
    .addOption(JSON_OUTPUT)
    .action(async (id: string, { json: asJson, ...flags }: ServerFlags) => {
      const check = await checkMirror(serverOptions(flags), id, output)
      output.line(asJson ? JSON.stringify(check) : checkText(check))
      if (!check.up) fail()
    })
}

/**
 * Probes a mirror without changing its stored state, and requests a probe by the running server.
 *
 * @throws MirroredByError ERR_OPTIONS for an unknown mirror, ERR_ROOT, ERR_MIRRORS_FILE, ERR_STORE,
 *   ERR_STORE_VERSION
 */
async function checkMirror(options: CheckedOptions, id: string, output: Output): Promise<MirrorCheck> {
  const mirror = findMirror(id, await configuredMirrors(options))
  const resolver = systemResolver()
  const dependencies = {
    client: probeClient(loopFields(loopIdOf(options.root))),
    resolver,
    now: () => performance.now(),
    wall: () => Date.now(),
    allowsPrivate: options.privateAddresses,
  }
  const targets = await targetsOf(mirror, options)
  // Report failures of IPv6 even if IPv6 does not work on this machine.
  const provenFamilies = new Set(['ipv4', 'ipv6'] as const)
  // Load undici before the clock runs, because loading takes time.
  await loadUndici()
  const { timeout } = timingOf(options.probe?.interval, options.probe?.timeout)
  const { signal } = new AbortController()
  const { results } = await probeMirror(
    { mirror, known: [], targets, provenFamilies, timeout, signal },
    dependencies,
  )
  resolver.close()
  const file = statesFile(options)
  if (existsSync(file))
    await useStates(file, (states) =>
      storeStates(states, [{ kind: 'requestProbe', mirror: id, at: Date.now() }]),
    )
  else output.warning(`no server is asked to probe it too: there are no mirror states at ${file}`)
  return {
    id,
    up: results.some(({ outcome }) => outcome.kind === 'answered'),
    endpoints: results.map(({ endpoint: { url, family }, outcome }) => ({
      url,
      family,
      ...describeOutcome(outcome),
    })),
  }
}

/** Returns the result as text. */
function checkText({ id, up, endpoints }: MirrorCheck): string {
  if (endpoints.length === 0) return `${id} has no http or https URL: it is not probed`
  const rows = endpoints.map(
    ({ url, family, outcome, reason, roundTrip, ranges, redirect, note, traced }) => [
      url,
      family === 'ipv4' ? 'IPv4' : 'IPv6',
      outcome === 'nothing' ? 'not known' : outcome,
      roundTripText(roundTrip),
      [
        reason,
        ranges === false ? 'it ignores Range' : undefined,
        redirect && `redirected to ${redirect}`,
        note,
        traced && `its copy is from ${timeText(traced.getTime())}`,
      ]
        .filter((text) => text !== undefined)
        .join('; '),
    ],
  )
  return [
    `${id} is ${up ? 'up' : 'down'}`,
    '',
    ...table([['URL', 'BY', 'RESULT', 'RTT', 'WHAT'], ...rows]),
  ].join('\n')
}

function describeOutcome(outcome: ProbeOutcome) {
  if (outcome.kind !== 'answered') return { outcome: outcome.kind, reason: outcome.reason }
  const { kind, trace, ...rest } = outcome
  return { outcome: kind, ...rest, ...(trace === undefined ? {} : { traced: new Date(trace) }) }
}

/** Returns the files to request, chosen from the index if there is one. */
async function targetsOf(mirror: Mirror, options: CheckedOptions) {
  const index = indexFile(options)
  if (!existsSync(index)) return new ProbeTargets(NO_INDEX, () => 0).of(mirror)
  const store = sqliteStore(index)
  try {
    return await new ProbeTargets(store, () => 0).of(mirror)
  } finally {
    await store.close()
  }
}

const NO_INDEX = { get: () => undefined, sample: () => [] }
