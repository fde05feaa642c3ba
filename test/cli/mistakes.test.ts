import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { chmodSync, mkdirSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import Sqlite from 'better-sqlite3'
import { mirroredBy, mirroredHere, PROGRAM, withOwnCache } from '../support/command.js'
import type { Scope } from '../support/folder.js'
import { temporaryFolder, writeFiles } from '../support/folder.js'

const scope: Scope = { after: (hook) => after(hook as () => void) }
withOwnCache(scope)
const folder = temporaryFolder(scope)
const root = join(folder, 'root')
const GOOD = 'mirrors:\n  - id: a\n    url: https://a.example/\n'
writeFiles(folder, {
  'root/a': 'content',
  file: 'x',
  'good.yaml': GOOD,
  'not-yaml.yaml': 'mirrors: [',
  'unknown-key.yaml': `${GOOD}    wieght: 5\n`,
  'duplicate.yaml': `${GOOD}  - id: a\n    url: https://b.example/\n`,
  'no-scheme.yaml': 'mirrors:\n  - id: a\n    url: a.example/repo\n',
  'credentials.yaml': 'mirrors:\n  - id: a\n    url: https://user:secret@a.example/\n',
  'weight.yaml': `${GOOD}    weight: heavy\n`,
  'country.yaml': `${GOOD}    location: uk\n`,
  'config-unknown.yaml': 'root: root\ncolour: blue\n',
  'config-not-yaml.yaml': 'root: "',
  'config-list.yaml': '- root: root\n',
  'config-settle.yaml': 'root: root\nsettle: soon\n',
  'config-port.yaml': 'root: root\nport: 70000\n',
  'config-mirrors.yaml': 'root: root\nmirrors:\n  - id: a\n    url: a.example\n',
  'config-rootless.yaml': 'mode: redirect\n',
  'config-geo.yaml': 'root: root\ngeo: [a.mmdb, 5]\n',
  'config-home.yaml': 'root: root\nlocalPlace: uk\n',
  'config-home-asn.yaml': 'root: root\nlocalPlace:\n  country: de\n  asn: 0\n',
})

interface Mistake {
  readonly what: string
  readonly args: readonly string[]
  readonly status: 1 | 2
  /** The complete message after the program's name. */
  readonly says: string | RegExp
}

function mirrors(file: string, says: string | RegExp): Pick<Mistake, 'args' | 'status' | 'says'> {
  return { args: ['serve', root, '--port', '0', '--mirrors', join(folder, file)], status: 2, says }
}

function config(file: string, says: string | RegExp): Pick<Mistake, 'args' | 'status' | 'says'> {
  return { args: ['serve', '--config', join(folder, file)], status: 2, says }
}

const MISTAKES: readonly Mistake[] = [
  {
    what: 'a root that is missing',
    args: ['serve', join(folder, 'nowhere'), '--port', '0'],
    status: 2,
    says: /^cannot use \S+\/nowhere as the root: ENOENT.*; create it, or name the folder of your files$/,
  },
  {
    what: 'a root that is a file',
    args: ['serve', join(folder, 'file'), '--port', '0'],
    status: 2,
    says: `cannot use ${join(folder, 'file')} as the root: it is not a folder; make it a folder this user can read`,
  },
  {
    what: 'no root at all',
    args: ['serve'],
    status: 2,
    says: 'root is missing: name the folder of the repository as argument, or in --config',
  },
  {
    what: 'no root in the configuration',
    ...config(
      'config-rootless.yaml',
      'root is missing: name the folder of the repository as argument, or in --config',
    ),
  },
  {
    what: 'a mirrors file that is missing',
    ...mirrors('nowhere.yaml', /^cannot read \S+\/nowhere\.yaml: ENOENT/),
  },
  {
    what: 'a mirrors file that is not YAML',
    ...mirrors('not-yaml.yaml', /^\S+\/not-yaml\.yaml:\d+:\d+: not YAML: /),
  },
  {
    what: 'a mirrors file with an unknown key',
    ...mirrors(
      'unknown-key.yaml',
      `${join(folder, 'unknown-key.yaml')}:4:5: mirrors[0]: unknown key "wieght"; did you mean "weight"?`,
    ),
  },
  {
    what: 'a mirrors file with an id twice',
    ...mirrors(
      'duplicate.yaml',
      `${join(folder, 'duplicate.yaml')}:4:5: mirrors[1].id: the id "a" is taken by the mirror at 0; ids must be unique`,
    ),
  },
  {
    what: 'a mirror whose URL has no scheme',
    ...mirrors(
      'no-scheme.yaml',
      `${join(folder, 'no-scheme.yaml')}:3:5: mirrors[0].url: "a.example/repo" is not an absolute URL; ` +
        'it begins with https:// or http:// or ftp://',
    ),
  },
  {
    what: 'a mirror whose URL has credentials',
    ...mirrors(
      'credentials.yaml',
      `${join(folder, 'credentials.yaml')}:3:5: mirrors[0].url: a URL must not carry credentials: ` +
        'it is sent to every client',
    ),
  },
  {
    what: 'a mirror whose weight is no number',
    ...mirrors(
      'weight.yaml',
      `${join(folder, 'weight.yaml')}:4:5: mirrors[0].weight: must be a number, 0 or greater`,
    ),
  },
  {
    what: 'a mirror whose country does not exist',
    ...mirrors(
      'country.yaml',
      `${join(folder, 'country.yaml')}:4:5: mirrors[0].location: "uk" is no country of ISO 3166-1; ` +
        'the United Kingdom is "gb"',
    ),
  },
  {
    what: 'a geo database that is missing',
    args: ['serve', root, '--port', '0', '--geo', join(folder, 'nowhere.mmdb')],
    status: 2,
    says: /^cannot use \S+\/nowhere\.mmdb as a geo database: ENOENT.*; put it there, or name another by `geo`$/,
  },
  {
    what: 'a geo database to rank with that is none',
    args: ['rank', 'a', '--ip', '192.0.2.1', '--geo', join(folder, 'file')],
    status: 2,
    says: `cannot use ${join(folder, 'file')} as a geo database: it is no MMDB database, or only the beginning of one; download it again`,
  },
  {
    what: 'a configuration with a geo database that is no path',
    ...config(
      'config-geo.yaml',
      `${join(folder, 'config-geo.yaml')}:2:15: geo[1]: must be the path of a database, a list of paths, or false`,
    ),
  },
  {
    what: 'a configuration with a home that does not exist',
    ...config(
      'config-home.yaml',
      `${join(folder, 'config-home.yaml')}:2:1: localPlace: "uk" is no country of ISO 3166-1; the United Kingdom is "gb"`,
    ),
  },
  {
    what: 'a configuration with a home in a system that does not exist',
    ...config(
      'config-home-asn.yaml',
      `${join(folder, 'config-home-asn.yaml')}:4:3: localPlace.asn: must be a whole number from 1 to 4294967295`,
    ),
  },
  {
    what: 'a configuration that is missing',
    ...config('nowhere.yaml', /^cannot read \S+\/nowhere\.yaml: ENOENT/),
  },
  {
    what: 'a configuration that is not YAML',
    ...config('config-not-yaml.yaml', /^\S+\/config-not-yaml\.yaml:\d+:\d+: not YAML: /),
  },
  {
    what: 'a configuration with an unknown key',
    ...config('config-unknown.yaml', `${join(folder, 'config-unknown.yaml')}:2:1: unknown key "colour"`),
  },
  {
    what: 'a configuration that is a list',
    ...config('config-list.yaml', `${join(folder, 'config-list.yaml')}:1:1: must be a mapping`),
  },
  {
    what: 'a configuration with a bad duration',
    ...config(
      'config-settle.yaml',
      `${join(folder, 'config-settle.yaml')}:2:1: settle: must be milliseconds, or a text such as '90s', '5m' or '12h'`,
    ),
  },
  {
    what: 'a configuration with a bad port',
    ...config(
      'config-port.yaml',
      `${join(folder, 'config-port.yaml')}:2:1: port: must be a port, 0 to 65535`,
    ),
  },
  {
    what: 'a configuration with a bad mirror',
    ...config(
      'config-mirrors.yaml',
      `${join(folder, 'config-mirrors.yaml')}:4:5: mirrors[0].url: "a.example" is not an absolute URL; ` +
        'it begins with https:// or http:// or ftp://',
    ),
  },
  {
    what: 'a store that cannot be written',
    args: ['serve', root, '--port', '0', '--store', join(folder, 'file', 'index.sqlite')],
    status: 1,
    says: /^cannot use \S+\/file\/index\.sqlite as the index: .*; make it writable, or name another file by `store`$/,
  },
  {
    what: 'a store of a newer version',
    args: ['index', root, '--store', join(folder, 'newer.sqlite')],
    status: 1,
    says: /^the index \S+\/newer\.sqlite has schema version 99, written by a newer mirrored-by; .*: upgrade mirrored-by, or name another file by `store`$/,
  },
  {
    what: 'an address that is not of this machine',
    args: ['serve', root, '--port', '0', '--host', '203.0.113.1'],
    status: 1,
    says: /^cannot listen on 203\.0\.113\.1:0: .*EADDRNOTAVAIL.*; name another by --host or --port$/,
  },
  {
    what: 'an unknown option',
    args: ['serve', root, '--colour'],
    status: 2,
    says: "unknown option '--colour'",
  },
  { what: 'an unknown command', args: ['paint'], status: 2, says: "unknown command 'paint'" },
  {
    what: 'a mode that does not exist',
    args: ['serve', root, '--mode', 'teleport'],
    status: 2,
    says: /'--mode <mode>' argument 'teleport' is invalid\. Allowed choices are decorate, redirect\./,
  },
  ...['70000', '-1', 'http'].map((port) => ({
    what: `a port that is ${JSON.stringify(port)}`,
    args: ['serve', root, `--port=${port}`],
    status: 2 as const,
    says: `option '--port <number>' argument '${port}' is invalid. It must be a number from 0 to 65535.`,
  })),
  {
    what: 'a base URL that is none',
    args: ['serve', root, '--port', '0', '--base-url', 'dl.example'],
    status: 2,
    says: /baseUrl: must be an absolute http or https URL without credentials, query or fragment$/,
  },
  {
    what: 'a proxy that is no address',
    args: ['serve', root, '--port', '0', '--trust-proxy', 'proxy'],
    status: 2,
    says: /trustProxy\[0\]: "proxy" is no address, no subnet, and none of loopback, unix, linklocal, uniquelocal$/,
  },
  {
    what: 'a client address that is none',
    args: ['rank', 'a', '--ip', '192.0.2.256'],
    status: 2,
    says: "option '--ip <address>' argument '192.0.2.256' is invalid. It must be an IPv4 or IPv6 address.",
  },
  {
    what: 'no path to rank',
    args: ['rank', '--ip', '192.0.2.1'],
    status: 2,
    says: "missing required argument 'path'",
  },
  {
    what: 'a mirrors file to rank that is missing',
    args: ['rank', 'a', '--ip', '192.0.2.1', '--mirrors', join(folder, 'nowhere.yaml')],
    status: 2,
    says: /^cannot read \S+\/nowhere\.yaml: ENOENT/,
  },
]

describe('a mistake is one message, and the status says of which kind it is:', { concurrency: 3 }, () => {
  before(() => {
    const database = new Sqlite(join(folder, 'newer.sqlite'))
    database.pragma('user_version = 99')
    database.close()
  })

  for (const { what, args, status, says } of MISTAKES) {
    test(what, async () => {
      const finished = await mirroredHere(args)
      assertMistake(finished, status, says)
    })
  }

  test('a port that is taken', async (context) => {
    const other = createServer()
    await new Promise<void>((resolve) => other.listen(0, '127.0.0.1', resolve))
    context.after(() => other.close())
    const { port } = other.address() as AddressInfo
    const finished = await mirroredBy(['serve', root, '--port', String(port)])
    assertMistake(
      finished,
      1,
      `cannot listen on 127.0.0.1:${port}: another server has the port; ` +
        'stop that one, or name another by --port (0 takes a free one)',
    )
  })

  test('a root that this user cannot read', (context) => {
    const locked = join(temporaryFolder(context), 'locked')
    mkdirSync(locked)
    chmodSync(locked, 0)
    chmodSync(join(locked, '..'), 0o755)
    // Run as another user, because root can read everything.
    const user = process.getuid?.() === 0 ? { uid: 65_534, gid: 65_534 } : {}
    const tried = spawnSync(process.execPath, [PROGRAM, '--help'], user)
    if (tried.status !== 0) return context.skip('nobody else can run the program here')
    const finished = spawnSync(process.execPath, [PROGRAM, 'serve', locked, '--port', '0'], {
      ...user,
      encoding: 'utf8',
      timeout: 30_000,
    })
    assertMistake(
      finished,
      2,
      /^cannot use \S+\/locked as the root: EACCES.*; make it a folder this user can read$/,
    )
  })
})

interface Ended {
  readonly status: number | null
  readonly stdout: string
  readonly stderr: string
}

function assertMistake({ status, stdout, stderr }: Ended, expected: number, says: string | RegExp): void {
  assert.equal(status, expected, stderr)
  assert.equal(stdout, '')
  const [line = '', ...others] = stderr.trimEnd().split('\n')
  assert.deepEqual(others, [], 'it is one line')
  assert.ok(line.startsWith('mirrored-by: '), line)
  assert.doesNotMatch(line, /secret/)
  const message = line.slice('mirrored-by: '.length)
  if (typeof says === 'string') assert.equal(message, says)
  else assert.match(message, says)
}

test('an option that is nearly right is told, with the right one', async () => {
  const { status, stderr } = await mirroredHere(['serve', root, '--mirror', join(folder, 'good.yaml')])
  assert.equal(status, 2)
  assert.equal(stderr, "mirrored-by: unknown option '--mirror'\n(Did you mean --mirrors?)\n")
})

test('every mistake of a mirrors file is told, one a line', async () => {
  const file = join(folder, 'several.yaml')
  writeFileSync(file, 'mirrors:\n  - id: a\n    url: a\n    weight: x\n')
  const { status, stderr } = await mirroredBy(['rank', 'a', '--ip', '192.0.2.1', '--mirrors', file])
  assert.equal(status, 2)
  assert.deepEqual(stderr.trimEnd().split('\n'), [
    `mirrored-by: ${file}:3:5: mirrors[0].url: "a" is not an absolute URL; it begins with https:// or http:// or ftp://`,
    `${file}:4:5: mirrors[0].weight: must be a number, 0 or greater`,
  ])
})

test('without a command it says what there is, and that this was wrong', async () => {
  const { status, stderr } = await mirroredBy([])
  assert.equal(status, 2)
  for (const command of ['serve', 'index', 'rank']) assert.match(stderr, new RegExp(`^ {2}${command} `, 'm'))
})

test('help is no mistake', async () => {
  const { status, stdout, stderr } = await mirroredHere(['serve', '--help'])
  assert.equal(status, 0)
  assert.equal(stderr, '')
  for (const option of [
    '--mirrors',
    '--port',
    '--host',
    '--mode',
    '--store',
    '--base-url',
    '--trust-proxy',
    '--config',
  ]) {
    assert.ok(stdout.includes(option), option)
  }
})
