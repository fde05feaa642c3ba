import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { chmodSync, mkdirSync, renameSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { test } from 'node:test'
import { identityOf } from '../../../lib/identity.js'
import { type FolderListing, followLink, isInside, walk } from '../../../lib/indexing/repository/walk.js'
import { createPathFilter } from '../../../lib/paths.js'
import { type Scope, temporaryFolder, writeFiles } from '../../support/folder.js'

const everything = createPathFilter([])

function listings(root: string, folder = '', includes = everything): FolderListing[] {
  return [...walk(root, folder, includes)]
}

/** Root can read everything, so the test changes its user for a moment. */
function asOrdinaryUser<T>(act: () => T): T {
  if (process.getuid?.() !== 0 || process.seteuid === undefined) return act()
  process.seteuid(65534)
  try {
    return act()
  } finally {
    process.seteuid(0)
  }
}

/** Returns the paths of all files, sorted. */
function filesOf(found: readonly FolderListing[]): string[] {
  return found.flatMap(({ files }) => files.map(({ path }) => path)).sort()
}

function foldersOf(found: readonly FolderListing[]): string[] {
  return found.map(({ folder }) => folder).sort()
}

function rootWith(scope: Scope, files: readonly string[]): string {
  const root = temporaryFolder(scope)
  writeFiles(root, Object.fromEntries(files.map((path) => [path, `content of ${path}`])))
  return root
}

test('every file is found, with the identity that it has', (context) => {
  const root = rootWith(context, ['top', 'a/one', 'a/two', 'a/b/three', 'ünï/日本語'])
  const found = listings(root)
  assert.deepEqual(filesOf(found), ['a/b/three', 'a/one', 'a/two', 'top', 'ünï/日本語'])
  for (const { path, identity, target } of found.flatMap(({ files }) => files)) {
    assert.deepEqual(identity, identityOf(statSync(join(root, path), { bigint: true })))
    assert.equal(target, undefined)
  }
})

test('each folder is listed once, parents first, with its real path', (context) => {
  const root = rootWith(context, ['a/b/c/file', 'd/file'])
  mkdirSync(join(root, 'empty'))
  const found = listings(root)
  assert.deepEqual(foldersOf(found), ['', 'a', 'a/b', 'a/b/c', 'd', 'empty'])
  const order = found.map(({ folder }) => folder)
  for (const folder of order) {
    if (folder === '') continue
    const parent = folder.includes('/') ? folder.slice(0, folder.lastIndexOf('/')) : ''
    assert.ok(order.indexOf(parent) < order.indexOf(folder), `${folder} comes before its parent`)
  }
  for (const { folder, realFolder, error } of found) {
    assert.equal(realFolder, folder === '' ? root : join(root, folder))
    assert.equal(error, undefined)
  }
})

test('a walk begins at the folder that it is told', (context) => {
  const root = rootWith(context, ['top', 'a/one', 'a/b/two', 'ab/three'])
  const found = listings(root, 'a')
  assert.deepEqual(filesOf(found), ['a/b/two', 'a/one'])
  assert.deepEqual(foldersOf(listings(root, 'a/b')), ['a/b'])
})

test('a walk from a folder that is not there finds nothing', (context) => {
  const root = rootWith(context, ['file'])
  assert.deepEqual(listings(root, 'nowhere'), [])
  assert.deepEqual(listings(root, 'nowhere/below'), [])
})

test('a walk from what is no folder finds nothing', (context) => {
  const root = rootWith(context, ['file'])
  assert.deepEqual(listings(root, 'file'), [])
})

test('what the filter leaves out is neither listed nor entered', (context) => {
  const root = rootWith(context, ['keep', '.hidden', '.git/config', 'private/a/b', 'x/private/c', 'x/d.part'])
  const asked: string[] = []
  const filter = createPathFilter(['private'])
  const found = listings(root, '', (path) => {
    asked.push(path)
    return filter(path)
  })
  assert.deepEqual(filesOf(found), ['keep'])
  assert.deepEqual(foldersOf(found), ['', 'x'])
  assert.deepEqual(asked.sort(), ['.git', '.hidden', 'keep', 'private', 'x', 'x/d.part', 'x/private'])
})

test('a link to a file inside is a file, with the identity of what it leads to', (context) => {
  const root = rootWith(context, ['a/file'])
  symlinkSync('a/file', join(root, 'relative'))
  symlinkSync(join(root, 'a', 'file'), join(root, 'absolute'))
  symlinkSync('relative', join(root, 'chain'))
  const found = listings(root)
  assert.deepEqual(filesOf(found), ['a/file', 'absolute', 'chain', 'relative'])
  const identity = identityOf(statSync(join(root, 'a/file'), { bigint: true }))
  const links = found.flatMap(({ files }) => files.filter(({ path }) => path !== 'a/file'))
  for (const link of links) {
    assert.deepEqual(link.identity, identity, link.path)
    assert.equal(link.target, join(root, 'a', 'file'), link.path)
  }
})

test('links to files and folders outside are left out, however they get there', (context) => {
  const outside = rootWith(context, ['secret', 'folder/secret'])
  const root = rootWith(context, ['file'])
  symlinkSync(join(outside, 'secret'), join(root, 'absolute'))
  symlinkSync('../../../../../../../etc/passwd', join(root, 'relative'))
  symlinkSync(join(outside, 'folder'), join(root, 'folder'))
  symlinkSync('absolute', join(root, 'by a link'))
  symlinkSync('..', join(root, 'parent'))
  assert.deepEqual(filesOf(listings(root)), ['file'])
  assert.deepEqual(foldersOf(listings(root)), [''])
})

test('a link to a namesake of the root is outside', (context) => {
  const parent = temporaryFolder(context)
  writeFiles(parent, { 'root/file': 'x', 'root-2/secret': 'x' })
  symlinkSync('../root-2/secret', join(parent, 'root', 'link'))
  assert.deepEqual(filesOf(listings(join(parent, 'root'))), ['file'])
})

test('a walk does not begin outside, where a folder became a link', (context) => {
  const outside = rootWith(context, ['secret', 'below/secret'])
  const root = rootWith(context, ['file'])
  symlinkSync(outside, join(root, 'out'))
  assert.deepEqual(listings(root, 'out'), [])
  assert.deepEqual(listings(root, 'out/below'), [])
})

test('dangling links, and links that lead in circles, are left out', (context) => {
  const root = rootWith(context, ['a/file'])
  symlinkSync('nowhere', join(root, 'dangling'))
  symlinkSync('self', join(root, 'self'))
  symlinkSync('pong', join(root, 'ping'))
  symlinkSync('ping', join(root, 'pong'))
  assert.deepEqual(filesOf(listings(root)), ['a/file'])
})

test('a linked folder is listed under both of its names', (context) => {
  const root = rootWith(context, ['v1.2/disk.iso', 'v1.2/deep/file'])
  symlinkSync('v1.2', join(root, 'latest'))
  const found = listings(root)
  assert.deepEqual(filesOf(found), ['latest/deep/file', 'latest/disk.iso', 'v1.2/deep/file', 'v1.2/disk.iso'])
  const alias = found.find(({ folder }) => folder === 'latest')
  assert.equal(alias?.realFolder, join(root, 'v1.2'))
  assert.equal(found.find(({ folder }) => folder === 'latest/deep')?.realFolder, join(root, 'v1.2', 'deep'))
  assert.deepEqual(filesOf(listings(root, 'latest/deep')), ['latest/deep/file'])
})

test('a link to a folder on the way down does not send the walk in circles', (context) => {
  const root = rootWith(context, ['a/b/file'])
  symlinkSync('..', join(root, 'a', 'b', 'up'))
  symlinkSync('.', join(root, 'a', 'here'))
  symlinkSync(root, join(root, 'a', 'top'))
  assert.deepEqual(filesOf(listings(root)), ['a/b/file'])
  assert.deepEqual(filesOf(listings(root, 'a/b')), ['a/b/file'])
})

test('folders that link to each other end', (context) => {
  const root = rootWith(context, ['a/1', 'b/2'])
  symlinkSync('../b', join(root, 'a', 'to-b'))
  symlinkSync('../a', join(root, 'b', 'to-a'))
  assert.deepEqual(filesOf(listings(root)), ['a/1', 'a/to-b/2', 'b/2', 'b/to-a/1'])
})

test('sockets, FIFOs and links to devices are no files', async (context) => {
  const root = rootWith(context, ['file'])
  const server = createServer()
  await new Promise<void>((resolve) => server.listen(join(root, 'socket'), resolve))
  context.after(() => server.close())
  const fifos = spawnSync('mkfifo', [join(root, 'fifo')]).status === 0
  if (fifos) symlinkSync('fifo', join(root, 'link to fifo'))
  symlinkSync('socket', join(root, 'link to socket'))
  symlinkSync('/dev/null', join(root, 'link to device'))
  assert.deepEqual(filesOf(listings(root)), ['file'])
})

test('a folder that vanishes on the way is left out without a word', (context) => {
  const root = rootWith(context, ['a/1', 'b/2', 'c/3'])
  const found: FolderListing[] = []
  for (const listing of walk(root, '', everything)) {
    found.push(listing)
    if (listing.folder === '') rmSync(join(root, 'b'), { recursive: true })
  }
  assert.deepEqual(foldersOf(found), ['', 'a', 'c'])
  assert.deepEqual(
    found.map(({ error }) => error),
    [undefined, undefined, undefined],
  )
})

test('a folder that becomes a file on the way is left out as a folder', (context) => {
  const root = rootWith(context, ['a/1', 'b/2'])
  const found: FolderListing[] = []
  for (const listing of walk(root, '', everything)) {
    found.push(listing)
    if (listing.folder !== '') continue
    rmSync(join(root, 'b'), { recursive: true })
    writeFileSync(join(root, 'b'), '')
  }
  assert.deepEqual(foldersOf(found), ['', 'a'])
})

test('a root that is away is told as unreadable, and never as empty', (context) => {
  const root = rootWith(context, ['file'])
  renameSync(root, `${root}-away`)
  context.after(() => rmSync(`${root}-away`, { recursive: true }))
  const [listing, ...others] = listings(root)
  assert.deepEqual(others, [])
  assert.ok(listing)
  assert.equal(listing.folder, '')
  assert.deepEqual(listing.files, [])
  assert.match(listing.error ?? '', /ENOENT/)
})

test('a folder that cannot be read is told with the reason, and the walk goes on', (context) => {
  const root = rootWith(context, ['a/1', 'b/2', 'c/3'])
  chmodSync(root, 0o755)
  chmodSync(join(root, 'b'), 0)
  const found = asOrdinaryUser(() => listings(root))
  chmodSync(join(root, 'b'), 0o700)
  assert.deepEqual(filesOf(found), ['a/1', 'c/3'])
  assert.match(found.find(({ folder }) => folder === 'b')?.error ?? '', /EACCES/)
})

test('a folder whose path is too long is told with the reason, and the walk goes on', (context) => {
  const root = rootWith(context, ['a/1'])
  const name = 'x'.repeat(250)
  // Made and removed step by step, because an absolute path would be too long.
  const before = process.cwd()
  process.chdir(root)
  for (let depth = 0; depth < 17; depth += 1) {
    mkdirSync(name)
    process.chdir(name)
  }
  process.chdir(before)
  const found = listings(root)
  assert.equal(spawnSync('rm', ['-rf', join(root, name)]).status, 0)
  assert.deepEqual(filesOf(found), ['a/1'])
  const unread = found.filter(({ error }) => error !== undefined)
  assert.equal(unread.length, 1)
  assert.match(unread[0]?.error ?? '', /ENAMETOOLONG/)
})

test('a link is followed to the end, and only inside', (context) => {
  const outside = rootWith(context, ['secret'])
  const root = rootWith(context, ['a/file'])
  symlinkSync('a/file', join(root, 'in'))
  symlinkSync(join(outside, 'secret'), join(root, 'out'))
  assert.equal(followLink(root, join(root, 'in'))?.target, join(root, 'a', 'file'))
  assert.equal(followLink(root, join(root, 'out')), undefined)
  assert.equal(followLink(root, join(root, 'nowhere')), undefined)
})

test('inside is the root and what lies below it, and no namesake', () => {
  assert.equal(isInside('/srv/root', '/srv/root'), true)
  assert.equal(isInside('/srv/root', '/srv/root/a'), true)
  assert.equal(isInside('/srv/root', '/srv/root-2/a'), false)
  assert.equal(isInside('/srv/root', '/srv'), false)
  assert.equal(isInside('/', '/srv'), true)
})
