import type { Database } from 'better-sqlite3'
import { MirroredByError } from '../errors.js'

/** The schema of a kind of database file. */
export interface DatabaseSchema {
  /** What the file is, for messages. */
  readonly what: string
  /** The option that names another file. */
  readonly option: string
  /**
   * Migrations: step N takes a database from version N to N + 1. Never edit a released step; add
   * a new one. The version is SQLite's `user_version`.
   */
  readonly steps: readonly string[]
}

const INDEX_MIGRATIONS: readonly string[] = [
  `CREATE TABLE file (
     folder   TEXT NOT NULL,
     name     TEXT NOT NULL,
     size     INTEGER NOT NULL,
     mtime_ns INTEGER NOT NULL,
     ctime_ns INTEGER NOT NULL,
     inode    INTEGER NOT NULL,
     sha256   BLOB,
     sha512   BLOB,
     sha1     BLOB,
     md5      BLOB,
     blake3   BLOB,
     crc32c   BLOB,
     seal     INTEGER NOT NULL,
     PRIMARY KEY (folder, name)
   ) STRICT, WITHOUT ROWID;

   -- Only files of more than one piece are here: the piece of the others is the file.
   CREATE TABLE pieces (
     folder TEXT NOT NULL,
     name   TEXT NOT NULL,
     length INTEGER NOT NULL,
     sha256 BLOB NOT NULL,
     sha1   BLOB NOT NULL,
     seal   INTEGER NOT NULL,
     PRIMARY KEY (folder, name)
   ) STRICT;

   CREATE TABLE lease (
     only       INTEGER PRIMARY KEY CHECK (only = 1),
     holder     TEXT NOT NULL,
     expires_ms INTEGER NOT NULL,
     complete   INTEGER NOT NULL
   ) STRICT;`,

  // Numbers start at a random place, because numbers of a lost index must stay unused. There is
  // room for 2^20 numbers up to the next such place, and for far more before integers cease to be
  // safe.
  `CREATE TABLE counter (
     only INTEGER PRIMARY KEY CHECK (only = 1),
     next INTEGER NOT NULL
   ) STRICT;
   INSERT INTO counter (only, next) VALUES (1, (random() & 0x7fffffff) << 20);

   CREATE TABLE numbered (
     folder   TEXT NOT NULL,
     name     TEXT NOT NULL,
     size     INTEGER NOT NULL,
     mtime_ns INTEGER NOT NULL,
     ctime_ns INTEGER NOT NULL,
     inode    INTEGER NOT NULL,
     number   INTEGER NOT NULL,
     sha256   BLOB,
     sha512   BLOB,
     sha1     BLOB,
     md5      BLOB,
     blake3   BLOB,
     crc32c   BLOB,
     seal     INTEGER NOT NULL,
     PRIMARY KEY (folder, name)
   ) STRICT, WITHOUT ROWID;
   INSERT INTO numbered
     SELECT folder, name, size, mtime_ns, ctime_ns, inode,
       (SELECT next FROM counter) + row_number() OVER (ORDER BY folder, name) - 1,
       sha256, sha512, sha1, md5, blake3, crc32c, seal
     FROM file;
   DROP TABLE file;
   ALTER TABLE numbered RENAME TO file;
   UPDATE counter SET next = next + (SELECT count(*) FROM file);`,
]

