import assert from 'node:assert/strict'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { table } from '../../lib/cli/table.js'
import { leaveServerFiles, mirroredBy, mirroredHere, withOwnCache } from '../support/command.js'
import { temporaryFolder, writeFiles } from '../support/folder.js'

const scope = { after: (hook?: unknown) => after(hook as () => void) }
withOwnCache(scope)
const folder = temporaryFolder(scope)
const MIRRORS = `mirrors:
  - { id: heavy, url: https://heavy.example/repo, weight: 300, location: de }
  - { id: b, url: "http://b.example/" }
  - { id: off, url: https://off.example/, enabled: false }
  - { id: partial, url: https://partial.example/, paths: ["doc/**"] }
`
const root = join(folder, 'root')
writeFiles(folder, {
  'root/iso/disk 1.iso': 'i',
  'root/doc/a': 'd',
  'root/a': 'a',
  'root/.hidden': 'h',
  'mirrors.yaml': MIRRORS,
  'config.yaml': 'presence: false\n',
  'all.yaml':
    'root: root\npresence: false\nmirrors: mirrors.yaml\nport: 8080\nhost: 127.0.0.1\nmode: redirect\n',
})
const FLAGS = [
  '--root',
  root,
  '--mirrors',
  join(folder, 'mirrors.yaml'),
  '--config',
  join(folder, 'config.yaml'),
]
before(() => leaveServerFiles(root))

test('the choice is a table, with what was left out and why', async () => {
  const { status, stdout, stderr } = await mirroredBy([
    'rank',
    '/iso/disk 1.iso',
    '--ip',
    '192.0.2.1',
    ...FLAGS,
  ])
  assert.equal(status, 0, stderr)
  assert.equal(stderr, '')
  assert.equal(
    stdout,
    `iso/disk 1.iso for 192.0.2.1 (place unknown)

#  MIRROR  TIER   KM  WEIGHT  SHARE   URL
1  heavy   world  -   300     75.0 %  https://heavy.example/repo/iso/disk%201.iso
2  b       world  -   100     25.0 %  http://b.example/iso/disk%201.iso

LEFT OUT  BECAUSE
off       disabled
partial   its paths leave the file out
`,
  )
})

test('with --https it is that of a client that came so', async () => {
  const { stdout } = await mirroredBy(['rank', 'doc/a', '--ip', 'fd00::1', '--https', ...FLAGS])
  assert.match(stdout, /^doc\/a for fd00::1 \(place unknown\)\n/)
  assert.match(stdout, /^b +no https URL, and the client came by https$/m)
  assert.match(stdout, /^2 +partial +world +- +100 +25\.0 % +https:\/\/partial\.example\/doc\/a$/m)
})

test('with --json it is data', async () => {
  const { status, stdout } = await mirroredBy(['rank', 'doc/a', '--ip', '192.0.2.1', '--json', ...FLAGS])
  assert.equal(status, 0)
  assert.deepEqual(JSON.parse(stdout), {
    path: 'doc/a',
    client: { address: '192.0.2.1' },
    ranked: [
      { id: 'heavy', tier: 'world', weight: 300, share: 0.6, url: 'https://heavy.example/repo/doc/a' },
      { id: 'b', tier: 'world', weight: 100, share: 0.2, url: 'http://b.example/doc/a' },
      { id: 'partial', tier: 'world', weight: 100, share: 0.2, url: 'https://partial.example/doc/a' },
    ],
    omitted: [{ id: 'off', reason: 'disabled' }],
  })
})

test('the mirrors may be named in a configuration, whatever else that says', async () => {
  const byFlag = await mirroredBy(['rank', 'a', '--ip', '192.0.2.1', ...FLAGS])
  const byFile = await mirroredBy(
    ['rank', 'a', '--ip', '192.0.2.1', '--config', join(folder, 'all.yaml')],
    '/',
  )
  assert.equal(byFile.stderr, '')
  assert.equal(byFile.status, 0)
  assert.equal(byFile.stdout, byFlag.stdout)
})

test('without mirrors the origin answers, and a warning says that none are listed', async () => {
  const { status, stdout, stderr } = await mirroredBy(['rank', 'a', '--ip', '192.0.2.1', '--root', root])
  assert.equal(
    stderr,
    'warning: no mirrors are listed: name the list of the server by --mirrors or --config\n',
  )
  assert.equal(status, 0)
  assert.equal(stdout, 'a for 192.0.2.1 (place unknown)\n\nno mirror: the origin answers\n')
})

for (const path of ['nowhere', 'doc', '', '.hidden', '../root/a', 'doc/a/b', 'DOC/a', 'a\0b']) {
  test(`a path that is no file of the repository is an error: ${JSON.stringify(path)}`, async () => {
    const { status, stdout, stderr } = await mirroredHere(['rank', path, '--ip', '192.0.2.1', ...FLAGS])
    assert.deepEqual([status, stdout], [2, ''])
    assert.equal(
      stderr,
      `mirrored-by: the repository ${root} has no file ${JSON.stringify(path)}: ` +
        'name a file by its path below the root, and the root by --root or --config\n',
    )
  })
}

test('a file that is not indexed yet is told', async () => {
  writeFiles(folder, { 'root/new': 'n' })
  const { status, stderr } = await mirroredBy(['rank', 'new', '--ip', '192.0.2.1', ...FLAGS])
  assert.equal(status, 0)
  assert.equal(stderr, 'warning: new is not indexed yet: no mirror is given for it until then\n')
})

test('the columns of a table are as wide as their widest cell', () => {
  assert.deepEqual(
    table([
      ['A', 'B'],
      ['long', 'x'],
      ['', 'longer', 'c'],
    ]),
    ['A     B', 'long  x', '      longer  c'],
  )
  assert.deepEqual(table([]), [])
})
