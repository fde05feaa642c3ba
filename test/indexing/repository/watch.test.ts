import assert from 'node:assert/strict'
import {
  appendFileSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  unlinkSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import type { MirroredByError } from '../../../lib/errors.js'
import { Watcher } from '../../../lib/indexing/repository/watch.js'
import { temporaryFolder, writeFiles } from '../../support/folder.js'
import { until } from '../../support/until.js'

const TRIAL = 'trial-'

interface Watching {
  readonly root: string
  readonly watcher: Watcher
  readonly touched: { readonly path: string; readonly renamed: boolean }[]
  /** Files that exist only for `untilWatched`. */
  readonly trials: Set<string>
  readonly warnings: MirroredByError[]
  /** Watches a folder in its current state. */
  add(folder: string, realFolder?: string): Promise<boolean>
  /** Waits for an event of this path, and drops all events before it. */
  touch(path: string): Promise<void>
}

function watching(context: TestContext, files: Readonly<Record<string, string>> = {}): Watching {
  const root = temporaryFolder(context)
  writeFiles(root, files)
  const touched: Watching['touched'] = []
  const trials = new Set<string>()
  const warnings: MirroredByError[] = []
  const watcher = new Watcher(root, {
    touched: (path, renamed) => {
      if (path.includes(TRIAL)) trials.add(path)
      else touched.push({ path, renamed })
    },
    warning: (error) => warnings.push(error),
  })
  context.after(() => watcher.close())
  return {
    root,
    watcher,
    touched,
    trials,
    warnings,
    add: (folder, realFolder = join(root, folder)) => watcher.addFolder(folder, realFolder),
    touch: async (path) => {
      await until(`${path} is touched`, () => touched.some((one) => one.path === path))
      touched.length = 0
    },
  }
}

/** Waits until a folder is really watched, by files of its own that tests do not see. */
async function untilWatched({ root, trials }: Watching, folder: string): Promise<void> {
  const name = `${TRIAL}${trials.size}`
  const path = folder === '' ? name : `${folder}/${name}`
  await until(`${folder || 'the root'} is watched`, () => {
    writeFileSync(join(root, path), '')
    rmSync(join(root, path))
    return trials.has(path)
  })
}

/** Returns the number of inotify watches of this process; undefined on other systems. */
function inotifyWatches(): number | undefined {
  try {
    return readdirSync('/proc/self/fdinfo')
      .map((descriptor) => readInfo(descriptor).match(/^inotify wd:/gm)?.length ?? 0)
      .reduce((sum, count) => sum + count, 0)
  } catch {
    return undefined
  }
}

function readInfo(descriptor: string): string {
  try {
    return readFileSync(`/proc/self/fdinfo/${descriptor}`, 'utf8')
  } catch {
    return '' // Closed in the meantime.
  }
}

test('new, changed, renamed and removed files are told by their paths', async (context) => {
  const one = watching(context, { 'a/changed': 'x', 'a/removed': 'x', 'a/renamed': 'x', top: 'x' })
  const { root, add, touch } = one
  add('')
  add('a')
  await untilWatched(one, '')
  await untilWatched(one, 'a')

  writeFileSync(join(root, 'a/new'), 'new')
  await touch('a/new')
  appendFileSync(join(root, 'a/changed'), 'more')
  await touch('a/changed')
  appendFileSync(join(root, 'top'), 'more')
  await touch('top')
  unlinkSync(join(root, 'a/removed'))
  await touch('a/removed')
  renameSync(join(root, 'a/renamed'), join(root, 'a/after'))
  await until('both names are touched', () => {
    const paths = one.touched.map(({ path }) => path)
    return paths.includes('a/renamed') && paths.includes('a/after')
  })
  assert.deepEqual(one.warnings, [])
})

test('it is told whether a file came or went, or was only written', async (context) => {
  const one = watching(context, { written: 'x' })
  const { root, add, touched } = one
  add('')
  await untilWatched(one, '')
  appendFileSync(join(root, 'written'), 'more')
  await until('it is touched', () => touched.some(({ path }) => path === 'written'))
  assert.deepEqual(
    touched.map(({ renamed }) => renamed),
    touched.map(() => false),
  )
  touched.length = 0
  renameSync(join(root, 'written'), join(root, 'moved'))
  await until('both are touched', () => touched.length >= 2)
  assert.deepEqual(
    touched.map(({ path, renamed }) => [path, renamed]),
    [
      ['written', true],
      ['moved', true],
    ],
  )
})

test('a new folder is told, and what is in it once it is watched too', async (context) => {
  const one = watching(context)
  const { root, add, touch, watcher } = one
  add('')
  await untilWatched(one, '')
  mkdirSync(join(root, 'new'))
  await touch('new')
  add('new')
  assert.equal(watcher.size, 2)
  await untilWatched(one, 'new')
  writeFileSync(join(root, 'new/file'), '')
  await touch('new/file')
})

test('a folder that is renamed is told by both names, and followed under the new one', async (context) => {
  const one = watching(context, { 'old/file': 'x' })
  const { root, add, touched, watcher, touch } = one
  add('')
  add('old')
  await untilWatched(one, '')
  await untilWatched(one, 'old')
  renameSync(join(root, 'old'), join(root, 'new'))
  await until('both names are touched', () => {
    const paths = touched.map(({ path }) => path)
    return paths.includes('old') && paths.includes('new')
  })
  watcher.removeFolder('old')
  add('new')
  assert.equal(watcher.size, 2)
  await untilWatched(one, 'new')
  appendFileSync(join(root, 'new/file'), 'more')
  await touch('new/file')
})

test('a folder that is removed and made again is followed again', async (context) => {
  const one = watching(context, { 'a/file': 'x' })
  const { root, add, touch, watcher } = one
  add('')
  add('a')
  await untilWatched(one, '')
  await untilWatched(one, 'a')
  for (let round = 0; round < 3; round += 1) {
    rmSync(join(root, 'a'), { recursive: true })
    await touch('a')
    watcher.removeFolder('a')
    assert.equal(watcher.size, 1)
    mkdirSync(join(root, 'a'))
    await touch('a')
    add('a')
    await untilWatched(one, 'a')
    writeFileSync(join(root, 'a/file'), `${round}`)
    await touch('a/file')
  }
})

test('nothing is told of a folder that is no longer watched', async (context) => {
  const one = watching(context, { 'a/b/file': 'x', 'ab/file': 'x' })
  const { root, add, touched, watcher } = one
  for (const folder of ['', 'a', 'a/b', 'ab']) add(folder)
  for (const folder of ['', 'a', 'a/b', 'ab']) await untilWatched(one, folder)
  watcher.removeFolder('a')
  assert.equal(watcher.size, 2)
  appendFileSync(join(root, 'a/b/file'), 'more')
  writeFileSync(join(root, 'a/new'), '')
  appendFileSync(join(root, 'ab/file'), 'more')
  await until('the other folder is told', () => touched.some(({ path }) => path === 'ab/file'))
  assert.deepEqual(
    touched.filter(({ path }) => path !== 'ab/file'),
    [],
  )
})

test('there is one watch a folder, however many files it holds', async (context) => {
  if (inotifyWatches() === undefined) return context.skip('there is no /proc/self/fdinfo here')
  const before = inotifyWatches() ?? 0
  const files = Object.fromEntries(
    Array.from({ length: 200 }, (_, index) => [`f${index % 10}/g/file ${index}`, 'x']),
  )
  const one = watching(context, files)
  const folders = ['']
  for (let index = 0; index < 10; index += 1) folders.push(`f${index}`, `f${index}/g`)
  for (const folder of folders) one.add(folder)
  await until('all are watched', () => (inotifyWatches() ?? 0) - before >= folders.length)
  for (const folder of ['', 'f0/g', 'f9/g']) await untilWatched(one, folder)
  assert.equal((inotifyWatches() ?? 0) - before, folders.length)
  assert.equal(one.watcher.size, folders.length)
  one.watcher.removeFolder('f0')
  await until('two are ended', () => (inotifyWatches() ?? 0) - before === folders.length - 2)
  assert.equal(one.watcher.size, folders.length - 2)
})

test('a folder is watched from the moment that it says so', async (context) => {
  const one = watching(context, { 'a/file': 'x' })
  assert.equal(await one.add('a'), true)
  writeFileSync(join(one.root, 'a/file'), 'at once')
  await one.touch('a/file')
  assert.equal(await one.add('a'), false, 'the second time nothing is new')
})

test('a folder that is gone before it is watched is no trouble', async (context) => {
  const one = watching(context, { 'a/file': 'x' })
  const begun = one.add('a')
  rmSync(join(one.root, 'a'), { recursive: true })
  await begun
  assert.deepEqual(one.warnings, [])
})

test('a folder with several names is watched once and told under each', async (context) => {
  const one = watching(context, { 'v1/file': 'x' })
  const { root, add, touched, watcher } = one
  add('v1')
  add('latest', join(root, 'v1'))
  assert.equal(watcher.size, 1)
  await untilWatched(one, 'v1')
  appendFileSync(join(root, 'v1/file'), 'more')
  await until('both are told', () => {
    const paths = touched.map(({ path }) => path)
    return paths.includes('v1/file') && paths.includes('latest/file')
  })
  watcher.removeFolder('latest')
  assert.equal(watcher.size, 1)
  touched.length = 0
  appendFileSync(join(root, 'v1/file'), 'more')
  await until('it is told', () => touched.some(({ path }) => path === 'v1/file'))
  assert.deepEqual(
    touched.filter(({ path }) => path.startsWith('latest')),
    [],
  )
})

test('a change of what a link leads to is told under the name of the link', async (context) => {
  const one = watching(context, { '.pool/file': 'x', '.pool/other': 'x' })
  const { root, watcher, touched } = one
  // The folder is excluded from the repository, and still holds the target of the link.
  watcher.addLink('shown', join(root, '.pool/file'))
  assert.equal(watcher.size, 1)
  await until('it is told', () => {
    appendFileSync(join(root, '.pool/file'), 'more')
    return touched.some(({ path }) => path === 'shown')
  })
  appendFileSync(join(root, '.pool/other'), 'more')
  touched.length = 0
  await until('it is told again', () => {
    appendFileSync(join(root, '.pool/file'), 'more')
    return touched.some(({ path }) => path === 'shown')
  })
  assert.deepEqual([...new Set(touched.map(({ path }) => path))], ['shown'])
})

test('names of every kind are told as they are', async (context) => {
  const one = watching(context)
  one.add('')
  await untilWatched(one, '')
  for (const name of ['ünïcödé 日本語', 'new\nline', '100%', "it's", '*', '[a]', '{b,c}', '!d']) {
    writeFileSync(join(one.root, name), '')
    await one.touch(name)
  }
})

test('nothing is told after the end, and no watch is left', async (context) => {
  const before = inotifyWatches()
  const one = watching(context, { 'a/file': 'x' })
  one.add('a')
  await untilWatched(one, 'a')
  await one.watcher.close()
  appendFileSync(join(one.root, 'a/file'), 'more')
  await until('no watch is left', () => inotifyWatches() === before)
  assert.deepEqual(one.touched, [])
})
