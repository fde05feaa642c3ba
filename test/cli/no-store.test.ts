import assert from 'node:assert/strict'
import { readdirSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, describe, test } from 'node:test'
import { run } from '../support/client.js'
import { leaveServerFiles, PROGRAM, withOwnCache } from '../support/command.js'
import { type Scope, temporaryFolder, writeFiles } from '../support/folder.js'
import { startProgram } from '../support/program.js'
import { rawRequest, values } from '../support/raw.js'

const scope: Scope = { after: (hook) => after(hook as () => void) }
withOwnCache(scope)

/** Makes the loader fail as if better-sqlite3 had not been built, or had been for another Node. */
const HOOKS = {
  'not built': `
    import Module from 'node:module'
    const resolve = Module._resolveFilename
    Module._resolveFilename = (request, ...rest) => {
      if (request.endsWith('.node'))
        throw Object.assign(new Error('Cannot find module ' + request), { code: 'MODULE_NOT_FOUND' })
      return resolve.call(Module, request, ...rest)
    }`,
  'built for another Node': `
    process.dlopen = (module, file) => {
      const message = 'The module ' + file + '\\nwas compiled against a different Node.js version using\\nNODE_MODULE_VERSION 115.'
      throw Object.assign(new Error(message), { code: 'ERR_DLOPEN_FAILED' })
    }`,
}

interface Place {
  readonly folder: string
  readonly root: string
  readonly flags: readonly string[]
}

function place(t: Scope): Place {
  const folder = temporaryFolder(t)
  writeFiles(folder, {
    'cwd/root/a.txt': 'content',
    'config.yaml': JSON.stringify({
      root: 'cwd/root',
      port: 0,
      probe: false,
      lookupHosts: false,
      mirrors: [{ id: 'a', url: 'https://a.example/' }],
    }),
  })
  return { folder, root: join(folder, 'cwd', 'root'), flags: ['--config', join(folder, 'config.yaml')] }
}

/** Serves a file with its mirror, and returns the lines of the standard error. */
async function serveFrom(
  { folder, flags }: Place,
  t: Scope,
  env: NodeJS.ProcessEnv,
  node: readonly string[],
) {
  const cwd = join(folder, 'cwd')
  const before = readdirSync(cwd, { recursive: true }).sort()
  const program = startProgram(t, [...node, PROGRAM, 'serve', ...flags], { env, cwd })
  const [, port] = await program.says(/^listening on http:\/\/\S+:(\d+)$/m)
  await program.says(/^indexed 1 files/m)
  const answer = await rawRequest(Number(port), 'GET', '/a.txt')
  assert.deepEqual([answer.status, values(answer, 'X-Mirrored-By')], [200, ['https://a.example/a.txt']])
  assert.equal(values(answer, 'Repr-Digest').length, 1)
  assert.equal(await program.ends('SIGTERM'), 0)
  assert.deepEqual(readdirSync(cwd, { recursive: true }).sort(), before, 'nothing is written here')
  return program.said.split('\n').filter((line) => !/^(listening|indexed|mirror) /.test(line) && line !== '')
}

describe('without a place for the index', { concurrency: true }, () => {
  for (const [what, hook] of Object.entries(HOOKS)) {
    test(`as better-sqlite3 is ${what}, serve warns in one line with the remedy, and works`, async (t) => {
      const here = place(t)
      const file = join(here.folder, 'hook.mjs')
      writeFileSync(file, hook)
      const lines = await serveFrom(here, t, {}, ['--import', file])
      assert.equal(lines.length, 1, lines.join('\n'))
      assert.match(
        lines[0] ?? '',
        /^warning: better-sqlite3 has no native part that fits Node v\S+ on \S+ \S+: run `npm rebuild better-sqlite3`, or with pnpm `pnpm approve-builds`; until the next start the index and the states of mirrors are kept in memory$/,
      )
    })

    test(`as better-sqlite3 is ${what}, commands that need it say so in one line`, async (t) => {
      const { folder, root, flags } = place(t)
      await leaveServerFiles(root)
      const file = join(folder, 'hook.mjs')
      writeFileSync(file, hook)
      for (const args of [
        ['mirrors', 'list'],
        ['mirrors', 'disable', 'a'],
        ['index'],
        ['rank', 'a.txt', '--ip', '192.0.2.1'],
      ]) {
        const { status, stdout, stderr } = await run(process.execPath, [
          '--import',
          file,
          PROGRAM,
          ...args,
          ...flags,
        ])
        assert.deepEqual([status, stdout], [1, ''], args.join(' '))
        assert.match(
          stderr,
          /^mirrored-by: better-sqlite3 has no native part .*`npm rebuild better-sqlite3`.*\n$/,
        )
      }
    })
  }

  for (const [what, env] of [
    ['an empty HOME', { HOME: '', XDG_CACHE_HOME: '' }],
    ['a relative HOME', { HOME: 'home', XDG_CACHE_HOME: '' }],
    ['an empty HOME and a relative XDG_CACHE_HOME', { HOME: '', XDG_CACHE_HOME: 'cache' }],
    [
      'an empty HOME and a relative STATE_DIRECTORY',
      { HOME: '', XDG_CACHE_HOME: '', STATE_DIRECTORY: './s' },
    ],
  ] as const) {
    test(`by ${what}, serve warns in one line, works, and writes nothing`, async (t) => {
      const lines = await serveFrom(place(t), t, env, [])
      assert.equal(lines.length, 1, lines.join('\n'))
      assert.match(
        lines[0] ?? '',
        /^warning: there is no home folder for the index \(.*\): set \$HOME or .* are kept in memory$/,
      )
    })
  }

  test('a home folder that cannot be written is a warning for serve', async (t) => {
    const here = place(t)
    writeFileSync(join(here.folder, 'file'), '')
    const lines = await serveFrom(here, t, { HOME: join(here.folder, 'file'), XDG_CACHE_HOME: '' }, [])
    for (const line of lines)
      assert.match(
        line,
        /^warning: cannot use \S+ as the (index|mirror states|states of mirrors): .* in memory$/,
      )
    assert.equal(lines.length, 2, lines.join('\n'))
  })
})

test('the index, the states and their folders are for this user only', async (t) => {
  const { folder, root } = place(t)
  const umask = process.umask(0)
  try {
    await leaveServerFiles(root, { store: join(folder, 'deep', 'er', 'index.sqlite') })
  } finally {
    process.umask(umask)
  }
  for (const [path, mode] of [
    ['deep', 0o700],
    ['deep/er', 0o700],
    ['deep/er/index.sqlite', 0o600],
    ['deep/er/index.mirrors.sqlite', 0o600],
  ] as const)
    assert.equal(statSync(join(folder, path)).mode & 0o777, mode, path)
})
