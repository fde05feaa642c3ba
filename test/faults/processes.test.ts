import assert from 'node:assert/strict'
import { type ChildProcess, fork } from 'node:child_process'
import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { it, type TestContext } from 'node:test'
import { fileURLToPath } from 'node:url'
import { temporaryFolder, writeFiles } from '../support/folder.js'
import { until } from '../support/until.js'

const PROGRAM = fileURLToPath(new URL('./indexing-process.js', import.meta.url))

interface Told {
  readonly id?: number
  readonly sha256?: string
  readonly hashed?: number
  readonly indexed?: { readonly files: number; readonly hashed: number }
  readonly warning?: string
}

class Member {
  readonly #child: ChildProcess
  readonly warnings: string[] = []
  indexed: Told['indexed']
  #asked = 0

  constructor(t: TestContext, root: string, store: string) {
    this.#child = fork(PROGRAM, [root, store], { stdio: ['ignore', 'ignore', 'inherit', 'ipc'] })
    this.#child.on('message', (told: Told) => {
      if (told.warning !== undefined) this.warnings.push(told.warning)
      if (told.indexed !== undefined) this.indexed = told.indexed
    })
    t.after(() => this.#child.kill('SIGKILL'))
  }

  async ask(lookup?: string): Promise<Told> {
    this.#asked += 1
    const id = this.#asked
    this.#child.send({ id, lookup })
    for (;;) {
      const [told]: Told[] = await once(this.#child, 'message')
      if (told?.id === id) return told
    }
  }

  async kill(): Promise<void> {
    this.#child.kill('SIGKILL')
    await once(this.#child, 'exit')
  }

  async stop(): Promise<void> {
    this.#child.send({ stop: true })
    await once(this.#child, 'exit')
  }
}

const sha256 = (content: string) => createHash('sha256').update(content).digest('hex')

async function sees(member: Member, path: string, content: string, limit: number): Promise<void> {
  const expected = sha256(content)
  await until(`${path} is ${content}`, async () => (await member.ask(path)).sha256 === expected, limit)
}

it('of several processes that share an index one hashes, and the others read', async (t) => {
  const root = temporaryFolder(t)
  const store = join(temporaryFolder(t), 'index.sqlite')
  const files = Object.fromEntries(
    Array.from({ length: 500 }, (_, index) => [`${index % 7}/${index}`, `${index}`]),
  )
  writeFiles(root, files)
  let members = [new Member(t, root, store), new Member(t, root, store), new Member(t, root, store)]
  await until('all are ready', () => members.every(({ indexed }) => indexed !== undefined), 20_000)
  assert.deepEqual(members.map(({ indexed }) => indexed?.hashed).toSorted(), [0, 0, 500])
  assert.deepEqual(
    members.map(({ indexed }) => indexed?.files),
    [500, 500, 500],
  )

  // A change is hashed once, and seen by all: by the followers within a second of the leader.
  writeFileSync(join(root, '1/1'), 'changed')
  await Promise.all(members.map((member) => sees(member, '1/1', 'changed', 3000)))
  const hashed = async () => Promise.all(members.map(async (member) => (await member.ask()).hashed ?? 0))
  assert.deepEqual((await hashed()).toSorted(), [0, 0, 501])

  // The one that hashes is killed: another takes over, and what happened meanwhile is not lost.
  const leader = members[(await hashed()).indexOf(501)]
  assert.ok(leader)
  writeFileSync(join(root, '2/2'), 'changed as it died')
  await leader.kill()
  members = members.filter((member) => member !== leader)
  await Promise.all(members.map((member) => sees(member, '2/2', 'changed as it died', 5000)))
  writeFileSync(join(root, '3/3'), 'changed under the next')
  await Promise.all(members.map((member) => sees(member, '3/3', 'changed under the next', 3000)))
  assert.deepEqual((await hashed()).toSorted(), [0, 2])

  // The next goes in good order: the last takes over at once.
  const next = members[(await hashed()).indexOf(2)]
  const last = members.find((member) => member !== next)
  assert.ok(next && last)
  await next.stop()
  writeFileSync(join(root, '4/4'), 'changed under the last')
  await sees(last, '4/4', 'changed under the last', 5000)
  assert.deepEqual([...next.warnings, ...last.warnings, ...leader.warnings], [])
  await last.stop()
})
