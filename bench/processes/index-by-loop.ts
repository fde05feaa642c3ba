import { hash } from 'node:crypto'
import { lstatSync, readdirSync, readFileSync } from 'node:fs'
import Sqlite from 'better-sqlite3'
import { setup, tell } from '../child.js'
import { type IndexingResult, type IndexingSetup, peakMiB } from './indexing.js'

const { root, store } = setup<IndexingSetup>()
const start = performance.now()
const database = new Sqlite(store)
database.pragma('journal_mode = WAL')
database.pragma('synchronous = NORMAL')
database.exec(`CREATE TABLE file (
  path TEXT PRIMARY KEY, size INTEGER, mtime_ns INTEGER, ctime_ns INTEGER, inode INTEGER,
  sha256 BLOB, sha1 BLOB, md5 BLOB
) WITHOUT ROWID`)
const insert = database.prepare('INSERT INTO file VALUES (?, ?, ?, ?, ?, ?, ?, ?)')
let files = 0
indexFolder('')
database.close()
const result: IndexingResult = {
  files,
  hashed: files,
  seconds: (performance.now() - start) / 1000,
  peakMiB: peakMiB(),
}
tell(result)
process.disconnect()

/** Indexes a folder in one transaction. */
function indexFolder(folder: string): void {
  const subfolders: string[] = []
  database.exec('BEGIN')
  for (const entry of readdirSync(`${root}/${folder}`, { withFileTypes: true })) {
    const path = folder === '' ? entry.name : `${folder}/${entry.name}`
    if (entry.isDirectory()) subfolders.push(path)
    else indexFile(path)
  }
  database.exec('COMMIT')
  for (const subfolder of subfolders) indexFolder(subfolder)
}

function indexFile(path: string): void {
  const { size, mtimeNs, ctimeNs, ino } = lstatSync(`${root}/${path}`, { bigint: true })
  const bytes = readFileSync(`${root}/${path}`)
  const digests = ['sha256', 'sha1', 'md5'].map((name) => hash(name, bytes, 'buffer'))
  insert.run(path, size, mtimeNs, ctimeNs, ino, ...digests)
  files += 1
}
