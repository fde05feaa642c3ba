import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { REPRESENTATIONS } from '../../lib/request/representations/table.js'

const documentation = readFileSync(new URL('../../../docs/http.md', import.meta.url), 'utf8')
/** The first columns of the table of documents: query, suffix (may be empty), media type. */
const ROW = /^\| `\?([^`]+)` +\| (?:`(\.[^`]+)`)? *\| `([^`]+\/[^`]+)` +\|/gm

test('the documentation has a row for each representation, in the order of the table, and no other', () => {
  const rows = [...documentation.matchAll(ROW)].map(([, name, suffix, type]) => ({ name, suffix, type }))
  assert.deepEqual(
    rows,
    REPRESENTATIONS.map(({ name, suffix, type }) => ({ name, suffix, type })),
  )
})
