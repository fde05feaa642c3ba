import { createReadStream, type Stats, statSync } from 'node:fs'
import type { RequestListener } from 'node:http'
import { join } from 'node:path'
import Koa, { type Middleware } from 'koa'
import serveStatic from 'koa-static'
import { mirroredBy as koaMirroredBy } from '../../lib/adapters/koa.js'
import { mirroredBy as nodeMirroredBy } from '../../lib/adapters/node.js'
import type { Origin } from '../../lib/index.js'

/** A way to mount an origin: the listener that a server gets. */
export interface Setup {
  readonly name: string
  /** Whether the origin sends the files, and not somebody below it. */
  readonly serve: boolean
  listener(origin: Origin): RequestListener
  /** The same server without mirrored-by; nobody, where the origin sends the files. */
  bare?(root: string): RequestListener
}

/** Every adapter, above somebody else's file server and with its own. */
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

/** The file server that everybody has written once: no ranges, no conditions. */
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
    // No writeHead: the head goes out with the first bytes, and so when the file is open.
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
