import type { Database, Statement } from 'better-sqlite3'
import type { Condition, Family, MirrorState } from '../model.js'
import { openDatabase } from './database.js'
import { STATES_SCHEMA } from './migrations.js'
import { SqlitePresence } from './sqlite-presence.js'
import {
  MAX_EVENTS,
  type MirrorStateStore,
  type PresenceChange,
  type StateChange,
  type StoredEndpoint,
  type StoredEvent,
  type StoredPresence,
} from './states.js'

/**
 * Opens the mirror states in a SQLite file of their own. Applied changes survive the death of the
 * process at any moment; changes by an operator survive a power cut too.
 *
 * @param file created, with its folders, if it is missing
 * @throws MirroredByError ERR_STORE if the file cannot be opened or written, ERR_STORE_VERSION if
 * a newer mirrored-by wrote it
 */
export function sqliteStates(file: string): MirrorStateStore {
  return openDatabase(file, STATES_SCHEMA, (database) => new SqliteStates(database))
}

// The rows below come from STRICT tables with CHECKs: SQLite guarantees the values of each
// column.

interface EndpointRow {
  readonly mirror: string
  readonly url: string
  readonly family: Family
  readonly condition: Condition
  readonly since: number
  readonly reason: string | null
  readonly streak: number
  readonly flaps: number
  readonly lastDown: number | null
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

/** Columns of an endpoint, by property. Columns keep the names of the first schema. */
const COLUMNS = {
  mirror: 'mirror',
  url: 'url',
  family: 'family',
  condition: 'condition',
  since: 'since_ms',
  reason: 'reason',
  streak: 'against',
  flaps: 'falls',
  lastDown: 'fell_ms',
  probed: 'probed_ms',
  roundTrip: 'round_trip',
  ranges: 'ranges',
  redirect: 'redirect',
  note: 'note',
  trace: 'trace_ms',
} as const satisfies Record<keyof EndpointRow, string>

class SqliteStates implements MirrorStateStore {
  readonly #database: Database
  readonly #presence: SqlitePresence
  readonly #endpoints: Statement<[], EndpointRow>
  readonly #disabled: Statement<[], MomentRow>
  readonly #requestedProbes: Statement<[], MomentRow>
  readonly #events: Statement<[number], EventRow>
  readonly #putEndpoint: Statement<[EndpointRow]>
  readonly #removeEndpoint: Statement<[string, string, string]>
  readonly #putEvent: Statement<[string, number, string, string]>
  readonly #removeEvents: Statement<[string, string, number]>
  readonly #disable: Statement<[string, number]>
  readonly #enable: Statement<[string]>
  readonly #putRequestedProbe: Statement<[string, number]>
  readonly #read: () => Awaited<ReturnType<MirrorStateStore['read']>>
  readonly #apply: (changes: readonly StateChange[]) => void

  constructor(database: Database) {
    this.#database = database
    this.#presence = new SqlitePresence(database)
    const columns = Object.entries(COLUMNS)
    this.#endpoints = database.prepare(
      `SELECT ${columns.map(([name, column]) => `${column} AS ${name}`).join(', ')} FROM way`,
    )
    this.#disabled = database.prepare('SELECT mirror, at_ms AS at FROM disabled')
    this.#requestedProbes = database.prepare('SELECT mirror, at_ms AS at FROM asked')
    this.#events = database.prepare(
      'SELECT number, mirror, at_ms AS at, state, reason FROM event WHERE number > ? ORDER BY number',
    )
    this.#putEndpoint = database.prepare(
      `INSERT OR REPLACE INTO way (${columns.map(([, column]) => column).join(', ')})
       VALUES (${columns.map(([name]) => `@${name}`).join(', ')})`,
    )
    this.#removeEndpoint = database.prepare('DELETE FROM way WHERE mirror = ? AND url = ? AND family = ?')
    this.#putEvent = database.prepare('INSERT INTO event (mirror, at_ms, state, reason) VALUES (?, ?, ?, ?)')
    this.#removeEvents = database.prepare(
      `DELETE FROM event WHERE mirror = ? AND number <=
         (SELECT number FROM event WHERE mirror = ? ORDER BY number DESC LIMIT 1 OFFSET ?)`,
    )
    this.#disable = database.prepare('INSERT OR REPLACE INTO disabled (mirror, at_ms) VALUES (?, ?)')
    this.#enable = database.prepare('DELETE FROM disabled WHERE mirror = ?')
    this.#putRequestedProbe = database.prepare('INSERT OR REPLACE INTO asked (mirror, at_ms) VALUES (?, ?)')
    this.#read = database.transaction(() => ({
      endpoints: this.#endpoints.all().map(endpointOf),
      disabled: momentsOf(this.#disabled.all()),
      requestedProbes: momentsOf(this.#requestedProbes.all()),
    }))
    this.#apply = database.transaction((changes: readonly StateChange[]) => this.#applyAll(changes))
  }

  read() {
    return this.#read()
  }

  events(after: number): readonly StoredEvent[] {
    return this.#events.all(after)
  }

  presence(after: number): StoredPresence {
    return this.#presence.read(after)
  }

  apply(changes: readonly StateChange[]): void {
    // A change by an operator must not be lost, because it would not be repeated. Probe results
    // are.
    const isByOperator = changes.some(({ kind }) => kind === 'disable')
    if (isByOperator) this.#database.pragma('synchronous = FULL')
    try {
      this.#apply(changes)
    } finally {
      if (isByOperator) this.#database.pragma('synchronous = NORMAL')
    }
  }

  version(): number {
    return Number(this.#database.pragma('data_version', { simple: true }))
  }

  close(): void {
    this.#database.close()
  }

  #applyAll(changes: readonly StateChange[]): void {
    const presenceChanges: PresenceChange[] = []
    for (const change of changes) {
      switch (change.kind) {
        case 'endpoint':
          this.#putEndpoint.run(rowOf(change.endpoint))
          break
        case 'removeEndpoint':
          this.#removeEndpoint.run(change.endpoint.mirror, change.endpoint.url, change.endpoint.family)
          break
        case 'event': {
          const { mirror, at, state, reason } = change.event
          this.#putEvent.run(mirror, at, state, reason)
          this.#removeEvents.run(mirror, mirror, MAX_EVENTS)
          break
        }
        case 'disable':
          if (change.at === undefined) this.#enable.run(change.mirror)
          else this.#disable.run(change.mirror, change.at)
          break
        case 'requestProbe':
          this.#putRequestedProbe.run(change.mirror, change.at)
          break
        default:
          presenceChanges.push(change)
      }
    }
    if (presenceChanges.length > 0) this.#presence.apply(presenceChanges)
  }
}

function endpointOf({
  lastDown,
  reason,
  roundTrip,
  ranges,
  redirect,
  note,
  trace,
  ...endpoint
}: EndpointRow): StoredEndpoint {
  return {
    ...endpoint,
    ...(reason === null ? {} : { reason }),
    ...(lastDown === null ? {} : { lastDown }),
    ...(roundTrip === null ? {} : { roundTrip }),
    ...(ranges === null ? {} : { ranges: ranges === 1 }),
    ...(redirect === null ? {} : { redirect }),
    ...(note === null ? {} : { note }),
    ...(trace === null ? {} : { trace }),
  }
}

function rowOf({
  lastDown,
  reason,
  roundTrip,
  ranges,
  redirect,
  note,
  trace,
  ...endpoint
}: StoredEndpoint): EndpointRow {
  return {
    ...endpoint,
    reason: reason ?? null,
    lastDown: lastDown ?? null,
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
