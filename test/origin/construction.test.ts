import assert from 'node:assert/strict'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, type TestContext, test } from 'node:test'
import { run } from '../support/client.js'
import { temporaryFolder, writeFiles } from '../support/folder.js'

const MODULES = new URL('../../lib/', import.meta.url).href

/** Paths below an empty folder of a test, for the programs that it runs. */
interface Setup {
  readonly root: string
  readonly mirrors: string
  readonly store: string
  /** Not a database: a warning is due because the index is then kept in memory. */
  readonly unusableStore: string
  readonly badMirrors: string
  readonly badDatabase: string
}

function setup(context: TestContext): Setup {
  const folder = temporaryFolder(context)
  const paths = Object.fromEntries(
    ['root', 'mirrors', 'store', 'unusableStore', 'badMirrors', 'badDatabase'].map((name) => [
      name,
      join(folder, name),
    ]),
  ) as unknown as Setup
  writeFiles(paths.root, { 'a.txt': 'a' })
  writeFileSync(paths.mirrors, 'mirrors:\n  - {id: m, url: "http://m.invalid/"}\n')
  writeFileSync(paths.badMirrors, 'mirrors:\n  - {id: m}\n')
  writeFileSync(paths.badDatabase, 'not a database')
  mkdirSync(paths.unusableStore)
  return paths
}

/** Runs a program in a process of its own, which must end by itself. Returns its output. */
async function outputOf(setup: Setup, program: string): Promise<string> {
  const source = `
    const library = ${JSON.stringify(MODULES)}
    const setup = ${JSON.stringify(setup)}
    ${program}
  `
  const finished = await run(process.execPath, ['--input-type=module', '--eval', source], 20_000)
  assert.deepEqual({ ...finished, stdout: '' }, { status: 0, stdout: '', stderr: '', timedOut: false })
  return finished.stdout
}

/**
 * Everything that an origin may open: a watched mirrors file, both stores, timers of adaptive
 * weights and of a trace file.
 */
const OPTIONS = `{
  root: setup.root,
  mirrors: setup.mirrors,
  store: setup.store,
  geo: false,
  adaptiveWeights: true,
  writeTrace: '/.trace',
}`

