import assert from 'node:assert/strict'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import { fileURLToPath } from 'node:url'

const PROJECT = fileURLToPath(new URL('../../../', import.meta.url))
const { scripts } = JSON.parse(readFileSync(join(PROJECT, 'package.json'), 'utf8')) as {
  readonly scripts: Readonly<Record<string, string>>
}

/**
 * The test files that a script names, as the shell of Node 20 expands it: `*` stands for no `/`.
 */
function globsOf(script: string): readonly RegExp[] {
  const words = (scripts[script] ?? '').split(' ').filter((word) => word.endsWith('.test.js'))
  return words.map((word) => new RegExp(`^${word.replaceAll('.', '\\.').replaceAll('*', '[^/]*')}$`))
}

const tests = readdirSync(join(PROJECT, 'test'), { recursive: true, encoding: 'utf8' })
  .filter((file) => file.endsWith('.test.ts'))
  .map((file) => `dist/test/${file.replaceAll('\\', '/').replace(/\.ts$/, '.js')}`)

describe('a script of package.json', () => {
  for (const script of ['test', 'coverage']) {
    test(`"${script}" runs every test file`, () => {
      const globs = globsOf(script)
      assert.ok(tests.length > 100, `${tests.length} test files`)
      assert.deepEqual(
        tests.filter((file) => !globs.some((glob) => glob.test(file))),
        [],
      )
    })
  }

  for (const script of ['test', 'test:unit', 'coverage', 'check']) {
    test(`"${script}" names no tests that do not exist`, () => {
      const globs = globsOf(script)
      assert.ok(globs.length > 0)
      assert.deepEqual(globs.filter((glob) => !tests.some((file) => glob.test(file))).map(String), [])
    })
  }
})
