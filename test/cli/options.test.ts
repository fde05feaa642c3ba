import assert from 'node:assert/strict'
import { join } from 'node:path'
import { after, describe, test } from 'node:test'
import { Command } from 'commander'
import { stringify } from 'yaml'
import { addServeCommand } from '../../lib/cli/commands/serve.js'
import { originOptionsOf } from '../../lib/cli/config.js'
import { type CommonFlags, mergeFlags } from '../../lib/cli/flags.js'
import { errorMessage } from '../../lib/errors.js'
import { type CheckedOptions, checkOptions, optionEntries } from '../../lib/options.js'
import { serving } from '../support/command.js'
import { type Scope, temporaryFolder, writeFiles } from '../support/folder.js'
import { listen } from '../support/server.js'
import { until } from '../support/until.js'

const scope: Scope = { after: (hook) => after(hook as () => void) }
const folder = temporaryFolder(scope)
const at = (path: string) => join(folder, path)

interface Values {
  /** Values of every form that the option accepts, and false where it has a meaning. */
  readonly valid: readonly unknown[]
  readonly wrong: readonly unknown[]
  /** The flag of `serve`, for texts and lists of texts. */
  readonly flag?: string
}

const BOOLEAN: Values = { valid: [true, false], wrong: ['no', 0, null, []] }
const DURATION: Values = {
  valid: [500, '90s', '5m', '12h', '2d', '1500ms'],
  wrong: [false, 'soon', -1, '', null, []],
}
const NO_PATH = [false, 5, '', null]
const MIRROR = { id: 'a', url: 'https://a.example/' }

/** All options of `createOrigin`; paths are absolute here. */
const OPTIONS: Readonly<Record<string, Values>> = {
  root: { valid: [at('root')], wrong: [false, '', null] },
  mirrors: {
    valid: [
      at('mirrors.yaml'),
      [],
      [MIRROR],
      [{ ...MIRROR, probe: false, enabled: false, trust: true, maxAge: '2d', trace: '/t', weight: 0 }],
      [{ id: 'b', urls: ['http://b.example/x', 'ftp://b.example/'], location: 'DE', asn: [1], excludes: [] }],
    ],
    wrong: [false, 5, '', null, [{ id: 'a' }], [{ ...MIRROR, weight: false }], {}],
    flag: '--mirrors',
  },
  geo: {
    valid: [at('a.mmdb'), [at('a.mmdb'), at('b.mmdb')], false],
    wrong: [true, '', [], [5], null],
    flag: '--geo',
  },
  localPlace: {
    valid: ['de', 'DE', { country: 'nl', coordinates: [52, 5], asn: 64500 }],
    wrong: [false, 'UK', {}, { country: 'nl', asn: 0 }, null],
  },
  store: { valid: [at('index.sqlite')], wrong: NO_PATH, flag: '--store' },
  mirrorStates: { valid: [at('states.sqlite')], wrong: NO_PATH },
  probe: {
    valid: [true, false, {}, { interval: '30s' }, { interval: 8000, timeout: '1s' }],
    wrong: ['no', 0, null, { interval: false }, { interval: '1s', timeout: '1s' }],
  },
  presence: {
    valid: [true, false, {}, { interval: '1h', timeout: '3s', rate: 5 }],
    wrong: ['no', 0, null, { rate: false }],
  },
  challenge: {
    valid: [true, false, {}, { bytesPerHour: '1GiB' }, { bytesPerHour: 5, recheckInterval: '1h' }],
    wrong: ['no', 0, null, { bytesPerHour: 0 }, { again: '5m' }],
  },
  privateAddresses: BOOLEAN,
  maxAge: DURATION,
  writeTrace: {
    valid: ['.trace', '/trace', { path: 'trace', interval: '5m' }],
    wrong: [false, true, '', '../trace', null, {}],
  },
  baseUrl: {
    valid: ['https://dl.example', 'http://dl.example:8080/pub'],
    wrong: [false, '', 'dl.example', 'https://u:p@dl.example/', null],
    flag: '--base-url',
  },
  mode: { valid: ['decorate', 'redirect'], wrong: [false, 'teleport', '', null], flag: '--mode' },
  serve: BOOLEAN,
  ignore: { valid: [[], ['*.tmp', '!a.tmp']], wrong: [false, '*.tmp', [5], [''], ['!'], ['/'], null] },
  hidden: {
    valid: [[], ['.treeinfo', '.disc*'], ['.*']],
    wrong: [true, '.treeinfo', [5], ['treeinfo'], ['.'], ['.a/b'], null],
  },
  algorithms: { valid: [['sha-256'], ['blake3', 'crc32c']], wrong: [false, 'md5', [], ['sha256'], null] },
  workers: { valid: [1, 64], wrong: [false, 0, '2', 1.5, null] },
  settle: { ...DURATION, valid: [0, ...DURATION.valid] },
  watch: { valid: [true, false, 'rescan'], wrong: ['no', 0, null] },
  rescan: DURATION,
  log: { valid: [], wrong: [true, false, 'console', null] },
  etag: { valid: ['digest', 'nginx', 'apache'], wrong: [false, 'none', null] },
  cacheControl: { valid: ['no-store', 'public, max-age=60', false], wrong: ['', 'a\nb', true, 5] },
  cors: { valid: [true, false], wrong: ['yes', 1] },
  strategy: {
    valid: ['nearest', 'mirrorbits', 'almalinux', 'mirrorbrain'],
    wrong: [false, 'furthest', null],
  },
  adaptiveWeights: BOOLEAN,
  nearFactor: { valid: [1, 2.5], wrong: [false, 0.5, '2', null] },
  lookupHosts: BOOLEAN,
  preferSecure: BOOLEAN,
  overrides: BOOLEAN,
  representations: { valid: [[], ['meta4']], wrong: [false, 'meta4', ['pdf'], null] },
  maxDuplicates: { valid: [0, 100], wrong: [false, -1, '5', null] },
  maxHeaderBytes: { valid: [0, 3500, '4KiB'], wrong: [false, 'much', null] },
  trustProxy: {
    valid: [[], ['loopback', '10.0.0.0/8'], ['2001:db8::1']],
    wrong: [false, 'loopback', ['proxy'], null],
    flag: '--trust-proxy',
  },
}

