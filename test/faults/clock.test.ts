import assert from 'node:assert/strict'
import { linkSync, renameSync, statSync, unlinkSync, utimesSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, it, type TestContext } from 'node:test'
import { fileURLToPath } from 'node:url'
import Sqlite from 'better-sqlite3'
import { memoryStore, type Origin } from '../../lib/index.js'
import { replaceFile, type Scope, temporaryFolder, writeFiles } from '../support/folder.js'
import { Member, sha256 } from '../support/member.js'
import { startOrigin } from '../support/origin.js'
import { until } from '../support/until.js'

const HOUR = 3_600_000
const FILES = Object.fromEntries(
  Array.from({ length: 60 }, (_, index) => [`${index % 4}/${index}`, `content ${index}`]),
)

/** A clock that the test sets, for processes that start with this environment. */
function settableClock(scope: Scope): { readonly env: NodeJS.ProcessEnv; set(shift: number): void } {
  const file = join(temporaryFolder(scope), 'shift')
  const preload = fileURLToPath(new URL('../support/shifted-clock.js', import.meta.url))
  const set = (shift: number) => {
    // By rename, because the file may be read at every moment.
    writeFileSync(`${file}.new`, String(shift))
    renameSync(`${file}.new`, file)
  }
  set(0)
  return { env: { SHIFT_FILE: file, NODE_OPTIONS: `--import ${preload}` }, set }
}

function repository(scope: Scope): { readonly root: string; readonly store: string } {
  const root = temporaryFolder(scope)
  writeFiles(root, FILES)
  return { root, store: join(temporaryFolder(scope), 'index.sqlite') }
}

async function ready(...members: readonly Member[]): Promise<void> {
  await until('all are ready', () => members.every(({ indexed }) => indexed !== undefined))
}

for (const [jump, shift] of [
  ['back by an hour', -HOUR],
  ['forward by an hour', HOUR],
  ['back by a second', -1000],
  ['back by 30 years', -30 * 365 * 24 * HOUR],
] as const) {
  describe(`the clock is set ${jump}`, () => {
    it('while the origin runs: changes are seen, and nothing is hashed without need', async (t) => {
      const { root, store } = repository(t)
      const clock = settableClock(t)
      const member = Member.fork(t, { root, store }, clock)
      await ready(member)
      assert.equal(await member.hashed(), 60)
      clock.set(shift)
      writeFileSync(join(root, '0/0'), 'rewritten in place')
      await member.sees('0/0', 'rewritten in place')
      replaceFile(join(root, '1/1'), 'content X', statSync(join(root, '1/1')).mtime)
      await member.sees('1/1', 'content X')
      writeFiles(root, { 'new/one': 'new' })
      await member.sees('new/one', 'new')
      unlinkSync(join(root, '2/2'))
      await until('a removal is seen', async () => (await member.ask('2/2')).sha256 === undefined)
      // Once more with the right clock.
      clock.set(0)
      writeFileSync(join(root, '3/3'), 'right again')
      await member.sees('3/3', 'right again')
      for (const [path, content] of Object.entries(FILES).slice(4)) await member.sees(path, content)
      const hashed = await member.hashed()
      // A file that is rewritten in place may be read twice.
      assert.ok(hashed >= 64 && hashed < 70, `${hashed} hashed`)
      assert.deepEqual(member.warnings, [])
    })

    it('between two runs: nothing is hashed anew, and what changed meanwhile is', async (t) => {
      const { root, store } = repository(t)
      const clock = settableClock(t)
      const before = Member.fork(t, { root, store }, clock)
      await ready(before)
      await before.stop()
      clock.set(shift)
      replaceFile(join(root, '1/1'), 'content X', 1_000_000_000)
      const after = Member.fork(t, { root, store }, clock)
      await ready(after)
      const { files, hashed } = after.indexed ?? {}
      assert.deepEqual({ files, hashed }, { files: 60, hashed: 1 })
      await after.sees('1/1', 'content X')
      await after.stop()
      assert.deepEqual([...before.warnings, ...after.warnings], [])
    })
  })
}

for (const [jump, shift] of [
  ['back', -HOUR],
  ['forward', HOUR],
] as const) {
  it(`of two that share an index one leads, as before, when its clock is set ${jump} by an hour`, async (t) => {
    const { root, store } = repository(t)
    const clock = settableClock(t)
    const members = [Member.fork(t, { root, store }, clock)]
    await ready(...members)
    members.push(Member.fork(t, { root, store }))
    await ready(...members)
    const { holder } = leaseOf(store)
    clock.set(shift)
    // Longer than the other process would wait for a silent leader.
    const seen = new Set<number>()
    await until('the lease is renewed eight times', () => seen.add(leaseOf(store).expires).size > 8)
    assert.equal(leaseOf(store).holder, holder)
    writeFileSync(join(root, '0/0'), 'changed')
    await Promise.all(members.map((member) => member.sees('0/0', 'changed')))
    assert.equal(await members[1]?.hashed(), 0)
    assert.deepEqual(
      members.flatMap(({ warnings }) => warnings),
      [],
    )
  })
}

