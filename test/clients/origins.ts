import { createReadStream, statSync } from 'node:fs'
import type { RequestListener } from 'node:http'
import { join } from 'node:path'
import { pipeline } from 'node:stream'
import Koa from 'koa'
import serve from 'koa-static'
import { mirroredBy as koaMirroredBy } from '../../lib/adapters/koa.js'
import { mirroredBy as nodeMirroredBy } from '../../lib/adapters/node.js'
import type { Origin, OriginOptions } from '../../lib/index.js'
import type { Scope } from '../support/folder.js'
import { startOrigin } from '../support/origin.js'
import { listen } from '../support/server.js'
import { slowWay } from '../support/throttle.js'

/** A server as users build it, and the options that it needs. */
export interface Way {
  readonly name: string
  readonly options: Partial<OriginOptions>
  readonly listener: (origin: Origin) => RequestListener
}

export const KOA: Way = {
  name: 'Koa and koa-static',
  options: {},
  listener: (origin) => {
    const app = new Koa()
    app.silent = true // Clients break off what another mirror sends faster.
    app.use(koaMirroredBy(origin))
    app.use(serve(origin.root))
    return app.callback()
  },
}

export const NODE: Way = {
  name: 'node:http and a handler',
  options: {},
  listener: (origin) =>
    nodeMirroredBy(origin, (request, response) => {
      const file = join(origin.root, decodeURIComponent((request.url ?? '').slice(1)))
      response.writeHead(200, { 'Content-Length': statSync(file).size })
      if (request.method === 'HEAD') response.end()
      else pipeline(createReadStream(file), response, () => {})
    }),
}

export const SERVE: Way = {
  name: 'serve: true',
  options: { serve: true },
  listener: (origin) => nodeMirroredBy(origin),
}

export const WAYS: readonly Way[] = [KOA, NODE, SERVE]

export interface RunningOrigin {
  readonly origin: Origin
  readonly url: string
  /** `GET /path`, in order of arrival. */
  readonly requests: readonly string[]
}

/**
 * Bytes per second on each connection. Without a limit, the origin sends everything before a client
 * asks the first mirror.
 */
const RATE = 4 * 1024 * 1024

/**
 * Starts a server, with the URL on which it listens as its base URL, and waits for the first pass.
 */
export async function runOrigin(scope: Scope, way: Way, options: OriginOptions): Promise<RunningOrigin> {
  const requests: string[] = []
  let answer: RequestListener = () => {}
  const { port } = await listen(scope, (request, response) => {
    requests.push(`${request.method} ${request.url}`)
    answer(request, response)
  })
  const url = `http://127.0.0.1:${await slowWay(scope, port, RATE)}/`
  const origin = await startOrigin(scope, { baseUrl: url, ...way.options, ...options })
  answer = way.listener(origin)
  return { origin, url, requests }
}
