import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { mkdirSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { type Finished, run } from './client.js'
import { type FakeMirror, type Fault, startFakeMirror } from './fake-mirror.js'
import { pseudoRandomBytes, type Scope, temporaryFolder, writeFiles } from './folder.js'

/** Big enough for several mirrors with aria2's `-k1M`. */
export const BIG = pseudoRandomBytes(8 * 1024 * 1024)
export const NAME = 'big.iso'

/** Makes a repository with one big file. */
export function bigRepository(scope: Scope): string {
  const root = temporaryFolder(scope)
  writeFiles(root, { [NAME]: BIG })
  return root
}

/** Bytes per second of a mirror: slow enough for each of several mirrors to serve a part. */
const RATE = 4 * 1024 * 1024

/** Faults of a mirror, by what a client that downloads sees. */
const BEHAVIOURS = {
  ok: undefined,
  /** Right length and wrong bytes, as after a fault of the disk. */
  corrupt: { kind: 'wrong bytes', every: 1 },
  /** A longer file under the same name, as of another release. */
  'wrong size': { kind: 'wrong size', by: 4096 },
  missing: { kind: 'lacks' },
  /** Refuses connections. */
  refuses: undefined,
} satisfies Readonly<Record<string, Fault | undefined>>

export type Behaviour = keyof typeof BEHAVIOURS

/**
 * Starts mirrors on 127.0.0.2 and the addresses after it, because aria2 treats one host as one
 * server.
 */
export function startMirrors(
  scope: Scope,
  root: string,
  behaviours: readonly Behaviour[],
  rate = RATE,
): Promise<FakeMirror[]> {
  return Promise.all(
    behaviours.map(async (behaviour, index) => {
      const mirror = await startFakeMirror(scope, root, { host: `127.0.0.${index + 2}`, rate })
      mirror.fault = BEHAVIOURS[behaviour]
      if (behaviour === 'refuses') await mirror.refuse()
      return mirror
    }),
  )
}

/** Returns the option `mirrors` of an origin, with the first mirror as the most preferred. */
export function preferred(mirrors: readonly FakeMirror[]): { id: string; url: string; weight: number }[] {
  return mirrors.map(({ url }, index) => ({ id: new URL(url).hostname, url, weight: 100 - index }))
}

export interface Download extends Finished {
  /** The folder in which the client saved its files. */
  readonly folder: string
  readonly log: string
}

/** Runs aria2 with options that let it use several mirrors for a small file. */
export async function aria2(scope: Scope, ...args: readonly string[]): Promise<Download> {
  const folder = outputFolder(scope)
  const logFile = join(temporaryFolder(scope), 'aria2.log')
  const fixed = ['--no-conf', '--no-proxy=127.0.0.0/8', '-d', folder, '-s5', '-k1M', '-x1']
  const finished = await run('aria2c', [...fixed, `--log=${logFile}`, '--log-level=debug', ...args])
  return { ...finished, folder, log: readFileSync(logFile, 'utf8') }
}

/**
 * Runs wget2, which saves in its working directory. The time limit ends it, because wget2 can loop
 * for ever.
 */
export async function wget2(scope: Scope, url: string): Promise<Download> {
  const folder = outputFolder(scope)
  const finished = await run('wget2', ['--no-config', '--no-proxy', url], 30_000, folder)
  return { ...finished, folder, log: finished.stdout + finished.stderr }
}

function outputFolder(scope: Scope): string {
  const folder = join(temporaryFolder(scope), 'out')
  mkdirSync(folder)
  return folder
}

/** Fails unless the client succeeded and saved exactly this file, whole. */
export function assertDownloaded(download: Download, name: string, content: Buffer): void {
  const { status, timedOut, stdout, stderr, folder } = download
  assert.equal(timedOut, false, `still running at its limit\n${stdout}${stderr}`)
  assert.equal(status, 0, `${stdout}${stderr}`)
  assert.deepEqual(readdirSync(folder), [name])
  assert.equal(sha256(readFileSync(join(folder, name))), sha256(content))
}

export function sha256(content: Buffer): string {
  return createHash('sha256').update(content).digest('hex')
}

/** Returns the URLs that aria2 took from `Link` fields. */
export function addedUris(log: string): string[] {
  return [...log.matchAll(/Adding URI=(\S+)/g)].map(([, uri = '']) => uri)
}
