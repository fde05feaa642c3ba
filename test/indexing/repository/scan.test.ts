import assert from 'node:assert/strict'
import { symlinkSync } from 'node:fs'
import { join } from 'node:path'
import { after, type TestContext, test } from 'node:test'
import type { Worker } from 'node:worker_threads'
import { MirroredByError } from '../../../lib/errors.js'
import { Scanner } from '../../../lib/indexing/repository/scan.js'
import { type FolderListing, walk } from '../../../lib/indexing/repository/walk.js'
import { createPathFilter } from '../../../lib/paths.js'
import { temporaryFolder, writeFiles } from '../../support/folder.js'

/**
 * More files than one batch, in several folders. Written once, because the tests here only read
 * them.
 */
const many = temporaryFolder({ after: (hook) => after(hook as () => void) })
const files = Array.from({ length: 2500 }, (_, index) => [`folder ${index % 5}/file ${index}`, ''])
writeFiles(many, { ...Object.fromEntries(files), 'a/b/c': 'x', 'skip.log': 'x', '.hidden': 'x' })
symlinkSync('a', join(many, 'alias'))

function walked(folder: string, ignore: readonly string[] = []): FolderListing[] {
  return [...walk(many, folder, createPathFilter(ignore))]
}

function scannerOf(context: TestContext, root: string, ignore: readonly string[] = []): Scanner {
  const scanner = new Scanner({ root, ignore })
  context.after(() => scanner.close())
  return scanner
}

async function collect(scan: AsyncGenerator<FolderListing>): Promise<FolderListing[]> {
  const found: FolderListing[] = []
  for await (const listing of scan) found.push(listing)
  return found
}

test('a scan finds in its thread what a walk finds', async (context) => {
  const found = await collect(scannerOf(context, many, ['*.log']).scan(''))
  assert.deepEqual(found, walked('', ['*.log']))
  assert.equal(found.flatMap((listing) => listing.files).length, 2502)
})

test('a scan begins at the folder that it is told', async (context) => {
  const root = temporaryFolder(context)
  writeFiles(root, { 'a/b/c': 'x', 'd/e': 'x' })
  const found = await collect(scannerOf(context, root).scan('a'))
  assert.deepEqual(
    found.map(({ folder }) => folder),
    ['a', 'a/b'],
  )
  assert.deepEqual(await collect(scannerOf(context, root).scan('nowhere')), [])
})

test('scans that are asked for together take turns, and each finds everything', async (context) => {
  const scanner = scannerOf(context, many)
  const folders = ['', 'folder 0', '', 'folder 1', 'nowhere', '']
  const found = await Promise.all(folders.map((folder) => collect(scanner.scan(folder))))
  for (const [index, folder] of folders.entries()) {
    assert.deepEqual(found[index], walked(folder), `scan ${index} of ${folder}`)
  }
})

test('scans share one thread', async (context) => {
  let threads = 0
  const count = () => {
    threads += 1
  }
  process.on('worker', count)
  context.after(() => process.off('worker', count))
  const root = temporaryFolder(context)
  writeFiles(root, { a: 'x' })
  const scanner = scannerOf(context, root)
  await Promise.all([collect(scanner.scan('')), collect(scanner.scan('')), collect(scanner.scan(''))])
  assert.equal(threads, 1)
})

test('a scan that is given up leaves nothing for the next', async (context) => {
  const scanner = scannerOf(context, many)
  for await (const { folder } of scanner.scan('')) {
    assert.equal(folder, '')
    break
  }
  assert.deepEqual(await collect(scanner.scan('folder 3')), walked('folder 3'))
})

test('a consumer that fails gives its turn to the next', async (context) => {
  const scanner = scannerOf(context, many)
  const failing = async () => {
    for await (const { folder } of scanner.scan('')) if (folder !== '') throw new Error('enough')
  }
  const [failed, next] = await Promise.allSettled([failing(), collect(scanner.scan(''))])
  assert.equal(failed.status, 'rejected')
  assert.equal(next.status === 'fulfilled' && next.value.length, walked('').length)
})

test('a scanner that is closed while it scans ends every scan, those that wait too', async (context) => {
  const scanner = scannerOf(context, many)
  const running = scanner.scan('')
  const first = running.next()
  const waiting = collect(scanner.scan(''))
  assert.equal((await first).done, false)
  await scanner.close()
  for (const scan of [collect(running), waiting]) {
    await assert.rejects(scan, (error) => {
      assert.ok(error instanceof MirroredByError)
      assert.match(error.code, /^ERR_(SCAN|CLOSED)$/)
      return true
    })
  }
})

test('a scanner that is closed before its thread answers ends the scan', async (context) => {
  const scanner = scannerOf(context, many)
  const scan = assert.rejects(collect(scanner.scan('')), { code: 'ERR_SCAN' })
  await new Promise(setImmediate)
  await scanner.close()
  await scan
})

test('a closed scanner scans no more, and may be closed again', async (context) => {
  const scanner = scannerOf(context, temporaryFolder(context))
  await scanner.close()
  await scanner.close()
  await assert.rejects(collect(scanner.scan('')), { code: 'ERR_CLOSED', message: 'the scanner is closed' })
})

test('a scan whose thread dies fails with the reason, and the next has another thread', async (context) => {
  const root = temporaryFolder(context)
  writeFiles(root, { a: 'x' })
  const scanner = scannerOf(context, root)
  process.once('worker', (worker: Worker) => void worker.terminate())
  await assert.rejects(collect(scanner.scan('')), (error) => {
    assert.ok(error instanceof MirroredByError)
    assert.equal(error.code, 'ERR_SCAN')
    assert.equal(error.message, `cannot scan ${root}: its thread ended`)
    return true
  })
  assert.equal((await collect(scanner.scan(''))).length, 1)
})

test('a root that is away is told in its listing', async (context) => {
  const root = join(temporaryFolder(context), 'away')
  const [listing] = await collect(scannerOf(context, root).scan(''))
  assert.match(listing?.error ?? '', /ENOENT/)
})
