import assert from 'node:assert/strict'
import { monitorEventLoopDelay } from 'node:perf_hooks'
import { describe, test } from 'node:test'
import { memoryStore, type SurveyReport } from '../../../lib/index.js'
import { MirrorFiles } from '../../../lib/mirrors/presence/files.js'
import { parseRsyncLine } from '../../../lib/mirrors/presence/listings/rsync-line.js'
import { BlockPool } from '../../../lib/mirrors/presence/sets/block-pool.js'
import { SurveyThreads } from '../../../lib/mirrors/presence/survey-threads.js'
import { ThreadPool } from '../../../lib/mirrors/presence/thread-pool.js'
import { temporaryFolder, writeFiles } from '../../support/folder.js'
import { type Hostility, startHostileMirror } from '../../support/hostile-mirror.js'
import { openOrigin, untilSurveyed } from '../../support/mirrored-origin.js'
import { rawRequest } from '../../support/raw.js'
import { until } from '../../support/until.js'

/**
 * The aim is 20 ms. The bound allows for a machine that runs other tests at the same time: without
 * threads, requests waited for many seconds.
 */
const MAX_DELAY_MS = 1000
/** Bound of the 99th percentile, which a busy machine raises less. */
const MAX_USUAL_DELAY_MS = 100

interface Flood {
  /** What the survey says; undefined if it goes on until it is aborted. */
  readonly survey?: Partial<SurveyReport>
  readonly reason?: RegExp
}

const FLOODS: Readonly<Record<Hostility, Flood>> = {
  'long URLs': { survey: { complete: true } },
  repeats: {},
  'lists for ever': { survey: { complete: false }, reason: /it lists more than 250000 folders/ },
  'informs for ever': { survey: { complete: false }, reason: /it told nothing of 2 files/ },
  links: { survey: { complete: false }, reason: /links/ },
}

describe('a mirror that floods a survey', { timeout: 180_000 }, () => {
  for (const [hostility, { survey, reason = /^$/ }] of Object.entries(FLOODS) as [Hostility, Flood][]) {
    test(`delays no request: ${hostility}`, async (t) => {
      const root = temporaryFolder(t)
      writeFiles(root, { 'a.bin': 'a', 'sub/b.bin': 'b' })
      const url = await startHostileMirror(t, hostility)
      const { origin, port } = await openOrigin(t, {
        root,
        store: memoryStore(),
        mirrors: [{ id: 'm', url }],
        presence: true,
        challenge: false,
        geo: false,
        probe: { interval: '1h' },
      })
      const delay = monitorEventLoopDelay({ resolution: 5 })
      delay.enable()
      if (survey === undefined)
        for (let count = 0; count < 300; count += 1) await rawRequest(port, 'HEAD', '/a.bin')
      else await untilSurveyed(origin)
      delay.disable()
      assert.ok(delay.percentile(99) / 1e6 < MAX_USUAL_DELAY_MS, `${delay.percentile(99) / 1e6} ms`)
      assert.ok(delay.max / 1e6 < MAX_DELAY_MS, `${delay.max / 1e6} ms`)
      const presence = origin.mirrors()[0]?.presence
      assert.ok(presence?.kind === 'checked')
      assert.equal(presence.survey?.complete, survey?.complete)
      assert.match(presence.survey?.reason ?? '', reason)
      assert.equal((await rawRequest(port, 'HEAD', '/a.bin')).status, 200)
    })
  }

  test('ends its own survey only, if that takes too much memory', async (t) => {
    const url = await startHostileMirror(t, 'lists for ever')
    const blocks = new BlockPool()
    const pool = new ThreadPool({ maxHeapMb: 8 })
    const threads = new SurveyThreads({ index: memoryStore(), blocks, pool })
    const job = {
      index: undefined,
      source: { kind: 'http', url },
      ignore: [],
      paths: [],
      previousOffset: undefined,
      allowsPrivate: false,
    } as const
    const controller = new AbortController()
    await assert.rejects(threads.survey(job, new MirrorFiles(blocks), controller.signal), {
      code: 'ERR_SURVEY',
      message: 'a survey failed: its listing takes more memory than a survey may use',
    })
    await until('the server goes on', () => true)
  })

  test('by lines of rsync is read in linear time', () => {
    const started = performance.now()
    for (const unit of [' -> \\#101', ' -> a', '\\#101 -> ', ' -> '])
      for (let line = 0; line < 20; line += 1)
        parseRsyncLine(
          `lrwxrwxrwx ${39_000} 2024/02/03 04:05:06 x${unit.repeat(Math.floor(40_000 / unit.length))}`,
        )
    // A single such line took 1.5 s.
    assert.ok(performance.now() - started < 2000)
  })
})
