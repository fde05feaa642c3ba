import assert from 'node:assert/strict'
import { existsSync, mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import type { MirroredByError } from '../../lib/errors.js'
import { INDEX_STORE, openStore, STATE_STORE } from '../../lib/store/open.js'
import { temporaryFolder } from '../support/folder.js'

function recorder() {
  const warnings: MirroredByError[] = []
  return { warnings, rebuilt: () => {}, warning: (error: MirroredByError) => warnings.push(error) }
}

for (const [name, kind, kept] of [
  ['the index', INDEX_STORE, 'the index is kept'],
  ['the mirror states', STATE_STORE, 'the states of mirrors are kept'],
] as const) {
  describe(`opening ${name}`, () => {
    const open = (file: string | undefined, events: ReturnType<typeof recorder>) =>
      kind === INDEX_STORE
        ? openStore(INDEX_STORE, () => file, events)
        : openStore(STATE_STORE, () => file, events)

    test('makes the file, and names it', async (t) => {
      const file = join(temporaryFolder(t), 'deep', 'store.sqlite')
      const events = recorder()
      const opened = open(file, events)
      t.after(() => opened.store.close())
      assert.equal(opened.file, file)
      assert.equal(existsSync(file), true)
      assert.deepEqual(events.warnings, [])
    })

    test('keeps it in memory, if no file is named', async () => {
      const events = recorder()
      const { store, file } = open(undefined, events)
      assert.equal(file, undefined)
      assert.equal(await store.version(), 0)
      assert.deepEqual(events.warnings, [])
    })

    test('keeps it in memory, if the file cannot be used, and warns', async (t) => {
      const file = temporaryFolder(t)
      const events = recorder()
      const opened = open(file, events)
      assert.equal(opened.file, undefined)
      assert.equal(await opened.store.version(), 0)
      assert.deepEqual(
        events.warnings.map(({ code }) => code),
        ['ERR_STORE'],
      )
      assert.match(events.warnings[0]?.message ?? '', new RegExp(`; until the next start ${kept} in memory$`))
    })

    test('begins a new file, if the old one is broken', async (t) => {
      const folder = temporaryFolder(t)
      const file = join(folder, 'store.sqlite')
      mkdirSync(folder, { recursive: true })
      writeFileSync(file, 'not a database, but longer than the head of one '.repeat(100))
      const events = recorder()
      const opened = open(file, events)
      t.after(() => opened.store.close())
      assert.equal(opened.file, file)
      assert.deepEqual(
        events.warnings.map(({ code }) => code),
        ['ERR_STORE_BROKEN'],
      )
    })
  })
}
