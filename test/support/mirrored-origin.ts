import assert from 'node:assert/strict'
import { cpSync, mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { mirroredBy } from '../../lib/adapters/node.js'
import type { Origin, OriginOptions } from '../../lib/index.js'
import { type FakeMirror, type FakeMirrorChoices, startFakeMirror } from './fake-mirror.js'
import { type Scope, temporaryFolder, writeFiles } from './folder.js'
import { startOrigin } from './origin.js'
import { rawRequest, values } from './raw.js'
import { listen } from './server.js'
import { plainFiles } from './setups.js'
import { until } from './until.js'

/** A mirror with its own copy of the repository. The copy can differ from the origin's files. */
export interface Copy {
  readonly id: string
  readonly folder: string
  readonly mirror: FakeMirror
}

/** Returns one of the copies. */
export function copyAt(copies: readonly Copy[], place: number): Copy {
  const copy = copies[place]
  assert.ok(copy)
  return copy
}

export interface MirroredRepository {
  readonly folder: string
  readonly root: string
  /** In the order of the list: m0, m1, … */
  readonly copies: readonly Copy[]
  readonly options: OriginOptions
}

/** Makes a repository and mirrors with copies of all its files, with equal times. */
export async function mirrorRepository(
  scope: Scope,
  files: Readonly<Record<string, string | Uint8Array>>,
  choices: readonly FakeMirrorChoices[] = [{}, {}, {}],
): Promise<MirroredRepository> {
  const folder = temporaryFolder(scope)
  const root = join(folder, 'root')
  mkdirSync(root)
  writeFiles(root, files)
  const copies = await Promise.all(
    choices.map(async (choice, index) => {
      const copy = join(folder, `copy${index}`)
      sync(root, copy)
      const mirror = await startFakeMirror(scope, copy, { host: `127.0.0.${index + 2}`, ...choice })
      return { id: `m${index}`, folder: copy, mirror }
    }),
  )
  const mirrors = copies.map(({ id, mirror: { url } }) => ({ id, url }))
  const store = join(folder, 'index.sqlite')
  // Only tests of challenges enable them.
  const options = { root, store, mirrors, presence: true, challenge: false, geo: false } as const
  return { folder, root, copies, options }
}

/** Brings a copy up to date, including file times. */
export function sync(root: string, copy: string): void {
  cpSync(root, copy, { recursive: true, preserveTimestamps: true })
}

export interface OpenedOrigin {
  readonly origin: Origin
  readonly url: string
  readonly port: number
}

export async function openOrigin(scope: Scope, options: OriginOptions): Promise<OpenedOrigin> {
  const origin = await startOrigin(scope, options)
  const { port, url } = await listen(scope, mirroredBy(origin, plainFiles(origin.root)))
  return { origin, port, url }
}

/** Returns the hosts that a response names for a file, each with the parameters of its link. */
export async function linkedHosts(port: number, path: string, fields = {}): Promise<Record<string, string>> {
  const answer = await rawRequest(port, 'HEAD', `/${path}`, fields)
  assert.ok(answer.status === 200 || answer.status === 302, `${answer.status}`)
  const links = values(answer, 'Link').filter((link) => link.includes('rel=duplicate'))
  return Object.fromEntries(
    links.map((link) => {
      const [, url = '', rest = ''] = /^<([^>]*)>; rel=duplicate; pri=\d+(.*)$/.exec(link) ?? []
      return [new URL(url).hostname, rest]
    }),
  )
}

/** Returns the ids of the mirrors that a response names for a file. */
export async function namedMirrors(port: number, path: string, fields = {}): Promise<string[]> {
  const hosts = Object.keys(await linkedHosts(port, path, fields))
  return hosts.map((host) => `m${Number(host.split('.')[3]) - 2}`).sort()
}

export async function untilNamed(port: number, path: string, ids: readonly string[], limit?: number) {
  await until(
    `${path} is named from ${ids.join(', ') || 'no mirror'}`,
    async () => (await namedMirrors(port, path)).join() === ids.join(),
    limit,
  )
}

/** Settles when every mirror has been surveyed once. */
export async function untilSurveyed(origin: Origin): Promise<void> {
  await until('every mirror is surveyed', () =>
    origin.mirrors().every(({ presence }) => presence.kind === 'assumed' || presence.survey !== undefined),
  )
}
