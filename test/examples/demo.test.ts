import assert from 'node:assert/strict'
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { run, unlessInstalled } from '../support/client.js'
import type { Scope } from '../support/folder.js'
import { type Program, startProgram } from '../support/program.js'
import { listen } from '../support/server.js'

const DEMO = fileURLToPath(new URL('../../examples/demo.js', import.meta.url))

/** Loaded before the demo: makes 127.0.0.2 an address that the system does not have. */
const WITHOUT_ADDRESS = `data:text/javascript,${encodeURIComponent(`
  import { Server } from 'node:net'
  const { listen } = Server.prototype
  Server.prototype.listen = function (port, host, ...rest) {
    if (host !== '127.0.0.2') return listen.call(this, port, host, ...rest)
    const error = Object.assign(new Error('address not available'), { code: 'EADDRNOTAVAIL' })
    setImmediate(() => this.emit('error', error))
    return this
  }
`)}`

describe('the demo', { timeout: 60_000 }, () => {
  test('shows a curl command that shows the fields', { skip: unlessInstalled('curl') }, async (t) => {
    const demo = await startDemo(t)
    const { status, stdout } = await shell(demo.command(/^curl -I \S+\.iso$/m))
    assert.equal(status, 0)
    assert.match(stdout, /^HTTP\/1\.1 200 OK/)
    assert.equal(stdout.match(/^Link: .*rel=duplicate/gm)?.length, 3)
    assert.match(stdout, /^Digest: SHA-256=/m)
    assert.match((await shell(demo.command(/^curl -I \S+%20\S+$/m))).stdout, /^HTTP\/1\.1 200 OK/)
    assert.equal(JSON.parse((await shell(demo.command(/^curl \S+status$/m))).stdout).mirrors, 3)
  })

  test('shows an aria2c command that uses mirrors, and says so', {
    skip: unlessInstalled('aria2c'),
  }, async (t) => {
    const demo = await startDemo(t)
    const { status, stdout } = await shell(demo.command(/^aria2c .*$/m))
    assert.equal(status, 0, stdout)
    assert.deepEqual(readFileSync(join(demo.folder, 'out/example.iso')), demo.iso)
    await demo.program.says(/^example\.iso: fra1 .*MiB, nyc1 .*MiB, origin .*MiB/m)
  })

  test('shows wget2 commands that read metalinks', { skip: unlessInstalled('wget2') }, async (t) => {
    const demo = await startDemo(t)
    for (const [pattern, folder] of [
      [/^\(cd .*wget2 .*\.meta4\)$/m, 'wget2'],
      [/^\(cd .*wget2 .*\.iso\)$/m, 'redirect'],
    ] as const) {
      const { status, stdout } = await shell(demo.command(pattern))
      assert.equal(status, 0, stdout)
      assert.deepEqual(readFileSync(join(demo.folder, 'out', folder, 'example.iso')), demo.iso)
    }
  })

  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    test(`stops on ${signal} and leaves nothing`, async (t) => {
      const { program, folder } = await startDemo(t)
      assert.ok(existsSync(folder))
      assert.equal(await program.ends(signal), 0)
      assert.equal(existsSync(folder), false)
    })
  }

  test('takes another port where its own is taken, and says so', async (t) => {
    const { port } = await listen(t, () => {})
    const { program } = await startDemo(t, { PORT: String(port) })
    assert.match(program.said, new RegExp(`^port ${port} is taken`))
  })

  test('says what to do where there is no 127.0.0.2', async (t) => {
    const program = startProgram(t, ['--import', WITHOUT_ADDRESS, DEMO], { env: { PORT: '0' } })
    assert.equal(await program.ends(), 1)
    assert.match(program.said, /sudo ifconfig lo0 alias 127\.0\.0\.2 up/)
  })
})

interface Demo {
  readonly program: Program
  /** Files that the demo made, and removes. */
  readonly folder: string
  readonly iso: Buffer
  /** Returns the printed command that matches. */
  command(pattern: RegExp): string
}

async function startDemo(scope: Scope, env: NodeJS.ProcessEnv = { PORT: '0' }): Promise<Demo> {
  const program = startProgram(scope, [DEMO], { env })
  const [, folder = ''] = await program.says(/Ctrl-C stops everything and removes (.*)\.$/m)
  const commands = program.said.replaceAll(/^ {2}/gm, '')
  return {
    program,
    folder,
    iso: readFileSync(join(folder, 'repository/example.iso')),
    command: (pattern) => {
      const [found] = pattern.exec(commands) ?? []
      assert.ok(found, `no ${pattern} in ${program.said}`)
      return found
    },
  }
}

function shell(command: string) {
  return run('sh', ['-c', command])
}
