import assert from 'node:assert/strict'
import { mkdtempSync, renameSync, rmSync, unlinkSync, writeFileSync } from 'node:fs'
import { join, relative } from 'node:path'
import { describe, type TestContext, test } from 'node:test'
import { SYSTEM_CLOCK } from '../../../lib/clock.js'
import type { MirroredByError } from '../../../lib/errors.js'
import { Registry, type RegistryEvents } from '../../../lib/mirrors/list/registry.js'
import { explain } from '../../../lib/mirrors/ranking/rank.js'
import { DEFAULT_SELECTION, type Snapshot } from '../../../lib/mirrors/ranking/snapshot.js'
import { FakeClock } from '../../support/fake-clock.js'
import { temporaryFolder } from '../../support/folder.js'
import { mirror } from '../../support/mirrors.js'
import { until } from '../../support/until.js'

const HOUR = 3_600_000

interface Following {
  readonly folder: string
  readonly file: string
  readonly registry: Registry
  readonly replaced: Snapshot[]
  readonly warnings: MirroredByError[]
  ids(): string[]
}

const SILENT: RegistryEvents = {
  replaced: () => assert.fail('nothing was to be replaced'),
  warning: (error) => assert.fail(error),
}

function yaml(...ids: readonly string[]): string {
  return `mirrors:\n${ids.map((id) => `  - id: ${id}\n    url: https://${id}.example/\n`).join('')}`
}

function following(context: TestContext, clock = SYSTEM_CLOCK): Following {
  const folder = temporaryFolder(context)
  const file = join(folder, 'mirrors.yaml')
  writeFileSync(file, yaml('a', 'b'))
  const replaced: Snapshot[] = []
  const warnings: MirroredByError[] = []
  const events: RegistryEvents = {
    replaced: (snapshot) => replaced.push(snapshot),
    warning: (error) => warnings.push(error),
  }
  const registry = new Registry(file, true, DEFAULT_SELECTION, events, undefined, clock)
  context.after(() => registry.close())
  return {
    folder,
    file,
    registry,
    replaced,
    warnings,
    ids: () => registry.snapshot.mirrors.map(({ id }) => id),
  }
}

/** Waits until edits of the file are detected. */
async function untilFollowed({ file, ids }: Following): Promise<void> {
  writeFileSync(file, yaml('followed'))
  await until('an edit takes effect', () => ids()[0] === 'followed')
}

test('the mirrors of the file are there at once', (context) => {
  const { ids } = following(context)
  assert.deepEqual(ids(), ['a', 'b'])
})

test('a list at hand needs no file', async () => {
  const registry = new Registry([mirror('x')], true, DEFAULT_SELECTION, SILENT)
  assert.deepEqual(
    registry.snapshot.mirrors.map(({ id }) => id),
    ['x'],
  )
  await registry.close()
})

test('a file that is wrong at the start is refused', (context) => {
  const file = join(temporaryFolder(context), 'mirrors.yaml')
  const open = () => new Registry(file, true, DEFAULT_SELECTION, SILENT)
  assert.throws(open, { code: 'ERR_MIRRORS_FILE' })
  writeFileSync(file, 'mirrors: 5')
  assert.throws(open, { code: 'ERR_MIRRORS_FILE' })
})

test('an edit right after the start takes effect', async (context) => {
  const one = following(context)
  writeFileSync(one.file, yaml('c'))
  await until('it takes effect', () => one.ids()[0] === 'c')
  assert.deepEqual(one.warnings, [])
})

test('a good edit takes effect whole, as a new snapshot', async (context) => {
  const one = following(context)
  await untilFollowed(one)
  const before = one.registry.snapshot
  writeFileSync(one.file, yaml('c', 'd', 'e'))
  await until('it takes effect', () => one.ids().length === 3)
  assert.deepEqual(one.ids(), ['c', 'd', 'e'])
  assert.notEqual(one.registry.snapshot, before)
  assert.deepEqual(
    before.mirrors.map(({ id }) => id),
    ['followed'],
  )
  assert.equal(one.replaced.at(-1), one.registry.snapshot)
  assert.deepEqual(one.warnings, [])
})

