import { spawn, spawnSync } from 'node:child_process'
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { configureNginx } from '../test/lab/nginx.js'
import { configureRsync } from '../test/lab/rsync.js'
import { freePort, listens } from '../test/support/port.js'

/** A server of another program, which ends with its block, or at the latest with the process. */
export interface Daemon extends Disposable {
  readonly url: string
}

const HOST = '127.0.0.1'
/** Milliseconds. */
const START_TIME = 10_000

/** Whether a program is there. */
export function isInstalled(program: string): boolean {
  return spawnSync(program, ['--version']).error === undefined
}

/** @param folder for its configuration */
export async function startRsync(root: string, folder: string): Promise<Daemon> {
  const port = await freePort(HOST)
  const args = configureRsync(folder, root, HOST, port)
  return start('rsync', args, port, `rsync://${HOST}:${port}/repo/`)
}

/** @param folder for its configuration */
export async function startNginx(root: string, folder: string): Promise<Daemon> {
  const port = await freePort(HOST)
  const own = join(folder, 'nginx')
  mkdirSync(own)
  // wget is not to pay for a new connection every thousand requests.
  const http = ['keepalive_requests 1000000;']
  const args = configureNginx(own, `${HOST}:${port}`, [`root ${root};`, 'autoindex on;'], http)
  return start('nginx', args, port, `http://${HOST}:${port}/`)
}

/** It stands for another machine, and takes what time the others leave. */
async function start(program: string, args: readonly string[], port: number, url: string): Promise<Daemon> {
  const child = spawn('nice', ['-n', '19', program, ...args], { stdio: 'ignore' })
  const stop = (): void => {
    process.off('exit', stop)
    if (child.pid !== undefined && child.exitCode === null) process.kill(child.pid, 'SIGKILL')
  }
  process.on('exit', stop)
  const end = performance.now() + START_TIME
  while (!(await listens(HOST, port))) {
    if (child.exitCode !== null || performance.now() > end) {
      stop()
      throw new Error(`${program} does not listen`)
    }
    await sleep(20)
  }
  return { url, [Symbol.dispose]: stop }
}
