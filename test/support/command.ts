import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { run as runProgram } from '../../lib/cli/program.js'
import { createOrigin, type OriginOptions } from '../../lib/index.js'
import { type Finished, run } from './client.js'
import { type Scope, temporaryFolder } from './folder.js'
import { until } from './until.js'

export const PROGRAM = fileURLToPath(new URL('../../lib/cli/main.js', import.meta.url))

/** Gives commands that run later in this test a cache folder of their own, for their index. */
export function withOwnCache(scope: Scope): void {
  delete process.env.STATE_DIRECTORY
  process.env.XDG_CACHE_HOME = temporaryFolder(scope)
}

/** Leaves the files of a server that has run with this root and has ended, for commands to read. */
export async function leaveServerFiles(
  root: string,
  options: Omit<OriginOptions, 'root'> = {},
): Promise<void> {
  const mirrors = [{ id: 'listed', url: 'https://listed.example/' }]
  const origin = await createOrigin({ mirrors, ...options, root, watch: false, probe: false, geo: false })
  await origin.ready
  await origin.close()
}

/** Runs a command to its end in a process of its own. */
export function mirroredByProcess(args: readonly string[], cwd?: string): Promise<Finished> {
  return run(process.execPath, [PROGRAM, ...args], 60_000, cwd)
}

/** Commands that depend on their process: its signals, its progress bar, its standard input. */
const BY_PROCESS = new Set(['serve', 'index', '-'])

/**
 * Runs a command to its end. It runs in this process if the command cannot tell the difference,
 * because this takes a tenth of the time.
 */
export async function mirroredBy(args: readonly string[], cwd?: string): Promise<Finished> {
  return cwd !== undefined || args.some((arg) => BY_PROCESS.has(arg))
    ? mirroredByProcess(args, cwd)
    : mirroredHere(args)
}

/** Runs a command in this process. The command must end by itself. */
export async function mirroredHere(args: readonly string[]): Promise<Finished> {
  let stdout = ''
  let stderr = ''
  const status = await runProgram(args, {
    out: (text) => {
      stdout += text
    },
    err: (text) => {
      stderr += text
    },
    progress: process.stderr,
  })
  return { status, stdout, stderr, timedOut: false }
}

/** A running `mirrored-by serve`. */
export interface Serving {
  readonly child: ChildProcess
  /** As printed after `listening on`. */
  readonly url: string
  readonly port: number
  stdout(): string
  stderr(): string
  /** Exit status, or the signal that ended the process. */
  readonly ended: Promise<number | NodeJS.Signals | null>
}

/** Starts a server, by default on a free port, and waits until its first pass is complete. */
export async function serving(scope: Scope, args: readonly string[], cwd?: string): Promise<Serving> {
  const port = args.includes('--config') || args.includes('--port') ? [] : ['--port', '0']
  const child = spawn(process.execPath, [PROGRAM, 'serve', ...args, ...port], { cwd })
  const ended = once(child, 'exit').then(([status, signal]) => status ?? signal)
  scope.after(async () => {
    if (child.exitCode === null) child.kill('SIGKILL')
    await ended
  })
  let stdout = ''
  let stderr = ''
  child.stdout.on('data', (chunk) => {
    stdout += chunk
  })
  child.stderr.on('data', (chunk) => {
    stderr += chunk
  })
  const url = await until(
    'the server is ready',
    () => {
      if (child.exitCode !== null) throw new Error(`it ended: ${stderr}`)
      return stdout.includes('indexed ') && /^listening on (\S+)$/m.exec(stdout)?.[1]
    },
    30_000,
  )
  return { child, url, port: Number(new URL(url).port), stdout: () => stdout, stderr: () => stderr, ended }
}
