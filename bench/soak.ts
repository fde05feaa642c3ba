/*
 * npm run soak [-- MINUTES]
 *
 * Changes files and sends requests without a pause, for MINUTES or ten minutes. Prints memory and
 * descriptors of the process: both should be constant after the warm-up.
 */
import { randomBytes } from 'node:crypto'
import { mkdirSync, readdirSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { Agent, createServer, request } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import Koa from 'koa'
import serveStatic from 'koa-static'
import { mirroredBy } from '../lib/adapters/koa.js'
import { createOrigin } from '../lib/index.js'
import { machine } from './machine.js'
import { temporaryFolder } from './temporary.js'

const minutes = Number(process.argv[2] ?? 10)
const FOLDERS = 20
const FILES_A_FOLDER = 50
const CLIENTS = 8
/** Number of samples. */
const SAMPLES = 20
const WARM_UP_SAMPLES = 5

using folder = temporaryFolder()
const root = join(folder.path, 'root')
const anyFile = () => {
  const at = Math.floor(Math.random() * FOLDERS * FILES_A_FOLDER)
  return `folder-${at % FOLDERS}/file-${at}.bin`
}
for (let at = 0; at < FOLDERS * FILES_A_FOLDER; at += 1) {
  mkdirSync(join(root, `folder-${at % FOLDERS}`), { recursive: true })
  writeFileSync(join(root, `folder-${at % FOLDERS}/file-${at}.bin`), randomBytes(4096))
}

const mirrors = [{ id: 'm', url: 'http://m.invalid/', probe: false }]
const origin = await createOrigin({ root, mirrors, store: join(folder.path, 'index.sqlite'), settle: 100 })
let warnings = 0
origin.on('warning', (warning) => {
  warnings += 1
  console.error(warning.message)
})
const app = new Koa()
app.silent = true
app.use(mirroredBy(origin))
app.use(serveStatic(root))
const server = createServer(app.callback())
server.listen(0, '127.0.0.1')
await origin.ready
const { port } = server.address() as AddressInfo
const agent = new Agent({ keepAlive: true })

const end = performance.now() + minutes * 60_000
let changes = 0
let responses = 0

async function change(): Promise<void> {
  while (performance.now() < end) {
    const file = join(root, anyFile())
    if (changes % 50 === 49) {
      // Create and delete a folder.
      const passing = join(root, `passing-${changes}`)
      mkdirSync(passing)
      writeFileSync(join(passing, 'file'), randomBytes(100))
      await sleep(200)
      rmSync(passing, { recursive: true })
    } else {
      writeFileSync(`${root}/.new`, randomBytes(4096))
      renameSync(`${root}/.new`, file)
    }
    changes += 1
    await sleep(20)
  }
}

async function ask(): Promise<void> {
  const targets = [anyFile, () => `${anyFile()}.meta4`, () => `nothing-${Math.random()}`]
  while (performance.now() < end) {
    const path = `/${targets[responses % targets.length]?.()}`
    await new Promise<void>((resolve) => {
      const outgoing = request({ agent, port, path, method: responses % 2 ? 'HEAD' : 'GET' }, (response) => {
        response.resume()
        response.on('close', resolve)
      })
      outgoing.on('error', () => resolve())
      outgoing.end()
    })
    responses += 1
  }
}

async function sample(): Promise<void> {
  console.log(`${machine()}\n\nminute  RSS MiB  heap MiB  descriptors  responses  changes`)
  const seen: { rss: number; descriptors: number }[] = []
  for (let at = 1; at <= SAMPLES; at += 1) {
    await sleep((minutes * 60_000) / SAMPLES - 10)
    const { rss, heapUsed } = process.memoryUsage()
    const descriptors = readdirSync('/proc/self/fd').length
    seen.push({ rss, descriptors })
    const mib = (bytes: number) => (bytes / 1024 ** 2).toFixed(0)
    const row = [
      ((at * minutes) / SAMPLES).toFixed(1),
      mib(rss),
      mib(heapUsed),
      descriptors,
      responses,
      changes,
    ]
    console.log(
      row.map((value, column) => String(value).padStart([6, 9, 10, 13, 11, 9][column] ?? 9)).join(''),
    )
  }
  const warm = seen.slice(WARM_UP_SAMPLES)
  const range = (values: readonly number[]) => `${Math.min(...values)} to ${Math.max(...values)}`
  const rss = range(warm.map(({ rss }) => Math.round(rss / 1024 ** 2)))
  console.log(
    `\nafter the warm-up: RSS ${rss} MiB, descriptors ${range(warm.map(({ descriptors }) => descriptors))}`,
  )
}

await Promise.all([change(), sample(), ...Array.from({ length: CLIENTS }, ask)])
agent.destroy()
server.close()
server.closeAllConnections()
await origin.close()
console.log(
  `${responses} responses, ${changes} changes, ${warnings} warnings; closed, and nothing is left running`,
)
