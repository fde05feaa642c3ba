import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { describe, test } from 'node:test'
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
} from '../support/downloads.js'
import { listen } from '../support/server.js'
import { KOA, NODE, runOrigin, SERVE, WAYS } from './origins.js'

/** aria2's exit status for a wrong checksum. */
const CHECKSUM_ERROR = 32

describe('aria2', { skip: unlessInstalled('aria2c'), timeout: 60_000 }, () => {
  for (const way of WAYS) {
    for (const [how, args] of [
      ['a URL', []],
      ['a URL with --use-head', ['--use-head=true']],
    ] as const) {
      test(`downloads ${how} from the mirrors in the fields, and checks the digest, by ${way.name}`, async (t) => {
        const root = bigRepository(t)
        const mirrors = await startMirrors(t, root, ['ok', 'ok', 'ok', 'ok', 'ok'])
        const { url, requests } = await runOrigin(t, way, { root, mirrors: preferred(mirrors) })

        const download = await aria2(t, ...args, url + NAME)

        assertDownloaded(download, NAME, BIG)
        assert.deepEqual(
          addedUris(download.log),
          mirrors.map((mirror) => mirror.url + NAME),
        )
        const serving = mirrors.filter(({ sent }) => sent > 0)
        assert.ok(serving.length >= 3, `only ${serving.length} mirrors served bytes`)
        assert.match(download.stdout, /Verification finished successfully/)
        assert.equal(requests[0], `${args.length > 0 ? 'HEAD' : 'GET'} /${NAME}`)
      })
    }
  }

  for (const way of [KOA, NODE]) {
    test(`downloads from the mirrors of a redirect, by ${way.name}`, async (t) => {
      const root = bigRepository(t)
      const mirrors = await startMirrors(t, root, ['ok', 'ok', 'ok', 'ok', 'ok'])
      const { url } = await runOrigin(t, way, { root, mirrors: preferred(mirrors), mode: 'redirect' })

      const download = await aria2(t, url + NAME)

      assertDownloaded(download, NAME, BIG)
      assert.deepEqual(
        addedUris(download.log).toSorted(),
        mirrors.map((mirror) => mirror.url + NAME).toSorted(),
      )
      const serving = mirrors.filter(({ sent }) => sent > 0)
      assert.ok(serving.length >= 3, `only ${serving.length} mirrors served bytes`)
      assert.match(download.stdout, /Verification finished successfully/)
    })
  }

  test('fetches bad pieces again from another mirror, by the metalink', async (t) => {
    const root = bigRepository(t)
    const mirrors = await startMirrors(t, root, ['corrupt', 'ok', 'ok'])
    const { url } = await runOrigin(t, SERVE, { root, mirrors: preferred(mirrors) })

    const download = await aria2(t, '--follow-metalink=mem', `${url}${NAME}.meta4`)

    assertDownloaded(download, NAME, BIG)
    assert.ok((mirrors[0]?.sent ?? 0) > 0, 'the corrupt mirror was not even asked')
  })

  test('downloads from the mirrors of a Metalink 3, and checks the pieces', async (t) => {
    const root = bigRepository(t)
    const mirrors = await startMirrors(t, root, ['ok', 'ok', 'ok', 'ok', 'ok'])
    const { url } = await runOrigin(t, SERVE, { root, mirrors: preferred(mirrors) })

    const download = await aria2(t, '--follow-metalink=mem', `${url}${NAME}.metalink`)

    assertDownloaded(download, NAME, BIG)
    const serving = mirrors.filter(({ sent }) => sent > 0)
    assert.ok(serving.length >= 3, `only ${serving.length} mirrors served bytes`)
    assert.equal(download.log.match(/Good chunk checksum/g)?.length, BIG.length / 262_144)
  })

  test('fetches bad pieces again from another mirror, by the Metalink 3', async (t) => {
    const root = bigRepository(t)
    const mirrors = await startMirrors(t, root, ['corrupt', 'ok', 'ok'])
    const { url } = await runOrigin(t, SERVE, { root, mirrors: preferred(mirrors) })

    const download = await aria2(t, '--follow-metalink=mem', `${url}${NAME}.metalink`)

    assertDownloaded(download, NAME, BIG)
    assert.ok((mirrors[0]?.sent ?? 0) > 0, 'the corrupt mirror was not even asked')
  })

  for (const [behaviour, fault] of [
    ['wrong size', 'has another size'],
    ['missing', 'has no such file'],
    ['refuses', 'refuses connections'],
  ] as const) {
    test(`gets the right file where the first mirror ${fault}`, async (t) => {
      const root = bigRepository(t)
      const mirrors = await startMirrors(t, root, [behaviour, 'ok', 'ok'])
      const { url } = await runOrigin(t, KOA, { root, mirrors: preferred(mirrors) })

      const download = await aria2(t, url + NAME)

      assertDownloaded(download, NAME, BIG)
      if (behaviour !== 'refuses') assert.notEqual(mirrors[0]?.requests.length, 0, 'it was not even asked')
    })
  }

  test('finds out a corrupt mirror by the digest of our redirect, where it has no pieces', async (t) => {
    const root = bigRepository(t)
    const mirrors = await startMirrors(t, root, ['corrupt'])
    const { url } = await runOrigin(t, KOA, { root, mirrors: preferred(mirrors), mode: 'redirect' })

    const { status, timedOut } = await aria2(t, url + NAME)

    assert.equal(timedOut, false)
    assert.equal(status, CHECKSUM_ERROR)
  })

  test('enforces digests: one that is wrong ends in an error (a control)', async (t) => {
    const wrong = createHash('sha256').update('other bytes').digest('base64')
    const { url } = await listen(t, (_request, response) => {
      response.writeHead(200, { 'Content-Length': BIG.length, Digest: `SHA-256=${wrong}` }).end(BIG)
    })

    const { status, timedOut } = await aria2(t, url + NAME)

    assert.equal(timedOut, false)
    assert.equal(status, CHECKSUM_ERROR)
  })
})
