import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { entryOf } from '../../../lib/mirrors/list/import/document.js'
import { mirrorsFileSchema } from '../../../lib/mirrors/list/schema.js'
import { validateYaml } from '../../../lib/validation.js'
import { mirroredBy } from '../../support/command.js'
import { CASES, expected, LISTS } from './lists.js'

describe('a list becomes a mirrors file:', { concurrency: 2 }, () => {
  for (const { name, format, list, flags = [] } of CASES) {
    test(name, async () => {
      const { status, stdout, stderr } = await mirroredBy(
        ['mirrors', 'import', '--from', format, list, ...flags],
        LISTS,
      )
      assert.equal(stderr, expected(name, 'warnings'))
      assert.equal(stdout, expected(name, 'yaml'))
      assert.equal(status, 0)
    })
  }
})

describe('what is expected', () => {
  for (const { name } of CASES) {
    const text = expected(name, 'yaml')

    test(`of ${name} is a good mirrors file without defaults`, () => {
      const { mirrors } = validateYaml(mirrorsFileSchema, text, name, 'ERR_MIRRORS_FILE')
      const count = /: (\d+) mirrors?, /.exec(text)?.[1]
      assert.equal(String(mirrors.length), count)
      for (const mirror of mirrors) {
        const defaults = Object.keys(mirror).filter((key) => !Object.hasOwn(entryOf(mirror), key))
        for (const key of defaults)
          assert.doesNotMatch(text, new RegExp(`^ {4}${key}: (\\[\\]|100|world)`, 'm'))
      }
    })

    test(`of ${name} has nothing personal and nothing secret in it`, () => {
      assert.doesNotMatch(text, /@|secret|Some One/)
      assert.doesNotMatch(expected(name, 'warnings'), /secret/)
    })
  }
})
