import { randomUUID } from 'node:crypto'
import { readFileSync, readlinkSync } from 'node:fs'
import { hostname } from 'node:os'
import { systemCode } from '../errors.js'

/**
 * Returns a name for the holder of a lease, which no other process has:
 * `<host>/<process number>/<random>/<name space>`.
 */
export function holderName(): string {
  return [hostname(), process.pid, randomUUID(), pidNamespace() ?? UNKNOWN].join('/')
}

/**
 * Returns whether a holder was a process that has certainly ended. Only a process of the same name
 * space can be judged: two containers may have the same host name, and see other processes by the
 * same numbers. A number that is in use proves nothing, because numbers of processes and threads
 * are reused.
 */
export function isDead(holder: string): boolean {
  const namespace = pidNamespace()
  const [host, pid, , ...rest] = holder.split('/')
  if (host !== hostname() || namespace === undefined || rest.join('/') !== namespace) return false
  try {
    process.kill(Number(pid), 0)
    return false
  } catch (error) {
    return systemCode(error) === 'ESRCH'
  }
}

const UNKNOWN = 'unknown'

/**
 * Returns a name for the set of processes that this process sees by their numbers: the boot of the
 * machine and its name space. Undefined if Linux does not tell. Other systems have one set.
 */
function pidNamespace(): string | undefined {
  if (process.platform !== 'linux') return 'one'
  try {
    const boot = readFileSync('/proc/sys/kernel/random/boot_id', 'latin1').trim()
    return `${boot}/${readlinkSync('/proc/self/ns/pid')}`
  } catch {
    return undefined
  }
}
