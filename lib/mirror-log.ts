import type { MirrorHealth } from './mirrors/health/summary.js'
import type { MirrorPresence } from './mirrors/presence/report.js'
import type { Mirror } from './model.js'
import type { CheckedOptions } from './options.js'

/** Receives lines for an operator, without a line break. */
export type Log = (line: string) => void

/** What is known of a mirror. */
export interface LoggedMirror {
  readonly mirror: Pick<Mirror, 'id' | 'enabled'>
  readonly health: Pick<MirrorHealth, 'state' | 'reason'>
  readonly presence: MirrorPresence
}

interface Situation {
  /** A line is written when the kind changes. Numbers and reasons may change without a line. */
  readonly kind: 'unchecked' | 'down' | 'disabled' | 'unreadable' | 'empty' | 'holding' | 'assumed'
  readonly text: string
}

/** Situations in which no client is sent to a mirror, though its operator may expect that. */
const IDLE: ReadonlySet<Situation['kind']> = new Set(['unchecked', 'down', 'unreadable', 'empty'])

/**
 * Writes one line for each mirror and each change of its situation: unchecked, down, holding files
 * or nothing. Only in the process that probes and surveys.
 */
export class MirrorLog {
  readonly #log: Log
  readonly #mirrors: () => readonly LoggedMirror[]
  readonly #hint: string
  /** The situations written last, by mirror id. */
  #written = new Map<string, Situation['kind']>()
  #leads = false
  #hasHinted = false

  /**
   * @param hint says how to ask why a mirror is not given
   */
  constructor(log: Log, mirrors: () => readonly LoggedMirror[], hint: string) {
    this.#log = log
    this.#mirrors = mirrors
    this.#hint = hint
  }

  lead(): void {
    this.#leads = true
    this.update()
  }

  follow(): void {
    this.#leads = false
  }

  /** Writes what has changed, of one mirror or of all. */
  update(id?: string): void {
    if (!this.#leads) return
    const mirrors = this.#mirrors()
    for (const logged of mirrors) if (id === undefined || logged.mirror.id === id) this.#write(logged)
    if (id !== undefined) return
    const ids = new Set(mirrors.map(({ mirror }) => mirror.id))
    this.#written = new Map([...this.#written].filter(([written]) => ids.has(written)))
  }

  #write(logged: LoggedMirror): void {
    const { id } = logged.mirror
    const { kind, text } = situationOf(logged)
    if (this.#written.get(id) === kind) return
    this.#written.set(id, kind)
    this.#log(`mirror ${id}: ${text}`)
    if (this.#hasHinted || !IDLE.has(kind)) return
    this.#hasHinted = true
    this.#log(this.#hint)
  }
}

function situationOf({ mirror, health, presence }: LoggedMirror): Situation {
  const { state, reason } = health
  if (!mirror.enabled || state === 'disabled')
    return { kind: 'disabled', text: `disabled: ${reason ?? 'no client is sent there'}` }
  if (state === 'down') return { kind: 'down', text: `cannot be reached: ${reason ?? 'it is down'}` }
  if (presence.kind === 'assumed') return { kind: 'assumed', text: 'is taken to hold every file' }
  const { held, survey } = presence
  if (held > 0) return { kind: 'holding', text: `holds ${held} ${held === 1 ? 'file' : 'files'}` }
  if (survey === undefined)
    return { kind: 'unchecked', text: 'unchecked: clients are sent there after its first survey' }
  if (!survey.complete)
    return {
      kind: 'unreadable',
      text: `its files are not known: ${survey.reason ?? 'its survey ended early'}`,
    }
  return { kind: 'empty', text: 'holds nothing of this repository: compare its URL with the root' }
}

/** Returns a line that names the way to ask why a mirror is not given. */
export function rankHint(root: string, { mirrors, store, mirrorStates }: CheckedOptions): string {
  // The command reads neither lists nor stores that are part of a program.
  const hasFiles = typeof mirrors === 'string' && typeof store !== 'object' && mirrorStates === undefined
  if (!hasFiles) return 'to learn why a mirror is not given: origin.rank(path, address)'
  const named = [
    ['--root', root],
    ['--mirrors', mirrors],
    ['--store', store],
  ].flatMap(([flag, value]) => (value === undefined ? [] : [`${flag} ${shellWord(value)}`]))
  return `to learn why a mirror is not given: npx mirrored-by rank PATH --ip ADDRESS ${named.join(' ')}`
}

function shellWord(text: string): string {
  return /^[\w./:@%+=,-]+$/.test(text) ? text : `'${text.replaceAll("'", String.raw`'\''`)}'`
}
