import assert from 'node:assert/strict'
import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { readdirSync } from 'node:fs'
import { hostname } from 'node:os'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { holderName, isDead } from '../../lib/store/holder.js'
import { temporaryFolder, writeFiles } from '../support/folder.js'
import { MEMBER_PROGRAM, type MemberMessage, memberArguments } from '../support/member.js'
import { until } from '../support/until.js'

const [, , , ...rest] = holderName().split('/')
const HERE = rest.join('/')
/** A number of a process that has just ended. */
const ENDED = spawnSync(process.execPath, ['--version']).pid

describe('the holder of a lease', () => {
  for (const [what, host, pid, namespace, expected] of [
    ['a process that has ended', hostname(), ENDED, HERE, true],
    ['this process', hostname(), process.pid, HERE, false],
    ['a process of another name space', hostname(), ENDED, `${HERE}0`, false],
    ['a process of another boot', hostname(), ENDED, `x${HERE}`, false],
    ['a process whose name space is unknown', hostname(), ENDED, 'unknown', false],
    ['a process of an older version, which tells no name space', hostname(), ENDED, undefined, false],
    ['a process of another host', 'elsewhere.example', ENDED, HERE, false],
  ] as const) {
    test(`${what} is ${expected ? 'dead' : 'not known to be dead'}`, () => {
      const parts = [host, pid, 'random', ...(namespace === undefined ? [] : [namespace])]
      assert.equal(isDead(parts.join('/')), expected)
    })
  }

  test('the number of a thread proves nothing', { skip: process.platform !== 'linux' }, () => {
    for (const thread of readdirSync('/proc/self/task'))
      assert.equal(isDead([hostname(), thread, 'random', HERE].join('/')), false)
  })

  test('two names of one process differ', () => {
    assert.notEqual(holderName(), holderName())
  })
})

const UNSHARE = ['-Urpf', '--mount-proc']
const unlessUnshared =
  process.platform === 'linux' && spawnSync('unshare', [...UNSHARE, 'true']).status === 0
    ? false
    : 'cannot make name spaces of processes here'

test('of two containers with one volume and one host name, exactly one leads', {
  skip: unlessUnshared,
}, async (t) => {
  const folder = temporaryFolder(t)
  writeFiles(folder, { 'root/f': 'f' })
  const mirrors = [{ id: 'm', url: 'http://m.example/' }]
  const options = { root: join(folder, 'root'), store: join(folder, 'index.sqlite'), mirrors, probe: false }
  /** Of each container: whether it leads, as often as it has told. */
  const told: boolean[][] = []
  const start = () => {
    const leads: boolean[] = []
    told.push(leads)
    const args = [...UNSHARE, '--kill-child', process.execPath, MEMBER_PROGRAM, ...memberArguments(options)]
    const child = spawn('unshare', args, { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] })
    child.on('message', (message: MemberMessage) => message.leads !== undefined && leads.push(message.leads))
    const exit = once(child, 'exit')
    return async () => {
      child.kill('SIGKILL')
      await exit
    }
  }
  const stops = [start(), start()]
  try {
    await until('one leads', () => told.some((leads) => leads.at(-1)))
    for (const leads of told) leads.length = 0
    await until('both have told for seconds', async () => {
      await sleep(100)
      return told.every((leads) => leads.length > 60)
    })
    const leaders = told.map((leads) => new Set(leads))
    assert.deepEqual(
      leaders.map((values) => values.size),
      [1, 1],
      'the lease stays where it is',
    )
    assert.equal(leaders.filter((values) => values.has(true)).length, 1)
  } finally {
    for (const stop of stops) await stop()
  }
})
