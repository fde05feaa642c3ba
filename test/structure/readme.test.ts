import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { type CheckedOptions, checkOptions, optionEntries } from '../../lib/options.js'

const README = readFileSync(join(fileURLToPath(new URL('../../../', import.meta.url)), 'README.md'), 'utf8')

/** The cell with the default of each option, from all tables below "Options". */
const defaults = new Map(
  [...sectionOf('Options').matchAll(/^\| `(\w+)` +\| (.*?) +\| .* \|$/gm)].map(([, name, cell]) => [
    name ?? '',
    cell ?? '',
  ]),
)

/** Entries without the old spellings, which accept no value. */
const options = Object.entries(optionEntries).flatMap(([name, entry]) => {
  const isRenamed = 'wrapped' in entry && entry.wrapped.type === 'never'
  return isRenamed ? [] : [{ name, hasDefault: 'default' in entry && entry.default !== undefined }]
})

function sectionOf(title: string): string {
  const [, ...sections] = README.split(/^## /m)
  return sections.find((section) => section.startsWith(`${title}\n`)) ?? ''
}

/** The value that a cell states as code, such as `'500ms'`; undefined if it states none. */
function literalOf(cell: string): unknown {
  const [, code] = /^`(.+?)`$/.exec(cell) ?? []
  return code === undefined ? undefined : JSON.parse(code.replaceAll("'", '"'))
}

function checked(given: Readonly<Record<string, unknown>>, name: string): unknown {
  const result: CheckedOptions = checkOptions({ root: '.', ...given })
  return Object.entries(result).find(([key]) => key === name)?.[1]
}

describe('the options of the README', () => {
  test('are those of createOrigin, each once', () => {
    assert.deepEqual([...defaults.keys()].sort(), options.map(({ name }) => name).sort())
    const rows = [...sectionOf('Options').matchAll(/^\| `/gm)]
    assert.equal(rows.length, defaults.size)
  })

  for (const { name, hasDefault } of options) {
    test(`state the default of ${name}`, () => {
      const cell = defaults.get(name) ?? ''
      assert.notEqual(cell, '')
      // A default that depends on the machine or on other options is described in words.
      if (!hasDefault || name === 'workers') return
      assert.deepEqual(checked({ [name]: literalOf(cell) }, name), checked({}, name))
    })
  }
})
