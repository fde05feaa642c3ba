import assert from 'node:assert/strict'
import { readdirSync } from 'node:fs'
import { describe, test } from 'node:test'
import { unlessInstalled } from '../support/client.js'
import {
  assertDownloaded,
  BIG,
  bigRepository,
  NAME,
  preferred,
  startMirrors,
  wget2,
} from '../support/downloads.js'
import type { FakeMirror } from '../support/fake-mirror.js'
import { temporaryFolder, writeFiles } from '../support/folder.js'
import { KOA, NODE, runOrigin, WAYS } from './origins.js'

describe('wget2', { skip: unlessInstalled('wget2'), timeout: 60_000 }, () => {
  for (const way of [KOA, NODE]) {
    test(`finds the metalink of a redirect and downloads by it, by ${way.name}`, async (t) => {
      const root = bigRepository(t)
      const mirrors = await startMirrors(t, root, ['ok', 'ok', 'ok'], Number.POSITIVE_INFINITY)
      const { url, requests } = await runOrigin(t, way, {
        root,
        mirrors: preferred(mirrors),
        mode: 'redirect',
      })

      const download = await wget2(t, url + NAME)

      assertDownloaded(download, NAME, BIG)
      assert.deepEqual(requests, [`GET /${NAME}`, `GET /${NAME}.meta4`])
      assert.match(download.log, /Checksum OK/)
    })
  }

  test('follows a redirect for a name that it could not get by its metalink', async (t) => {
    const root = temporaryFolder(t)
    const name = 'naïve-日本語.bin'
    writeFiles(root, { [name]: BIG })
    const mirrors = await startMirrors(t, root, ['ok', 'ok', 'ok'], Number.POSITIVE_INFINITY)
    const { url, requests } = await runOrigin(t, KOA, { root, mirrors: preferred(mirrors), mode: 'redirect' })

    const download = await wget2(t, url + encodeURIComponent(name))

    const [file = ''] = readdirSync(download.folder)
    assertDownloaded(download, file, BIG)
    assert.deepEqual(requests, [`GET /${encodeURIComponent(name)}`])
    const asked = mirrors.flatMap(requestLines)
    assert.deepEqual(asked, [`GET /${encodeURIComponent(name)}`])
  })

  for (const way of WAYS) {
    test(`downloads every piece by the metalink, by ${way.name}`, async (t) => {
      const root = bigRepository(t)
      const mirrors = await startMirrors(t, root, ['ok', 'ok', 'ok'], Number.POSITIVE_INFINITY)
      const { url, requests } = await runOrigin(t, way, { root, mirrors: preferred(mirrors) })

      const download = await wget2(t, `${url}${NAME}.meta4`)

      assertDownloaded(download, NAME, BIG)
      assert.deepEqual(requests, [`GET /${NAME}.meta4`])
      assert.match(download.log, /Checksum OK/)
      const pieces = 32
      const ranges = mirrors.flatMap(requestLines)
      assert.deepEqual(ranges, Array(pieces).fill(`GET /${NAME}`))
    })
  }
})

function requestLines({ requests }: FakeMirror): string[] {
  return requests.map(({ method, path }) => `${method} ${path}`)
}
