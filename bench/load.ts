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
  /** What is asked for in turns, and by whom; without it the path of `url`. */
  readonly asked?: readonly Asked[]
}

export interface Asked {
  readonly path: string
  /** Sent as X-Forwarded-For. */
  readonly address: string
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
export async function load({ url, method, seconds, folder, asked }: Load): Promise<number> {
  const script = join(folder, `${method}.lua`)
  writeFileSync(script, scriptFor(method) + (asked === undefined ? '' : turnsOf(method, asked)))
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

/** Requests written out once, so that wrk has no more to do than it has for one. */
function turnsOf(method: string, asked: readonly Asked[]): string {
  const rows = asked.map(({ path, address }) => `  { '${path}', '${address}' },`).join('\n')
  return `local asked = {
${rows}
}
local requests = {}
local turn = 0
function init()
  for index, one in ipairs(asked) do
    requests[index] = wrk.format('${method}', one[1], { ['X-Forwarded-For'] = one[2], ['Host'] = 'origin.example' })
  end
end
function request()
  turn = turn % #requests + 1
  return requests[turn]
end
`
}
