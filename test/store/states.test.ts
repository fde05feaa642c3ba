import assert from 'node:assert/strict'
import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { closeSync, existsSync, openSync, readdirSync, rmSync, writeFileSync, writeSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import Sqlite from 'better-sqlite3'
import type { MirroredByError } from '../../lib/errors.js'
import { defaultStatesFile } from '../../lib/store/location.js'
import { memoryStates } from '../../lib/store/memory-states.js'
import { STATES_SCHEMA } from '../../lib/store/migrations.js'
import { recoverableStates } from '../../lib/store/recoverable-store.js'
import { sqliteStates } from '../../lib/store/sqlite-states.js'
import { temporaryFolder } from '../support/folder.js'
import { BARE, behavesAsAStateStore, endpoint, event, FULL } from './states-suite.js'

behavesAsAStateStore('states in memory', () => memoryStates())
behavesAsAStateStore('states in SQLite', (t) => {
  const store = sqliteStates(join(temporaryFolder(t), 'states.sqlite'))
  t.after(() => store.close())
  return store
})
behavesAsAStateStore('states in SQLite, guarded', (t) => {
  const events = { rebuilt: () => assert.fail(), warning: (error: Error) => assert.fail(error) }
  const store = recoverableStates(join(temporaryFolder(t), 'states.sqlite'), events)
  t.after(() => store.close())
  return store
})

test('they lie beside the index', () => {
  assert.equal(defaultStatesFile('/var/lib/x/pub-1234.sqlite'), '/var/lib/x/pub-1234.mirrors.sqlite')
  assert.equal(defaultStatesFile('index.db'), 'index.db.mirrors.sqlite')
})

test('what one process applies, the other sees, and is told of by another version', async (t) => {
  const file = join(temporaryFolder(t), 'states.sqlite')
  const [one, other] = [sqliteStates(file), sqliteStates(file)]
  t.after(() => Promise.all([one.close(), other.close()]))
  const version = await other.version()
  assert.equal(await other.version(), version)
  await one.apply([endpoint(FULL), event('fra1', 1), { kind: 'disable', mirror: 'fra1', at: 5 }])
  assert.notEqual(await other.version(), version)
  const { endpoints, disabled } = await other.read()
  assert.deepEqual([endpoints, disabled], [[FULL], new Map([['fra1', 5]])])
  assert.equal((await other.events(0)).length, 1)
})

test('everything is there when it is opened again', async (t) => {
  const file = join(temporaryFolder(t), 'states.sqlite')
  const before = sqliteStates(file)
  await before.apply([
    endpoint(FULL),
    endpoint(BARE),
    event('fra1', 1),
    { kind: 'disable', mirror: 'b', at: 5 },
  ])
  const [states, events] = [await before.read(), await before.events(0)]
  await before.close()
  const after = sqliteStates(file)
  t.after(() => after.close())
  assert.deepEqual(await after.read(), states)
  assert.deepEqual(await after.events(0), events)
})

test('changes are applied all or none', async (t) => {
  const store = sqliteStates(join(temporaryFolder(t), 'states.sqlite'))
  t.after(() => store.close())
  const impossible = { ...BARE, family: 'ipv5' as 'ipv4' }
  assert.throws(() => store.apply([endpoint(FULL), event('a', 1), endpoint(impossible)]))
  assert.deepEqual(await store.read(), { endpoints: [], disabled: new Map(), requestedProbes: new Map() })
  assert.deepEqual(await store.events(0), [])
})

test('a file of a newer version is refused by its name, and left as it is', async (t) => {
  const file = join(temporaryFolder(t), 'states.sqlite')
  await sqliteStates(file).close()
  const database = new Sqlite(file)
  database.pragma(`user_version = ${STATES_SCHEMA.steps.length + 1}`)
  database.close()
  assert.throws(() => sqliteStates(file), {
    code: 'ERR_STORE_VERSION',
    message: /^the states of mirrors .* upgrade mirrored-by, or name another file by `mirrorStates`$/,
  })
})

test('a file that is broken is set aside, with a warning', async (t) => {
  const file = join(temporaryFolder(t), 'states.sqlite')
  writeFileSync(file, 'x'.repeat(10_000))
  const warnings: MirroredByError[] = []
  const store = recoverableStates(file, { rebuilt: () => {}, warning: (error) => warnings.push(error) })
  t.after(() => store.close())
  await store.apply([endpoint(FULL)])
  assert.deepEqual(
    warnings.map(({ code }) => code),
    ['ERR_STORE_BROKEN'],
  )
  assert.match(
    warnings[0]?.message ?? '',
    /^the states of mirrors .* mirrors count as up until they are probed$/,
  )
  assert.ok(readdirSync(dirname(file)).some((name) => name.includes('.corrupt-')))
})

test('a file that is broken or deleted under our hands is begun anew, and that is told', async (t) => {
  const file = join(temporaryFolder(t), 'states.sqlite')
  let rebuilt = 0
  const events = {
    rebuilt: () => {
      rebuilt += 1
    },
    warning: () => {},
  }
  const store = recoverableStates(file, events)
  t.after(() => store.close())
  await store.apply([endpoint(FULL)])
  for (const part of ['', '-wal', '-shm']) rmSync(file + part, { force: true })
  await store.version()
  assert.equal(rebuilt, 1)
  await store.apply([endpoint(BARE)])
  assert.ok(existsSync(file))
  const checkpoint = new Sqlite(file)
  checkpoint.pragma('wal_checkpoint(TRUNCATE)')
  checkpoint.close()
  const descriptor = openSync(file, 'r+')
  writeSync(descriptor, Buffer.alloc(8192, 7), 0, 8192, 0)
  closeSync(descriptor)
  assert.deepEqual((await store.read()).endpoints, [])
  assert.equal(rebuilt, 2)
})

test('what was applied survives kill -9 at any moment', async (t) => {
  const folder = temporaryFolder(t)
  const program = fileURLToPath(new URL('./write-states.js', import.meta.url))
  for (let round = 0; round < 20; round += 1) {
    const file = join(folder, `${round}.sqlite`)
    const child: ChildProcess = fork(program, [file], { stdio: 'ignore' })
    let applied = -1
    child.on('message', (message) => {
      applied = Number(message)
    })
    const exit = once(child, 'exit')
    await once(child, 'message')
    // A later moment.
    await new Promise((resolve) => setTimeout(resolve, round * 3))
    child.kill('SIGKILL')
    await exit
    const store = sqliteStates(file)
    const { endpoints, disabled } = await store.read()
    const events = await store.events(0)
    await store.close()
    const last = endpoints.find(({ mirror }) => mirror === 'm')?.since ?? -1
    assert.ok(last >= applied, `${last} and not ${applied}`)
    // Changes that were applied together have the same time.
    assert.equal(events.at(-1)?.at, last)
    assert.equal(disabled.get('m'), last)
    const database = new Sqlite(file)
    assert.equal(database.pragma('integrity_check', { simple: true }), 'ok')
    database.close()
  }
})

test('a file of every earlier version is brought up to date, with what is in it', async (t) => {
  for (let version = 1; version < STATES_SCHEMA.steps.length; version += 1) {
    const file = join(temporaryFolder(t), 'states.sqlite')
    const old = new Sqlite(file)
    for (const step of STATES_SCHEMA.steps.slice(0, version)) old.exec(step)
    old.exec(`INSERT INTO way (mirror, url, family, condition, since_ms, against, falls, probed_ms)
              VALUES ('nyc1', 'http://nyc1.example/', 'ipv4', 'unknown', 0, 0, 0, 0)`)
    old.pragma(`user_version = ${version}`)
    old.close()
    const store = sqliteStates(file)
    t.after(() => store.close())
    assert.deepEqual((await store.read()).endpoints, [BARE])
    await store.apply([endpoint(FULL)])
    assert.equal((await store.read()).endpoints.length, 2)
  }
})
