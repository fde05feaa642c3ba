import assert from 'node:assert/strict'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'

const PROJECT = fileURLToPath(new URL('../../../', import.meta.url))

/**
 * Returns the files of a drawn tree. An entry is indented two spaces more than its folder, and
 * two spaces or more separate its names from its description.
 */
function pathsOf(tree: string): string[] {
  const folders: string[] = []
  return tree.split('\n').flatMap((line) => {
    const [, indent = '', names = ''] = /^( *)([^\s,]+(?:, [^\s,]+)*)/.exec(line) ?? []
    const depth = indent.length / 2
    folders.length = depth
    if (names.endsWith('/')) {
      folders[depth] = names
      return []
    }
    return names === '' ? [] : names.split(', ').map((name) => `${folders.join('')}${name}.ts`)
  })
}

test('the tree in the documentation is the tree of the library', () => {
  const documentation = readFileSync(join(PROJECT, 'docs', 'architecture.md'), 'utf8')
  const [, tree = ''] = /^```\n(lib\/\n[\s\S]*?)^```/m.exec(documentation) ?? []
  const files = readdirSync(join(PROJECT, 'lib'), { recursive: true, encoding: 'utf8' })
    .filter((file) => file.endsWith('.ts'))
    .map((file) => `lib/${file.replaceAll('\\', '/')}`)
  assert.deepEqual(pathsOf(tree).sort(), files.sort())
})

test('a drawn tree has these paths', () => {
  assert.deepEqual(pathsOf('lib/\n  a, b   what they are\n  c/   a folder\n    d   more\n  e'), [
    'lib/a.ts',
    'lib/b.ts',
    'lib/c/d.ts',
    'lib/e.ts',
  ])
})
