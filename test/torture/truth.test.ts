import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { createHash, randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { readFileSync, writeFileSync } from 'node:fs'
import { Agent, request } from 'node:http'
import { join } from 'node:path'
import { it } from 'node:test'
import { fileURLToPath } from 'node:url'
import { temporaryFolder } from '../support/folder.js'
import { startOrigin } from '../support/origin.js'
import { listen } from '../support/server.js'
import { SETUPS } from '../support/setups.js'

/** Duration of the test, in milliseconds. */
const DURATION = Number(process.env.MIRRORED_BY_TORTURE_MS ?? 30_000)
/** Additional time, in milliseconds, for a slow machine that has not done enough by then. */
const PATIENCE = 600_000
const FILES = 200
const SIZE = 16 * 1024
const WRITERS = 3
const WRITER = fileURLToPath(new URL('./writer.js', import.meta.url))

interface Reply {
  readonly status: number
  readonly digest: string | undefined
  readonly body: Buffer
}

/** Responses, to be compared with the journal when it is complete. */
interface Claim {
  readonly file: string
  /** In hexadecimal. */
  readonly sha256: string
  readonly how: string
}

it(`sends no wrong digest in ${DURATION / 1000} s of replacing and rewriting`, {
  timeout: DURATION + PATIENCE + 60_000,
}, async (t) => {
  const root = temporaryFolder(t)
  const journal = join(temporaryFolder(t), 'journal')
  for (let index = 0; index < FILES; index += 1) {
    const content = randomBytes(SIZE)
    writeFileSync(join(root, `f${index}.bin`), content)
    writeFileSync(journal, `f${index}.bin ${createHash('sha256').update(content).digest('hex')}\n`, {
      flag: 'a',
    })
  }
  const servers: { name: string; port: number }[] = []
  const warnings: string[] = []
  for (const setup of SETUPS.slice(0, 3)) {
    const origin = await startOrigin(t, {
      root,
      serve: setup.serve,
      settle: 300,
      mirrors: [{ id: 'm', url: 'http://m.invalid/' }],
    })
    origin.on('warning', ({ message }) => warnings.push(message))
    const { port } = await listen(t, setup.listener(origin))
    servers.push({ name: setup.name, port })
  }

  const writers = Array.from({ length: WRITERS }, (_, number) =>
    spawn(
      process.execPath,
      [WRITER, root, journal, String(number), String(FILES), String(SIZE), String(number), String(WRITERS)],
      { stdio: ['pipe', 'inherit', 'inherit'] },
    ),
  )
  t.after(() => {
    for (const writer of writers) writer.kill('SIGKILL')
  })

  const claims: Claim[] = []
  const mixed: string[] = []
  const checks = { heads: 0, gets: 0, ranges: 0, metalinks: 0, withDigest: 0, complete: 0 }
  const end = performance.now() + DURATION
  const agent = new Agent({ keepAlive: true })

  /** Fails if the run proved too little: there must be changes, and digests in spite of them. */
  function isEnough(): boolean {
    const changes = contentsIn(journal) - FILES
    return changes > FILES && checks.withDigest > FILES && checks.complete > 20
  }

  function goesOn(): boolean {
    const now = performance.now()
    return now < end || (now < end + PATIENCE && !isEnough())
  }

  function claim(file: string, how: string, digest: string | undefined): void {
    if (digest === undefined) return
    checks.withDigest += 1
    claims.push({ file, how, sha256: Buffer.from(digest, 'base64').toString('hex') })
  }

  async function ask(port: number, name: string): Promise<void> {
    while (goesOn()) {
      const index = Math.floor(Math.random() * FILES)
      const file = `f${index}.bin`
      const kind = Math.floor(Math.random() * 4)
      if (kind === 0) {
        checks.heads += 1
        claim(file, `HEAD, ${name}`, (await fetchOnce(agent, port, 'HEAD', `/${file}`)).digest)
      } else if (kind === 1) {
        checks.gets += 1
        const { status, digest, body } = await fetchOnce(agent, port, 'GET', `/${file}`)
        claim(file, `GET, ${name}`, digest)
        const renamedOnly = Math.floor(index / WRITERS) % 2 === 0
        if (status !== 200 || digest === undefined || !renamedOnly) continue
        checks.complete += 1
        const received = createHash('sha256').update(body).digest('base64')
        if (received !== digest) mixed.push(`${file}, ${name}: ${digest} was sent with bytes of ${received}`)
      } else if (kind === 2) {
        checks.ranges += 1
        const range = { Range: 'bytes=100-199' }
        claim(file, `range, ${name}`, (await fetchOnce(agent, port, 'GET', `/${file}`, range)).digest)
      } else {
        checks.metalinks += 1
        const { body } = await fetchOnce(agent, port, 'GET', `/${file}.meta4`)
        const hash = /<hash type="sha-256">([0-9a-f]{64})</.exec(body.toString())?.[1]
        if (hash !== undefined) claim(file, `metalink, ${name}`, Buffer.from(hash, 'hex').toString('base64'))
      }
    }
  }

  await Promise.all(servers.flatMap(({ port, name }) => [ask(port, name), ask(port, name), ask(port, name)]))
  agent.destroy()
  for (const writer of writers) {
    writer.stdin.end()
    if (writer.exitCode === null) await once(writer, 'exit')
    assert.equal(writer.exitCode, 0)
  }

  const atRest = new Map<string, Set<string>>()
  for (const line of readFileSync(journal, 'utf8').trimEnd().split('\n')) {
    const [file = '', sha256 = ''] = line.split(' ')
    atRest.set(file, (atRest.get(file) ?? new Set<string>()).add(sha256))
  }
  const wrong = claims.filter(({ file, sha256 }) => !atRest.get(file)?.has(sha256))
  const changes = contentsIn(journal) - FILES
  t.diagnostic(`${changes} changes; ${JSON.stringify(checks)}; ${wrong.length + mixed.length} violations`)
  assert.deepEqual(wrong.slice(0, 5), [])
  assert.deepEqual(warnings, [])
  assert.deepEqual(mixed.slice(0, 5), [])
  assert.ok(isEnough(), `${changes} changes; ${JSON.stringify(checks)}`)
})

/** Returns the number of contents in a journal, which has a line for each. */
function contentsIn(journal: string): number {
  return readFileSync(journal, 'latin1').split('\n').length - 1
}

function fetchOnce(
  agent: Agent,
  port: number,
  method: string,
  path: string,
  headers: Readonly<Record<string, string>> = {},
): Promise<Reply> {
  return new Promise((resolve, reject) => {
    const asked = request({ agent, host: '127.0.0.1', port, method, path, headers }, (response) => {
      const chunks: Buffer[] = []
      response.on('data', (chunk: Buffer) => chunks.push(chunk))
      response.on('error', reject)
      response.on('end', () => {
        const line = [response.headers.digest].flat().find((value) => value?.includes('SHA-256='))
        const digest = /SHA-256=([^,]+)/.exec(line ?? '')?.[1]
        resolve({ status: response.statusCode ?? 0, digest, body: Buffer.concat(chunks) })
      })
    })
    asked.on('error', reject)
    asked.end()
  })
}
