import assert from 'node:assert/strict'
import { existsSync, readdirSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { sqliteStore } from '../../lib/store/sqlite.js'
import { mirroredBy, withOwnCache } from '../support/command.js'
import { temporaryFolder, writeFiles } from '../support/folder.js'

withOwnCache({ after: (hook) => after(hook as () => void) })

const FILES = { 'root/a': 'content', 'root/b/c': 'more', 'root/skip.log': 'x', 'root/.hidden': 'x' }

test('a repository is indexed, and again only what changed', async (context) => {
  const folder = temporaryFolder(context)
  writeFiles(folder, FILES)
  const root = join(folder, 'root')
  const store = join(folder, 'index.sqlite')
  const first = await mirroredBy(['index', root, '--store', store])
  assert.equal(first.status, 0, first.stderr)
  assert.equal(first.stderr, '')
  assert.match(first.stdout, /^indexed 3 files in \d+\.\d s, 3 of them hashed\n$/)
  writeFileSync(join(root, 'a'), 'other')
  const second = await mirroredBy(['index', root, '--store', store])
  assert.match(second.stdout, /^indexed 3 files in \d+\.\d s, 1 of them hashed\n$/)

  const index = sqliteStore(store)
  context.after(() => index.close())
  assert.deepEqual(await index.totals(), { files: 3, bytes: 10 })
  assert.equal((await index.get('a'))?.identity.size, 5)
})

test('with --json it prints the numbers, and nothing else', async (context) => {
  const folder = temporaryFolder(context)
  writeFiles(folder, FILES)
  const { status, stdout, stderr } = await mirroredBy([
    'index',
    join(folder, 'root'),
    '--json',
    '--store',
    join(folder, 'index.sqlite'),
  ])
  assert.equal(status, 0, stderr)
  assert.equal(stderr, '')
  assert.equal(stdout.split('\n').length, 2)
  const { seconds, ...numbers } = JSON.parse(stdout)
  assert.deepEqual(numbers, { files: 3, bytes: 12, hashed: 3 })
  assert.ok(seconds > 0)
})

test('without --store the index is in the cache, one for each root by its absolute path', async (context) => {
  const folder = temporaryFolder(context)
  writeFiles(folder, FILES)
  symlinkSync('root', join(folder, 'alias'))
  const cache = join(process.env.XDG_CACHE_HOME ?? '', 'mirrored-by')
  const indexes = () =>
    existsSync(cache) ? readdirSync(cache).filter((name) => name.endsWith('.sqlite')) : []
  const before = indexes().length
  await mirroredBy(['index', join(folder, 'root')])
  assert.equal(indexes().length, before + 1)
  const { stdout } = await mirroredBy(['index', 'root'], folder)
  assert.match(stdout, /, 0 of them hashed\n$/)
  assert.equal(indexes().length, before + 1)
  // A link may lead to another folder tomorrow, and what is known of its mirrors stays.
  await mirroredBy(['index', 'alias'], folder)
  assert.equal(indexes().length, before + 2)
})

test('a configuration may say everything, and what is only for serve does not disturb', async (context) => {
  const folder = temporaryFolder(context)
  writeFiles(folder, {
    ...FILES,
    'config.yaml':
      'root: root\nstore: index.sqlite\nignore: ["*.log"]\nalgorithms: [sha-256]\nport: 8080\nhost: 127.0.0.1\nserve: true\n',
  })
  const { status, stdout, stderr } = await mirroredBy(['index', '--config', join(folder, 'config.yaml')], '/')
  assert.equal(status, 0, stderr)
  assert.match(stdout, /^indexed 2 files/)
  const index = sqliteStore(join(folder, 'index.sqlite'))
  context.after(() => index.close())
  assert.deepEqual(Object.keys((await index.get('a'))?.digests ?? {}), ['sha-256'])
})