function byApi(name: string, value: unknown): CheckedOptions {
  return Reflect.apply(checkOptions, undefined, [{ root: at('root'), [name]: value }])
}

/** Checks what a command makes of its flags and its configuration file, as `createOrigin` would. */
function byCommand(args: readonly string[]): CheckedOptions {
  const program = new Command()
  const terminal = { out: () => {}, err: () => {}, progress: process.stderr }
  addServeCommand(program, { terminal, output: { line: () => {}, warning: () => {} }, fail: () => {} })
  let checked: CheckedOptions | undefined
  const [serve] = program.commands
  serve
    ?.exitOverride()
    .configureOutput({ writeErr: () => {} })
    .action((root: string | undefined, flags: CommonFlags) => {
      checked = checkOptions(originOptionsOf(mergeFlags(root, flags)))
    })
  program.exitOverride().parse(['serve', ...args], { from: 'user' })
  assert.ok(checked)
  return checked
}

let files = 0
function byConfig(name: string, value: unknown): CheckedOptions {
  const file = `config-${++files}.yaml`
  writeFiles(folder, { [file]: stringify({ root: 'root', [name]: value }) })
  return byCommand(['--config', at(file)])
}

/** Returns the reason of a refusal, without the place that it names. */
function reasonOf(check: () => unknown): string {
  try {
    check()
  } catch (error) {
    return errorMessage(error).replaceAll(/^createOrigin: |^\S+\.yaml:\d+:\d+: /gm, '')
  }
  return assert.fail('it is accepted')
}

describe('an option means the same, however it is given:', () => {
  test('all options are here', () => {
    const names = Object.entries(optionEntries).flatMap(([name, entry]) =>
      'wrapped' in entry && entry.wrapped.type === 'never' ? [] : [name],
    )
    assert.deepEqual(Object.keys(OPTIONS).sort(), names.sort())
  })

  for (const [name, { valid, wrong, flag }] of Object.entries(OPTIONS)) {
    for (const value of valid) {
      test(`${name}: ${JSON.stringify(value)}`, () => {
        const expected = byApi(name, value)
        assert.deepEqual(byConfig(name, value), expected, '--config')
        if (flag === undefined || (typeof value !== 'string' && !isTexts(value))) return
        const values = typeof value === 'string' ? [value] : value
        assert.deepEqual(byCommand([at('root'), flag, ...values]), expected, flag)
        // A flag replaces what the file says, false too.
        writeFiles(folder, { 'other.yaml': stringify({ root: 'root', [name]: valid.at(-1) }) })
        assert.deepEqual(byCommand(['--config', at('other.yaml'), flag, ...values]), expected, 'both')
      })
    }

    for (const value of wrong) {
      test(`${name}: ${JSON.stringify(value)} is refused`, () => {
        const expected = reasonOf(() => byApi(name, value))
        // A file cannot hold a store or a function.
        const inFile = reasonOf(() => byConfig(name, value))
        if (name === 'store' || name === 'mirrorStates') assert.match(expected, new RegExp(`^${inFile}, or`))
        else assert.equal(inFile.replaceAll('\n', '; '), expected)
      })
    }
  }

  test('paths in a file are relative to its folder', () => {
    writeFiles(folder, {
      'sub/config.yaml': stringify({
        root: '../root',
        mirrors: 'm.yaml',
        store: './i',
        mirrorStates: './s',
        geo: ['a.mmdb', '/b.mmdb'],
      }),
    })
    const { root, mirrors, store, mirrorStates, geo } = byCommand(['--config', at('sub/config.yaml')])
    assert.deepEqual(
      { root, mirrors, store, mirrorStates, geo },
      {
        root: at('root'),
        mirrors: at('sub/m.yaml'),
        store: at('sub/i'),
        mirrorStates: at('sub/s'),
        geo: [at('sub/a.mmdb'), '/b.mmdb'],
      },
    )
  })
})

function isTexts(value: unknown): value is readonly string[] {
  return Array.isArray(value) && value.length > 0 && value.every((item) => typeof item === 'string')
}

test('serve sends a mirror no request if the file says probe: false', async (context) => {
  const requests: { readonly [mirror: string]: string[] } = { probed: [], left: [] }
  const mirrors = await Promise.all(
    Object.entries(requests).map(async ([id, log]) => {
      const { url } = await listen(context, (request, response) => {
        log.push(`${request.method} ${request.url}`)
        response.writeHead(404).end()
      })
      return [id, url] as const
    }),
  )
  writeFiles(folder, { 'root/f.txt': 'x' })
  for (const [id, url] of mirrors) {
    const isProbed = id === 'probed'
    writeFiles(folder, {
      [`${id}.yaml`]: stringify({
        root: 'root',
        store: `${id}.sqlite`,
        port: 0,
        lookupHosts: false,
        probe: isProbed ? { interval: '1s' } : false,
        challenge: false,
        geo: false,
        mirrors: [{ id, url }],
      }),
    })
    await serving(context, ['--config', at(`${id}.yaml`)])
  }
  // The other mirror shows that there was time for a request.
  await until('the other mirror is probed twice', () => (requests.probed?.length ?? 0) >= 2)
  assert.deepEqual(requests.left, [])
})
