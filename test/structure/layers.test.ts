import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { ALLOWED, circles, importsOf, readGraph, strayImports, strayTestImports } from './imports.js'

const LIB = fileURLToPath(new URL('../../../lib', import.meta.url))
const graph = readGraph(LIB)

describe('the library', () => {
  test('is here, whole', () => {
    assert.ok(graph.size > 50, `${graph.size} files`)
    const imports = [...graph.values()].flat()
    assert.ok(imports.length > 150, `${imports.length} imports`)
    assert.ok(
      graph.get('indexing/digest/hasher.ts')?.includes('indexing/digest/worker.ts'),
      'threads count as imports',
    )
    assert.ok(graph.get('request/plan.ts')?.includes('model.ts'), 'types count as imports')
    assert.ok(graph.get('index.ts')?.includes('store/memory.ts'), 'what is exported again counts as imported')
  })

  test('imports only what its places allow', () => {
    assert.deepEqual(strayImports(graph), [])
  })

  test('has no files that import each other', () => {
    assert.deepEqual(circles(graph), [])
  })

  test('has a file in every place', () => {
    const empty = Object.keys(ALLOWED).filter(
      (place) => ![...graph.keys()].some((file) => file.startsWith(place)),
    )
    assert.deepEqual(empty, [])
  })

  test('gives no exported name two meanings', () => {
    const files = new Map<string, string[]>()
    for (const file of graph.keys()) {
      const source = readFileSync(join(LIB, file), 'utf8')
      const exported = source.matchAll(
        /^export (?:async )?(?:const|function\*?|class|interface|type) (\w+)/gm,
      )
      for (const [, name = ''] of new Map([...exported].map((match) => [match[1], match])).values())
        files.set(name, [...(files.get(name) ?? []), file])
    }
    assert.ok(files.size > 400, `${files.size} names`)
    // Each adapter exports `mirroredBy`.
    files.delete('mirroredBy')
    assert.deepEqual(
      [...files].filter(([, places]) => places.length > 1),
      [],
    )
  })

  test('has no place for what belongs nowhere', () => {
    const words = /^(utils?|helpers?|commons?|misc|shared|tools?|stuff)(\.ts)?$/i
    const parts = [...graph.keys()].flatMap((file) => file.split('/'))
    assert.deepEqual(
      parts.filter((part) => words.test(part)),
      [],
    )
  })
})

describe('the tests of the library', () => {
  const SELF = 'test/structure/layers.test.ts'
  const tests = new Map(
    [...readGraph(fileURLToPath(new URL('../../../test', import.meta.url)), 'test/')].filter(
      // The imports in its examples are not real.
      ([file]) => file !== SELF,
    ),
  )

  test('import what they test, helpers, and files of their own folder', () => {
    assert.ok(tests.size > 100, `${tests.size} files`)
    assert.deepEqual(strayTestImports(tests), [])
  })
})

describe('these tests', () => {
  test('see an import of every kind', () => {
    const source = `
import a from './a.js'
import type { B } from '../b.js'
import { type C } from './c/c.js'
import './d.js'
export { e } from './e.js'
export type { F } from './f.js'
export * from './g.js'
const h = await import('./h.js')
let i: import('./i.js').I
const worker = new Worker(new URL('./j.js', import.meta.url))
import { a2 } from './a.js'
import { readFileSync } from 'node:fs'
import koa from 'koa'
`
    assert.deepEqual(importsOf('folder/file.ts', source).sort(), [
      'b.ts',
      'folder/a.ts',
      'folder/c/c.ts',
      'folder/d.ts',
      'folder/e.ts',
      'folder/f.ts',
      'folder/g.ts',
      'folder/h.ts',
      'folder/i.ts',
      'folder/j.ts',
    ])
  })

  test('see an import that points upwards, or into another flow', () => {
    const upward = new Map([
      ['fields/link.ts', ['request/plan.ts', 'model.ts']],
      ['request/plan.ts', ['fields/link.ts', 'request/view.ts', 'mirrors/ranking/rank.ts']],
      ['request/view.ts', ['mirrors/health/health.ts']],
      ['model.ts', ['errors.ts']],
      ['errors.ts', []],
      ['store/store.ts', ['indexing/indexer.ts']],
      ['indexing/indexer.ts', ['store/store.ts', 'mirrors/ranking/rank.ts']],
      ['mirrors/ranking/rank.ts', ['mirrors/list/registry.ts']],
      ['mirrors/list/registry.ts', ['mirrors/ranking/rank.ts', 'indexing/indexer.ts']],
      ['mirrors/health/health.ts', ['mirrors/list/registry.ts']],
    ])
    assert.deepEqual(strayImports(upward), [
      'fields/link.ts → request/plan.ts',
      'request/view.ts → mirrors/health/health.ts',
      'model.ts → errors.ts',
      'store/store.ts → indexing/indexer.ts',
      'indexing/indexer.ts → mirrors/ranking/rank.ts',
      'mirrors/ranking/rank.ts → mirrors/list/registry.ts',
      'mirrors/list/registry.ts → indexing/indexer.ts',
    ])
  })

  test('see a test that imports a file of another folder of tests', () => {
    const graph = new Map([
      ['test/fields/url.test.ts', ['lib/fields/url.ts', 'test/support/files.ts', 'test/store/suite.ts']],
      ['test/request/a/b.test.ts', ['test/request/plans.ts', 'test/request/c/d.ts', 'test/lab/nginx.ts']],
      ['test/support/files.ts', ['test/support/folder.ts', 'test/lab/nginx.ts']],
      ['test/paths.test.ts', ['lib/paths.ts', 'bench/random.ts']],
    ])
    assert.deepEqual(strayTestImports(graph), [
      'test/fields/url.test.ts → test/store/suite.ts',
      'test/request/a/b.test.ts → test/request/c/d.ts',
      'test/support/files.ts → test/lab/nginx.ts',
      'test/paths.test.ts → bench/random.ts',
    ])
  })

  test('see a file that has no place, and an import of a file that does not exist', () => {
    const graph = new Map([
      ['utils/things.ts', []],
      ['model.ts', ['errors.ts']],
    ])
    assert.deepEqual(strayImports(graph), [
      'utils/things.ts has no place',
      'model.ts → errors.ts, which does not exist',
    ])
  })

  test('see files that import each other, or themselves', () => {
    const round = new Map([
      ['a.ts', ['b.ts']],
      ['b.ts', ['c.ts', 'd.ts']],
      ['c.ts', ['b.ts']],
      ['d.ts', ['d.ts', 'e.ts']],
      ['e.ts', []],
    ])
    assert.deepEqual(circles(round), ['b.ts → c.ts → b.ts', 'd.ts → d.ts'])
  })

  test('do not take two ways to one file for a circle', () => {
    const diamond = new Map([
      ['a.ts', ['b.ts', 'c.ts']],
      ['b.ts', ['d.ts']],
      ['c.ts', ['d.ts']],
      ['d.ts', []],
    ])
    assert.deepEqual(circles(diamond), [])
  })
})
