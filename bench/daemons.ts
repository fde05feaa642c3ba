import { spawn, spawnSync } from 'node:child_process'
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { configureNginx } from '../test/lab/nginx.js'
import { configureRsync } from '../test/lab/rsync.js'
import { freePort, listens } from '../test/support/port.js'

/** A server of another program, which ends with its block, or with the process at the latest. */
export interface Daemon extends Disposable {
  readonly url: string
}

const HOST = '127.0.0.1'
const START_TIMEOUT_MS = 10_000

/** Whether a program is installed. */
export function isInstalled(program: string): boolean {
  return spawnSync(program, ['--version']).error === undefined
}

/**
 * Starts an rsync daemon.
 *
 * @param folder for its configuration
 */
export async function startRsync(root: string, folder: string): Promise<Daemon> {
  const port = await freePort(HOST)
  const args = configureRsync(folder, root, HOST, port)
  return start('rsync', args, port, `rsync://${HOST}:${port}/repo/`)
}

/**
 * Starts nginx.
 *
 * @param folder for its configuration
 */
export async function startNginx(root: string, folder: string): Promise<Daemon> {
  const port = await freePort(HOST)
  const prefix = join(folder, 'nginx')
  mkdirSync(prefix)
  // Without this, wget would open a new connection every thousand requests.
  const http = ['keepalive_requests 1000000;']
  const args = configureNginx(prefix, `${HOST}:${port}`, [`root ${root};`, 'autoindex on;'], http)
  return start('nginx', args, port, `http://${HOST}:${port}/`)
}

/** Starts a daemon with the lowest priority, because it stands for another machine. */
async function start(program: string, args: readonly string[], port: number, url: string): Promise<Daemon> {
  const child = spawn('nice', ['-n', '19', program, ...args], { stdio: 'ignore' })
  const stop = (): void => {
    process.off('exit', stop)
    if (child.pid !== undefined && child.exitCode === null) process.kill(child.pid, 'SIGKILL')
  }
  process.on('exit', stop)
  const end = performance.now() + START_TIMEOUT_MS
  while (!(await listens(HOST, port))) {
    if (child.exitCode !== null || performance.now() > end) {
      stop()
      throw new Error(`${program} does not listen`)
    }
    await sleep(20)
  }
  return { url, [Symbol.dispose]: stop }
}
