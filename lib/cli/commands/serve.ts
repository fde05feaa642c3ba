import { once } from 'node:events'
import {
  createServer,
  type IncomingMessage,
  type RequestListener,
  type Server,
  type ServerResponse,
} from 'node:http'
import { type Command, InvalidArgumentError, Option } from 'commander'
import Koa from 'koa'
import * as v from 'valibot'
import { indexPages, mirroredBy, routes } from '../../adapters/koa.js'
import { errorMessage, MirroredByError, systemCode } from '../../errors.js'
import { escapeUnprintable } from '../../message-text.js'
import { MODES } from '../../model.js'
import type { OriginOptions } from '../../options.js'
import { createOrigin, type Origin } from '../../origin.js'
import type { CommandContext } from '../command.js'
import { portSchema } from '../config.js'
import { FAILED, reportError } from '../exit-status.js'
import { CONFIG, type CommonFlags, GEO, MIRRORS, mergeFlags, STORE } from '../flags.js'
import type { Output, Terminal } from '../output.js'
import { requireStore } from '../store.js'

/** Time for running responses to finish after the signal to stop. */
const STOP_TIMEOUT_MS = 10_000

/**
 * Time for which an idle connection stays open. Proxies use idle connections again for a minute and
 * more. If the server closed one first, a request could cross the close and fail.
 */
const KEEP_ALIVE_MS = 120_000
/** Time for the head of a request. Longer than `KEEP_ALIVE_MS`, as Node demands. */
const HEAD_TIMEOUT_MS = KEEP_ALIVE_MS + 5000

/** Time after which clients may try again while the server starts. */
const START_RETRY_SECONDS = 1

/** Pause between two attempts to close idle connections while the server stops. */
const CLOSE_IDLE_MS = 50

/** Errors of a client that breaks a response off: no reason for a warning. */
const ABORT_CODES = ['ECONNRESET', 'EPIPE', 'ERR_STREAM_PREMATURE_CLOSE']

interface ServeOptions extends OriginOptions {
  port: number
  host: string
  indexPages: boolean
}

interface ServeFlags extends CommonFlags {
  quiet?: boolean
  verbose?: boolean
}

interface RunningServer {
  /** Stops: waits for running responses, STOP_TIMEOUT_MS at most, and flushes. */
  stop(): Promise<void>
  /** Reads the mirrors file and the geo databases again. */
  reload(): Promise<void>
}

/** Adds `mirrored-by serve`: an HTTP server for a repository. */
export function addServeCommand(program: Command, { output, terminal }: CommandContext): void {
  program
    .command('serve')
    .description('serve a repository')
    .argument('[root]', 'folder of the repository')
    .addOption(MIRRORS)
    .addOption(GEO)
    .option('--port <number>', 'port to listen on, 0 for a free one (default: 8080)', parsePort)
    .option('--host <address>', 'address to listen on (default: 127.0.0.1)')
    .addOption(
      new Option('--mode <mode>', 'decorate responses, or redirect to a mirror (default: decorate)').choices(
        MODES,
      ),
    )
    .addOption(STORE)
    .option('--base-url <url>', "URL of the repository's root on this server")
    .option('--trust-proxy <cidr...>', 'proxies whose X-Forwarded-* and Forwarded are believed')
    .option('--no-index-pages', 'send no pages that list the names of a folder')
    .option('--quiet', 'print warnings and errors only')
    .option('--verbose', 'print surveys and changed files too')
    .addOption(CONFIG)
    .action(async (root: string | undefined, { quiet, verbose, ...flags }: ServeFlags) => {
      if (quiet && verbose) throw new MirroredByError('ERR_OPTIONS', 'choose --quiet or --verbose, not both')
      const lines: Output = quiet ? { ...output, line: () => {} } : output
      const { port = 8080, host = '127.0.0.1', indexPages = true, ...options } = mergeFlags(root, flags)
      let server: RunningServer | undefined
      // While the server starts, it reads everything anyway.
      const reload = () => void server?.reload()
      process.on('SIGHUP', reload)
      try {
        server = await serve({ ...options, port, host, indexPages }, lines, verbose)
      } catch (error) {
        process.off('SIGHUP', reload)
        throw error
      }
      stopOnSignal(server, terminal)
    })
}

function parsePort(text: string): number {
  const port = v.safeParse(portSchema, /^\d+$/.test(text) ? Number(text) : Number.NaN)
  if (!port.success) throw new InvalidArgumentError('It must be a number from 0 to 65535.')
  return port.output
}

