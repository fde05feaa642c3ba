import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  realpathSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { dirname, join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { type Scope, temporaryFolder } from '../support/folder.js'

const PROJECT = fileURLToPath(new URL('../../../', import.meta.url))
const scope: Scope = { after: (hook) => after(hook as () => void) }
const folder = temporaryFolder(scope)
const installed = join(folder, 'node_modules', 'mirrored-by')

function run(program: string, args: readonly string[], cwd = folder): string {
  const { status, stdout, stderr } = spawnSync(program, args, { cwd, encoding: 'utf8', timeout: 60_000 })
  assert.equal(status, 0, `${program} ${args.join(' ')}\n${stdout}\n${stderr}`)
  return stdout
}

function node(source: string): string {
  const file = join(folder, 'program.mjs')
  writeFileSync(file, source)
  return run(process.execPath, [file])
}

/** Returns every file of the installed package. */
function files(): string[] {
  return readdirSync(installed, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name).slice(installed.length + 1))
    .sort()
}

/**
 * Unpacks the packed tarball into `node_modules` of an empty folder, because tests do not ask a
 * registry. Beside it are links to the packages that it names as dependencies, and to no others. An
 * import of any other package therefore fails, as in a real installation.
 */
before(() => {
  run('npm', ['pack', '--ignore-scripts', '--pack-destination', folder], PROJECT)
  const [tarball = ''] = readdirSync(folder).filter((name) => name.endsWith('.tgz'))
  mkdirSync(installed, { recursive: true })
  run('tar', ['-xzf', join(folder, tarball), '-C', installed, '--strip-components=1'])
  const { dependencies } = JSON.parse(readFileSync(join(installed, 'package.json'), 'utf8'))
  // A consumer that is written in TypeScript has the types of Node, and of Koa where it uses Koa.
  for (const name of [...Object.keys(dependencies), '@types/node', '@types/koa']) {
    const link = join(folder, 'node_modules', name)
    mkdirSync(dirname(link), { recursive: true })
    symlinkSync(realpathSync(join(PROJECT, 'node_modules', name)), link)
  }
  writeFileSync(
    join(folder, 'package.json'),
    JSON.stringify({ name: 'consumer', type: 'module', private: true }),
  )
})