test('one edit after the other takes effect', async (context) => {
  const one = following(context)
  for (const id of ['c', 'd', 'e', 'f']) {
    writeFileSync(one.file, yaml(id))
    await until(`${id} takes effect`, () => one.ids()[0] === id)
  }
})

for (const [what, text, why] of [
  [
    'wrong',
    'mirrors:\n  - id: a\n    url: a.example\n',
    /:3:5: mirrors\[0\]\.url: "a\.example" is not an absolute URL/,
  ],
  ['not YAML', 'mirrors: [', /:\d+:\d+: not YAML: /],
  ['emptied', '', /:1:1: must be a mapping with the key "mirrors"/],
] as const) {
  test(`a file that is ${what} is refused with a warning, and the mirrors before stay`, async (context) => {
    const one = following(context)
    await untilFollowed(one)
    const snapshot = one.registry.snapshot
    writeFileSync(one.file, text)
    const warning = await until('there is a warning', () =>
      one.warnings.find(({ message }) => why.test(message)),
    )
    assert.equal(warning.code, 'ERR_MIRRORS_FILE')
    assert.ok(warning.message.startsWith(one.file), warning.message)
    assert.match(warning.message, /\nthe mirrors read before stay in force$/)
    assert.equal(one.registry.snapshot, snapshot)
    writeFileSync(one.file, yaml('mended'))
    await until('the mended file takes effect', () => one.ids()[0] === 'mended')
  })
}

test('a file that is deleted is warned of, the mirrors before stay, and it may come back', async (context) => {
  const one = following(context)
  await untilFollowed(one)
  const snapshot = one.registry.snapshot
  unlinkSync(one.file)
  const warning = await until('there is a warning', () => one.warnings[0])
  assert.equal(warning.code, 'ERR_MIRRORS_FILE')
  assert.match(
    warning.message,
    /^cannot read .*mirrors\.yaml: ENOENT.*\nthe mirrors read before stay in force$/,
  )
  assert.equal(one.registry.snapshot, snapshot)
  writeFileSync(one.file, yaml('back'))
  await until('the file that is back takes effect', () => one.ids()[0] === 'back')
})

test('a file that is replaced by rename takes effect, again and again', async (context) => {
  const one = following(context)
  await untilFollowed(one)
  for (const id of ['c', 'd', 'e']) {
    const draft = join(one.folder, `draft of ${id}`)
    writeFileSync(draft, yaml(id))
    renameSync(draft, one.file)
    await until(`${id} takes effect`, () => one.ids()[0] === id)
  }
  assert.deepEqual(one.warnings, [])
})

test('a file that is written in several steps is read when it is finished', async (context) => {
  const one = following(context)
  await untilFollowed(one)
  writeFileSync(one.file, 'mirrors:')
  writeFileSync(one.file, 'mirrors:\n  - id: c')
  writeFileSync(one.file, yaml('c'))
  await until('it takes effect', () => one.ids()[0] === 'c')
  assert.deepEqual(one.warnings, [])
})

test('a relative path stays that file, wherever the process goes', async (context) => {
  const folder = temporaryFolder(context)
  const file = join(folder, 'mirrors.yaml')
  writeFileSync(file, yaml('a'))
  const before = process.cwd()
  const elsewhere = mkdtempSync(join(folder, 'elsewhere-'))
  const registry = new Registry(relative(before, file), true, DEFAULT_SELECTION, {
    ...SILENT,
    replaced: () => {},
  })
  process.chdir(elsewhere)
  context.after(async () => {
    process.chdir(before)
    await registry.close()
    rmSync(elsewhere, { recursive: true, force: true })
  })
  writeFileSync(file, yaml('b'))
  await until('an edit takes effect', () => registry.snapshot.mirrors[0]?.id === 'b')
})

