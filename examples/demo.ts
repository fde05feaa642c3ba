// Starts two origins and three mirrors on this machine, and prints commands to try. Run by `npm
// start`.
import { once } from 'node:events'
import { mkdirSync, mkdtempSync, ReadStream, rmSync, writeFileSync } from 'node:fs'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'
import { pipeline } from 'node:stream'
import { styleText } from 'node:util'
import Koa from 'koa'
import serve from 'koa-static'
import { createOrigin, type MirrorOptions, memoryStore, type OriginOptions } from 'mirrored-by'
import { indexPages, mirroredBy, routes, sameBytes } from 'mirrored-by/koa'
import prettyBytes from 'pretty-bytes'
import { type DemoMirror, type Sent, startMirror, throttle } from './demo-mirror.js'

/** The mirrors count as finished after this time without a byte sent. */
const QUIET_MS = 700
const MB = 1024 * 1024
const ISO = 'example.iso'
const NAME_WITH_SPACE = 'release notes.txt'

/**
 * Bytes per second and connection. The heaviest mirror is first, so clients that read the list in
 * order reach the slow one last.
 */
const MIRRORS = [
  { id: 'fra1', host: '127.0.0.2', location: 'de', weight: 200, rate: 4 * MB },
  { id: 'nyc1', host: '127.0.0.3', location: 'us', weight: 100, rate: 4 * MB },
  { id: 'syd1', host: '127.0.0.4', location: 'au', weight: 50, rate: 1 * MB },
] as const

/** Bytes per second. */
const ORIGIN_RATE = 1 * MB

/** Error codes that a client leaves when it closes the connection. */
const ABORT_CODES = ['ERR_STREAM_PREMATURE_CLOSE', 'ECONNRESET', 'EPIPE']

/** Cleanup steps, run in reverse order at the end. */
const undo: (() => unknown)[] = []

for (const signal of ['SIGINT', 'SIGTERM']) {
  process.once(signal, () => {
    if (process.stdout.isTTY) console.log('\nstopped')
    // By `exit`, because the demo may still be starting.
    void stop().then(() => process.exit())
  })
}

try {
  await start()
} catch (error) {
  console.error(`demo: ${explain(error)}`)
  process.exitCode = 1
  await stop()
}

async function start(): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'mirrored-by-'))
  // Runs however the process ends, except by SIGKILL.
  process.once('exit', () => rmSync(folder, { recursive: true, force: true }))
  const root = join(folder, 'repository')
  makeRepository(root)
  // wget2 saves files of a Metalink in the working directory, whatever -P says.
  for (const name of ['wget2', 'redirect']) mkdirSync(join(folder, 'out', name), { recursive: true })

  const report = createReport()
  const running: DemoMirror[] = []
  for (const { id, host, rate } of MIRRORS) {
    const mirror = await startMirror(id, host, root, rate, report)
    running.push(mirror)
    undo.push(() => close(mirror.server))
  }
  const mirrors = MIRRORS.map(({ id, location, weight }, index): MirrorOptions => {
    return { id, url: running[index]?.url, location, weight }
  })

  const wanted = Number(process.env.PORT ?? 8080)
  const decorating = await startOrigin({ root, mirrors, mode: 'decorate' }, wanted, report)
  const redirecting = await startOrigin({ root, mirrors, mode: 'redirect' }, 0, report)
  show(folder, decorating, redirecting, running)
}

function makeRepository(root: string): void {
  mkdirSync(join(root, 'docs'), { recursive: true })
  // Bytes that do not compress and differ in each piece.
  const iso = Buffer.alloc(8 * MB)
  for (let at = 0, state = 1; at < iso.length; at += 4) {
    state = (Math.imul(state, 1664525) + 1013904223) | 0
    iso.writeInt32LE(state ^ (state >>> 15), at)
  }
  writeFileSync(join(root, ISO), iso)
  writeFileSync(join(root, NAME_WITH_SPACE), 'Spaces in names are fine.\n')
  writeFileSync(join(root, 'docs', 'readme.txt'), 'Folders are fine too.\n')
}

