import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Mirror, Mode } from '../lib/index.js'
import { randomAddresses, seeded } from '../test/support/random.js'
import { type Server, startServer } from './child.js'
import { compare, interleave } from './compare.js'
import { type LoadRequest, load, wrkVersion } from './load.js'
import { sample } from './network.js'
import type { Line, Measurement } from './report.js'
import { capture, requireAlike, requireDecorated } from './responses.js'
import type { Scale } from './scale.js'
import type { FixedSetup } from './servers/fixed.js'
import type { NetworkSetup } from './servers/network-koa.js'
import { temporaryFolder } from './temporary.js'

/** Sources of mirrors and clients. */
export interface World {
  readonly mirrors: readonly Mirror[]
  /** Geo databases; undefined for the free country database. */
  readonly geo: string[] | undefined
}

const FILES = 1000
const CLIENTS = 10_000
/** Numbers of mirrors, ascending. */
const COUNTS = [20, 100, 527]

interface Case {
  readonly name: string
  readonly method: 'GET' | 'HEAD'
  readonly mode: Mode
  readonly reference: string
}

const CASES: readonly Case[] = [
  { name: 'network, redirect', method: 'GET', mode: 'redirect', reference: './servers/fixed-koa.js' },
  {
    name: 'network, HEAD',
    method: 'HEAD',
    mode: 'decorate',
    reference: './servers/fixed-koa-static.js',
  },
]

/** 1,000 files for 10,000 clients and few to many mirrors, against fixed responses. */
export function networks(scale: Scale['loads'], world: World): Measurement[] {
  return CASES.map((what) => ({
    name: what.name,
    obstacle: () => (wrkVersion() === undefined ? 'wrk is not installed' : undefined),
    run: () => measure(what, scale, world),
  }))
}

async function measure(what: Case, scale: Scale['loads'], world: World): Promise<Line[]> {
  using folder = temporaryFolder()
  const root = join(folder.path, 'root')
  mkdirSync(root)
  for (let index = 0; index < FILES; index += 1) writeFileSync(join(root, `image-${index}.iso`), '')
  const setupFor = (count: number): NetworkSetup => {
    // Write JSON, which is valid YAML, because a command line has a length limit.
    const mirrors = join(folder.path, `${count}.yaml`)
    writeFileSync(mirrors, JSON.stringify({ mirrors: sample(world.mirrors, count) }))
    return { root, store: join(folder.path, `${count}.sqlite`), mode: what.mode, mirrors, geo: world.geo }
  }
  const servers: Server[] = []
  try {
    for (const count of COUNTS) servers.push(await startServer('./servers/network-koa.js', setupFor(count)))
    const [few] = servers
    if (few === undefined) throw new RangeError('there is a smallest network')
    const example = await capture(urlOf(few), what.method)
    requireDecorated(example)
    const fixedSetup: FixedSetup = { root, status: example.status, fields: [...example.fields] }
    const fixed = await startServer(what.reference, fixedSetup)
    servers.push(fixed)
    requireAlike(example, await capture(urlOf(fixed), what.method))
    return linesOf(what.name, await rates(what.method, scale, servers, folder.path))
  } finally {
    for (const server of servers) server[Symbol.dispose]()
  }
}

/** Measures the requests per second of each server, by round, in turns. */
async function rates(
  method: Case['method'],
  { pairs, seconds, warmUp }: Scale['loads'],
  servers: readonly Server[],
  folder: string,
): Promise<number[][]> {
  const requests = randomAddresses(CLIENTS, seeded(1)).map((address, index): LoadRequest => {
    return { address, path: `/image-${index % FILES}.iso` }
  })
  const loadFor = (server: Server, time: number) =>
    load({ url: urlOf(server), method, seconds: time, folder, requests })
  for (const server of servers) await loadFor(server, warmUp)
  return interleave(
    pairs,
    servers.map((server) => () => loadFor(server, seconds)),
  )
}

function linesOf(name: string, all: readonly number[][]): Line[] {
  const reference = all.at(-1) ?? []
  const networks = all.slice(0, -1)
  const [smallest = [], largest = []] = [networks.at(0), networks.at(-1)]
  const unit = 'requests/s'
  const lines = networks.map((rates, index): Line => {
    const line = { name: `${name}, ${COUNTS[index]} mirrors`, unit, ...compare(rates, reference) } as const
    return index === 0 ? { ...line, aim: { atLeast: 0.75 } } : line
  })
  const growth = `  ${COUNTS.at(-1)} mirrors to ${COUNTS.at(0)}`
  return [...lines, { name: growth, unit, aim: { atLeast: 0.9 }, ...compare(largest, smallest) }]
}

function urlOf({ port }: Server): string {
  return `http://127.0.0.1:${port}/image-0.iso`
}
