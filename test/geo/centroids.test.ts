import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { centroidsSource } from './make-centroids.js'

const PROJECT = fileURLToPath(new URL('../../../', import.meta.url))

test('the table of centroids is the one that its source gives', () => {
  assert.equal(readFileSync(join(PROJECT, 'lib/geo/centroids.ts'), 'utf8'), centroidsSource())
})