/** Starts an origin on its own port, and waits for its first pass. */
async function startOrigin(options: OriginOptions, port: number, report: Sent): Promise<string> {
  // Listen first, because the port is part of the URLs in responses.
  const server = await listen(port)
  undo.push(() => close(server))
  const baseUrl = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`
  // Without probes, and thus without checks of files: the demo counts the bytes that mirrors send.
  const origin = await createOrigin({
    ...options,
    baseUrl,
    store: memoryStore(),
    settle: '50ms',
    probe: false,
  })
  undo.push(() => origin.close())
  const app = new Koa()
  // aria2 aborts downloads from mirrors that it no longer needs. Such errors are not printed.
  app.on('error', (error) => ABORT_CODES.includes(codeOf(error) ?? '') || console.error(error))
  app.use(slowly(report))
  app.use(mirroredBy(origin))
  app.use(routes(origin).routes())
  app.use(indexPages(origin))
  app.use(serve(options.root))
  server.on('request', app.callback())
  await origin.ready
  return baseUrl
}

/**
 * Slows the origin down. Otherwise it would send the whole file before a client requests a mirror.
 */
function slowly(report: Sent): Koa.Middleware {
  return async (ctx, next) => {
    await next()
    const { body, length, path } = ctx
    if (!(body instanceof ReadStream) || length === undefined) return
    const count = (bytes: number) => report('origin', basename(path), bytes)
    const slow = pipeline(body, throttle(ORIGIN_RATE, count), () => {})
    ctx.body = sameBytes(slow, body)
    ctx.length = length
  }
}

async function listen(port: number): Promise<Server> {
  const server = createServer()
  try {
    server.listen(port, '127.0.0.1')
    await once(server, 'listening')
    return server
  } catch (error) {
    if (codeOf(error) !== 'EADDRINUSE') throw error
    console.log(`port ${port} is taken by another server: taking a free one instead (PORT=… names yours)\n`)
    return listen(0)
  }
}

function show(folder: string, origin: string, redirecting: string, mirrors: readonly DemoMirror[]): void {
  const [bold, dim] = [style('bold'), style('dim')]
  const out = join(folder, 'out')
  const row = (name: string, url: string, text: string) => `  ${name.padEnd(10)}${url.padEnd(25)}${dim(text)}`
  const commands: [what: string, command: string][] = [
    ['What the origin says of a file: its mirrors, its digests, its metalink', `curl -I ${origin}${ISO}`],
    [
      'From all mirrors at once, the digest checked at the end',
      `aria2c --no-conf -d ${out} -s5 -k1M -x1 ${origin}${ISO}`,
    ],
    ['By its metalink, every piece checked', `(cd ${out}/wget2 && wget2 --no-config ${origin}${ISO}.meta4)`],
    [
      'By redirect, which wget2 reads for the metalink',
      `(cd ${out}/redirect && wget2 --no-config ${redirecting}${ISO})`,
    ],
    ['A name with a space', `curl -I ${origin}${encodeURIComponent(NAME_WITH_SPACE)}`],
    ['How far the index is', `curl ${origin}.mirrored-by/status`],
  ]
  const lines = [
    `${bold('mirrored-by')}: the demo is running`,
    '',
    row('origin', origin, `tells of mirrors and digests, ${ORIGIN_RATE / MB} MB/s`),
    row('redirect', redirecting, 'the same files, by redirect to a mirror'),
    ...mirrors.map(({ id, url, rate }, index) =>
      row(id, url, `a mirror in ${MIRRORS[index]?.location}, ${rate / MB} MB/s`),
    ),
    '',
    'Try in another terminal:',
    ...commands.flatMap(([what, command]) => ['', dim(`  # ${what}`), `  ${command}`]),
    '',
    `Files are in ${folder}/repository.`,
    `Ctrl-C stops everything and removes ${folder}.`,
  ]
  console.log(lines.join('\n'))
}

/** Prints what the mirrors have sent, once they have been idle for a moment. */
function createReport(): Sent {
  const sums = new Map<string, Map<string, number>>()
  const print = (): void => {
    for (const [name, byMirror] of sums) {
      const shares = [...byMirror]
        .sort()
        .map(([id, bytes]) => `${id} ${prettyBytes(bytes, { binary: true })}`)
      console.log(`${name}: ${shares.join(', ')}`)
    }
    sums.clear()
  }
  const timer = setTimeout(print, QUIET_MS)
  undo.push(() => clearTimeout(timer))
  return (id, name, bytes) => {
    const byMirror = sums.get(name) ?? new Map<string, number>()
    sums.set(name, byMirror.set(id, (byMirror.get(id) ?? 0) + bytes))
    timer.refresh()
  }
}

async function close(server: Server): Promise<void> {
  server.closeAllConnections()
  server.close()
  await once(server, 'close')
}

async function stop(): Promise<void> {
  for (const step of undo.splice(0).reverse()) await step()
}

function style(format: 'bold' | 'dim'): (text: string) => string {
  const colours = process.stdout.isTTY && process.stdout.hasColors()
  return (text) => (colours ? styleText(format, text) : text)
}

function explain(error: unknown): string {
  if (codeOf(error) !== 'EADDRNOTAVAIL') return error instanceof Error ? error.message : String(error)
  const hosts = MIRRORS.map(({ host }) => host)
  return [
    `the mirrors need the loopback addresses ${hosts.join(', ')}, which this system does not have.`,
    'On macOS, add them until the next restart:',
    ...hosts.map((host) => `  sudo ifconfig lo0 alias ${host} up`),
  ].join('\n')
}

function codeOf(error: unknown): string | undefined {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : undefined
}