/** @throws MirroredByError ERR_LISTEN, and the errors of `createOrigin` */
async function serve(
  { port, host, indexPages: hasPages, ...originOptions }: ServeOptions,
  output: Output,
  isVerbose = false,
): Promise<RunningServer> {
  // A store that was named is to be used. Without one, a server works from memory too.
  if (originOptions.store !== undefined) requireStore(originOptions, output)
  // Listen first: a port that is taken is reported at once.
  let respond: RequestListener = respondWhileStarting
  const server = createServer((request, response) => respond(request, response))
  server.keepAliveTimeout = KEEP_ALIVE_MS
  server.headersTimeout = HEAD_TIMEOUT_MS
  const url = await listen(server, port, host)
  let origin: Origin
  try {
    origin = await createOrigin({ ...originOptions, serve: true, log: (line) => output.line(line) })
  } catch (error) {
    server.close()
    server.closeAllConnections()
    throw error
  }
  origin.on('warning', (warning) => output.warning(warning.message))
  origin.on('indexed', ({ files, seconds }) =>
    output.line(`indexed ${files} files in ${seconds.toFixed(1)} s`),
  )
  if (isVerbose) printDetails(origin, output)
  respond = application(origin, hasPages).callback()
  output.line(`listening on ${url.slice(0, -1)}`)
  return { stop: () => stop(server, origin), reload: () => reload(origin, output) }
}

/** Responds until the origin is there, so that no request hangs. */
function respondWhileStarting(_request: IncomingMessage, response: ServerResponse): void {
  response.writeHead(503, {
    'Retry-After': START_RETRY_SECONDS,
    'Cache-Control': 'no-store',
    'Content-Type': 'text/plain; charset=utf-8',
    Connection: 'close',
  })
  response.end('the server is starting\n')
}

async function reload(origin: Origin, output: Output): Promise<void> {
  await origin.reload()
  output.line('SIGHUP: the mirrors file and the geo databases are read again')
}

function printDetails(origin: Origin, output: Output): void {
  origin.on('surveyed', (id) => output.line(`surveyed ${id}`))
  origin.on('changed', (paths) => {
    for (const path of paths) output.line(`changed ${escapeUnprintable(path)}`)
  })
}

function application(origin: Origin, hasPages: boolean): Koa {
  const app = new Koa()
  app.on('error', (error: unknown) => {
    if (!ABORT_CODES.includes(systemCode(error) ?? '')) origin.warn(error)
  })
  app.use(mirroredBy(origin))
  app.use(routes(origin).routes())
  if (hasPages) app.use(indexPages(origin))
  app.use((ctx) => {
    ctx.status = 404
    ctx.body = 'there is no such file\n'
  })
  return app
}

async function listen(server: Server, port: number, host: string): Promise<string> {
  try {
    server.listen(port, host)
    await once(server, 'listening')
  } catch (error) {
    const isTaken = systemCode(error) === 'EADDRINUSE'
    const why = isTaken ? 'another server has the port' : errorMessage(error)
    const remedy = isTaken
      ? 'stop that one, or name another by --port (0 takes a free one)'
      : 'name another by --host or --port'
    throw new MirroredByError('ERR_LISTEN', `cannot listen on ${host}:${port}: ${why}; ${remedy}`, error)
  }
  const address = server.address()
  const bound = typeof address === 'object' && address !== null ? address.port : port
  return `http://${host.includes(':') ? `[${host}]` : host}:${bound}/`
}

async function stop(server: Server, origin: Origin): Promise<void> {
  const closed = once(server, 'close')
  server.close()
  // Again and again: a connection becomes idle when its response is sent.
  const idle = setInterval(() => server.closeIdleConnections(), CLOSE_IDLE_MS)
  const timer = setTimeout(() => server.closeAllConnections(), STOP_TIMEOUT_MS)
  await closed
  clearInterval(idle)
  clearTimeout(timer)
  await origin.close()
}

/**
 * Stops in good order at the first signal, and ends the process at the second. SIGHUP stops only a
 * server in a terminal, which is then gone; elsewhere it means to read files again.
 */
function stopOnSignal({ stop }: RunningServer, terminal: Terminal): void {
  let isStopping = false
  const onSignal = (): void => {
    if (isStopping) process.exit(FAILED)
    isStopping = true
    stop().then(
      () => process.exit(0),
      (error: unknown) => process.exit(reportError(error, terminal)),
    )
  }
  process.on('SIGTERM', onSignal)
  process.on('SIGINT', onSignal)
  if (process.stdout.isTTY) process.on('SIGHUP', onSignal)
}