const STATES_MIGRATIONS: readonly string[] = [
  `CREATE TABLE way (
     mirror     TEXT NOT NULL,
     url        TEXT NOT NULL,
     family     TEXT NOT NULL CHECK (family IN ('ipv4', 'ipv6')),
     condition  TEXT NOT NULL CHECK (condition IN ('unknown', 'up', 'down')),
     since_ms   INTEGER NOT NULL,
     reason     TEXT,
     against    INTEGER NOT NULL,
     falls      INTEGER NOT NULL,
     fell_ms    INTEGER,
     probed_ms  INTEGER NOT NULL,
     round_trip REAL,
     ranges     INTEGER CHECK (ranges IN (0, 1)),
     redirect   TEXT,
     note       TEXT,
     PRIMARY KEY (mirror, url, family)
   ) STRICT, WITHOUT ROWID;

   CREATE TABLE event (
     number INTEGER PRIMARY KEY AUTOINCREMENT,
     mirror TEXT NOT NULL,
     at_ms  INTEGER NOT NULL,
     state  TEXT NOT NULL CHECK (state IN ('unknown', 'up', 'down', 'disabled')),
     reason TEXT NOT NULL
   ) STRICT;
   CREATE INDEX event_of_mirror ON event (mirror, number);

   CREATE TABLE disabled (
     mirror TEXT PRIMARY KEY,
     at_ms  INTEGER NOT NULL
   ) STRICT, WITHOUT ROWID;

   CREATE TABLE asked (
     mirror TEXT PRIMARY KEY,
     at_ms  INTEGER NOT NULL
   ) STRICT, WITHOUT ROWID;`,

  // Versions start at a random place, so that the version of a reader shows whether it read a
  // file that was lost.
  `CREATE TABLE presence (
     only    INTEGER PRIMARY KEY CHECK (only = 1),
     version INTEGER NOT NULL
   ) STRICT;
   INSERT INTO presence (only, version) VALUES (1, ((random() & 0x7fffffff) + 1) << 20);

   -- Mirrors that miss the same files share it.
   CREATE TABLE content (
     id     INTEGER PRIMARY KEY,
     sha256 BLOB NOT NULL UNIQUE,
     bytes  BLOB NOT NULL
   ) STRICT;

   -- Without content it was removed in that version.
   CREATE TABLE block (
     mirror   TEXT NOT NULL,
     set_name TEXT NOT NULL CHECK (set_name IN ('held', 'stale', 'absent', 'preferred')),
     block    INTEGER NOT NULL,
     content  INTEGER REFERENCES content (id),
     version  INTEGER NOT NULL,
     PRIMARY KEY (mirror, set_name, block)
   ) STRICT, WITHOUT ROWID;
   CREATE INDEX block_of_version ON block (version);
   CREATE INDEX block_of_content ON block (content, version);
   CREATE TRIGGER unused_content AFTER UPDATE OF content ON block WHEN OLD.content IS NOT NULL
   BEGIN
     DELETE FROM content
     WHERE id = OLD.content AND NOT EXISTS (SELECT 1 FROM block WHERE content = OLD.content);
   END;

   CREATE TABLE scan (
     mirror       TEXT PRIMARY KEY,
     source       TEXT NOT NULL,
     at_ms        INTEGER NOT NULL,
     complete     INTEGER NOT NULL CHECK (complete IN (0, 1)),
     reason       TEXT,
     files        INTEGER NOT NULL,
     offset_ms    REAL,
     completed_ms INTEGER
   ) STRICT, WITHOUT ROWID;

   CREATE TABLE corrupt (
     mirror     TEXT NOT NULL,
     number     INTEGER NOT NULL,
     path       TEXT NOT NULL,
     piece      INTEGER NOT NULL,
     at_ms      INTEGER NOT NULL,
     url        TEXT NOT NULL,
     expected   TEXT NOT NULL,
     got        TEXT NOT NULL,
     first_byte INTEGER NOT NULL,
     last_byte  INTEGER NOT NULL,
     PRIMARY KEY (mirror, number)
   ) STRICT, WITHOUT ROWID;

   CREATE TABLE wanted (
     mirror TEXT NOT NULL,
     path   TEXT NOT NULL,
     at_ms  INTEGER NOT NULL,
     PRIMARY KEY (mirror, path)
   ) STRICT, WITHOUT ROWID;
   CREATE INDEX wanted_at ON wanted (at_ms, path, mirror);`,
  'ALTER TABLE way ADD COLUMN trace_ms INTEGER;',
]

export const INDEX_SCHEMA: DatabaseSchema = { what: 'the index', option: 'store', steps: INDEX_MIGRATIONS }
export const STATES_SCHEMA: DatabaseSchema = {
  what: 'the states of mirrors',
  option: 'mirrorStates',
  steps: STATES_MIGRATIONS,
}

/** Version of the index schema that this code reads and writes. */
export const SCHEMA_VERSION = INDEX_MIGRATIONS.length

/**
 * Migrates a database to the current version of its schema. If processes start together, the
 * write lock lets one of them migrate, and the others find the migration done.
 *
 * @throws MirroredByError ERR_STORE_VERSION if a newer mirrored-by wrote the database
 */
export function migrate(database: Database, file: string, { what, option, steps }: DatabaseSchema): void {
  const upgrade = database.transaction(() => {
    const version = Number(database.pragma('user_version', { simple: true }))
    if (version > steps.length) {
      throw new MirroredByError(
        'ERR_STORE_VERSION',
        `${what} ${file} has schema version ${version}, written by a newer mirrored-by; this one knows ` +
          `version ${steps.length}: upgrade mirrored-by, or name another file by \`${option}\``,
      )
    }
    for (const step of steps.slice(version)) database.exec(step)
    database.pragma(`user_version = ${steps.length}`)
  })
  upgrade.immediate()
}
