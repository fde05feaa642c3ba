import assert from 'node:assert/strict'
import {
  appendFileSync,
  mkdirSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  unlinkSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { MirroredByError } from '../../lib/errors.js'
import { readAddress } from '../../lib/geo/address.js'
import { DatabaseFile } from '../../lib/geo/database-file.js'
import { temporaryFolder } from '../support/folder.js'
import { mmdb } from '../support/mmdb-writer.js'

function bytesOf(country: string): Buffer {
  return mmdb({ networks: { '1.0.0.0/8': { country_code: country } } })
}

interface Following {
  readonly folder: string
  readonly path: string
  readonly file: DatabaseFile
  /** Returns the country of every address in the file. */
  country(): string | undefined
  /** Polls so often, and returns the messages of refused files. */
  poll(times: number): Promise<string[]>
}

async function following(context: TestContext): Promise<Following> {
  const folder = temporaryFolder(context)
  const path = join(folder, 'geo.mmdb')
  writeFileSync(path, bytesOf('DE'))
  const file = await DatabaseFile.open(path)
  return {
    folder,
    path,
    file,
    country: () => {
      const address = readAddress('1.2.3.4')
      return address && file.database.find(address).country
    },
    poll: async (times) => {
      const refused: string[] = []
      for (let left = times; left > 0; left -= 1) {
        try {
          await file.poll()
        } catch (error) {
          assert.ok(error instanceof MirroredByError)
          assert.equal(error.code, 'ERR_GEO')
          refused.push(error.message)
        }
      }
      return refused
    },
  }
}

test('a file that stays the same is read once', async (context) => {
  const { file } = await following(context)
  const { database } = file
  for (let poll = 0; poll < 5; poll += 1) assert.equal(await file.poll(), false)
  assert.equal(file.database, database)
})

for (const [how, replace] of [
  [
    'by rename',
    ({ folder, path }: Following, country: string) => {
      const draft = join(folder, 'draft')
      writeFileSync(draft, bytesOf(country))
      renameSync(draft, path)
    },
  ],
  ['in place', ({ path }: Following, country: string) => writeFileSync(path, bytesOf(country))],
  [
    'by a link',
    ({ folder, path }: Following, country: string) => {
      const target = join(folder, `of ${country}`)
      writeFileSync(target, bytesOf(country))
      rmSync(path)
      symlinkSync(target, path)
    },
  ],
] as const) {
  test(`a good file that replaces it ${how} is taken at the second look`, async (context) => {
    const followed = await following(context)
    for (const country of ['FR', 'IT', 'ES']) {
      const before = followed.country()
      replace(followed, country)
      assert.equal(await followed.file.poll(), false)
      assert.equal(followed.country(), before)
      assert.equal(await followed.file.poll(), true)
      assert.equal(followed.country(), country.toLowerCase())
      assert.equal(await followed.file.poll(), false)
    }
  })
}

test('a file that grows from look to look is left alone until it is whole', async (context) => {
  const followed = await following(context)
  const whole = bytesOf('FR')
  writeFileSync(followed.path, '')
  for (let start = 0; start < whole.length; start += 40) {
    appendFileSync(followed.path, whole.subarray(start, start + 40))
    assert.deepEqual(await followed.poll(1), [])
    assert.equal(followed.country(), 'de')
  }
  assert.equal(await followed.file.poll(), true)
  assert.equal(followed.country(), 'fr')
})

for (const [what, spoil, why] of [
  ['noise', (path: string) => writeFileSync(path, 'x'.repeat(5000)), /it is no MMDB database/],
  ['empty', (path: string) => writeFileSync(path, ''), /it is empty/],
  [
    'cut short',
    (path: string) => writeFileSync(path, bytesOf('FR').subarray(0, 150)),
    /it is (damaged|no MMDB database)/,
  ],
  [
    'of another type',
    (path: string) => writeFileSync(path, mmdb({ networks: { '1.0.0.0/8': { is_tor: true } }, type: 'Tor' })),
    /it is of the type "Tor", and knows neither/,
  ],
] as const) {
  test(`a file that is ${what} is refused once, and the one before stays`, async (context) => {
    const followed = await following(context)
    const { database } = followed.file
    spoil(followed.path)
    const refused = await followed.poll(5)
    assert.equal(refused.length, 1)
    assert.ok(refused[0]?.startsWith(`cannot use ${followed.path} as a geo database: `), refused[0])
    assert.match(refused[0] ?? '', why)
    assert.equal(followed.file.database, database)
    assert.equal(followed.country(), 'de')
    writeFileSync(followed.path, bytesOf('FR'))
    assert.deepEqual(await followed.poll(2), [])
    assert.equal(followed.country(), 'fr')
  })
}

test('a file that is gone, or a folder, is told at each look, and may come back', async (context) => {
  const followed = await following(context)
  const saved = readFileSync(followed.path)
  unlinkSync(followed.path)
  const gone = await followed.poll(4)
  assert.equal(gone.length, 3)
  for (const message of gone) assert.match(message, /ENOENT.*; put it there, or name another by `geo`$/)
  mkdirSync(followed.path)
  for (const message of await followed.poll(3)) assert.match(message, /EISDIR.*; let this user read it$/)
  rmSync(followed.path, { recursive: true })
  assert.equal(followed.country(), 'de')
  writeFileSync(followed.path, saved)
  assert.deepEqual(await followed.poll(2), [])
  assert.equal(followed.country(), 'de')
})
