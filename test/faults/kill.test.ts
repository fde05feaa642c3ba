import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { existsSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { it, type TestContext } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import Sqlite from 'better-sqlite3'
import { temporaryFolder, writeFiles } from '../support/folder.js'
import { Member } from '../support/member.js'
import { seeded } from '../support/random.js'
import { until } from '../support/until.js'

/** Set MIRRORED_BY_KILLS for a longer run. */
const KILLS = Number(process.env.MIRRORED_BY_KILLS ?? 50)
/** Set MIRRORED_BY_SEED to repeat a run, as far as the timing of other processes allows. */
const SEED = Number(process.env.MIRRORED_BY_SEED ?? Date.now() % 1_000_000)
const random = seeded(SEED)
/** Number of repositories tested at once. */
const LANES = 4
/** More than two batches of stored changes. */
const FILES = 1200

interface Row {
  readonly folder: string
  readonly name: string
  readonly size: bigint
  readonly mtime: bigint
  readonly ctime: bigint
  readonly sha256: Buffer
}

/** Compares every row with its file, and counts the rows. */
function check(root: string, store: string): { rows: number; compared: number } {
  if (!existsSync(store)) return { rows: 0, compared: 0 }
  const database = new Sqlite(store)
  try {
    assert.equal(database.pragma('integrity_check', { simple: true }), 'ok')
    const hasTable = database.prepare("SELECT 1 FROM sqlite_schema WHERE name = 'file'").get()
    if (!hasTable) return { rows: 0, compared: 0 }
    const rows = database
      .prepare<[], Row>('SELECT folder, name, size, mtime_ns AS mtime, ctime_ns AS ctime, sha256 FROM file')
      .safeIntegers()
      .all()
    let compared = 0
    for (const row of rows) {
      const file = join(root, row.folder, row.name)
      const stats = statSync(file, { bigint: true, throwIfNoEntry: false })
      if (stats?.size !== row.size || stats.mtimeNs !== row.mtime || stats.ctimeNs !== row.ctime) continue
      compared += 1
      assert.equal(
        row.sha256.toString('hex'),
        createHash('sha256').update(readFileSync(file)).digest('hex'),
        file,
      )
    }
    return { rows: rows.length, compared }
  } finally {
    database.close()
  }
}

/**
 * Kills a process at any moment from its start to `within` milliseconds after it began to index.
 */
async function killSometime(t: TestContext, repository: Repository, within: number): Promise<void> {
  const member = Member.fork(t, repository)
  if (random() < 0.8) await member.started()
  await sleep(random() * within)
  await member.kill()
  assert.deepEqual(member.warnings, [])
}

/**
 * Kills a process between two batches that it stores: timing alone hardly ever hits that moment.
 */
async function killBetweenBatches(t: TestContext, repository: Repository, batches: number): Promise<void> {
  const member = Member.fork(t, repository, { batches })
  assert.equal(await member.ended(), 'SIGKILL')
  assert.deepEqual(member.warnings, [])
}

/** Lets a process index everything, and returns the result with its duration. */
async function complete(
  t: TestContext,
  repository: Repository,
): Promise<{ files: number; hashed: number; milliseconds: number }> {
  const member = Member.fork(t, repository)
  await member.started()
  const begun = performance.now()
  const indexed = await until('everything is indexed', () => member.indexed)
  const milliseconds = performance.now() - begun
  await member.stop()
  assert.deepEqual(member.warnings, [])
  return { ...indexed, milliseconds }
}

interface Repository {
  readonly root: string
  readonly store: string
}

function repository(t: TestContext): Repository {
  const root = temporaryFolder(t)
  const store = join(temporaryFolder(t), 'index.sqlite')
  for (let index = 0; index < FILES; index += 1) {
    writeFiles(root, { [`folder${index % 20}/file${index}.bin`]: `content ${index}` })
  }
  return { root, store }
}

async function inLanes(kills: number, lane: (kill: () => boolean) => Promise<void>): Promise<void> {
  let left = kills
  const kill = (): boolean => {
    left -= 1
    return left >= 0
  }
  await Promise.all(Array.from({ length: LANES }, () => lane(kill)))
}

it(`survives ${KILLS} times kill -9 during first indexing`, { timeout: 900_000 }, async (t) => {
  t.diagnostic(`MIRRORED_BY_SEED=${SEED}`)
  let checks = 0
  let midway = 0
  const lane = async (kill: () => boolean) => {
    const { root, store } = repository(t)
    const { milliseconds } = await complete(t, { root, store })
    let one = repository(t)
    let stored = 0
    while (kill()) {
      // Nothing is stored yet, and there will be more than one batch.
      if (stored === 0 && (midway === 0 || random() < 0.5)) await killBetweenBatches(t, one, 1)
      else await killSometime(t, one, milliseconds)
      const { rows, compared } = check(one.root, one.store)
      checks += compared
      if (rows > stored && rows < FILES) midway += 1
      // Rows that were stored stay stored.
      assert.ok(rows >= stored, `${rows} rows after ${stored}`)
      stored = rows
      if (rows < FILES) continue
      // This repository is complete: the next start must read nothing.
      assert.deepEqual(await complete(t, one).then(({ hashed }) => hashed), 0)
      one = repository(t)
      stored = 0
    }
    const { files, hashed } = await complete(t, one)
    assert.equal(files, FILES)
    assert.equal(hashed, FILES - stored, 'what was finished is not repeated')
    checks += check(one.root, one.store).compared
  }
  await inLanes(KILLS, lane)
  t.diagnostic(`${checks} digests compared; ${midway} kills when a part was stored`)
  assert.ok(midway > 0)
})

it(`survives ${KILLS} times kill -9 during changes`, { timeout: 900_000 }, async (t) => {
  t.diagnostic(`MIRRORED_BY_SEED=${SEED}`)
  let checks = 0
  await inLanes(KILLS, async (kill) => {
    const { root, store } = repository(t)
    await complete(t, { root, store })
    let version = 0
    while (kill()) {
      const killed = killSometime(t, { root, store }, 300)
      let running = true
      void killed.finally(() => {
        running = false
      })
      while (running) {
        version += 1
        const index = Math.floor(random() * FILES)
        writeFileSync(join(root, `folder${index % 20}/file${index}.bin`), `version ${version}`)
        await sleep(5)
      }
      await killed
      checks += check(root, store).compared
    }
    const { files } = await complete(t, { root, store })
    assert.equal(files, FILES)
    const { rows, compared } = check(root, store)
    assert.deepEqual([rows, compared], [FILES, FILES])
    checks += compared
  })
  t.diagnostic(`${checks} digests compared`)
})
