import { createHash } from 'node:crypto'
import Sqlite, { type Database, type Statement } from 'better-sqlite3'
import {
  KEPT_VERSIONS,
  MAX_REQUESTED_CHECKS,
  needsWhole,
  type PresenceChange,
  type RequestedCheck,
  type SetName,
  type StoredBlock,
  type StoredCorruptFile,
  type StoredPresence,
  type StoredSurvey,
} from './states.js'

// The rows below come from STRICT tables with CHECKs: SQLite guarantees the values of each
// column.

interface BlockRow {
  readonly mirror: string
  readonly set: SetName
  readonly block: number
  /** Id of the content; null if the block was removed. */
  readonly id: number | null
}

interface SurveyRow {
  readonly mirror: string
  readonly source: string
  readonly at: number
  readonly complete: number
  readonly reason: string | null
  readonly files: number
  readonly offset: number | null
  readonly completed: number | null
}

/** Inventories of mirrors, in the SQLite file of mirror states. */
export class SqlitePresence {
  readonly #version: Statement<[], number>
  readonly #nextVersion: Statement<[], number>
  readonly #allBlocks: Statement<[], BlockRow>
  readonly #blocksAfter: Statement<[number], BlockRow>
  readonly #content: Statement<[number], Buffer>
  readonly #contentId: Statement<[Uint8Array], number>
  readonly #putContent: Statement<[Uint8Array, Uint8Array]>
  readonly #putBlock: Statement<[string, string, number, number | bigint, number]>
  readonly #removeBlock: Statement<[number, string, string, number]>
  readonly #removeBlocks: Statement<[number, string]>
  readonly #forgetRemoved: Statement<[number]>
  readonly #surveys: Statement<[], SurveyRow>
  readonly #putSurvey: Statement<[SurveyRow]>
  readonly #removeSurvey: Statement<[string]>
  readonly #corrupt: Statement<[], StoredCorruptFile>
  readonly #putCorrupt: Statement<[StoredCorruptFile]>
  readonly #removeCorrupt: Statement<[string, number]>
  readonly #removeCorruptOf: Statement<[string]>
  readonly #requestedChecks: Statement<[], RequestedCheck>
  readonly #requestCheck: Statement<[string, string, number]>
  readonly #removeRequest: Statement<[string, string]>
  readonly #removeRequests: Statement<[string]>
  readonly #limitRequests: Statement<[number]>
  readonly #read: (after: number) => StoredPresence

