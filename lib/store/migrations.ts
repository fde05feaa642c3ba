import type { Database } from 'better-sqlite3'
import { MirroredByError } from '../errors.js'

/**
 * The schema, step by step. Step N takes a database of version N to N + 1; a step is never edited once released, a new
 * one is added. The version is SQLite's own `user_version`.
 */
const STEPS: readonly string[] = [
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
]

/** The version that this code reads and writes. */
export const SCHEMA_VERSION = STEPS.length

/**
 * Brings a database to `SCHEMA_VERSION`. Processes that start together may race: the write lock lets one through, and
 * the others find the work done.
 *
 * @throws MirroredByError ERR_STORE_VERSION where a newer mirrored-by wrote it
 */
export function migrate(database: Database, file: string): void {
  const upgrade = database.transaction(() => {
    const version = Number(database.pragma('user_version', { simple: true }))
    if (version > SCHEMA_VERSION) {
      throw new MirroredByError(
        'ERR_STORE_VERSION',
        `the index ${file} has schema version ${version}, written by a newer mirrored-by; this one knows ` +
          `version ${SCHEMA_VERSION}: upgrade mirrored-by, or name another file by \`store\``,
      )
    }
    for (const step of STEPS.slice(version)) database.exec(step)
    database.pragma(`user_version = ${SCHEMA_VERSION}`)
  })
  upgrade.immediate()
}
