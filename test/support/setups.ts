import { createReadStream, type Stats, statSync } from 'node:fs'
import type { RequestListener } from 'node:http'
import { join } from 'node:path'
import Koa, { type Middleware } from 'koa'
import serveStatic from 'koa-static'
import { mirroredBy as koaMirroredBy } from '../../lib/adapters/koa.js'
import { mirroredBy as nodeMirroredBy } from '../../lib/adapters/node.js'
import type { Origin } from '../../lib/index.js'

/** A way to mount an origin on a server. */
export interface Setup {
  readonly name: string
  /** Whether the origin itself sends the files, rather than a file server below it. */
  readonly serve: boolean
  listener(origin: Origin): RequestListener
  /** The same server without mirrored-by; undefined if the origin sends the files. */
  bare?(root: string): RequestListener
}

/** Every adapter, above a file server and with `serve: true`. */
export const SETUPS: readonly Setup[] = [
  {
    name: 'Koa above koa-static',
    serve: false,
    listener: (origin) => koa(koaMirroredBy(origin), serveStatic(origin.root)),
    bare: (root) => koa(serveStatic(root)),
  },
  {
    name: 'node:http above a handler',
    serve: false,
    listener: (origin) => nodeMirroredBy(origin, plainFiles(origin.root)),
    bare: plainFiles,
  },
  {
    name: 'Koa with serve: true',
    serve: true,
    listener: (origin) => koa(koaMirroredBy(origin)),
  },
  { name: 'node:http with serve: true', serve: true, listener: (origin) => nodeMirroredBy(origin) },
]

function koa(...layers: readonly Middleware[]): RequestListener {
  const app = new Koa()
  app.silent = true
  for (const layer of layers) app.use(layer)
  return app.callback()
}

/** The simplest file server: no ranges, no conditional requests. */
export function plainFiles(root: string): RequestListener {
  return (request, response) => {
    let path: string
    try {
      path = decodeURIComponent(new URL(request.url ?? '/', 'http://localhost').pathname)
    } catch {
      response.writeHead(400).end()
      return
    }
    const file = join(root, path)
    const stats = file.startsWith(root) ? statsOf(file) : undefined
    if (!stats?.isFile()) {
      response.writeHead(404, { 'Content-Type': 'text/plain' }).end('not here\n')
      return
    }
    // Without `writeHead` the head is sent with the first bytes, and so after the file was opened.
    response.setHeader('Content-Length', stats.size)
    response.setHeader('Last-Modified', stats.mtime.toUTCString())
    if (request.method === 'HEAD') response.end()
    else createReadStream(file).pipe(response)
  }
}

function statsOf(file: string): Stats | undefined {
  try {
    return statSync(file)
  } catch {
    return undefined
  }
}
