import { execFile, spawnSync } from 'node:child_process'

/** Result of a program. */
export interface Finished {
  readonly status: number | null
  readonly stdout: string
  readonly stderr: string
  /** The program was killed because it ran longer than its limit. */
  readonly timedOut: boolean
}

/** Runs a real client and kills it after `limit` milliseconds. */
export function run(
  program: string,
  args: readonly string[],
  limit = 30_000,
  cwd?: string,
  env?: NodeJS.ProcessEnv,
): Promise<Finished> {
  return new Promise((resolve) => {
    const options = { timeout: limit, killSignal: 'SIGKILL' as const, cwd, env, maxBuffer: 64 * 1024 * 1024 }
    execFile(program, [...args], options, (error, stdout, stderr) => {
      const status = error === null ? 0 : typeof error.code === 'number' ? error.code : null
      resolve({ status, stdout, stderr, timedOut: error?.killed === true })
    })
  })
}

/**
 * Returns the reason to skip a test because a program is not installed: for the option `skip`.
 * Throws instead if `MIRRORED_BY_REQUIRE_CLIENTS` is set, as in CI.
 */
export function unlessInstalled(...programs: readonly string[]): string | false {
  const missing = programs.filter((program) => spawnSync(program, ['--version']).error !== undefined)
  if (missing.length === 0) return false
  const message = `${missing.join(' and ')} not installed`
  if (process.env.MIRRORED_BY_REQUIRE_CLIENTS) throw new Error(message)
  return message
}
