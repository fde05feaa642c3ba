import { execFile, spawnSync } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'

export interface Load {
  readonly url: string
  readonly method: 'GET' | 'HEAD'
  readonly seconds: number
  /** Where the script for wrk is written. */
  readonly folder: string
}

const CONNECTIONS = 32
const run = promisify(execFile)

/** As `wrk -v` says it; undefined where it is not installed. */
export function wrkVersion(): string | undefined {
  const { error, stdout } = spawnSync('wrk', ['-v'], { encoding: 'utf8' })
  return error === undefined ? stdout.split('\n')[0]?.replace(/ Copyright.*/, '') : undefined
}

/**
 * Requests a second that a server answers to wrk.
 *
 * @throws where any connection, read, write or status went wrong
 */
export async function load({ url, method, seconds, folder }: Load): Promise<number> {
  const script = join(folder, `${method}.lua`)
  writeFileSync(script, scriptFor(method))
  const args = ['-t1', `-c${CONNECTIONS}`, `-d${seconds}s`, '-s', script, url]
  const { stdout } = await run('wrk', args, { timeout: (seconds + 20) * 1000 })
  const [, requests, microseconds, errors] = /^measured (\d+) (\d+) (\d+)$/m.exec(stdout) ?? []
  if (errors !== '0') throw new Error(`wrk of ${method} ${url} had errors:\n${stdout}`)
  if (!(Number(requests) > 0)) throw new Error(`wrk of ${method} ${url} got no answer:\n${stdout}`)
  return Number(requests) / (Number(microseconds) / 1e6)
}

/** wrk counts a status above 399 as an error; its own report is for people, this one for us. */
function scriptFor(method: string): string {
  return `wrk.method = '${method}'
function done(summary)
  local e = summary.errors
  local errors = e.connect + e.read + e.write + e.status + e.timeout
  print(string.format('measured %d %d %d', summary.requests, summary.duration, errors))
end
`
}
