import assert from 'node:assert/strict'
import { appendFileSync, renameSync, unlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, it, type TestContext } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { createOrigin, type MirroredByError, memoryStore, type Origin } from '../../lib/index.js'
import { temporaryFolder, writeFiles } from '../support/folder.js'
import { mmdb } from '../support/mmdb-writer.js'
import { startOrigin } from '../support/origin.js'
import { until } from '../support/until.js'

const CLIENT = '93.184.216.34'

function bytesOf(country: string): Buffer {
  return mmdb({ networks: { '93.184.216.0/24': { country_code: country } }, type: `of ${country}` })
}

interface Running {
  readonly folder: string
  readonly file: string
  readonly origin: Origin
  readonly warnings: MirroredByError[]
  country(): string | undefined
}

async function running(t: TestContext): Promise<Running> {
  const folder = temporaryFolder(t)
  const file = join(folder, 'geo.mmdb')
  writeFileSync(file, bytesOf('DE'))
  writeFiles(folder, { 'root/a': 'content' })
  const origin = await startOrigin(t, { root: join(folder, 'root'), geo: file })
  const warnings: MirroredByError[] = []
  origin.on('warning', (warning) => warnings.push(warning))
  return { folder, file, origin, warnings, country: () => origin.locate(CLIENT).country }
}

function replaceByRename({ folder, file }: Running, bytes: Buffer | string): void {
  const draft = join(folder, 'draft')
  writeFileSync(draft, bytes)
  renameSync(draft, file)
}

function replaceInPlace({ file }: Running, bytes: Buffer | string): void {
  writeFileSync(file, bytes)
}

const WAYS = { 'by rename': replaceByRename, 'in place': replaceInPlace } as const

// Concurrent, because these tests mostly wait.
describe('an origin', { concurrency: true }, () => {
  for (const [way, replace] of Object.entries(WAYS)) {
    it(`takes a good database that replaces another ${way}, and forgets where clients were`, async (t) => {
      const one = await running(t)
      const before = one.origin.locate(CLIENT)
      assert.equal(before.country, 'de')
      for (const country of ['FR', 'IT']) {
        replace(one, bytesOf(country))
        await until(`clients are in ${country}`, () => one.country() === country.toLowerCase())
      }
      assert.notEqual(one.origin.locate(CLIENT), before)
      assert.deepEqual(one.warnings, [])
    })

    for (const [what, bytes] of Object.entries({
      garbage: 'x'.repeat(100_000),
      nothing: '',
      'the first half of one': bytesOf('FR').subarray(0, 200),
      'a database of another type': mmdb({ networks: { '93.184.216.0/24': { is_tor: true } }, type: 'Tor' }),
    })) {
      it(`keeps the database when ${what} replaces it ${way}, and warns once`, async (t) => {
        const one = await running(t)
        replace(one, bytes)
        const warning = await until('there is a warning', () => one.warnings[0])
        assert.equal(warning.code, 'ERR_GEO')
        assert.ok(warning.message.startsWith(`cannot use ${one.file} as a geo database: `), warning.message)
        assert.ok(warning.message.endsWith('; the one read before stays in force'), warning.message)
        assert.equal(one.country(), 'de')
        replace(one, bytesOf('FR'))
        await until('the good one is used', () => one.country() === 'fr')
        assert.equal(one.warnings.length, 1)
      })
    }
  }

  it('keeps the database when its file is deleted, warns once, and takes the one that comes back', async (t) => {
    const one = await running(t)
    unlinkSync(one.file)
    await until('there is a warning', () => one.warnings.length > 0)
    assert.match(one.warnings[0]?.message ?? '', /ENOENT.*; the one read before stays in force$/)
    assert.equal(one.country(), 'de')
    writeFileSync(one.file, bytesOf('FR'))
    await until('the new one is used', () => one.country() === 'fr')
    assert.equal(one.warnings.length, 1)
  })

  it('waits for the end of a database that is written slowly', async (t) => {
    const one = await running(t)
    const whole = bytesOf('FR')
    writeFileSync(one.file, '')
    for (let start = 0; start < whole.length; start += 100) {
      appendFileSync(one.file, whole.subarray(start, start + 100))
      await sleep(300) // Less than the time for which a file must be quiet.
      assert.ok(['de', 'fr'].includes(one.country() ?? ''))
    }
    await until('it is used', () => one.country() === 'fr')
    assert.deepEqual(one.warnings, [])
  })

  it('answers without a pause while databases come and go', async (t) => {
    const one = await running(t)
    const seen = new Set<string | undefined>()
    for (let round = 1; round <= 2; round += 1) {
      for (const [bytes, isTaken] of [
        [bytesOf('FR'), () => one.country() === 'fr'],
        [`garbage ${round}`, () => one.warnings.length === 1],
        [bytesOf('DE'), () => one.country() === 'de'],
      ] as const) {
        replaceByRename(one, bytes)
        await until('it is seen', () => {
          seen.add(one.country())
          return isTaken()
        })
      }
    }
    assert.deepEqual([...seen].sort(), ['de', 'fr'])
    assert.equal(one.warnings.length, 1)
  })

  it('follows nothing where it is told so, nor after the end', async (t) => {
    const folder = temporaryFolder(t)
    const file = join(folder, 'geo.mmdb')
    writeFileSync(file, bytesOf('DE'))
    writeFiles(folder, { 'root/a': 'content' })
    const options = { root: join(folder, 'root'), geo: [file] }
    const still = await startOrigin(t, { ...options, watch: false })
    const closed = await startOrigin(t, options)
    await closed.close()
    const following = await startOrigin(t, options)
    writeFileSync(file, bytesOf('FR'))
    await until('who follows has the new one', () => following.locate(CLIENT).country === 'fr')
    assert.equal(still.locate(CLIENT).country, 'de')
    assert.equal(closed.locate(CLIENT).country, 'de')
    await Promise.all([still.close(), following.close()])
  })

  it('does not start with a bad database, and leaves nothing open', async (t) => {
    const folder = temporaryFolder(t)
    writeFiles(folder, { 'root/a': 'content', 'bad.mmdb': 'garbage' })
    await assert.rejects(
      createOrigin({ root: join(folder, 'root'), store: memoryStore(), geo: join(folder, 'bad.mmdb') }),
      { code: 'ERR_GEO', message: /bad\.mmdb as a geo database: it is no MMDB database/ },
    )
    // Nor with a good database and invalid mirrors.
    writeFileSync(join(folder, 'good.mmdb'), bytesOf('DE'))
    await assert.rejects(
      createOrigin({
        root: join(folder, 'root'),
        store: memoryStore(),
        geo: join(folder, 'good.mmdb'),
        mirrors: join(folder, 'bad.mmdb'),
      }),
      { code: 'ERR_MIRRORS_FILE' },
    )
  })
})
