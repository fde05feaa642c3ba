import assert from 'node:assert/strict'
import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { after, describe, test } from 'node:test'
import { type Finished, run } from '../support/client.js'
import { PROGRAM, serving, withOwnCache } from '../support/command.js'
import { type Scope, temporaryFolder, writeFiles } from '../support/folder.js'
import { rawRequest, values } from '../support/raw.js'

const scope: Scope = { after: (hook) => after(hook as () => void) }
withOwnCache(scope)
const cache = process.env.XDG_CACHE_HOME ?? ''
const folder = temporaryFolder(scope)
writeFiles(folder, {
  'root/a.txt': 'content',
  'other/a.txt': 'content',
  'mirrors.yaml': 'mirrors: [{ id: up1, url: "https://up1.example/", probe: false }]\n',
  'config.yaml': 'root: root\nmirrors: mirrors.yaml\n',
})
const at = (path: string) => join(folder, path)
const MIRRORS = ['--mirrors', at('mirrors.yaml')]

function command(args: readonly string[], env: NodeJS.ProcessEnv, cwd = folder): Promise<Finished> {
  return run(process.execPath, [PROGRAM, ...args], 60_000, cwd, { ...process.env, ...env })
}

/** Ways to miss the files of the server that runs, and what the message names. */
const MISSES: readonly {
  readonly what: string
  readonly flags: readonly string[]
  readonly env?: NodeJS.ProcessEnv
  readonly says: RegExp
}[] = [
  {
    what: 'no root, so that of the working folder',
    flags: MIRRORS,
    says: /\/mirrored-by-\w+-\w+\.\S*sqlite: /,
  },
  { what: 'another root', flags: [...MIRRORS, '--root', at('other')], says: /\/other-\w+\.\S*sqlite: / },
  {
    what: 'a root that does not exist',
    flags: [...MIRRORS, '--root', at('nowhere')],
    says: /cannot use \S+nowhere as the root: ENOENT/,
  },
  {
    what: 'another store',
    flags: [...MIRRORS, '--root', at('root'), '--store', at('other.sqlite')],
    says: /at \S+\/other\.\S*sqlite: name the server/,
  },
  {
    what: 'the cache of another user',
    flags: [...MIRRORS, '--root', at('root')],
    env: { XDG_CACHE_HOME: at('cache') },
    says: /at \S+\/cache\/mirrored-by\/root-\S+sqlite: .*\$XDG_CACHE_HOME/,
  },
  {
    what: 'the state folder of a service',
    flags: ['--config', at('config.yaml')],
    env: { STATE_DIRECTORY: at('state') },
    says: /at \S+\/state\/mirrored-by\/root-\S+sqlite: /,
  },
  {
    what: 'the home folder of another user',
    flags: ['--config', at('config.yaml')],
    env: { XDG_CACHE_HOME: '', HOME: at('home') },
    says: /at \S+\/home\/\.cache\/mirrored-by\/root-\S+sqlite: /,
  },
]

describe('a command beside a server', async () => {
  const isGiven = async (port: number) =>
    values(await rawRequest(port, 'GET', '/a.txt'), 'X-Mirrored-By').length === 1

  for (const args of [
    ['mirrors', 'disable', 'up1'],
    ['mirrors', 'enable', 'up1'],
    ['mirrors', 'list'],
    ['rank', 'a.txt', '--ip', '198.51.100.1'],
  ])
    for (const { what, flags, env = {}, says } of MISSES) {
      test(`${args.slice(0, 2).join(' ')} with ${what} says so, and creates nothing`, async () => {
        // `rank` looks for the file first.
        if (args[0] === 'rank') writeFiles(folder, { 'a.txt': 'content' })
        const before = readdirSync(folder, { recursive: true }).sort()
        const cached = readdirSync(cache, { recursive: true }).sort()
        const { status, stdout, stderr } = await command([...args, ...flags], env)
        assert.deepEqual([status, stdout], [2, ''], stderr)
        assert.match(stderr, says)
        assert.deepEqual(readdirSync(folder, { recursive: true }).sort(), before)
        assert.deepEqual(readdirSync(cache, { recursive: true }).sort(), cached)
      })
    }

  test('finds its files by the same root or configuration, from any folder', async (context) => {
    writeFiles(folder, { 'assumed.yaml': 'root: root\nmirrors: mirrors.yaml\npresence: false\nport: 0\n' })
    const config = ['--config', at('assumed.yaml')]
    const { port } = await serving(context, config)
    assert.equal(await isGiven(port), true)
    const byRoot = [...MIRRORS, '--root', join(folder, 'root')]
    for (const flags of [config, byRoot]) {
      const done = await command(['mirrors', 'disable', 'up1', ...flags], {}, '/')
      assert.deepEqual([done.status, done.stdout, done.stderr], [0, 'up1 is disabled\n', ''])
      const list = await command(['mirrors', 'list', ...flags], {}, '/')
      assert.match(list.stdout, /^up1 +disabled/m)
      const ranked = await command(['rank', 'a.txt', '--ip', '198.51.100.1', ...flags], {}, '/')
      assert.match(ranked.stdout, /^up1 +disabled since/m)
      const undone = await command(['mirrors', 'enable', 'up1', ...flags], {}, '/')
      assert.deepEqual([undone.status, undone.stdout, undone.stderr], [0, 'up1 is enabled\n', ''])
    }
  })
})
