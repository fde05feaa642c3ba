import type { Database, Statement } from 'better-sqlite3'
import type { Condition, Family, MirrorState } from '../model.js'
import { openDatabase } from './database.js'
import { STATES } from './migrations.js'
import { SqlitePresence } from './sqlite-presence.js'
import {
  type KnownPresence,
  type KnownWay,
  MOST_EVENTS,
  type PresenceChange,
  type StateChange,
  type StateStore,
  type StoredEvent,
} from './states.js'

/**
 * The states of mirrors in a SQLite file of their own. What was applied survives the death of the process at any moment;
 * what an operator said, a power cut too.
 *
 * @param file created with its folders where it is missing
 * @throws MirroredByError ERR_STORE where the file cannot be opened or written, ERR_STORE_VERSION where a newer
 * mirrored-by wrote it
 */
export function sqliteStates(file: string): StateStore {
  return openDatabase(file, STATES, (database) => new SqliteStates(database))
}

// The rows below come from tables that are STRICT and have CHECKs: SQLite itself vouches for each column.

interface WayRow {
  readonly mirror: string
  readonly url: string
  readonly family: Family
  readonly condition: Condition
  readonly since: number
  readonly reason: string | null
  readonly against: number
  readonly falls: number
  readonly fell: number | null
  readonly probed: number
  readonly roundTrip: number | null
  readonly ranges: number | null
  readonly redirect: string | null
  readonly note: string | null
  readonly trace: number | null
}

interface MomentRow {
  readonly mirror: string
  readonly at: number
}

interface EventRow extends MomentRow {
  readonly number: number
  readonly state: MirrorState
  readonly reason: string
}

/** Columns of a way, by the names of its properties. */
const COLUMNS = {
  mirror: 'mirror',
  url: 'url',
  family: 'family',
  condition: 'condition',
  since: 'since_ms',
  reason: 'reason',
  against: 'against',
  falls: 'falls',
  fell: 'fell_ms',
  probed: 'probed_ms',
  roundTrip: 'round_trip',
  ranges: 'ranges',
  redirect: 'redirect',
  note: 'note',
  trace: 'trace_ms',
} as const satisfies Record<keyof WayRow, string>

class SqliteStates implements StateStore {
  readonly #database: Database
  readonly #presence: SqlitePresence
  readonly #ways: Statement<[], WayRow>
  readonly #disabled: Statement<[], MomentRow>
  readonly #asked: Statement<[], MomentRow>
  readonly #events: Statement<[number], EventRow>
  readonly #putWay: Statement<[WayRow]>
  readonly #removeWay: Statement<[string, string, string]>
  readonly #putEvent: Statement<[string, number, string, string]>
  readonly #removeEvents: Statement<[string, string, number]>
  readonly #disable: Statement<[string, number]>
  readonly #enable: Statement<[string]>
  readonly #ask: Statement<[string, number]>
  readonly #read: () => Awaited<ReturnType<StateStore['read']>>
  readonly #apply: (changes: readonly StateChange[]) => void

