import assert from 'node:assert/strict'
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, symlinkSync } from 'node:fs'
import { join } from 'node:path'
import { describe, type TestContext, test } from 'node:test'
import { TraceWriter } from '../../../lib/mirrors/health/trace-writer.js'
import { FakeClock } from '../../support/fake-clock.js'
import { temporaryFolder, writeFiles } from '../../support/folder.js'
import { until } from '../../support/until.js'

const HOUR = 3_600_000

interface Setting {
  readonly root: string
  readonly clock: FakeClock
  readonly writer: TraceWriter
  readonly warnings: string[]
}

function setting(t: TestContext, path: string, files: Readonly<Record<string, string>> = { a: '' }): Setting {
  const root = join(temporaryFolder(t), 'root')
  mkdirSync(root)
  writeFiles(root, files)
  const clock = new FakeClock()
  const warnings: string[] = []
  const writer = new TraceWriter(root, { path, interval: HOUR }, clock, ({ code, message }) =>
    warnings.push(`${code} ${message}`),
  )
  t.after(() => writer.close())
  return { root, clock, writer, warnings }
}

/** Waits until the writer has done its current work and waits for its next time. */
async function resting({ clock }: Setting): Promise<void> {
  await until('its next time is planned', () => clock.plans === 1)
}

async function later(here: Setting, milliseconds: number): Promise<void> {
  const planned = here.clock.plans
  assert.equal(planned, 1)
  await here.clock.pass(milliseconds)
  await resting(here)
}

describe('a trace file', () => {
  test('is written at once, and at the interval, as long as this process leads', async (t) => {
    const here = setting(t, '.trace')
    const file = join(here.root, '.trace')
    const start = Date.UTC(2026, 0, 1) / 1000
    assert.equal(existsSync(file), false)
    here.writer.lead()
    here.writer.lead()
    await resting(here)
    assert.equal(readFileSync(file, 'utf8'), `${start}\n`)
    await later(here, HOUR - 1)
    assert.equal(readFileSync(file, 'utf8'), `${start}\n`)
    await later(here, 1)
    assert.equal(readFileSync(file, 'utf8'), `${start + 3600}\n`)
    here.writer.follow()
    assert.equal(here.clock.plans, 0)
    await here.clock.pass(10 * HOUR)
    assert.equal(readFileSync(file, 'utf8'), `${start + 3600}\n`)
    here.writer.lead()
    await resting(here)
    assert.equal(readFileSync(file, 'utf8'), `${start + 11 * 3600}\n`)
    await here.writer.close()
    assert.equal(here.clock.plans, 0)
    here.writer.lead()
    assert.equal(here.clock.plans, 0)
    assert.deepEqual(readdirSync(here.root).sort(), ['.trace', 'a'])
    assert.deepEqual(here.warnings, [])
  })

  test('may lie in folders, which are made', async (t) => {
    const here = setting(t, 'project/trace/origin')
    here.writer.lead()
    await resting(here)
    assert.deepEqual(readdirSync(join(here.root, 'project', 'trace')), ['origin'])
  })

  test('may lie in a folder that is a link within the root', async (t) => {
    const here = setting(t, 'link/trace', { 'folder/a': '' })
    symlinkSync('folder', join(here.root, 'link'))
    here.writer.lead()
    await resting(here)
    assert.deepEqual(readdirSync(join(here.root, 'folder')).sort(), ['a', 'trace'])
    assert.deepEqual(here.warnings, [])
  })

  test('takes the place of a link, and leaves alone where that led', async (t) => {
    const here = setting(t, '.trace')
    writeFiles(here.root, { '../elsewhere': 'kept' })
    symlinkSync('../elsewhere', join(here.root, '.trace'))
    here.writer.lead()
    await resting(here)
    assert.match(readFileSync(join(here.root, '.trace'), 'utf8'), /^\d+\n$/)
    assert.equal(readFileSync(join(here.root, '..', 'elsewhere'), 'utf8'), 'kept')
  })

  test('is never written outside the root', async (t) => {
    const here = setting(t, 'link/deep/trace')
    const outside = join(here.root, '..', 'outside')
    mkdirSync(outside)
    symlinkSync(outside, join(here.root, 'link'))
    here.writer.lead()
    await resting(here)
    assert.deepEqual(readdirSync(outside), [])
    assert.equal(here.warnings.length, 1)
    assert.match(here.warnings[0] ?? '', /^ERR_TRACE cannot write .* leads out of the root$/)
  })

  test('is not written to a mount point without its disk, and is when that is back', async (t) => {
    const here = setting(t, '.trace', {})
    here.writer.lead()
    await resting(here)
    assert.deepEqual(readdirSync(here.root), [])
    assert.match(here.warnings.join(), /^ERR_TRACE cannot write .*: the root is empty, or away$/)
    writeFiles(here.root, { a: '' })
    await later(here, 60_000)
    assert.deepEqual(readdirSync(here.root).sort(), ['.trace', 'a'])
  })

  test('that cannot be written is warned of once, and tried again', async (t) => {
    const here = setting(t, '.trace')
    mkdirSync(join(here.root, '.trace', 'in the way'), { recursive: true })
    here.writer.lead()
    await resting(here)
    for (let minute = 0; minute < 5; minute += 1) await later(here, 60_000)
    assert.equal(here.warnings.length, 1)
    assert.deepEqual(readdirSync(here.root).sort(), ['.trace', 'a'], 'nothing is left of the attempts')
    rmSync(join(here.root, '.trace'), { recursive: true })
    await later(here, 60_000)
    assert.match(readFileSync(join(here.root, '.trace'), 'utf8'), /^\d+\n$/)
    rmSync(here.root, { recursive: true })
    await later(here, HOUR)
    assert.equal(here.warnings.length, 2, 'what worked in between is new trouble')
  })
})
