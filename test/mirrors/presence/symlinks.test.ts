import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { SymlinkMap } from '../../../lib/mirrors/presence/listings/symlinks.js'
import { createPathFilter } from '../../../lib/paths.js'

function links(targets: Readonly<Record<string, string | undefined>>): SymlinkMap {
  const map = new SymlinkMap(createPathFilter([]))
  for (const [path, target] of Object.entries(targets)) map.add(path, target)
  return map
}

describe('a path over links', () => {
  const some = links({
    stable: 'dists/twelve',
    'dists/twelve': '../releases/12',
    'releases/12/up': '..',
    'a/b/abs': '/srv/repo/x',
    away: '../outside',
    hidden: '.pool/x',
    untold: undefined,
    round: 'about',
    about: 'round',
    self: '.',
    slash: 'dists//twelve/./',
  })
  const table: readonly (readonly [path: string, real: string | undefined])[] = [
    ['plain/file', 'plain/file'],
    ['stable/Release', 'releases/12/Release'],
    ['stable', 'releases/12'],
    ['stable/up/12/up/13', 'releases/13'],
    ['a/b/abs/file', undefined],
    ['away', undefined],
    ['hidden', undefined],
    ['untold/x', undefined],
    ['round/x', undefined],
    ['self/self/x', 'x'],
    ['slash/x', 'releases/12/x'],
    ['stables/x', 'stables/x'],
  ]
  for (const [path, real] of table) {
    test(`${path} is ${real ?? 'not to be told'}`, () => assert.equal(some.resolve(path), real))
  }

  test('is found in bounded time, and never leaves the repository', () => {
    const name = fc.constantFrom('a', 'b', 'c', '..', '.', '')
    const path = fc.array(name, { minLength: 1, maxLength: 5 }).map((names) => names.join('/'))
    fc.assert(
      fc.property(fc.dictionary(path, path, { maxKeys: 8 }), path, (targets, start) => {
        const real = links(targets).resolve(start)
        if (Object.keys(targets).length > 0 && real !== undefined)
          assert.ok(
            real.split('/').every((part) => part !== '..' && part !== '.'),
            real,
          )
      }),
      { numRuns: 3000 },
    )
  })
})