  constructor(database: Database) {
    this.#database = database
    this.#presence = new SqlitePresence(database)
    const columns = Object.entries(COLUMNS)
    this.#ways = database.prepare(
      `SELECT ${columns.map(([name, column]) => `${column} AS ${name}`).join(', ')} FROM way`,
    )
    this.#disabled = database.prepare('SELECT mirror, at_ms AS at FROM disabled')
    this.#asked = database.prepare('SELECT mirror, at_ms AS at FROM asked')
    this.#events = database.prepare(
      'SELECT number, mirror, at_ms AS at, state, reason FROM event WHERE number > ? ORDER BY number',
    )
    this.#putWay = database.prepare(
      `INSERT OR REPLACE INTO way (${columns.map(([, column]) => column).join(', ')})
       VALUES (${columns.map(([name]) => `@${name}`).join(', ')})`,
    )
    this.#removeWay = database.prepare('DELETE FROM way WHERE mirror = ? AND url = ? AND family = ?')
    this.#putEvent = database.prepare('INSERT INTO event (mirror, at_ms, state, reason) VALUES (?, ?, ?, ?)')
    this.#removeEvents = database.prepare(
      `DELETE FROM event WHERE mirror = ? AND number <=
         (SELECT number FROM event WHERE mirror = ? ORDER BY number DESC LIMIT 1 OFFSET ?)`,
    )
    this.#disable = database.prepare('INSERT OR REPLACE INTO disabled (mirror, at_ms) VALUES (?, ?)')
    this.#enable = database.prepare('DELETE FROM disabled WHERE mirror = ?')
    this.#ask = database.prepare('INSERT OR REPLACE INTO asked (mirror, at_ms) VALUES (?, ?)')
    this.#read = database.transaction(() => ({
      ways: this.#ways.all().map(wayOf),
      disabled: momentsOf(this.#disabled.all()),
      asked: momentsOf(this.#asked.all()),
    }))
    this.#apply = database.transaction((changes: readonly StateChange[]) => this.#applyAll(changes))
  }

  read() {
    return this.#read()
  }

  events(after: number): readonly StoredEvent[] {
    return this.#events.all(after)
  }

  presence(after: number): KnownPresence {
    return this.#presence.read(after)
  }

  apply(changes: readonly StateChange[]): void {
    // Nobody says a second time what an operator said; what probes tell is soon told again.
    const isSaid = changes.some(({ kind }) => kind === 'disable')
    if (isSaid) this.#database.pragma('synchronous = FULL')
    try {
      this.#apply(changes)
    } finally {
      if (isSaid) this.#database.pragma('synchronous = NORMAL')
    }
  }

  version(): number {
    return Number(this.#database.pragma('data_version', { simple: true }))
  }

  close(): void {
    this.#database.close()
  }

  #applyAll(changes: readonly StateChange[]): void {
    const ofPresence: PresenceChange[] = []
    for (const change of changes) {
      switch (change.kind) {
        case 'way':
          this.#putWay.run(rowOf(change.way))
          break
        case 'removeWay':
          this.#removeWay.run(change.way.mirror, change.way.url, change.way.family)
          break
        case 'event': {
          const { mirror, at, state, reason } = change.event
          this.#putEvent.run(mirror, at, state, reason)
          this.#removeEvents.run(mirror, mirror, MOST_EVENTS)
          break
        }
        case 'disable':
          if (change.at === undefined) this.#enable.run(change.mirror)
          else this.#disable.run(change.mirror, change.at)
          break
        case 'ask':
          this.#ask.run(change.mirror, change.at)
          break
        default:
          ofPresence.push(change)
      }
    }
    if (ofPresence.length > 0) this.#presence.apply(ofPresence)
  }
}

function wayOf({ fell, reason, roundTrip, ranges, redirect, note, trace, ...way }: WayRow): KnownWay {
  return {
    ...way,
    ...(reason === null ? {} : { reason }),
    ...(fell === null ? {} : { fell }),
    ...(roundTrip === null ? {} : { roundTrip }),
    ...(ranges === null ? {} : { ranges: ranges === 1 }),
    ...(redirect === null ? {} : { redirect }),
    ...(note === null ? {} : { note }),
    ...(trace === null ? {} : { trace }),
  }
}

function rowOf({ fell, reason, roundTrip, ranges, redirect, note, trace, ...way }: KnownWay): WayRow {
  return {
    ...way,
    reason: reason ?? null,
    fell: fell ?? null,
    roundTrip: roundTrip ?? null,
    ranges: ranges === undefined ? null : Number(ranges),
    redirect: redirect ?? null,
    note: note ?? null,
    trace: trace ?? null,
  }
}

function momentsOf(rows: readonly MomentRow[]): ReadonlyMap<string, number> {
  return new Map(rows.map(({ mirror, at }) => [mirror, at]))
}
