import assert from 'node:assert/strict'
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import type { Scope } from './folder.js'
import { until } from './until.js'

/** A program of this package that runs beside a test. */
export interface Program {
  /** Standard output and standard error so far. */
  readonly said: string
  readonly pid: number
  /** Waits until the output matches. Fails if the program ends before. */
  says(pattern: RegExp): Promise<RegExpExecArray>
  /**
   * Sends a signal, if one is given, and waits for the exit status: null if a signal killed the
   * program.
   */
  ends(signal?: NodeJS.Signals): Promise<number | null>
}

/** Starts Node on a file. The program is ended with the test. */
export function startProgram(
  scope: Scope,
  args: readonly string[],
  options: { readonly env?: NodeJS.ProcessEnv; readonly cwd?: string } = {},
): Program {
  const { env = {}, cwd } = options
  const child: ChildProcess = spawn(process.execPath, [...args], { cwd, env: { ...process.env, ...env } })
  const exit = once(child, 'exit')
  scope.after(async () => {
    // SIGTERM first, so that the program can remove its files.
    child.kill('SIGTERM')
    const timer = setTimeout(() => child.kill('SIGKILL'), 5000)
    await exit
    clearTimeout(timer)
  })
  let said = ''
  for (const stream of [child.stdout, child.stderr]) {
    stream?.on('data', (text: Buffer) => {
      said += text.toString()
    })
  }
  const { pid } = child
  assert.ok(pid, 'it has started')
  return {
    pid,
    get said() {
      return said
    },
    says: (pattern) =>
      until(`${args.join(' ')} says ${pattern}`, () => {
        const match = pattern.exec(said)
        if (match === null) assert.equal(child.exitCode, null, `it ended: ${said}`)
        return match
      }),
    ends: async (signal) => {
      if (signal !== undefined) child.kill(signal)
      await until(`it ends: ${said}`, () => child.exitCode !== null || child.signalCode !== null)
      await exit
      return child.exitCode
    },
  }
}