describe('the package', () => {
  test('holds what is needed, and no tests or measurements', () => {
    const packed = files()
    for (const file of [
      'package.json',
      'LICENSE',
      'docs/errors.md',
      'examples/koa-decorate.ts',
      'examples/mirrors.yaml',
      'lib/index.ts',
      'dist/lib/index.js',
      'dist/lib/index.d.ts',
      'dist/lib/cli/main.js',
      'dist/lib/indexing/digest/worker.js',
      'dist/lib/indexing/repository/scan-worker.js',
    ]) {
      assert.ok(packed.includes(file), `${file} is not in it`)
    }
    const allowed =
      /^(package\.json|LICENSE|README\.md|CHANGELOG\.md|(lib|docs|examples)\/.*|dist\/lib\/.*\.(js|d\.ts))$/
    assert.deepEqual(
      packed.filter((file) => !allowed.test(file) || /(^|\/)(test|bench)\/|\.test\./.test(file)),
      [],
    )
  })

  test('has no source maps, and no program that names one', () => {
    const packed = files()
    assert.deepEqual(
      packed.filter((file) => file.endsWith('.map')),
      [],
    )
    for (const file of packed.filter((name) => name.endsWith('.js')))
      assert.doesNotMatch(readFileSync(join(installed, file), 'utf8'), /sourceMappingURL/, file)
  })

  test('has a file for everything that it exports and every program', () => {
    const { exports, bin } = JSON.parse(readFileSync(join(installed, 'package.json'), 'utf8'))
    const named = (value: unknown): string[] =>
      typeof value === 'string' ? [value] : Object.values(value as object).flatMap(named)
    for (const file of [...named(exports), ...named(bin)]) assert.ok(existsSync(join(installed, file)), file)
    assert.match(readFileSync(join(installed, bin['mirrored-by']), 'utf8'), /^#!\/usr\/bin\/env node\n/)
  })

  test('can be imported from JavaScript, by every name that it exports', () => {
    const { exports } = JSON.parse(readFileSync(join(installed, 'package.json'), 'utf8'))
    const names = Object.keys(exports).filter((name) => !name.endsWith('.json'))
    const printed = node(`
      const found = {}
      for (const name of ${JSON.stringify(names)}) {
        const module = await import('mirrored-by' + name.slice(1))
        found[name] = Object.keys(module).sort()
      }
      console.log(JSON.stringify(found))
    `)
    assert.deepEqual(JSON.parse(printed), {
      '.': [
        'ERROR_CODES',
        'MirroredByError',
        'createOrigin',
        'decoration',
        'fileResponse',
        'memoryStates',
        'memoryStore',
        'sqliteStates',
        'sqliteStore',
      ],
      './koa': ['indexPages', 'mirroredBy', 'routes', 'sameBytes'],
      './node': ['mirroredBy'],
    })
  })

  test('does not let in where nothing is exported', () => {
    const printed = node(`
      const codes = []
      for (const name of ['mirrored-by/dist/lib/origin.js', 'mirrored-by/store']) {
        await import(name).catch((error) => codes.push(error.code))
      }
      console.log(codes.join())
    `)
    assert.equal(printed.trim(), 'ERR_PACKAGE_PATH_NOT_EXPORTED,ERR_PACKAGE_PATH_NOT_EXPORTED')
  })

  test('works where it is installed, threads and all', () => {
    const root = join(folder, 'downloads')
    mkdirSync(root, { recursive: true })
    writeFileSync(join(root, 'file'), 'abc')
    const printed = node(`
      import { createOrigin, memoryStore } from 'mirrored-by'
      const origin = await createOrigin({ root: ${JSON.stringify(root)}, store: memoryStore(), settle: 20 })
      await origin.ready
      const file = await origin.lookup('file')
      console.log(Buffer.from(file.digests['sha-256']).toString('hex'))
      await origin.close()
    `)
    assert.equal(printed.trim(), 'ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad')
  })

  test('brings its command', () => {
    const { bin } = JSON.parse(readFileSync(join(installed, 'package.json'), 'utf8'))
    assert.match(run(process.execPath, [join(installed, bin['mirrored-by']), '--help']), /serve/)
  })

  test('can be imported from TypeScript, strictly, with all of its types', () => {
    writeFileSync(
      join(folder, 'consumer.ts'),
      `import { createServer } from 'node:http'
import type Koa from 'koa'
import {
  type FileResponse, type ResponseView, type Algorithm, type Awaitable, type Change, type CheckedOptions, type Client,
  type Coordinates, type DecoratePlan, type Decoration, type Digests, type DocumentPlan, type Duration, type ErrorCode,
  type EtagPolicy, type Field, type FilePlan, type HashedFile, type LocalPlace, type Identity, type Indexed, type IndexedFile, type Mirror,
  type MirrorOptions, type Mode, type Origin, type OriginEvents, type OriginOptions, type RangePart, type PassPlan,
  type Pieces, type Place, type Plan, type Progress, type ByteRange, type RankedMirror, type Ranking, type RedirectPlan,
  type RejectPlan, type SelectedFile, type RequestView, type Size, type Store, type StoredFile, type Totals,
  type Condition, type StoredStates, type StoredEndpoint, type MirrorChange, type MirrorEvent, type MirrorHealth,
  type MirrorReport, type MirrorState, type ProbeOptions, type StateChange, type MirrorStateStore, type StoredEvent,
  type StoredCorruptFile, type StoredPresence, type StoredSurvey, type PresenceChange, type SampledFile, type SetName,
  type StoredBlock, type RequestedCheck, type Endpoint, type EndpointHealth, type EndpointState, memoryStates, sqliteStates,
  fileResponse, createOrigin, decoration, ERROR_CODES, memoryStore, MirroredByError, sqliteStore,
} from 'mirrored-by'
import { mirroredBy as forKoa, routes } from 'mirrored-by/koa'
import { mirroredBy as forNode } from 'mirrored-by/node'

export type All = [
  FileResponse, ResponseView, Algorithm, Awaitable<1>, Change, CheckedOptions, Client, Coordinates, DecoratePlan, Decoration,
  Digests, DocumentPlan, Duration, ErrorCode, EtagPolicy, Field, FilePlan, HashedFile, LocalPlace, Identity, Indexed, IndexedFile, Mirror,
  MirrorOptions, Mode, OriginEvents, OriginOptions, RangePart, PassPlan, Pieces, Place, Plan, Progress, ByteRange, RankedMirror,
  Ranking, RedirectPlan, RejectPlan, SelectedFile, RequestView, Size, StoredFile, Totals, Condition, StoredStates,
  StoredEndpoint, MirrorChange, MirrorEvent, MirrorReport, MirrorState, ProbeOptions, StateChange, StoredEvent, Endpoint, EndpointHealth,
  EndpointState, StoredCorruptFile, StoredPresence, StoredSurvey, PresenceChange, SampledFile, SetName, StoredBlock, RequestedCheck,
]
const states: MirrorStateStore = memoryStates()
export const fares: readonly MirrorHealth[] = (await createOrigin({ root: '.', mirrorStates: states, probe: false }))
  .mirrors()
  .map(({ health }) => health)
const store: Store = memoryStore()
const origin: Origin = await createOrigin({ root: '.', store, mirrors: [{ id: 'a', url: 'https://a.example/' }] })
origin.on('warning', (error: MirroredByError) => error.code satisfies ErrorCode)
origin.locate('192.0.2.1') satisfies Client
origin.on('indexed', ({ files }) => files satisfies number)
const middleware: Koa.Middleware = forKoa(origin)
createServer(forNode(origin))
// @ts-expect-error: there is no such option
await createOrigin({ root: '.', colour: 'blue' })
// @ts-expect-error: there is no such mode
await createOrigin({ root: '.', mode: 'teleport' })
export { fileResponse, decoration, ERROR_CODES, middleware, routes, sqliteStates, sqliteStore }
`,
    )
    writeFileSync(
      join(folder, 'tsconfig.json'),
      JSON.stringify({
        compilerOptions: {
          module: 'nodenext',
          target: 'es2022',
          lib: ['es2023', 'esnext.disposable'],
          strict: true,
          exactOptionalPropertyTypes: true,
          noEmit: true,
          types: ['node'],
        },
        files: ['consumer.ts'],
      }),
    )
    run(process.execPath, [join(PROJECT, 'node_modules', 'typescript', 'bin', 'tsc'), '--project', '.'])
  })
})
