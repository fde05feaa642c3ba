import { randomUUID } from 'node:crypto'
import { mkdirSync, mkdtempSync, realpathSync, renameSync, rmSync, utimesSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import type { TestContext } from 'node:test'

/** Runs hooks when a test, or a file of tests, ends. */
export type Scope = Pick<TestContext, 'after'>

/**
 * Makes an empty folder, which is removed when the test ends. Returns its real path.
 *
 * @param parent default: the folder of the system for temporary files
 */
export function temporaryFolder(scope: Scope, parent = tmpdir()): string {
  const folder = realpathSync(mkdtempSync(join(parent, 'mirrored-by-')))
  scope.after(() => remove(folder))
  return folder
}

/**
 * Removes a folder, at the end of the process if a server still writes there. Hooks run in the
 * order in which they were added, and after one that throws no other runs: servers would never end.
 */
function remove(folder: string): void {
  const removeNow = () => rmSync(folder, { recursive: true, force: true, maxRetries: 5 })
  try {
    removeNow()
  } catch {
    process.once('exit', removeNow)
  }
}

/**
 * Writes files below a folder, with a modification time of an hour ago, so that they count as
 * settled from the start.
 */
export function writeFiles(folder: string, files: Readonly<Record<string, string | Uint8Array>>): void {
  for (const [path, content] of Object.entries(files)) writeOldFile(join(folder, path), content)
}

export function writeOldFile(file: string, content: string | Uint8Array): void {
  mkdirSync(dirname(file), { recursive: true })
  writeFileSync(file, content)
  const hourAgo = Date.now() / 1000 - 3600
  utimesSync(file, hourAgo, hourAgo)
}

/** Puts a file in place by rename: at every moment there is either the old file or the new one. */
export function replaceFile(file: string, content: string | Uint8Array, mtime?: Date | number): void {
  const temporary = join(dirname(file), `.${randomUUID()}`)
  writeOldFile(temporary, content)
  if (mtime !== undefined) utimesSync(temporary, mtime, mtime)
  renameSync(temporary, file)
}

/** Returns bytes that look random and are the same in every run. */
export function pseudoRandomBytes(length: number, seed = 1): Buffer {
  const bytes = Buffer.alloc(length)
  let state = seed >>> 0 || 1
  for (let index = 0; index + 4 <= length; index += 4) {
    state ^= state << 13
    state ^= state >>> 17
    state ^= state << 5
    bytes.writeInt32LE(state | 0, index)
  }
  return bytes
}