describe('an origin that cannot be made leaves nothing behind, and emits nothing', () => {
  for (const [what, options, code] of [
    ['an option that does not exist', { color: 'blue' }, 'ERR_OPTIONS'],
    ['a root that is missing', { root: '/nowhere' }, 'ERR_ROOT'],
    ['a root that is a file', { root: 'badDatabase' }, 'ERR_ROOT'],
    ['a mirrors file that is missing', { mirrors: '/nowhere' }, 'ERR_MIRRORS_FILE'],
    ['a bad mirrors file', { mirrors: 'badMirrors' }, 'ERR_MIRRORS_FILE'],
    ['a bad mirrors file that is polled', { mirrors: 'badMirrors', watch: 'rescan' }, 'ERR_MIRRORS_FILE'],
    ['a bad geo database', { geo: 'badDatabase' }, 'ERR_GEO'],
    ['a geo database that is missing', { geo: '/nowhere' }, 'ERR_GEO'],
  ] as const) {
    test(what, async (t) => {
      const paths = setup(t)
      const named = Object.entries(options).map(([name, value]) => [
        name,
        name === 'color' || name === 'watch' ? value : (paths[value as keyof Setup] ?? value),
      ])
      const output = await outputOf(
        paths,
        `
        const { createOrigin } = await import(library + 'index.js')
        const options = { ...${OPTIONS}, ...${JSON.stringify(Object.fromEntries(named))} }
        await createOrigin(options).catch((error) => console.log(error.code))
        `,
      )
      assert.equal(output, `${code}\n`)
    })
  }

  test('no home folder is a warning, and what is opened ends as usual', async (t) => {
    const output = await outputOf(
      setup(t),
      `
      import os from 'node:os'
      import { syncBuiltinESMExports } from 'node:module'
      delete process.env.STATE_DIRECTORY
      delete process.env.XDG_CACHE_HOME
      os.homedir = () => { throw new Error('no home') }
      syncBuiltinESMExports()
      const { createOrigin } = await import(library + 'index.js')
      const options = { ...${OPTIONS}, store: undefined }
      const origin = await createOrigin(options)
      origin.on('warning', (warning) => console.log(warning.code, warning.message))
      await origin.ready
      await origin.close()
      `,
    )
    assert.match(
      output,
      /^ERR_STORE there is no home folder for the index \(no home\): set .*; until the next start the index and the states of mirrors are kept in memory\n$/,
    )
  })

  test('any step, with warnings that are due by then', async (t) => {
    const output = await outputOf(
      setup(t),
      `
      const { wire } = await import(library + 'wiring.js')
      const { checkOptions } = await import(library + 'options.js')
      const options = checkOptions({ ...${OPTIONS}, store: setup.unusableStore })
      /** Builds with options of which one reading fails, and gives how many there were. */
      const attempt = async (failing) => {
        let reads = 0
        let isBuilding = true
        const observed = new Proxy(options, {
          get(target, name) {
            if (isBuilding) reads += 1
            if (isBuilding && reads === failing) throw new Error('step ' + reads)
            return target[name]
          },
        })
        let closed = 0
        const observedLocator = { start() {}, locate() {}, close() { closed += 1 } }
        const building = wire(setup.root, observed, observedLocator)
        isBuilding = false
        const message = await building.then((parts) => parts.close(), (error) => error.message)
        // Both options for the path filter are read before anything is opened.
        if (closed !== (failing === 1 || failing === 2 ? 0 : 1)) console.log('the locator was closed ' + closed + ' times')
        if (message !== (failing && 'step ' + failing)) console.log(message + ' at step ' + failing)
        return reads
      }
      const steps = await attempt()
      for (let failing = 1; failing <= steps; failing += 1) await attempt(failing)
      console.log(steps > 30)
      `,
    )
    assert.equal(output, 'true\n')
  })

  test('stores of the caller stay open', async (t) => {
    const output = await outputOf(
      setup(t),
      `
      const { createOrigin, memoryStore, memoryStates } = await import(library + 'index.js')
      const closed = []
      const store = Object.assign(memoryStore(), { close: () => closed.push('store') })
      const mirrorStates = Object.assign(memoryStates(), { close: () => closed.push('states') })
      const { wire } = await import(library + 'wiring.js')
      const { checkOptions } = await import(library + 'options.js')
      const { openLocator } = await import(library + 'geo/locator.js')
      const options = checkOptions({ ...${OPTIONS}, store, mirrorStates })
      const failing = { ...options, get writeTrace() { throw new Error('no trace') } }
      await wire(setup.root, failing, await openLocator(options)).catch(() => {})
      console.log(closed.join())
      const origin = await createOrigin(options)
      await origin.close()
      console.log(closed.join())
      `,
    )
    assert.equal(output, '\nstates,store\n')
  })
})

describe('an origin that is made', () => {
  test('gives warnings of its construction to listeners that are added at once', async (t) => {
    const output = await outputOf(
      setup(t),
      `
      const { createOrigin } = await import(library + 'index.js')
      const origin = await createOrigin({ ...${OPTIONS}, store: setup.unusableStore, mirrorStates: setup.store })
      origin.on('warning', ({ code }) => console.log(code))
      await origin.ready
      await origin.close()
      `,
    )
    assert.equal(output, 'ERR_STORE\n')
  })

  test('closes stores that throw, and everything else before it says so', async (t) => {
    const output = await outputOf(
      setup(t),
      `
      const { createOrigin, memoryStore } = await import(library + 'index.js')
      const store = Object.assign(memoryStore(), { close: () => { throw new Error('cannot close') } })
      const origin = await createOrigin({ ...${OPTIONS}, store })
      await origin.ready
      await origin.close().catch((error) => console.log(error.message))
      `,
    )
    assert.equal(output, 'cannot close\n')
  })
})
