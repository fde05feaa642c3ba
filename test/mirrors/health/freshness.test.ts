import assert from 'node:assert/strict'
import { existsSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { describe, type TestContext, test } from 'node:test'
import { mirroredBy } from '../../../lib/adapters/node.js'
import { createOrigin, type Mode, memoryStore } from '../../../lib/index.js'
import { explain } from '../../../lib/mirrors/ranking/rank.js'
import { memoryStates } from '../../../lib/store/memory-states.js'
import { FakeClock } from '../../support/fake-clock.js'
import { startFaultyServer } from '../../support/faulty-server.js'
import { temporaryFolder, writeFiles } from '../../support/folder.js'
import { mirror } from '../../support/mirrors.js'
import { startOrigin } from '../../support/origin.js'
import { rawRequest, values } from '../../support/raw.js'
import { listen } from '../../support/server.js'
import { plainFiles } from '../../support/setups.js'
import { until } from '../../support/until.js'
import { type FakeChoices, type FakeWorld, fakeWorld, SOMEONE4 } from './fake-health.js'

const HOUR = 3_600_000
/** Maximum age of copies. */
const LIMIT = 600_000
const START = Date.UTC(2026, 0, 1)
const A = mirror('a', { trace: 'trace', maxAge: LIMIT })
const B = mirror('b', { trace: 'trace' })
const A_URL = 'https://a.example'

/** Makes a world in which every mirror has been probed once, with these trace files. */
async function traced(traces: FakeWorld['traces'], choices: Partial<FakeChoices> = {}): Promise<FakeWorld> {
  const world = fakeWorld({ mirrors: [A, B], ...choices })
  Object.assign(world.traces, traces)
  world.health.lead()
  await world.clock.pass(1000)
  return world
}

/** Returns the mirrors for a file that changed at this time. */
function given(world: FakeWorld, changed: number): string {
  return world.ids(SOMEONE4, false, changed).join('')
}

function healthOf({ registry, health }: FakeWorld, id: string) {
  const found = registry.snapshot.mirrors.find((one) => one.id === id)
  assert.ok(found)
  return health.of(found)
}

function told({ events }: FakeWorld, id: string): string[] {
  return events.filter((event) => event.mirror === id).map(({ state, reason }) => `${state}: ${reason}`)
}

const BEFORE = START - HOUR
const AFTER = START + 1
const IN_FORCE = { [A_URL]: `${START / 1000}\n`, 'https://b.example': '2025-12-31T00:00:00Z' }

describe('a mirror whose copy grows old', () => {
  test('is left out for what changed since, and given for the rest', async () => {
    const world = await traced(IN_FORCE)
    assert.deepEqual(healthOf(world, 'a').traced, new Date(START))
    assert.deepEqual(healthOf(world, 'a').endpoints[0]?.traced, new Date(START))
    await world.clock.pass(LIMIT - 2000)
    assert.deepEqual([given(world, BEFORE), given(world, AFTER)], ['ab', 'ab'])
    assert.deepEqual(told(world, 'a'), ['up: it answers'])
    await world.clock.pass(2000)
    assert.deepEqual([given(world, BEFORE), given(world, AFTER)], ['ab', 'b'])
    assert.deepEqual(told(world, 'a'), [
      'up: it answers',
      'up: its copy is from 2026-01-01T00:00:00Z, older than it may be',
    ])
    assert.equal(healthOf(world, 'a').reason, 'its copy is from 2026-01-01T00:00:00Z, older than it may be')
    const wanted = { path: 'p', changed: AFTER, secure: false }
    assert.deepEqual(explain(world.registry.snapshot, wanted, SOMEONE4, 'p').omitted, [
      { id: 'a', reason: 'its copy is from 2026-01-01T00:00:00Z, before the file changed' },
    ])
  })

  test('is given again when its trace is new, and newer traces let more files in', async () => {
    const world = await traced(IN_FORCE)
    await world.clock.pass(2 * LIMIT)
    assert.equal(given(world, AFTER), 'b')
    world.traces[A_URL] = `${(START + 60_000) / 1000}`
    await world.clock.pass(60_000)
    assert.deepEqual([given(world, AFTER), given(world, START + 60_001)], ['ab', 'b'])
    assert.equal(told(world, 'a').length, 2, 'it is as old as before, for who listens')
    world.traces[A_URL] = `${(START + 2 * LIMIT) / 1000}`
    await world.clock.pass(60_000)
    assert.equal(given(world, START + 3 * LIMIT), 'ab')
    assert.deepEqual(told(world, 'a').slice(2), ['up: it answers'])
  })

  test('does so where nobody probes it any more, within half a second', async () => {
    const world = await traced(IN_FORCE)
    world.health.follow()
    await world.clock.pass(LIMIT - 1000)
    assert.equal(given(world, AFTER), 'ab')
    await world.clock.pass(501)
    assert.equal(given(world, AFTER), 'b')
  })

  test('does so while it is down, which is no news; it is told when it is up', async () => {
    const world = await traced(IN_FORCE)
    world.doing[A_URL] = 'ECONNREFUSED'
    await world.clock.pass(2 * LIMIT)
    assert.deepEqual(told(world, 'a'), ['up: it answers', 'down: connection refused'])
    assert.deepEqual(healthOf(world, 'a').traced, new Date(START))
    delete world.doing[A_URL]
    await world.clock.pass(60_000)
    assert.equal(given(world, AFTER), 'b')
    assert.equal(told(world, 'a')[2], 'up: its copy is from 2026-01-01T00:00:00Z, older than it may be')
  })

  test('is known as that from the first moment after a restart', async () => {
    const states = memoryStates()
    const clock = new FakeClock()
    const before = await traced(IN_FORCE, { states, clock })
    await before.health.close()
    await clock.pass(2 * LIMIT)
    assert.equal(given(fakeWorld({ mirrors: [A, B], states, clock }), AFTER), 'b')
  })

  test('goes by the clock of this machine, wherever that is set to', async () => {
    const clock = new SetClock()
    const world = await traced(IN_FORCE, { clock })
    clock.set = 2 * LIMIT
    await world.clock.pass(500)
    assert.equal(given(world, AFTER), 'b')
    clock.set = 0
    await world.clock.pass(500)
    assert.equal(given(world, AFTER), 'ab')
  })

  test('may do so where nobody set a limit', async () => {
    const world = await traced(IN_FORCE)
    await world.clock.pass(3 * LIMIT)
    assert.equal(given(world, AFTER), 'b')
    assert.deepEqual(told(world, 'b'), ['up: it answers'])
    assert.deepEqual(healthOf(world, 'b').traced, new Date('2025-12-31T00:00:00Z'))
  })
})

class SetClock extends FakeClock {
  set = 0

  override wall(): number {
    return super.wall() + this.set
  }
}

describe('a mirror of whose copy nothing is known', () => {
  test('is given, whatever changed', async () => {
    const world = await traced({ [A_URL]: 'yesterday' })
    await world.clock.pass(2 * LIMIT)
    assert.equal(given(world, AFTER), 'ab')
    const { state, traced: time, endpoints } = healthOf(world, 'a')
    assert.deepEqual([state, time, endpoints[0]?.note], ['up', undefined, 'no time can be read in trace'])
  })

  test('is one whose trace says nothing any more', async () => {
    const world = await traced(IN_FORCE)
    await world.clock.pass(2 * LIMIT)
    assert.equal(given(world, AFTER), 'b')
    world.traces[A_URL] = ''
    await world.clock.pass(60_000)
    assert.equal(given(world, AFTER), 'ab')
  })

  test('is one whose trace is from a future that is far away', async () => {
    const world = await traced({ [A_URL]: '2027-01-01' })
    assert.equal(healthOf(world, 'a').traced, undefined)
  })
})

describe('an origin', { concurrency: true }, () => {
  /** Later than every file here; no clock is that far behind. */
  const fresh = () => new Date(Date.now() + HOUR).toISOString()

  /** Creates one file before the time of a trace, and one after it. */
  async function files(t: TestContext) {
    const root = temporaryFolder(t)
    writeFiles(root, { 'old.bin': 'old' })
    const { ctimeMs } = statSync(join(root, 'old.bin'))
    const between = await until('the clock has gone on', () => Date.now() > ctimeMs + 20 && Date.now())
    await until('it has gone on again', () => Date.now() > between + 20)
    writeFiles(root, { 'new.bin': 'new' })
    return { root, between: new Date(between).toISOString() }
  }

  /** Starts a mirror with this trace. */
  async function startTraced(t: TestContext, text: () => string) {
    const { url } = await startFaultyServer(t, (request, response) => {
      const content = request.url === '/.trace' ? text() : 'xxx'
      const last = Math.min(
        Number(/^bytes=0-(\d+)$/.exec(request.headers.range ?? '')?.[1]),
        content.length - 1,
      )
      const fields = { 'Content-Range': `bytes 0-${last}/${content.length}` }
      response.writeHead(206, fields).end(content.slice(0, last + 1))
    })
    return url
  }

  for (const mode of ['decorate', 'redirect'] as const satisfies Mode[]) {
    test(`names a mirror with an old copy for old files only, until it is renewed (${mode})`, async (t) => {
      const { root, between } = await files(t)
      let text = between
      const mirrors = [
        { id: 'stale', url: await startTraced(t, () => text), trace: '/.trace' },
        { id: 'fresh', url: await startTraced(t, fresh), trace: '/.trace' },
        { id: 'untold', url: await startTraced(t, fresh) },
      ]
      const choices = { root, mirrors, mode, maxAge: 300, probe: { interval: 1000 }, geo: false } as const
      const origin = await startOrigin(t, choices)
      const events: string[] = []
      origin.on('mirror', ({ id, state, reason }) => events.push(`${id} ${state}: ${reason}`))
      const { port } = await listen(t, mirroredBy(origin, plainFiles(root)))
      const named = async (target: string) => {
        const answer = await rawRequest(port, 'GET', target)
        const links = values(answer, 'Link').filter((link) => link.includes('rel=duplicate'))
        const urls = [...links.map((link) => link.slice(1, link.indexOf('>'))), ...values(answer, 'Location')]
        const origins = new Set(urls.map((url) => new URL(url).origin))
        return mirrors.filter(({ url }) => origins.has(new URL(url).origin)).map(({ id }) => id)
      }
      const metalink = async (path: string) =>
        (await rawRequest(port, 'GET', `${path}.meta4`)).body.toString()

      await until('its copy is too old', async () => !(await named('/new.bin')).includes('stale'))
      assert.deepEqual(await named('/new.bin'), ['fresh', 'untold'])
      assert.deepEqual(await named('/old.bin'), ['stale', 'fresh', 'untold'])
      const url = mirrors[0]?.url ?? ''
      const health = origin.mirrors()[0]?.health
      assert.deepEqual(
        [(await metalink('/new.bin')).includes(url), (await metalink('/old.bin')).includes(url)],
        [false, true],
      )
      const second = `${between.slice(0, 19)}Z`
      assert.deepEqual([health?.state, health?.traced?.toISOString()], ['up', between])
      assert.deepEqual(origin.rank('new.bin', '198.51.100.1').omitted, [
        { id: 'stale', reason: `its copy is from ${second}, before the file changed` },
      ])
      assert.equal(origin.rank('old.bin', '198.51.100.1').ranked.length, 3)
      // Events may have come before there was a listener; the last of each mirror is kept.
      const last = () => {
        const [latest] = origin.mirrors()[0]?.health.history ?? []
        return latest && `${latest.id} ${latest.state}: ${latest.reason}`
      }
      await until('it is told', () => last() === `stale up: its copy is from ${second}, older than it may be`)

      text = fresh()
      await until('it is named again', async () => (await named('/new.bin')).length === 3)
      await until('that is told', () => last() === 'stale up: it answers')
      assert.equal(events.at(-1), 'stale up: it answers')
    })
  }

  test('writes a trace file, again and again, and it is not in its index', async (t) => {
    const root = temporaryFolder(t)
    writeFiles(root, { 'a.bin': 'a' })
    const before = Math.floor(Date.now() / 1000)
    const origin = await startOrigin(t, { root, geo: false, writeTrace: { path: '/.trace', interval: '1s' } })
    const file = join(root, '.trace')
    const read = () => existsSync(file) && Number(readFileSync(file, 'utf8'))
    const first = await until('it is written', read)
    assert.ok(first >= before && first <= Date.now() / 1000)
    await until('it is written again', () => Number(read()) > first)
    assert.equal(await origin.lookup('.trace'), undefined)
  })

  test('that cannot write a trace file says so once, and goes on', async (t) => {
    const root = temporaryFolder(t)
    writeFiles(root, { 'a.bin': 'a', '.trace/in/the way': '' })
    const warnings: string[] = []
    const origin = await createOrigin({ root, geo: false, store: memoryStore(), writeTrace: '/.trace' })
    t.after(() => origin.close())
    origin.on('warning', ({ code }) => warnings.push(code))
    await origin.ready
    assert.ok(await origin.lookup('a.bin'))
    await until('it is warned of', () => warnings.length > 0)
    assert.deepEqual(warnings, ['ERR_TRACE'])
  })
})
