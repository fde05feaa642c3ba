import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type Server, startServer } from './child.js'
import { compare, interleave } from './compare.js'
import { load, wrkVersion } from './load.js'
import type { Aim, Line, Measurement } from './report.js'
import { capture, requireAlike, requireDecorated } from './responses.js'
import type { Scale } from './scale.js'
import type { FixedSetup } from './servers/fixed.js'
import type { OriginSetup } from './servers/origin.js'
import { temporaryFolder } from './temporary.js'

interface Case {
  readonly name: string
  readonly method: 'GET' | 'HEAD'
  readonly ours: string
  readonly reference: string
  readonly mode: OriginSetup['mode']
  readonly status: number
  readonly aim: Aim
}

const CASES: readonly Case[] = [
  {
    name: 'HEAD decorated above koa-static',
    method: 'HEAD',
    ours: './servers/decorating-koa.js',
    reference: './servers/fixed-koa-static.js',
    mode: 'decorate',
    status: 200,
    aim: { atLeast: 0.85 },
  },
  {
    name: 'redirect of Koa',
    method: 'GET',
    ours: './servers/redirecting-koa.js',
    reference: './servers/fixed-koa.js',
    mode: 'redirect',
    status: 302,
    aim: { atLeast: 0.75 },
  },
  {
    name: 'redirect of node:http',
    method: 'GET',
    ours: './servers/redirecting-node.js',
    reference: './servers/fixed-node.js',
    mode: 'redirect',
    status: 302,
    aim: { atLeast: 0.6 },
  },
]

/**
 * The requested file. Empty, because wrk waits for `Content-Length` bytes even after a HEAD. The
 * cost of a HEAD or a redirect does not depend on the size.
 */
const FILE = 'releases/image.iso'

/**
 * Requests per second, against a server of the same framework that sends the same fields as
 * constants.
 */
export function requests(scale: Scale['loads']): Measurement[] {
  return CASES.map((what) => ({
    name: what.name,
    obstacle: () => (wrkVersion() === undefined ? 'wrk is not installed' : undefined),
    run: async () => [await measure(what, scale)],
  }))
}

async function measure(what: Case, { pairs, seconds, warmUp }: Scale['loads']): Promise<Line> {
  using folder = temporaryFolder()
  const root = join(folder.path, 'root')
  mkdirSync(join(root, 'releases'), { recursive: true })
  writeFileSync(join(root, FILE), '')

  const originSetup: OriginSetup = { root, store: join(folder.path, 'index.sqlite'), mode: what.mode }
  using ours = await startServer(what.ours, originSetup)
  const example = await capture(urlOf(ours), what.method)
  if (example.status !== what.status) throw new Error(`${what.name} gave ${example.status}`)
  requireDecorated(example)

  const { status, fields } = example
  const fixedSetup: FixedSetup = { root, status, fields: [...fields] }
  using reference = await startServer(what.reference, fixedSetup)
  const servers = [ours, reference]
  const requireSame = async () =>
    requireAlike(await capture(urlOf(ours), what.method), await capture(urlOf(reference), what.method))

  await requireSame()
  const loadFor = (server: Server, time: number) =>
    load({ url: urlOf(server), method: what.method, seconds: time, folder: folder.path })
  for (const server of servers) await loadFor(server, warmUp)
  const [a = [], b = []] = await interleave(
    pairs,
    servers.map((server) => () => loadFor(server, seconds)),
  )
  await requireSame()
  return { name: what.name, unit: 'requests/s', aim: what.aim, ...compare(a, b) }
}

function urlOf({ port }: Server): string {
  return `http://127.0.0.1:${port}/${FILE}`
}
