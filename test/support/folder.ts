import { randomUUID } from 'node:crypto'
import { mkdirSync, mkdtempSync, realpathSync, renameSync, rmSync, utimesSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import type { TestContext } from 'node:test'

/** Whatever runs hooks when a test, or a whole file of tests, ends. */
export type Scope = Pick<TestContext, 'after'>

/**
 * An empty folder, by its real path, that goes with the test.
 *
 * @param parent default: where the system keeps temporary files
 */
export function temporaryFolder(scope: Scope, parent = tmpdir()): string {
  const folder = realpathSync(mkdtempSync(join(parent, 'mirrored-by-')))
  scope.after(() => rmSync(folder, { recursive: true, force: true }))
  return folder
}

/** Writes files below a folder, an hour old, so that they are quiet from the start. */
export function writeFiles(folder: string, files: Readonly<Record<string, string | Uint8Array>>): void {
  for (const [path, content] of Object.entries(files)) writeOldFile(join(folder, path), content)
}

export function writeOldFile(file: string, content: string | Uint8Array): void {
  mkdirSync(dirname(file), { recursive: true })
  writeFileSync(file, content)
  const hourAgo = Date.now() / 1000 - 3600
  utimesSync(file, hourAgo, hourAgo)
}

/** Puts a file in the place of another, or of none, by rename: at no moment is there anything but the one and the other. */
export function replaceFile(file: string, content: string | Uint8Array, mtime?: Date | number): void {
  const temporary = join(dirname(file), `.${randomUUID()}`)
  writeOldFile(temporary, content)
  if (mtime !== undefined) utimesSync(temporary, mtime, mtime)
  renameSync(temporary, file)
}

/** Bytes that look random and are the same every time. */
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
