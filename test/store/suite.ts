import assert from 'node:assert/strict'
import { posix } from 'node:path'
import { describe, type TestContext, test } from 'node:test'
import fc from 'fast-check'
import type { Digests, HashedFile, IndexedFile, Pieces } from '../../lib/model.js'
import type { Store } from '../../lib/store/store.js'
import { allDigests, bytesOf, fileAt, piecesOf, put } from '../support/files.js'

/** Names that a pattern, quotes or an SQL range could misread. */
const ODD_NAMES = [
  '%',
  '_',
  'a%',
  'a_',
  "it's",
  '"quoted"',
  'semi;colon -- x',
  'new\nline',
  'tab\there',
  'ünïcödé',
  '日本語',
  '😀',
  'e\u0301',
  '\u00e9',
  ' ',
  '~',
  '0',
]

/** Tests what every store does. `open` returns an empty one, which is closed when the test ends. */
export function behavesAsAStore(name: string, open: (context: TestContext) => Store): void {
  describe(name, () => {
    test('is empty at first', async (context) => {
      const store = open(context)
      assert.equal(await store.get('a'), undefined)
      assert.equal(await store.pieces('a'), undefined)
      assert.deepEqual(await store.list(''), [])
      assert.deepEqual(await store.folders(''), [])
      assert.deepEqual(await store.totals(), { files: 0, bytes: 0 })
    })

    test('gives back what was put, with the digests of all algorithms', async (context) => {
      const store = open(context)
      const file = fileAt('iso/disk 1.iso')
      await store.apply([put(file)])
      assertSameFile(await store.get('iso/disk 1.iso'), file)
    })

    test('keeps only the digests that there are', async (context) => {
      const store = open(context)
      const { md5, crc32c } = allDigests('x')
      const some = fileAt('some', {}, { md5, crc32c })
      const none = fileAt('none', {}, {})
      await store.apply([put(some), put(none)])
      assertSameFile(await store.get('some'), some)
      assertSameFile(await store.get('none'), none)
      const listed = await store.list('')
      assert.deepEqual(listed.find((file) => file.name === 'some')?.algorithms, ['md5', 'crc32c'])
      assert.deepEqual(listed.find((file) => file.name === 'none')?.algorithms, [])
    })

    test('replaces a file whole', async (context) => {
      const store = open(context)
      const { md5 } = allDigests('new')
      const after = fileAt('a/b', { size: 5, inode: 7n }, { md5 })
      await store.apply([put(fileAt('a/b'), piecesOf(3, 'old'))])
      await store.apply([put(after)])
      assertSameFile(await store.get('a/b'), after)
      assert.deepEqual(await store.totals(), { files: 1, bytes: 5 })
    })

    test('removes a file, and no other', async (context) => {
      const store = open(context)
      await store.apply([put(fileAt('a/b')), put(fileAt('a/bb')), put(fileAt('b')), put(fileAt('a/b/c'))])
      await store.apply([{ kind: 'remove', path: 'a/b' }])
      assert.deepEqual(await pathsIn(store), ['a/b/c', 'a/bb', 'b'])
    })

    test('gives some files, in the order of folders and of names, page by page', async (context) => {
      const store = open(context)
      assert.deepEqual(await store.sample('', 10), [])
      const paths = ['b', 'a/c', 'a/b/x', 'a/b', 'a', 'c/d', 'a-b/z']
      await store.apply(paths.map((path) => put(fileAt(path, { size: path.length }))))
      const sample = async (after: string, most = 10) =>
        (await store.sample(after, most)).map(({ path }) => path)
      assert.deepEqual(await sample(''), ['a', 'b', 'a/b', 'a/c', 'a-b/z', 'a/b/x', 'c/d'])
      assert.deepEqual(await sample('', 2), ['a', 'b'])
      assert.deepEqual(await sample('b', 2), ['a/b', 'a/c'])
      assert.deepEqual(await sample('a/', 3), ['a/b', 'a/c', 'a-b/z'])
      assert.deepEqual(await sample('a/bb'), ['a/c', 'a-b/z', 'a/b/x', 'c/d'])
      assert.deepEqual(await sample('c/d'), [])
      const [first] = await store.sample('a/b/', 1)
      assert.deepEqual([first?.path, first?.identity.size], ['a/b/x', 5])
    })

    test('gives them in order after every change too, and counts them', async (context) => {
      const store = open(context)
      const change = fc.record({ path: fc.stringMatching(/^[ab-](\/[ab]){0,2}$/), isGone: fc.boolean() })
      const present = new Map<string, number>()
      await fc.assert(
        fc.asyncProperty(fc.array(change, { maxLength: 5 }), async (changes) => {
          for (const { path, isGone } of changes) {
            const size = path.length + present.size
            await store.apply([isGone ? { kind: 'remove', path } : put(fileAt(path, { size }))])
            if (isGone) present.delete(path)
            else present.set(path, size)
          }
          const sampled = await store.sample('', 1000)
          const found = sampled.map(({ path, identity }) => [path, identity.size])
          assert.deepEqual(found, [...present].sort(byFolderAndName))
          const bytes = [...present.values()].reduce((sum, size) => sum + size, 0)
          assert.deepEqual(await store.totals(), { files: present.size, bytes })
        }),
        { numRuns: 30 },
      )
    })

    test('takes it calmly that what it removes is not there', async (context) => {
      const store = open(context)
      await store.apply([put(fileAt('a'))])
      await store.apply([
        { kind: 'remove', path: 'b' },
        { kind: 'remove', path: 'c/d' },
        { kind: 'removeFolder', folder: 'e' },
      ])
      assert.deepEqual(await pathsIn(store), ['a'])
    })

    test('removes a folder with everything below it', async (context) => {
      const store = open(context)
      const paths = ['a/1', 'a/b/2', 'a/b/c/3', 'a/0/4', 'b/5', '6']
      await store.apply(paths.map((path) => put(fileAt(path), piecesOf(2, path))))
      await store.apply([{ kind: 'removeFolder', folder: 'a' }])
      assert.deepEqual(await pathsIn(store), ['6', 'b/5'])
      for (const path of paths) {
        assert.equal((await store.pieces(path)) === undefined, path.startsWith('a/'), path)
      }
    })

    test('removes no folder or file whose name only begins with that of the folder', async (context) => {
      const store = open(context)
      const others = [
        'a',
        'ab/1',
        'a-b/1',
        'a.b/1',
        'a0/1',
        'a /1',
        'A/1',
        'b/a/1',
        'a%/1',
        '%/1',
        '_/1',
      ].sort()
      await store.apply([put(fileAt('a/1')), ...others.map((path) => put(fileAt(path)))])
      await store.apply([{ kind: 'removeFolder', folder: 'a' }])
      assert.deepEqual(await pathsIn(store), others)
    })

    test('removes everything with the root', async (context) => {
      const store = open(context)
      await store.apply([put(fileAt('1'), piecesOf(2, '1')), put(fileAt('a/b/2'), piecesOf(2, '2'))])
      await store.apply([{ kind: 'removeFolder', folder: '' }])
      assert.deepEqual(await pathsIn(store), [])
      assert.equal(await store.pieces('1'), undefined)
      assert.equal(await store.pieces('a/b/2'), undefined)
      assert.deepEqual(await store.totals(), { files: 0, bytes: 0 })
    })

    test('takes every name for what it is', async (context) => {
      const store = open(context)
      const paths = ODD_NAMES.flatMap((odd) => [odd, `${odd}/in`, `${odd}/${odd}/deep`])
      await store.apply(paths.map((path) => put(fileAt(path), piecesOf(2, path))))
      assert.deepEqual(await pathsIn(store), [...paths].sort())
      for (const path of paths) {
        assertSameFile(await store.get(path), fileAt(path))
        assertSamePieces(await store.pieces(path), piecesOf(2, path))
      }
    })

    for (const odd of ODD_NAMES) {
      test(`removes the folder ${JSON.stringify(odd)} and nothing else`, async (context) => {
        const store = open(context)
        const paths = ODD_NAMES.flatMap((one) => [one, `${one}/in`, `${one}/${odd}/deep`])
        await store.apply(paths.map((path) => put(fileAt(path))))
        await store.apply([{ kind: 'removeFolder', folder: odd }])
        const left = paths.filter((path) => !path.startsWith(`${odd}/`))
        assert.deepEqual(await pathsIn(store), left.sort())
      })
    }

    test('lists the files directly in a folder', async (context) => {
      const store = open(context)
      const { 'sha-256': sha256 } = allDigests('x')
      const paths = ['top', 'a/one', 'a/two', 'a/b/three', 'ab/four']
      await store.apply(paths.map((path) => put(fileAt(path, { inode: 9n }, { 'sha-256': sha256 }))))
      assert.deepEqual(await namesIn(store, ''), ['top'])
      assert.deepEqual(await namesIn(store, 'a'), ['one', 'two'])
      assert.deepEqual(await namesIn(store, 'a/b'), ['three'])
      assert.deepEqual(await namesIn(store, 'nowhere'), [])
      const [listed] = await store.list('a/b')
      assert.deepEqual(listed, {
        name: 'three',
        identity: fileAt('', { inode: 9n }).identity,
        number: (await store.get('a/b/three'))?.number,
        algorithms: ['sha-256'],
      })
    })

    test('names every folder that holds a file directly, once', async (context) => {
      const store = open(context)
      await store.apply(['a/b/c/1', 'a/b/c/2', 'a/1', 'top'].map((path) => put(fileAt(path))))
      assert.deepEqual([...(await store.folders(''))].sort(), ['', 'a', 'a/b/c'])
      await store.apply([
        { kind: 'remove', path: 'a/1' },
        { kind: 'remove', path: 'a/b/c/1' },
      ])
      assert.deepEqual([...(await store.folders(''))].sort(), ['', 'a/b/c'])
    })

    test('counts files and bytes, beyond 32 bits too', async (context) => {
      const store = open(context)
      const huge = 5_000_000_000_001
      await store.apply([put(fileAt('a', { size: huge })), put(fileAt('b', { size: 0 }))])
      assert.deepEqual(await store.totals(), { files: 2, bytes: huge })
      assert.equal((await store.get('a'))?.identity.size, huge)
      await store.apply([put(fileAt('a', { size: 3 })), { kind: 'remove', path: 'b' }])
      assert.deepEqual(await store.totals(), { files: 1, bytes: 3 })
    })

    test('keeps pieces with their file: replaces them, and removes them', async (context) => {
      const store = open(context)
      await store.apply([put(fileAt('a'), piecesOf(3, 'first')), put(fileAt('b'), piecesOf(2, 'b'))])
      assertSamePieces(await store.pieces('a'), piecesOf(3, 'first'))
      await store.apply([put(fileAt('a'), piecesOf(4, 'second'))])
      assertSamePieces(await store.pieces('a'), piecesOf(4, 'second'))
      await store.apply([put(fileAt('a'))])
      assert.equal(await store.pieces('a'), undefined)
      await store.apply([put(fileAt('a'), piecesOf(5, 'third')), { kind: 'remove', path: 'a' }])
      assert.equal(await store.pieces('a'), undefined)
      assertSamePieces(await store.pieces('b'), piecesOf(2, 'b'))
    })

    test('holds times before 1970, and numbers of 64 bits, exactly', async (context) => {
      const store = open(context)
      const extremes = [
        { mtimeNs: -1n, ctimeNs: -1_234_567_890_123_456_789n, inode: -1n },
        { mtimeNs: 2n ** 63n - 1n, ctimeNs: -(2n ** 63n), inode: 2n ** 63n - 1n },
        { mtimeNs: 0n, ctimeNs: 2n ** 53n + 1n, inode: -(2n ** 63n) },
      ]
      for (const [index, extreme] of extremes.entries()) {
        await store.apply([put(fileAt(`f${index}`, extreme))])
        assertSameFile(await store.get(`f${index}`), fileAt(`f${index}`, extreme))
      }
      const listed = await store.list('')
      for (const [index, extreme] of extremes.entries()) {
        const { identity } = fileAt('', extreme)
        assert.deepEqual(listed.find(({ name }) => name === `f${index}`)?.identity, identity)
      }
    })

    test('applies changes in their order', async (context) => {
      const store = open(context)
      await store.apply([
        put(fileAt('a/1')),
        { kind: 'removeFolder', folder: 'a' },
        put(fileAt('a/2')),
        put(fileAt('b', { size: 1 })),
        { kind: 'remove', path: 'b' },
        put(fileAt('b', { size: 2 })),
        put(fileAt('c')),
        { kind: 'remove', path: 'c' },
      ])
      assert.deepEqual(await pathsIn(store), ['a/2', 'b'])
      assert.equal((await store.get('b'))?.identity.size, 2)
    })

    test('applies many changes at once', async (context) => {
      const store = open(context)
      const paths = Array.from({ length: 2000 }, (_, index) => `folder ${index % 7}/file ${index}`)
      await store.apply(paths.map((path) => put(fileAt(path, { size: 1 }, {}))))
      assert.deepEqual(await store.totals(), { files: 2000, bytes: 2000 })
      await store.apply(paths.slice(500).map((path) => ({ kind: 'remove', path })))
      assert.deepEqual(await pathsIn(store), paths.slice(0, 500).sort())
    })

    test('numbers every content of every path, one after the other, and tells the number wherever it tells the file', async (context) => {
      const store = open(context)
      const paths = ['a/1', 'a/2', 'b', 'a/3']
      await store.apply(paths.map((path) => put(fileAt(path, {}, allDigests('the same')))))
      const first = await numberOf(store, 'a/1')
      assert.ok(Number.isSafeInteger(first) && first >= 0, `${first}`)
      assert.equal(first % 2 ** 20, 0)
      for (const [index, path] of paths.entries()) assert.equal(await numberOf(store, path), first + index)
      const listed = (await store.list('a')).map(({ name, number }) => [name, number - first])
      assert.deepEqual(
        new Map(listed as [string, number][]),
        new Map([
          ['1', 0],
          ['2', 1],
          ['3', 3],
        ]),
      )
      const sampled = (await store.sample('', 10)).map(({ path, number }) => [path, number - first])
      assert.deepEqual(sampled, [
        ['b', 2],
        ['a/1', 0],
        ['a/2', 1],
        ['a/3', 3],
      ])
    })

    test('begins where no other index of the past or the future is likely to have been', async (context) => {
      const stores = [open(context), open(context), open(context)]
      const blocks = new Set<number>()
      for (const store of stores) {
        await store.apply([put(fileAt('a'))])
        blocks.add(Math.floor((await numberOf(store, 'a')) / 2 ** 20))
      }
      assert.equal(blocks.size, 3)
    })

    const { 'sha-256': sha256, 'sha-512': sha512, md5 } = allDigests('one')
    const other = allDigests('other')
    const isKept: readonly [what: string, before: Digests, after: Digests, kept: boolean][] = [
      ['an equal SHA-256', { 'sha-256': sha256, md5 }, { 'sha-256': sha256, 'sha-512': sha512 }, true],
      [
        'an equal SHA-256, whatever the others say',
        { 'sha-256': sha256, md5 },
        { 'sha-256': sha256, md5: other.md5 },
        true,
      ],
      ['another SHA-256', { 'sha-256': sha256, md5 }, { 'sha-256': other['sha-256'], md5 }, false],
      ['one equal digest in common', { 'sha-256': sha256, md5 }, { 'sha-512': sha512, md5 }, true],
      ['equal digests', { 'sha-512': sha512, md5 }, { 'sha-512': sha512, md5 }, true],
      ['one equal digest of two', { 'sha-512': sha512, md5 }, { 'sha-512': sha512, md5: other.md5 }, false],
      ['no digest in common', { 'sha-256': sha256 }, { 'sha-512': sha512 }, false],
      ['no digests', {}, {}, false],
      ['a digest that is cut off', { md5 }, { md5: md5.subarray(0, 8) }, false],
    ]
    for (const [what, before, after, kept] of isKept) {
      test(`${kept ? 'keeps' : 'does not keep'} the number of a file of the same size with ${what}`, async (context) => {
        const store = open(context)
        await store.apply([put(fileAt('a/b', {}, before))])
        const number = await numberOf(store, 'a/b')
        await store.apply([put(fileAt('a/b', { mtimeNs: 1n, ctimeNs: 2n, inode: 3n }, after))])
        assert.equal(await numberOf(store, 'a/b'), kept ? number : number + 1)
        assert.equal((await store.get('a/b'))?.identity.inode, 3n)
      })
    }

    test('does not keep the number of a file of another size', async (context) => {
      const store = open(context)
      await store.apply([put(fileAt('a', { size: 1 }))])
      const number = await numberOf(store, 'a')
      await store.apply([put(fileAt('a', { size: 2 }))])
      assert.equal(await numberOf(store, 'a'), number + 1)
      await store.apply([put(fileAt('a', { size: 1 }))])
      assert.equal(await numberOf(store, 'a'), number + 2)
    })

    test('gives the next number to every content that is new at its path, whatever happened before', async (context) => {
      const store = open(context)
      const path = fc.constantFrom('a', 'f/a', 'f/b', 'f/g/a')
      const content = fc.constantFrom('x', 'y')
      const change = fc.oneof(
        { weight: 3, arbitrary: fc.record({ path, content, inode: fc.bigInt({ min: 0n, max: 9n }) }) },
        fc.record({ kind: fc.constant('remove' as const), path }),
        fc.record({ kind: fc.constant('removeFolder' as const), folder: fc.constantFrom('', 'f', 'f/g') }),
      )
      await store.apply([put(fileAt('a'))])
      let next = (await numberOf(store, 'a')) + 1
      const batches = fc.array(fc.array(change, { maxLength: 6 }), { maxLength: 6 })
      await fc.assert(
        fc.asyncProperty(batches, async (batches) => {
          await store.apply([{ kind: 'removeFolder', folder: '' }])
          const expected = new Map<string, { readonly content: string; readonly number: number }>()
          for (const one of batches.flat()) {
            if ('content' in one) {
              if (expected.get(one.path)?.content === one.content) continue
              expected.set(one.path, { content: one.content, number: next })
              next += 1
            } else {
              const within = one.kind === 'remove' ? one.path : one.folder
              for (const path of expected.keys()) if (path.startsWith(within)) expected.delete(path)
            }
          }
          for (const batch of batches) {
            const changes = batch.map((one) =>
              'content' in one
                ? put(fileAt(one.path, { inode: one.inode }, { md5: bytesOf(16, one.content) }))
                : one,
            )
            await store.apply(changes)
          }
          assert.deepEqual(await pathsIn(store), [...expected.keys()].sort())
          for (const [path, { number }] of expected) assert.equal(await numberOf(store, path), number, path)
        }),
        { numRuns: 50 },
      )
    })

    test('takes no changes for none', async (context) => {
      const store = open(context)
      await store.apply([put(fileAt('a'))])
      await store.apply([])
      assert.deepEqual(await pathsIn(store), ['a'])
    })
  })
}

