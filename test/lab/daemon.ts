import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import type { Scope } from '../support/folder.js'
import { listens } from '../support/port.js'
import { until } from '../support/until.js'

export interface Daemon {
  readonly program: string
  readonly args: readonly string[]
  readonly host: string
  readonly port: number
  /**
   * Time zone of the server's local times. Default: UTC. In POSIX form, which needs no time zone
   * database: `IST-5:30` is five and a half hours ahead of UTC.
   */
  readonly zone?: string | undefined
}

/** Kills a server with SIGKILL. */
export type Kill = () => Promise<void>

/** Runs a server in the foreground until the test ends, and waits until it listens. */
export async function startDaemon(scope: Scope, daemon: Daemon): Promise<Kill> {
  const { program, args, host, port, zone = 'UTC' } = daemon
  const child = spawn(program, [...args], {
    stdio: ['ignore', 'pipe', 'pipe'],
    // Its own process group, for servers that fork.
    detached: true,
    env: { ...process.env, TZ: zone },
  })
  const kill = async (): Promise<void> => {
    if (child.exitCode !== null || child.signalCode !== null || child.pid === undefined) return
    process.kill(-child.pid, 'SIGKILL')
    await once(child, 'exit')
  }
  scope.after(kill)
  let output = ''
  for (const stream of [child.stdout, child.stderr]) {
    stream.on('data', (text: Buffer) => {
      output += text.toString()
    })
  }
  await until(`${program} listens`, () => {
    assert.equal(child.exitCode, null, `${program} ended: ${output}`)
    return listens(host, port)
  })
  return kill
}