function leaseOf(store: string): { readonly holder: string; readonly expires: number } {
  const database = new Sqlite(store, { readonly: true })
  try {
    const row = database
      .prepare<[], { holder: string; expires: number }>('SELECT holder, expires_ms AS expires FROM lease')
      .get()
    assert.ok(row)
    return row
  } finally {
    database.close()
  }
}

it('a leader of another host, dead since before the clock was set back, is not waited for', async (t) => {
  const { root, store } = repository(t)
  const before = Member.fork(t, { root, store })
  await ready(before)
  await before.kill()
  const database = new Sqlite(store)
  database
    .prepare('UPDATE lease SET holder = ?, expires_ms = ?')
    .run('elsewhere.example/4711/x', Date.now() + HOUR)
  database.close()
  writeFileSync(join(root, '0/0'), 'changed since')
  const after = Member.fork(t, { root, store })
  // It follows for the length of a lease, and then leads.
  await after.sees('0/0', 'changed since')
  assert.equal((await after.ask()).hashed, 1)
  assert.deepEqual(after.warnings, [])
})

describe('a file whose time goes backwards, or stays, is noticed by what else changed', () => {
  const OLD = 1_000_000_000
  const changes: readonly (readonly [how: string, change: (file: string, content: string) => void])[] = [
    [
      'an older file of the same size is renamed into place',
      (file, content) => replaceFile(file, content, OLD),
    ],
    [
      'one of the same size and the very same time is renamed into place',
      (file, content) => replaceFile(file, content, statSync(file).mtime),
    ],
    [
      'it is rewritten in place, and its time set back',
      (file, content) => {
        writeFileSync(file, content)
        utimesSync(file, OLD, OLD)
      },
    ],
    [
      'it is rewritten in place, and its time set to what it was',
      (file, content) => {
        const { atime, mtime } = statSync(file)
        writeFileSync(file, content)
        utimesSync(file, atime, mtime)
      },
    ],
    [
      'an older file is linked in its place',
      (file, content) => {
        writeFileSync(`${file}.part`, content)
        utimesSync(`${file}.part`, OLD, OLD)
        unlinkSync(file)
        linkSync(`${file}.part`, file)
      },
    ],
  ]

  async function becomes(origin: Origin, content: string): Promise<void> {
    await until(`it is ${content}`, async () => {
      const digest = (await origin.lookup('sub/file'))?.digests['sha-256']
      return digest && Buffer.from(digest).toString('hex') === sha256(content)
    })
  }

  async function started(t: TestContext, watch: boolean | 'rescan') {
    const root = temporaryFolder(t)
    writeFiles(root, { 'sub/file': 'content 1' })
    const origin = await startOrigin(t, { root, watch, rescan: 100 })
    await becomes(origin, 'content 1')
    return { file: join(root, 'sub/file'), origin }
  }

  for (const [how, change] of changes) {
    it(`${how}: told by a watch`, async (t) => {
      const { file, origin } = await started(t, true)
      change(file, 'content 2')
      await becomes(origin, 'content 2')
    })

    it(`${how}: found by listing`, async (t) => {
      const { file, origin } = await started(t, 'rescan')
      change(file, 'content 2')
      await becomes(origin, 'content 2')
    })

    it(`${how}: while nothing runs`, async (t) => {
      const root = temporaryFolder(t)
      writeFiles(root, { 'sub/file': 'content 1' })
      const store = memoryStore()
      const before = await startOrigin(t, { root, store, watch: false })
      await before.close()
      change(join(root, 'sub/file'), 'content 2')
      const after = await startOrigin(t, { root, store, watch: false })
      await becomes(after, 'content 2')
      assert.equal(after.progress.hashed.files, 1)
    })

    it(`${how}: no request gets the digest of before`, async (t) => {
      const { file, origin } = await started(t, false)
      change(file, 'content 2')
      const plan = await origin.plan({
        method: 'GET',
        target: '/sub/file.meta4',
        header: () => undefined,
        address: '',
        secure: false,
        host: 'origin.example',
        mount: '',
      })
      assert.equal(plan.kind, 'reject')
    })
  }
})
