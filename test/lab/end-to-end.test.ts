import assert from 'node:assert/strict'
import { readFileSync, statSync, utimesSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { mirroredBy } from '../../lib/adapters/node.js'
import { unlessInstalled } from '../support/client.js'
import { aria2, assertDownloaded } from '../support/downloads.js'
import { pseudoRandomBytes, replaceFile, temporaryFolder, writeFiles } from '../support/folder.js'
import { namedMirrors, sync, untilNamed, untilSurveyed } from '../support/mirrored-origin.js'
import { startOrigin } from '../support/origin.js'
import { listen } from '../support/server.js'
import { plainFiles } from '../support/setups.js'
import { slowWay } from '../support/throttle.js'
import { until } from '../support/until.js'
import { startFtpServer } from './ftp.js'
import { startLighttpd } from './lighttpd.js'
import { startNginx } from './nginx.js'
import { startRsyncDaemon } from './rsync.js'
import { CHALLENGE, OFTEN_CHECKED, PROBES_MS, RATE, SPARE_MS, SURVEYS_MS } from './settings.js'

/** Has four pieces. */
const VIDEO = pseudoRandomBytes(1024 * 1024)
const OLD = pseudoRandomBytes(3 * 1024 * 1024, 2)
const NEW = pseudoRandomBytes(3 * 1024 * 1024, 3)
const FILES = { 'notes.txt': 'notes', 'release.iso': OLD, 'video.iso': VIDEO }
const PATHS = Object.keys(FILES)
const ALL = ['m0', 'm1', 'm2']

/**
 * Time in which one of four pieces of one of three files is fetched from one of two mirrors, with
 * about twenty pieces a second: little more than a second on average, and hardly ever longer than
 * this.
 */
const CHALLENGES_MS = 20_000

/** Inverts the byte in the middle of a file and keeps its modification time. */
function flipByte(file: string): void {
  const { atime, mtime } = statSync(file)
  const content = readFileSync(file)
  const place = Math.floor(content.length / 2)
  content[place] = ~(content[place] ?? 0)
  writeFileSync(file, content)
  utimesSync(file, atime, mtime)
}

/** The mirrors that a response named. */
interface NamedMirrors {
  readonly path: string
  /** Milliseconds after the faults began. */
  readonly at: number
  readonly ids: readonly string[]
}

/**
 * Requests every file again and again.
 *
 * @returns ends the requests and returns their responses
 */
function watchAnswers(port: number): () => Promise<readonly NamedMirrors[]> {
  const responses: NamedMirrors[] = []
  const start = performance.now()
  let ended = false
  const watch = async () => {
    while (!ended) {
      for (const path of PATHS) {
        const at = performance.now() - start
        responses.push({ path, at, ids: await namedMirrors(port, path) })
      }
      await sleep(20)
    }
  }
  const watching = watch()
  return async () => {
    ended = true
    await watching
    return responses
  }
}

/**
 * Returns when a response last named a mirror, for one file or for any, in milliseconds after the
 * faults began.
 */
function lastSent(responses: readonly NamedMirrors[], id: string, path?: string): number {
  const sent = responses.filter(({ ids, ...one }) => ids.includes(id) && (path ?? one.path) === one.path)
  return Math.round(sent.at(-1)?.at ?? 0)
}

test('three mirrors, one killed, one stale, one with a flipped byte: no client is sent to them for what is wrong', {
  skip: unlessInstalled('aria2c', 'nginx', 'lighttpd', 'rsync'),
  timeout: 120_000,
}, async (t) => {
  const root = temporaryFolder(t)
  writeFiles(root, FILES)
  const copies = ALL.map(() => temporaryFolder(t))
  for (const copy of copies) sync(root, copy)
  const [killed = '', stale = '', flipped = ''] = copies
  const location = [`root "${killed}";`, 'autoindex on;']
  const first = await startNginx(t, location, { host: '127.0.0.2' })
  const second = await startNginx(t, [`root "${stale}";`], { host: '127.0.0.3' })
  const third = await startLighttpd(t, flipped, { host: '127.0.0.4' })
  const { url: rsync } = await startRsyncDaemon(t, stale)
  const { url: ftp } = await startFtpServer(t, flipped)
  const origin = await startOrigin(t, {
    root,
    mirrors: [
      { id: 'm0', url: first.url },
      { id: 'm1', url: second.url, rsync },
      { id: 'm2', urls: [third.url, ftp] },
    ],
    ...OFTEN_CHECKED,
    challenge: CHALLENGE,
  })
  origin.on('warning', () => {})
  const { port } = await listen(t, mirroredBy(origin, plainFiles(root)))
  const url = `http://127.0.0.1:${await slowWay(t, port, RATE)}/`
  const download = (path: string) =>
    aria2(t, '--follow-metalink=mem', '--connect-timeout=2', '--timeout=2', url + path)
  await untilSurveyed(origin)
  for (const path of PATHS) await untilNamed(port, path, ALL)
  assert.deepEqual(
    origin.mirrors().map(({ presence }) => presence.kind === 'checked' && presence.survey?.source),
    ['http', 'rsync', 'ftp'],
  )

  await first.kill()
  replaceFile(join(root, 'release.iso'), NEW, new Date())
  sync(root, flipped)
  flipByte(join(flipped, 'video.iso'))
  const endWatch = watchAnswers(port)
  assertDownloaded(await download('video.iso.meta4'), 'video.iso', VIDEO)
  assertDownloaded(await download('release.iso'), 'release.iso', NEW)

  const most = Math.max(PROBES_MS, CHALLENGES_MS) + SPARE_MS
  await until(
    'no client is sent to any for what is wrong there',
    async () =>
      (await namedMirrors(port, 'video.iso')).join() === 'm1' &&
      (await namedMirrors(port, 'release.iso')).join() === 'm2' &&
      (await namedMirrors(port, 'notes.txt')).join() === 'm1,m2',
    most,
  )
  for (const [path, content] of [
    ['video.iso', VIDEO],
    ['release.iso', NEW],
  ] as const) {
    assertDownloaded(await download(path), path, content)
    assertDownloaded(await download(`${path}.meta4`), path, content)
  }
  await sleep(SURVEYS_MS)
  const responses = await endWatch()
  const times = {
    killed: lastSent(responses, 'm0'),
    stale: lastSent(responses, 'm1', 'release.iso'),
    flipped: lastSent(responses, 'm2', 'video.iso'),
  }
  t.diagnostic(`clients were sent there last after, in ms: ${JSON.stringify(times)}`)
  assert.ok(times.killed < PROBES_MS + SPARE_MS, `${times.killed} ms`)
  assert.equal(times.stale, 0, 'nobody has seen the new file there, ever')
  assert.ok(times.flipped < CHALLENGES_MS + SPARE_MS, `${times.flipped} ms`)

  for (const copy of copies) sync(root, copy)
  await startNginx(t, location, { host: '127.0.0.2', port: first.port })
  const repaired = performance.now()
  for (const path of PATHS) await untilNamed(port, path, ALL)
  t.diagnostic(`all are given again after ${Math.round(performance.now() - repaired)} ms`)
  assertDownloaded(await download('video.iso'), 'video.iso', VIDEO)
  assertDownloaded(await download('release.iso'), 'release.iso', NEW)
})
