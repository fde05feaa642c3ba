import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { unlessInstalled } from '../support/client.js'
import {
  addedUris,
  aria2,
  assertDownloaded,
  BIG,
  bigRepository,
  NAME,
  preferred,
  startMirrors,
  wget2,
} from '../support/downloads.js'
import { type Scope, temporaryFolder } from '../support/folder.js'
import { startProgram } from '../support/program.js'
import { until } from '../support/until.js'

const MIRRORS = 3
const MAIN = fileURLToPath(new URL('../../lib/cli/main.js', import.meta.url))

describe('mirrored-by serve', { timeout: 60_000 }, () => {
  test('gives aria2 a file from its mirrors', { skip: unlessInstalled('aria2c') }, async (t) => {
    const root = bigRepository(t)
    const mirrors = await startMirrors(t, root, ['ok', 'ok', 'ok'])
    const served = await serve(t, root, mirrorsFile(t, preferred(mirrors)))

    const download = await aria2(t, served.url + NAME)

    assertDownloaded(download, NAME, BIG)
    assert.deepEqual(
      addedUris(download.log),
      mirrors.map((mirror) => mirror.url + NAME),
    )
    assert.equal(await served.program.ends('SIGTERM'), 0)
  })

  test('redirects wget2 to a metalink', { skip: unlessInstalled('wget2') }, async (t) => {
    const root = bigRepository(t)
    const mirrors = await startMirrors(t, root, ['ok', 'ok', 'ok'])
    const served = await serve(t, root, mirrorsFile(t, preferred(mirrors)), '--mode', 'redirect')

    const download = await wget2(t, served.url + NAME)

    assertDownloaded(download, NAME, BIG)
    assert.match(download.log, /Checksum OK/)
    assert.equal(await served.program.ends('SIGTERM'), 0)
  })
})

function mirrorsFile(scope: Scope, mirrors: readonly object[]): string {
  const file = join(temporaryFolder(scope), 'mirrors.yaml')
  writeFileSync(file, JSON.stringify({ mirrors })) // JSON is valid YAML.
  return file
}

/** Starts the command and waits until its first pass is complete and its mirrors are surveyed. */
async function serve(scope: Scope, root: string, mirrors: string, ...more: string[]) {
  const store = join(temporaryFolder(scope), 'index.sqlite')
  const args = ['serve', root, '--mirrors', mirrors, '--port', '0', '--store', store, ...more]
  const program = startProgram(scope, [MAIN, ...args])
  const [, url] = await program.says(/^listening on (\S+)$/m)
  await program.says(/^indexed 1 files in/m)
  await until('every mirror was seen to hold the file', async () => {
    const answer = await fetch(`${url}/${NAME}`, { method: 'HEAD', redirect: 'manual' })
    return answer.headers.get('X-Mirrored-By')?.split(', ').length === MIRRORS
  })
  return { url: `${url}/`, program }
}