/** Returns every path of a store, sorted. */
export async function pathsIn(store: Store): Promise<string[]> {
  const paths: string[] = []
  for (const folder of await store.folders('')) {
    for (const { name } of await store.list(folder)) paths.push(folder === '' ? name : `${folder}/${name}`)
  }
  return paths.sort()
}

async function numberOf(store: Store, path: string): Promise<number> {
  const file = await store.get(path)
  assert.ok(file, `${path} is not there`)
  return file.number
}

async function namesIn(store: Store, folder: string): Promise<string[]> {
  return (await store.list(folder)).map(({ name }) => name).sort()
}

/** Compares digests as bytes, because a store may return any kind of Uint8Array. */
export function assertSameFile(actual: IndexedFile | undefined, expected: HashedFile): void {
  assert.ok(actual, `${expected.path} is not there`)
  assert.equal(actual.path, expected.path)
  assert.deepEqual(actual.identity, expected.identity)
  assert.deepEqual(asHex(actual.digests), asHex(expected.digests))
}

export function assertSamePieces(actual: Pieces | undefined, expected: Pieces): void {
  assert.ok(actual, 'there are no pieces')
  assert.equal(actual.length, expected.length)
  assert.deepEqual(new Uint8Array(actual.sha256), expected.sha256)
  assert.deepEqual(new Uint8Array(actual.sha1), expected.sha1)
}

function asHex(digests: Digests): Record<string, string> {
  return Object.fromEntries(
    Object.entries(digests).map(([algorithm, digest]) => [algorithm, Buffer.from(digest).toString('hex')]),
  )
}

function byFolderAndName([one]: readonly [string, unknown], [other]: readonly [string, unknown]): number {
  // The only character that no name contains sorts before all others.
  const keyOf = (path: string): string => `${posix.dirname(`/${path}`)}\0${posix.basename(path)}`
  return keyOf(one) < keyOf(other) ? -1 : 1
}
