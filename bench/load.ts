import { execFile, spawnSync } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'

export interface Load {
  readonly url: string
  readonly method: 'GET' | 'HEAD'
  readonly seconds: number
  /** Folder for wrk's script. */
  readonly folder: string
  /** Requests to send in turns. Default: the path of `url`. */
  readonly requests?: readonly LoadRequest[]
}

export interface LoadRequest {
  readonly path: string
  /** Sent as X-Forwarded-For. */
  readonly address: string
}

const CONNECTIONS = 32
const run = promisify(execFile)

/** Returns the version by `wrk -v`; undefined if wrk is not installed. */
export function wrkVersion(): string | undefined {
  const { error, stdout } = spawnSync('wrk', ['-v'], { encoding: 'utf8' })
  return error === undefined ? stdout.split('\n')[0]?.replace(/ Copyright.*/, '') : undefined
}

/**
 * Measures the requests per second of a server by wrk.
 *
 * @throws if a connection, read, write or status failed
 */
export async function load({ url, method, seconds, folder, requests }: Load): Promise<number> {
  const script = join(folder, `${method}.lua`)
  writeFileSync(script, scriptFor(method) + (requests === undefined ? '' : turnsOf(method, requests)))
  const args = ['-t1', `-c${CONNECTIONS}`, `-d${seconds}s`, '-s', script, url]
  const { stdout } = await run('wrk', args, { timeout: (seconds + 20) * 1000 })
  const [, count, microseconds, errors] = /^measured (\d+) (\d+) (\d+)$/m.exec(stdout) ?? []
  if (errors !== '0') throw new Error(`wrk of ${method} ${url} had errors:\n${stdout}`)
  if (!(Number(count) > 0)) throw new Error(`wrk of ${method} ${url} got no response:\n${stdout}`)
  return Number(count) / (Number(microseconds) / 1e6)
}

/** Prints a report for this program. wrk counts a status above 399 as an error. */
function scriptFor(method: string): string {
  return `wrk.method = '${method}'
function done(summary)
  local e = summary.errors
  local errors = e.connect + e.read + e.write + e.status + e.timeout
  print(string.format('measured %d %d %d', summary.requests, summary.duration, errors))
end
`
}

/** Formats all requests in advance, so that wrk has no more work than with a single request. */
function turnsOf(method: string, requests: readonly LoadRequest[]): string {
  const rows = requests.map(({ path, address }) => `  { '${path}', '${address}' },`).join('\n')
  return `local rows = {
${rows}
}
local requests = {}
local turn = 0
function init()
  for index, row in ipairs(rows) do
    requests[index] = wrk.format('${method}', row[1], { ['X-Forwarded-For'] = row[2], ['Host'] = 'origin.example' })
  end
end
function request()
  turn = turn % #requests + 1
  return requests[turn]
end
`
}
