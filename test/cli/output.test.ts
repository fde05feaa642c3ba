import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, describe, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { run } from '../support/client.js'
import { mirroredHere, PROGRAM, serving, withOwnCache } from '../support/command.js'
import { type Scope, temporaryFolder, writeFiles } from '../support/folder.js'
import { freePort } from '../support/port.js'
import { startProgram } from '../support/program.js'
import { rawRequest } from '../support/raw.js'
import { until } from '../support/until.js'

const scope: Scope = { after: (hook) => after(hook as () => void) }
withOwnCache(scope)
const folder = temporaryFolder(scope)
const root = join(folder, 'root')
writeFiles(folder, {
  'root/a.txt': 'content',
  'mirrors.yaml': 'mirrors: [{ id: a, url: "https://a.example/", probe: false }]\n',
})
const FLAGS = [root, '--mirrors', join(folder, 'mirrors.yaml')]
const PACKAGE = fileURLToPath(new URL('../../../package.json', import.meta.url))

describe('the command', { concurrency: true }, () => {
  for (const flag of ['--version', '-V'])
    test(`${flag} prints the version of the package`, async () => {
      const { status, stdout, stderr } = await mirroredHere([flag])
      const { version } = JSON.parse(readFileSync(PACKAGE, 'utf8'))
      assert.deepEqual([status, stdout, stderr], [0, `${version}\n`, ''])
    })

  test('--quiet prints nothing while all is well, and mistakes all the same', async (t) => {
    const port = await freePort('127.0.0.1')
    const flags = ['serve', ...FLAGS, '--quiet', '--port', String(port)]
    const program = startProgram(t, [PROGRAM, ...flags])
    await until('it serves', () =>
      rawRequest(port, 'GET', '/a.txt').then(
        ({ status }) => status === 200,
        () => false,
      ),
    )
    writeFiles(folder, { 'mirrors.yaml': 'mirrors: 5\n' })
    await program.says(/^warning: \S+mirrors\.yaml:1:1: /)
    assert.doesNotMatch(program.said, /^(listening|indexed|mirror) /m)
    writeFiles(folder, { 'mirrors.yaml': 'mirrors: []\n' })
    assert.equal(await program.ends('SIGTERM'), 0)
  })

  test('--verbose prints changed files too', async (t) => {
    const other = temporaryFolder(t)
    writeFiles(other, { 'a.txt': 'a' })
    const server = await serving(t, [other, '--verbose'])
    writeFiles(other, { 'new\u001b[2J.txt': 'n' })
    await until('it is told', () => server.stdout().includes('changed new\\u{1b}[2J.txt\n'))
  })

  test('--quiet and --verbose exclude each other', async () => {
    const { status, stderr } = await mirroredHere(['serve', ...FLAGS, '--quiet', '--verbose'])
    assert.deepEqual([status, stderr], [2, 'mirrored-by: choose --quiet or --verbose, not both\n'])
  })

  for (const env of [{ NO_COLOR: '1' }, { FORCE_COLOR: '1' }, {}])
    test(`no output has colours: ${JSON.stringify(env)}`, async () => {
      for (const args of [
        ['--help'],
        ['serve', '--help'],
        ['rank', 'a'],
        ['mirrors', 'list', '--root', root],
      ]) {
        const { stdout, stderr } = await run(process.execPath, [PROGRAM, ...args], 30_000, folder, {
          ...process.env,
          ...env,
        })
        assert.notEqual(stdout + stderr, '')
        assert.equal((stdout + stderr).includes('\u001b'), false, args.join(' '))
      }
    })
})
