import assert from 'node:assert/strict'
import cluster from 'node:cluster'
import { Agent, request } from 'node:http'
import { join } from 'node:path'
import { it } from 'node:test'
import { replaceFile, temporaryFolder, writeFiles } from '../support/folder.js'
import { MEMBER_PROGRAM, Member, memberArguments, sha256 } from '../support/member.js'
import { until } from '../support/until.js'

const WORKERS = 3
const FILES = 60
const CLIENTS = 4

/** A response, as received. */
interface Reply {
  readonly method: string
  readonly path: string
  readonly pid: string
  /** In hexadecimal; undefined if the response had no digest. */
  readonly digest: string | undefined
  /** Digest of the received bytes, in hexadecimal. */
  readonly received: string
}

it('workers of node:cluster share one port and one index: one hashes, and when it is killed another does', async (t) => {
  const root = temporaryFolder(t)
  const store = join(temporaryFolder(t), 'index.sqlite')
  /** Digests of every content that each file ever had. */
  const contents = new Map<string, string[]>()
  const write = (path: string, content: string) => {
    contents.set(path, [...(contents.get(path) ?? []), sha256(content)])
    replaceFile(join(root, path), content)
  }
  writeFiles(root, { 'sub/x': '' })
  for (let index = 0; index < FILES; index += 1) write(`f${index}`, `content ${index}`)

  const members: Member[] = []
  const fork = () => {
    const member = new Member(cluster.fork().process)
    members.push(member)
    return member
  }
  cluster.setupPrimary({ exec: MEMBER_PROGRAM, args: memberArguments({ root, store, serve: true }) })
  t.after(() => Promise.all(members.map((member) => member.kill())))
  for (let count = 0; count < WORKERS; count += 1) fork()
  await until('all are ready, and listen', () =>
    members.every(({ indexed, port }) => indexed !== undefined && port !== undefined),
  )
  const alive = () => members.filter(({ isAlive }) => isAlive)
  const hashed = () => Promise.all(alive().map((member) => member.hashed()))
  assert.deepEqual(
    (await hashed()).toSorted((a, b) => a - b),
    [0, 0, FILES + 1],
  )
  const [port = 0, ...others] = new Set(members.map((member) => member.port))
  assert.deepEqual(others, [])

  // From here on, clients send requests without a pause.
  const replies: Reply[] = []
  const asked = new AbortController()
  const clients = Array.from({ length: CLIENTS }, () => askOn(port, asked.signal, replies))
  t.after(() => asked.abort())

  /** Replaces a file and waits until every worker sends the digest of its new content. */
  async function change(path: string, content: string): Promise<void> {
    write(path, content)
    const begun = performance.now()
    const after = new Map<string, number>()
    await until(`every worker tells of ${content}`, async () => {
      const reply = await ask(port, 'HEAD', path)
      if (reply?.digest === sha256(content) && !after.has(reply.pid))
        after.set(reply.pid, Math.round(performance.now() - begun))
      return alive().every(({ pid }) => after.has(String(pid)))
    })
    t.diagnostic(`${content}: told after ${[...after.values()].join(', ')} ms`)
  }
  await until('every worker has answered', () => new Set(replies.map(({ pid }) => pid)).size === WORKERS)
  for (let index = 0; index < 3; index += 1) await change(`f${index}`, `change ${index}`)
  assert.deepEqual(
    (await hashed()).toSorted((a, b) => a - b),
    [0, 0, FILES + 4],
  )

  // The hashing worker dies in the midst of changes; the primary starts another worker.
  const counts = await Promise.all(members.map((member) => member.hashed()))
  const leader = members[counts.indexOf(FILES + 4)]
  assert.ok(leader)
  const replaced = new Promise<Member>((resolve) => cluster.once('exit', () => resolve(fork())))
  for (let index = 10; index < 15; index += 1) write(`f${index}`, `as it died ${index}`)
  await leader.kill()
  const replacement = await replaced
  for (let index = 10; index < 13; index += 1) await change(`f${index}`, `after it died ${index}`)
  await until('the replacement is ready', () => replacement.indexed !== undefined)
  const after = await hashed()
  assert.equal(after.filter((count) => count > 0).length, 1, `${after} hashed`)

  // No digest is lost: every remaining worker sends the right digest of every file.
  for (const [path, digests] of contents) {
    for (const member of alive()) assert.equal((await member.ask(path)).sha256, digests.at(-1), path)
  }
  const before = replies.length
  await until('each has told many of them', () => {
    const lately = replies.slice(before).filter(({ digest }) => digest !== undefined)
    return alive().every((member) => lately.filter((reply) => reply.pid === String(member.pid)).length > 50)
  })
  asked.abort()
  await Promise.all(clients)

  const told = replies.filter(({ digest }) => digest !== undefined)
  const wrong = told.filter(({ path, digest = '' }) => !contents.get(path)?.includes(digest))
  const mixed = told.filter(({ method, digest, received }) => method === 'GET' && digest !== received)
  t.diagnostic(`${replies.length} answers, ${told.length} with digests`)
  assert.deepEqual(wrong.slice(0, 5), [])
  assert.deepEqual(mixed.slice(0, 5), [])
  for (const method of ['HEAD', 'GET']) assert.ok(told.some((reply) => reply.method === method))
  assert.deepEqual(
    members.flatMap(({ warnings }) => warnings),
    [],
  )
})

/** Requests one file after the other until the signal aborts. */
async function askOn(port: number, signal: AbortSignal, replies: Reply[]): Promise<void> {
  while (!signal.aborted) {
    const method = Math.random() < 0.5 ? 'HEAD' : 'GET'
    const reply = await ask(port, method, `f${Math.floor(Math.random() * FILES)}`)
    if (reply !== undefined) replies.push(reply)
  }
}

/** Connections are not reused, because the primary hands each one to another worker. */
const ONE_EACH = new Agent({ keepAlive: false })
/** Timeout of a connection, in milliseconds. */
const PATIENCE = 3000

/**
 * Returns a response; undefined if the worker died over the request. The primary does not report
 * the death of a worker to a connection that it had just handed over.
 */
function ask(port: number, method: string, path: string): Promise<Reply | undefined> {
  return new Promise((resolve, reject) => {
    const sent = request(
      { agent: ONE_EACH, host: '127.0.0.1', port, method, path: `/${path}` },
      (response) => {
        const chunks: Buffer[] = []
        response.on('data', (chunk: Buffer) => chunks.push(chunk))
        response.on('error', () => resolve(undefined))
        response.on('end', () => {
          if (response.statusCode !== 200) reject(new Error(`${method} ${path}: ${response.statusCode}`))
          const field = [response.headers['repr-digest']].flat().join()
          const digest = /sha-256=:([^:]+):/.exec(field)?.[1]
          resolve({
            method,
            path,
            pid: String(response.headers['x-process']),
            digest: digest && Buffer.from(digest, 'base64').toString('hex'),
            received: sha256(Buffer.concat(chunks)),
          })
        })
      },
    )
    sent.on('error', () => resolve(undefined))
    sent.setTimeout(PATIENCE, () => sent.destroy())
    sent.on('close', () => resolve(undefined))
    sent.end()
  })
}