  constructor(database: Database) {
    this.#version = database.prepare<[], number>('SELECT version FROM presence').pluck()
    this.#nextVersion = database
      .prepare<[], number>('UPDATE presence SET version = version + 1 RETURNING version')
      .pluck()
    const blocks = 'SELECT mirror, set_name AS "set", block, content AS id FROM block'
    this.#allBlocks = database.prepare(`${blocks} WHERE content IS NOT NULL`)
    this.#blocksAfter = database.prepare(`${blocks} WHERE version > ?`)
    this.#content = database.prepare<[number], Buffer>('SELECT bytes FROM content WHERE id = ?').pluck()
    this.#contentId = database
      .prepare<[Uint8Array], number>('SELECT id FROM content WHERE sha256 = ?')
      .pluck()
    this.#putContent = database.prepare('INSERT INTO content (sha256, bytes) VALUES (?, ?)')
    // Update rows: replacing them would bypass the trigger that removes unused contents.
    this.#putBlock = database.prepare(
      `INSERT INTO block (mirror, set_name, block, content, version) VALUES (?, ?, ?, ?, ?)
       ON CONFLICT DO UPDATE SET content = excluded.content, version = excluded.version
       WHERE content IS NOT excluded.content`,
    )
    const remove = 'UPDATE block SET content = NULL, version = ? WHERE content IS NOT NULL AND mirror = ?'
    this.#removeBlock = database.prepare(`${remove} AND set_name = ? AND block = ?`)
    this.#removeBlocks = database.prepare(remove)
    this.#forgetRemoved = database.prepare('DELETE FROM block WHERE content IS NULL AND version <= ?')
    this.#surveys = database.prepare(
      `SELECT mirror, source, at_ms AS at, complete, reason, files, offset_ms AS offset, completed_ms AS completed
       FROM scan`,
    )
    this.#putSurvey = database.prepare(
      `INSERT OR REPLACE INTO scan (mirror, source, at_ms, complete, reason, files, offset_ms, completed_ms)
       VALUES (@mirror, @source, @at, @complete, @reason, @files, @offset, @completed)`,
    )
    this.#removeSurvey = database.prepare('DELETE FROM scan WHERE mirror = ?')
    this.#corrupt = database.prepare(
      `SELECT mirror, number, path, piece, at_ms AS at, url, expected, got, first_byte AS start, last_byte AS "end"
       FROM corrupt`,
    )
    this.#putCorrupt = database.prepare(
      `INSERT OR REPLACE INTO corrupt
         (mirror, number, path, piece, at_ms, url, expected, got, first_byte, last_byte)
       VALUES (@mirror, @number, @path, @piece, @at, @url, @expected, @got, @start, @end)`,
    )
    this.#removeCorrupt = database.prepare('DELETE FROM corrupt WHERE mirror = ? AND number = ?')
    this.#removeCorruptOf = database.prepare('DELETE FROM corrupt WHERE mirror = ?')
    this.#requestedChecks = database.prepare(
      'SELECT mirror, path, at_ms AS at FROM wanted ORDER BY at_ms, path, mirror',
    )
    this.#requestCheck = database.prepare(
      'INSERT OR REPLACE INTO wanted (mirror, path, at_ms) VALUES (?, ?, ?)',
    )
    this.#removeRequest = database.prepare('DELETE FROM wanted WHERE mirror = ? AND path = ?')
    this.#removeRequests = database.prepare('DELETE FROM wanted WHERE mirror = ?')
    this.#limitRequests = database.prepare(
      `DELETE FROM wanted WHERE (mirror, path) IN
         (SELECT mirror, path FROM wanted ORDER BY at_ms DESC, path DESC, mirror DESC LIMIT -1 OFFSET ?)`,
    )
    this.#read = database.transaction((after: number) => this.#readAll(after))
  }

  read(after: number): StoredPresence {
    return this.#read(after)
  }

  /** Applies changes. Call it within a transaction. */
  apply(changes: readonly PresenceChange[]): void {
    const version = this.#nextVersion.get()
    if (version === undefined) throw damaged('version')
    for (const change of changes) this.#applyOne(change, version)
    if (changes.some(({ kind }) => kind === 'requestCheck')) this.#limitRequests.run(MAX_REQUESTED_CHECKS)
    this.#forgetRemoved.run(version - KEPT_VERSIONS)
  }

  #readAll(after: number): StoredPresence {
    const version = this.#version.get()
    if (version === undefined) throw damaged('version')
    const whole = needsWhole(after, version)
    return {
      version,
      whole,
      blocks: this.#withContents(whole ? this.#allBlocks.all() : this.#blocksAfter.all(after)),
      surveys: this.#surveys.all().map(surveyOf),
      corrupt: this.#corrupt.all(),
      requestedChecks: this.#requestedChecks.all(),
    }
  }

  /**
   * Adds contents to blocks. Reads each content once, so that blocks share it in memory as in the
   * file.
   */
  #withContents(rows: readonly BlockRow[]): readonly StoredBlock[] {
    const contents = new Map<number, Uint8Array>()
    for (const { id } of rows) {
      if (id === null || contents.has(id)) continue
      const content = this.#content.get(id)
      if (content === undefined) throw damaged('content of a block')
      contents.set(id, content)
    }
    return rows.map(({ id, ...block }) => ({
      ...block,
      content: id === null ? undefined : contents.get(id),
    }))
  }

  #applyOne(change: PresenceChange, version: number): void {
    switch (change.kind) {
      case 'block': {
        const { mirror, set, block, content } = change
        if (content === undefined) this.#removeBlock.run(version, mirror, set, block)
        else this.#putBlock.run(mirror, set, block, this.#idOf(content), version)
        break
      }
      case 'survey':
        this.#putSurvey.run(rowOf({ ...change.survey, mirror: change.mirror }))
        break
      case 'corrupt':
        this.#putCorrupt.run(change.corrupt)
        break
      case 'removeCorrupt':
        this.#removeCorrupt.run(change.mirror, change.number)
        break
      case 'requestCheck':
        this.#requestCheck.run(change.mirror, change.path, change.at)
        break
      case 'removeRequest':
        this.#removeRequest.run(change.mirror, change.path)
        break
      case 'forget':
        this.#removeBlocks.run(version, change.mirror)
        this.#removeSurvey.run(change.mirror)
        this.#removeCorruptOf.run(change.mirror)
        this.#removeRequests.run(change.mirror)
        break
    }
  }

  /** Returns the id of a content, and stores the content if it is new. */
  #idOf(content: Uint8Array): number | bigint {
    const sha256 = createHash('sha256').update(content).digest()
    return this.#contentId.get(sha256) ?? this.#putContent.run(sha256, content).lastInsertRowid
  }
}

/** Returns the error for a row that must exist: the file is damaged. */
function damaged(what: string): Error {
  return new Sqlite.SqliteError(`the ${what} is missing`, 'SQLITE_CORRUPT')
}

function surveyOf({ complete, reason, offset, completed, ...survey }: SurveyRow): StoredSurvey {
  return {
    ...survey,
    complete: complete === 1,
    ...(reason === null ? {} : { reason }),
    ...(offset === null ? {} : { offset }),
    ...(completed === null ? {} : { completed }),
  }
}

function rowOf({ complete, reason, offset, completed, ...survey }: StoredSurvey): SurveyRow {
  return {
    ...survey,
    complete: Number(complete),
    reason: reason ?? null,
    offset: offset ?? null,
    completed: completed ?? null,
  }
}