test('a file that is not to be followed is read once', async (context) => {
  const one = following(context)
  const clock = new FakeClock()
  const still = new Registry(one.file, false, DEFAULT_SELECTION, SILENT, undefined, clock)
  await untilFollowed(one)
  await clock.pass(HOUR)
  assert.equal(still.snapshot.mirrors[0]?.id, 'a')
  await still.close()
})

test('nothing takes effect after the end', async (context) => {
  const clock = new FakeClock()
  const one = following(context, clock)
  writeFileSync(one.file, yaml('late'))
  await until('an edit is seen', () => clock.plans > 0)
  await one.registry.close()
  await clock.pass(HOUR)
  assert.deepEqual(one.ids(), ['a', 'b'])
  assert.deepEqual(one.replaced, [])
})

describe('how mirrors perform', () => {
  const weights = (registry: Registry) => registry.snapshot.mirrors.map(({ weight }) => weight)
  const open = (context: TestContext) => {
    const registry = new Registry(
      [mirror('a', { weight: 300 }), mirror('b'), mirror('c', { weight: 0 })],
      false,
      DEFAULT_SELECTION,
      SILENT,
    )
    context.after(() => registry.close())
    return registry
  }

  test('multiplies their weights, each time anew from those that are configured', (context) => {
    const registry = open(context)
    assert.deepEqual(weights(registry), [300, 100, 0])
    registry.setWeightFactors(
      new Map([
        ['a', 0.5],
        ['c', 4],
        ['gone', 8],
      ]),
    )
    assert.deepEqual(weights(registry), [150, 100, 0])
    registry.setWeightFactors(new Map([['a', 1 / 3]]))
    assert.deepEqual(weights(registry), [100, 100, 0])
    registry.setWeightFactors(new Map([['b', 1.23456]]))
    assert.deepEqual(weights(registry), [300, 123, 0])
    registry.setWeightFactors(new Map())
    assert.deepEqual(weights(registry), [300, 100, 0])
  })

  test('counts for redirects', (context) => {
    const registry = open(context)
    registry.setWeightFactors(new Map([['b', 3]]))
    const client = { address: '192.0.2.1' }
    const { ranked } = explain(registry.snapshot, { path: 'p', secure: false }, client, 'p')
    assert.deepEqual(
      ranked.map(({ id, weight, share }) => [id, weight, share]),
      [
        ['a', 300, 0.5],
        ['b', 300, 0.5],
      ],
    )
  })

  test('makes a new snapshot only where it changes by more than a tenth', (context) => {
    const registry = open(context)
    const before = registry.snapshot
    registry.setWeightFactors(new Map([['a', 1.09]]))
    assert.equal(registry.snapshot, before)
    registry.setWeightFactors(new Map([['a', 1.2]]))
    const after = registry.snapshot
    assert.notEqual(after, before)
    registry.setWeightFactors(new Map([['a', 1.15]]))
    assert.equal(registry.snapshot, after)
    assert.deepEqual(weights(registry), [360, 100, 0])
  })

  test('leaves what ails them, and what they hold, as it is', (context) => {
    const registry = open(context)
    const inventory = { whyMissing: () => 'why', isUnchecked: () => false, hasOurEtag: () => false }
    registry.setInventories(({ id }) => (id === 'b' ? inventory : undefined))
    registry.setWeightFactors(new Map([['a', 2]]))
    assert.deepEqual(registry.snapshot.inventories, [undefined, inventory, undefined])
  })

  test('stays when the list is edited', async (context) => {
    const one = following(context)
    await untilFollowed(one)
    one.registry.setWeightFactors(new Map([['followed', 2]]))
    writeFileSync(one.file, yaml('new', 'followed'))
    await until('an edit takes effect', () => one.ids().length === 2)
    assert.deepEqual(weights(one.registry), [100, 200])
  })
})
