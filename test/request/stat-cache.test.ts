import assert from 'node:assert/strict'
import { mkdirSync, unlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import { StatCache } from '../../lib/request/stat-cache.js'
import { temporaryFolder } from '../support/folder.js'

describe('the stat cache', () => {
  test('gives the identity of a file for a millisecond, and then the one that it has', (t) => {
    const file = join(temporaryFolder(t), 'a')
    writeFileSync(file, '1')
    let now = 1000
    const cache = new StatCache(() => now)
    assert.equal(cache.identify(file)?.size, 1)
    writeFileSync(file, '22')
    now = 1001
    assert.equal(cache.identify(file)?.size, 1)
    now = 1001.1
    assert.equal(cache.identify(file)?.size, 2)
  })

  test('does not keep that there is no file', (t) => {
    const file = join(temporaryFolder(t), 'a')
    const cache = new StatCache(() => 1000)
    assert.equal(cache.identify(file), undefined)
    writeFileSync(file, '1')
    assert.equal(cache.identify(file)?.size, 1)
    unlinkSync(file)
    assert.equal(cache.identify(file)?.size, 1)
  })

  test('has identities of regular files only', (t) => {
    const folder = join(temporaryFolder(t), 'folder')
    mkdirSync(folder)
    const cache = new StatCache(() => 1000)
    assert.equal(cache.identify(folder), undefined)
    assert.equal(cache.identify(join(folder, 'a\0b')), undefined)
  })
})
