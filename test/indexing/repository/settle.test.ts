import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import {
  appendFileSync,
  lstatSync,
  mkdirSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  unlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { identityOf } from '../../../lib/identity.js'
import { Settler } from '../../../lib/indexing/repository/settle.js'
import type { Identity } from '../../../lib/model.js'
import { temporaryFolder, writeOldFile } from '../../support/folder.js'
import { until } from '../../support/until.js'

interface Told {
  readonly kind: 'file' | 'folder' | 'gone' | 'unreadable'
  readonly path: string
  readonly identity?: Identity
  readonly target?: string | undefined
  readonly why?: string
  /** In milliseconds of `performance.now()`. */
  readonly at: number
}

interface Settling {
  readonly root: string
  readonly settler: Settler
  readonly told: Told[]
}

function settling(context: TestContext, settle: number): Settling {
  const root = temporaryFolder(context)
  const told: Told[] = []
  const tell = (one: Omit<Told, 'at'>) => told.push({ ...one, at: performance.now() })
  const settler = new Settler(root, settle, {
    file: (path, identity, target) => tell({ kind: 'file', path, identity, target }),
    folder: (path) => tell({ kind: 'folder', path }),
    gone: (path) => tell({ kind: 'gone', path }),
    unreadable: (path, why) => tell({ kind: 'unreadable', path, why }),
  })
  context.after(() => settler.close())
  return { root, settler, told }
}

function identityAt(path: string): Identity {
  return identityOf(statSync(path, { bigint: true }))
}

/** Waits until the last change of a file is so long ago by the clock of its file system. */
async function untilQuietFor(file: string, milliseconds: number): Promise<void> {
  await until(`${file} is quiet`, () => {
    const { mtimeNs, ctimeNs } = lstatSync(file, { bigint: true })
    const moment = BigInt(Date.now() - milliseconds) * 1_000_000n
    return mtimeNs <= moment && ctimeNs <= moment
  })
}

const LONG = 3_600_000

test('a file that has been quiet for long is told at once', async (context) => {
  const { root, settler, told } = settling(context, 100)
  writeOldFile(join(root, 'a'), 'content')
  await untilQuietFor(join(root, 'a'), 100)
  settler.touch('a')
  assert.equal(told.length, 1)
  assert.equal(told[0]?.kind, 'file')
  assert.deepEqual(told[0]?.identity, identityAt(join(root, 'a')))
  assert.equal(told[0]?.target, undefined)
  assert.equal(settler.size, 0)
})

test('a new file is told when it has been quiet for the settling time, and once', async (context) => {
  const settle = 150
  const { root, settler, told } = settling(context, settle)
  writeFileSync(join(root, 'a'), 'content')
  const written = performance.now()
  settler.touch('a')
  assert.equal(told.length, 0)
  assert.equal(settler.size, 1)
  const one = await until('it is told', () => told[0])
  assert.equal(one.kind, 'file')
  assert.ok(one.at - written >= settle - 5, `after ${one.at - written} ms`)
  assert.deepEqual(one.identity, identityAt(join(root, 'a')))
  assert.equal(settler.size, 0)
  settler.touch('b')
  await until('the next is told', () => told[1])
  assert.equal(told.filter(({ kind }) => kind === 'file').length, 1)
})

test('a file that is written again and again is told only when that has stopped', async (context) => {
  const settle = 200
  const { root, settler, told } = settling(context, settle)
  const file = join(root, 'a')
  const writes: number[] = []
  const end = performance.now() + 3 * settle
  while (performance.now() < end) {
    appendFileSync(file, 'more')
    writes.push(performance.now())
    settler.touch('a')
    await sleep(20)
  }
  const size = statSync(file).size
  await until('it is told', () => told.find(({ identity }) => identity?.size === size))
  assert.ok(writes.length > 1)
  // On a slow machine, a pause between two writes may be reported as settled, but never sooner.
  for (const { kind, at } of told) {
    assert.equal(kind, 'file')
    const before = writes.findLast((time) => time <= at) ?? 0
    assert.ok(at - before >= settle - 5, `told ${at - before} ms after a write`)
  }
  assert.ok(told.length < writes.length / 2, `told ${told.length} times for ${writes.length} writes`)
})

test('a file whose time lies in the future is told when it has stayed the same', async (context) => {
  const { root, settler, told } = settling(context, 80)
  const file = join(root, 'a')
  writeFileSync(file, 'content')
  const tomorrow = Date.now() / 1000 + 86_400
  utimesSync(file, tomorrow, tomorrow)
  settler.touch('a')
  assert.equal(told.length, 0)
  const one = await until('it is told', () => told[0])
  assert.deepEqual(one.identity, identityAt(file))
})

test('an old file is told at once when it is renamed into place', (context) => {
  const { root, settler, told } = settling(context, LONG / 2)
  // The rename sets the ctime, which then does not show when the file was written.
  writeOldFile(join(root, 'temporary'), 'content')
  renameSync(join(root, 'temporary'), join(root, 'a'))
  settler.touch('a', true)
  assert.deepEqual(
    told.map(({ kind, path }) => [kind, path]),
    [['file', 'a']],
  )
})

test('an old file that was changed otherwise is not told at once', (context) => {
  const { root, settler, told } = settling(context, LONG / 2)
  writeOldFile(join(root, 'a'), 'content')
  settler.touch('a')
  assert.equal(told.length, 0)
  assert.equal(settler.size, 1)
})

test('a young file is not told at once, renamed or not', (context) => {
  const { root, settler, told } = settling(context, LONG)
  writeFileSync(join(root, 'temporary'), 'content')
  renameSync(join(root, 'temporary'), join(root, 'a'))
  settler.touch('a', true)
  assert.equal(told.length, 0)
  assert.equal(settler.size, 1)
})

test('a file that a scan found is told at once where it is quiet, and waits where not', async (context) => {
  const { root, settler, told } = settling(context, 150)
  writeOldFile(join(root, 'old'), 'content')
  await untilQuietFor(join(root, 'old'), 150)
  const old = identityAt(join(root, 'old'))
  settler.found('old', old, '/somewhere')
  assert.equal(told.length, 1)
  assert.deepEqual(told[0]?.identity, old)
  assert.equal(told[0]?.target, '/somewhere')
  writeFileSync(join(root, 'young'), 'content')
  settler.found('young', identityAt(join(root, 'young')), undefined)
  assert.equal(told.length, 1)
  assert.equal(settler.size, 1)
  await until('it is told', () => told.find(({ path }) => path === 'young'))
})

test('a file that changed since a scan found it waits again', async (context) => {
  const settle = 150
  const { root, settler, told } = settling(context, settle)
  const file = join(root, 'a')
  writeFileSync(file, 'content')
  settler.found('a', identityAt(file), undefined)
  writeFileSync(file, 'another content')
  const written = performance.now()
  const one = await until('it is told', () => told[0])
  assert.equal(one.identity?.size, 'another content'.length)
  assert.ok(one.at - written >= settle - 5)
})

test('a file that waits and vanishes is told as gone', async (context) => {
  const { root, settler, told } = settling(context, 60)
  writeFileSync(join(root, 'a'), 'content')
  settler.touch('a')
  unlinkSync(join(root, 'a'))
  const one = await until('it is told', () => told[0])
  assert.deepEqual([one.kind, one.path], ['gone', 'a'])
  assert.equal(settler.size, 0)
})

test('what is not there is told as gone at once', (context) => {
  const { root, settler, told } = settling(context, LONG)
  writeOldFile(join(root, 'file'), '')
  settler.touch('nowhere')
  settler.touch('nowhere/below')
  settler.touch('file/below')
  assert.deepEqual(
    told.map(({ kind, path }) => [kind, path]),
    [
      ['gone', 'nowhere'],
      ['gone', 'nowhere/below'],
      ['gone', 'file/below'],
    ],
  )
})

test('a folder is told as a folder', (context) => {
  const { root, settler, told } = settling(context, LONG)
  mkdirSync(join(root, 'a'))
  settler.touch('a')
  assert.deepEqual(
    told.map(({ kind, path }) => [kind, path]),
    [['folder', 'a']],
  )
})

test('a file that waits and becomes a folder is told as a folder', async (context) => {
  const { root, settler, told } = settling(context, 60)
  writeFileSync(join(root, 'a'), 'content')
  settler.touch('a')
  rmSync(join(root, 'a'))
  mkdirSync(join(root, 'a'))
  const one = await until('it is told', () => told[0])
  assert.equal(one.kind, 'folder')
})

test('a FIFO is told as gone: it is no file', (context) => {
  const { root, settler, told } = settling(context, LONG)
  if (spawnSync('mkfifo', [join(root, 'fifo')]).status !== 0) return context.skip('there are no FIFOs here')
  settler.touch('fifo')
  assert.deepEqual(
    told.map(({ kind }) => kind),
    ['gone'],
  )
})

test('a link is told with what it leads to, and as gone where that is nothing inside', async (context) => {
  const { root, settler, told } = settling(context, 50)
  const outside = temporaryFolder(context)
  writeOldFile(join(outside, 'secret'), '')
  writeOldFile(join(root, 'file'), 'content')
  mkdirSync(join(root, 'folder'))
  symlinkSync('file', join(root, 'link'))
  symlinkSync('folder', join(root, 'folder link'))
  symlinkSync(join(outside, 'secret'), join(root, 'out'))
  symlinkSync('nowhere', join(root, 'dangling'))
  await untilQuietFor(join(root, 'file'), 50)
  for (const path of ['link', 'folder link', 'out', 'dangling']) settler.touch(path)
  assert.deepEqual(
    told.map(({ kind, path, target }) => [kind, path, target]),
    [
      ['file', 'link', join(root, 'file')],
      ['folder', 'folder link', undefined],
      ['gone', 'out', undefined],
      ['gone', 'dangling', undefined],
    ],
  )
  assert.deepEqual(told[0]?.identity, identityAt(join(root, 'file')))
})

test('a path that the system refuses is told as unreadable, with the reason', (context) => {
  const { settler, told } = settling(context, LONG)
  settler.touch('x'.repeat(300))
  assert.equal(told[0]?.kind, 'unreadable')
  assert.match(told[0]?.why ?? '', /ENAMETOOLONG/)
})

test('many files fall due each in its turn', async (context) => {
  const settle = 100
  const { root, settler, told } = settling(context, settle)
  const names = Array.from({ length: 50 }, (_, index) => `f${index}`)
  for (const name of names) {
    writeFileSync(join(root, name), name)
    settler.touch(name)
  }
  assert.equal(settler.size, 50)
  await until('all are told', () => told.length === 50)
  assert.deepEqual(
    told.map(({ path }) => path),
    names,
  )
})

test('nothing is told after the end', async (context) => {
  const { root, settler, told } = settling(context, 30)
  writeFileSync(join(root, 'a'), 'content')
  settler.touch('a')
  settler.close()
  assert.equal(settler.size, 0)
  await sleep(100) // Three times the settling time.
  assert.equal(told.length, 0)
})
