import assert from 'node:assert/strict'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { bannedWords, type Fault, faultsOfComments, faultsOfTexts } from './prose.js'

const PROJECT = fileURLToPath(new URL('../../../', import.meta.url))
const SELF = ['test/structure/prose.ts', 'test/structure/prose.test.ts']

/**
 * Places whose prose is not rewritten yet: files, or folders by their beginning. Do not add any.
 */
const PENDING: readonly string[] = []

function files(folder: string, extension: string): string[] {
  return readdirSync(join(PROJECT, folder), { recursive: true, encoding: 'utf8' })
    .filter((file) => file.endsWith(extension))
    .map((file) => `${folder}/${file.replaceAll('\\', '/')}`)
}

function faults(paths: readonly string[], find: (text: string) => readonly Fault[]): string[] {
  return paths
    .filter((path) => !SELF.includes(path) && !PENDING.some((pending) => path.startsWith(pending)))
    .flatMap((path) =>
      find(readFileSync(join(PROJECT, path), 'utf8')).map(({ line, what }) => `${path}:${line}: ${what}`),
    )
}

describe('plain technical English', () => {
  test('comments of the library: width, words, and sentences that are read once', () => {
    assert.deepEqual(
      faults(files('lib', '.ts'), (source) => faultsOfComments(source, { sentences: true })),
      [],
    )
  })

  test('messages and help texts of the library: words', () => {
    assert.deepEqual(faults(files('lib', '.ts'), faultsOfTexts), [])
  })

  for (const folder of ['test', 'bench', 'examples']) {
    test(`comments of ${folder}: width and words`, () => {
      assert.deepEqual(
        faults(files(folder, '.ts'), (source) => faultsOfComments(source, { sentences: false })),
        [],
      )
    })
  }

  test('README and docs: words', () => {
    assert.deepEqual(faults(['README.md', ...files('docs', '.md')], bannedWords), [])
  })
})

describe('these tests', () => {
  const SOURCE = `
/** Returns a mirror for whoever asks, anew. */
export const a = 1 // in a line of code, which is as wide as the formatter allows, and not ours to wrap: it stays
// ${'a '.repeat(50)}
// One. Two: ${'a '.repeat(20)}.
const message = 'the mirror that nobody knows'
`
  test('see a banned word, a wide line, and a long sentence', () => {
    assert.deepEqual(
      faultsOfComments(SOURCE, { sentences: true }).map(({ line, what }) => `${line} ${what.slice(0, 12)}`),
      ['2 "whoever": t', '2 "anew": agai', '4 103 columns', '4 a sentence o'],
    )
  })

  test('see a banned word in a message', () => {
    assert.deepEqual(
      faultsOfTexts(SOURCE).map(({ line }) => line),
      [6],
    )
  })

  test('let code and longer words pass', () => {
    assert.deepEqual(bannedWords('`anew` welfare, ailing, nobody-else'), [])
  })
})
