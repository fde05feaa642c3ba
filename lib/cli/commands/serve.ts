import { once } from 'node:events'
import { createServer, type Server } from 'node:http'
import Koa from 'koa'
import proxyAddr from 'proxy-addr'
import { mirroredBy, routes } from '../../adapters/koa.js'
import { errorMessage, MirroredByError, systemCode } from '../../errors.js'
import type { OriginOptions } from '../../options.js'
import { createOrigin, type Origin } from '../../origin.js'
import type { Output } from '../output.js'
import { requireStore } from '../store.js'

export interface ServeOptions extends OriginOptions {
  port: number
  host: string
}

/** Milliseconds that running responses have to finish after the signal to stop. */
const STOP_TIMEOUT_MS = 10_000

export interface Served {
  readonly url: string
  readonly origin: Origin
  /** Lets running responses finish, for ten seconds at most, and flushes. */
  stop(): Promise<void>
}

/**
 * A server of its own for a repository: `mirrored-by serve`.
 *
 * @throws MirroredByError ERR_LISTEN, and those of `createOrigin`
 */
export async function serve(options: ServeOptions, output: Output): Promise<Served> {
  const { port, host, ...originOptions } = options
  requireStore(originOptions, output)
  // The port before the origin: on a loopback address it is part of the URLs that answers carry.
  const server = createServer()
  const url = await listen(server, port, host)
  let origin: Origin
  try {
    const baseUrl = originOptions.baseUrl ?? (isLoopback(host) ? url : undefined)
    origin = await createOrigin({ ...originOptions, baseUrl, serve: true })
  } catch (error) {
    server.close()
    throw error
  }
  origin.on('warning', (warning) => output.warning(warning.message))
  origin.on('indexed', ({ files, seconds }) =>
    output.line(`indexed ${files} files in ${seconds.toFixed(1)} s`),
  )
  server.on('request', application(origin).callback())
  output.line(`listening on ${url.slice(0, -1)}`)
  return { url, origin, stop: () => stop(server, origin) }
}

function application(origin: Origin): Koa {
  const app = new Koa()
  const trust = proxyAddr.compile([...origin.options.trustProxy])
  // What a client breaks off is no error of the server's.
  app.on('error', (error: unknown) => {
    if (!['ECONNRESET', 'EPIPE', 'ERR_STREAM_PREMATURE_CLOSE'].includes(systemCode(error) ?? ''))
      origin.warn(error)
  })
  app.use((ctx, next) => {
    ctx.request.ip = proxyAddr(ctx.req, trust)
    return next()
  })
  app.use(mirroredBy(origin))
  app.use(routes(origin).routes())
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
    const taken = systemCode(error) === 'EADDRINUSE'
    const why = taken ? 'another server has the port' : errorMessage(error)
    const remedy = taken
      ? 'stop that one, or name another by --port (0 takes a free one)'
      : 'name another by --host or --port'
    throw new MirroredByError('ERR_LISTEN', `cannot listen on ${host}:${port}: ${why}; ${remedy}`, error)
  }
  const address = server.address()
  const bound = typeof address === 'object' && address !== null ? address.port : port
  return `http://${host.includes(':') ? `[${host}]` : host}:${bound}/`
}

function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || host.startsWith('127.')
}

async function stop(server: Server, origin: Origin): Promise<void> {
  const closed = once(server, 'close')
  server.close()
  server.closeIdleConnections()
  const timer = setTimeout(() => server.closeAllConnections(), STOP_TIMEOUT_MS)
  await closed
  clearTimeout(timer)
  await origin.close()
}
