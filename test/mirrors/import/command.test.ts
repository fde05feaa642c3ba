import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, describe, test } from 'node:test'
import { leaveServerFiles, mirroredBy, PROGRAM, withOwnCache } from '../../support/command.js'
import { temporaryFolder, writeFiles } from '../../support/folder.js'

const scope = { after: (hook?: unknown) => after(hook as () => void) }
withOwnCache(scope)
const folder = temporaryFolder(scope)
const GOOD = 'de https://fra1.mirror.example/repo/ ops@mirror.example\n'
const GOOD_FILE = `# Imported from good.txt (mirmon) by mirrored-by: 1 mirror, 0 entries left out.

mirrors:
  - id: fra1.mirror.example
    url: https://fra1.mirror.example/repo/
    location: de
`
writeFiles(folder, {
  'good.txt': GOOD,
  'bad.txt': 'de nowhere\n',
  'empty.txt': '',
  'latin1.masterlist': Buffer.from('Site: a.example\nArchive-http: /\nSponsor: Universit\xe9\n', 'latin1'),
  'bom.txt': `\ufeff${GOOD.replace('\n', '\r\n')}`,
  'lists/b.txt': 'jp http://tyo.mirror.example/\n',
  'lists/a.txt': GOOD,
  'lists/.hidden': 'se http://hidden.mirror.example/\n',
  'lists/deeper/c.txt': 'se http://deeper.mirror.example/\n',
})

function imported(...args: readonly string[]) {
  return mirroredBy(['mirrors', 'import', ...args], folder)
}

/** Returns the ids of a mirrors file. */
function ids(text: string): (string | undefined)[] {
  return [...text.matchAll(/^ {2}- id: (.*)$/gm)].map(([, id]) => id)
}

describe('wrong usage is one message and status 2:', { concurrency: 2 }, () => {
  const mistakes: readonly { what: string; args: readonly string[]; says: RegExp }[] = [
    { what: 'no format', args: ['good.txt'], says: /^required option '--from <format>' not specified$/ },
    {
      what: 'a format that does not exist',
      args: ['--from', 'gopher', 'good.txt'],
      says: /argument 'gopher' is invalid\. Allowed choices are almalinux, debian, mirmon, mirrorbits, mirrorbrain\.$/,
    },
    { what: 'no file', args: ['--from', 'mirmon'], says: /^missing required argument 'file'$/ },
    {
      what: 'a file that is missing',
      args: ['--from', 'mirmon', 'good.txt', 'nowhere.txt'],
      says: /^cannot read nowhere\.txt: ENOENT/,
    },
    {
      what: 'an archive of what is not Debian',
      args: ['--from', 'mirmon', '--archive', 'CDImage', 'good.txt'],
      says: /^--archive is for lists of debian only$/,
    },
    {
      what: 'force without a file to force',
      args: ['--from', 'mirmon', '--force', 'good.txt'],
      says: /^--force is for --output only$/,
    },
    {
      what: 'an output that exists',
      args: ['--from', 'mirmon', 'good.txt', '--output', 'bad.txt'],
      says: /^cannot write bad\.txt: it exists; name another file, or replace it by --force$/,
    },
    {
      what: 'an output that cannot be written',
      args: ['--from', 'mirmon', 'good.txt', '--output', 'nowhere/mirrors.yaml'],
      says: /^cannot write nowhere\/mirrors\.yaml: ENOENT/,
    },
  ]
  for (const { what, args, says } of mistakes) {
    test(what, async () => {
      const { status, stdout, stderr } = await imported(...args)
      assert.equal(status, 2, stderr)
      assert.equal(stdout, '')
      assert.match(stderr, /^mirrored-by: /)
      assert.match(stderr.trimEnd().slice('mirrored-by: '.length), says)
    })
  }
  test('an output that exists stays as it was', () => {
    assert.equal(readFileSync(join(folder, 'bad.txt'), 'utf8'), 'de nowhere\n')
  })
})

test('where nothing is usable the status is 1, and nothing is written', async () => {
  for (const list of ['bad.txt', 'empty.txt']) {
    const { status, stdout, stderr } = await imported('--from', 'mirmon', list, '--output', 'none.yaml')
    assert.equal(status, 1)
    assert.equal(stdout, '')
    assert.match(stderr, /^warning: nothing is imported: 0 mirrors, \d (entry|entries) left out$/m)
  }
  assert.ok(!readdirSync(folder).includes('none.yaml'))
})

test('the archives that a list has are told where the one that was named is not among them', async () => {
  writeFileSync(join(folder, 'cd.masterlist'), 'Site: a.example\nCDImage-http: /\nOld-rsync: old/\n')
  const { status, stderr } = await imported('--from', 'debian', 'cd.masterlist')
  assert.equal(status, 1)
  assert.match(stderr, /: left out 1 entry without Archive-http or the like; --archive may be cdimage, old\n/)
})

test('--output writes a new file, and --force replaces one', async () => {
  const target = join(folder, 'mirrors.yaml')
  const first = await imported('--from', 'mirmon', 'good.txt', '--output', 'mirrors.yaml')
  assert.equal(first.status, 0, first.stderr)
  assert.equal(first.stdout, 'wrote mirrors.yaml: 1 mirror, 0 entries left out\n')
  assert.equal(readFileSync(target, 'utf8'), GOOD_FILE)

  writeFileSync(target, 'mine')
  const second = await imported('--from', 'mirmon', 'good.txt', '--output', 'mirrors.yaml', '--force')
  assert.equal(second.status, 0, second.stderr)
  assert.equal(readFileSync(target, 'utf8'), GOOD_FILE)
  assert.deepEqual(
    readdirSync(folder).filter((name) => name.startsWith('.')),
    [],
    'nothing is left behind',
  )
})

test('what is written serves as a mirrors file', async () => {
  writeFiles(folder, { 'ranked.yaml': GOOD_FILE, 'root/a': 'a', 'config.yaml': 'presence: false\n' })
  await leaveServerFiles(join(folder, 'root'))
  const { status, stdout } = await mirroredBy(
    [
      'rank',
      'a',
      '--ip',
      '192.0.2.1',
      '--root',
      'root',
      '--config',
      'config.yaml',
      '--mirrors',
      'ranked.yaml',
      '--json',
    ],
    folder,
  )
  assert.equal(status, 0)
  assert.match(stdout, /"url":"https:\/\/fra1\.mirror\.example\/repo\/a"/)
})

test('--json prints the list as createOrigin takes it', async () => {
  const { status, stdout } = await imported('--from', 'mirmon', 'good.txt', '--json')
  assert.equal(status, 0)
  assert.deepEqual(JSON.parse(stdout), [
    { id: 'fra1.mirror.example', url: 'https://fra1.mirror.example/repo/', location: 'de' },
  ])
})

test('the files of a folder are read, but not those that are hidden or deeper', async () => {
  const { status, stdout } = await imported('--from', 'mirmon', 'lists')
  assert.equal(status, 0)
  assert.deepEqual(ids(stdout), ['fra1.mirror.example', 'tyo.mirror.example'])
})

test('several lists become one, and what is in two of them is there once', async () => {
  const { status, stdout, stderr } = await imported('--from', 'mirmon', 'good.txt', 'lists')
  assert.equal(status, 0)
  assert.deepEqual(ids(stdout), ['fra1.mirror.example', 'tyo.mirror.example'])
  assert.match(
    stdout,
    /^# Imported from good\.txt, lists \(mirmon\) by mirrored-by: 2 mirrors, 1 entry left out\.$/m,
  )
  assert.equal(
    stderr,
    'warning: lists/a.txt:1: fra1.mirror.example: left out: it is the same as in good.txt:1\n',
  )
})

test('a list comes from the standard input too', () => {
  const args = [PROGRAM, 'mirrors', 'import', '--from', 'mirmon', '-']
  const { status, stdout } = spawnSync(process.execPath, args, {
    input: GOOD,
    encoding: 'utf8',
    timeout: 60_000,
  })
  assert.equal(status, 0)
  assert.equal(stdout, GOOD_FILE.replace('good.txt', 'standard input'))
})

test('many lists are not all named in the comment', async () => {
  const { stdout } = await imported('--from', 'mirmon', ...Array<string>(9).fill('good.txt'))
  assert.match(stdout, /^# Imported from (good\.txt, ){4}good\.txt and 4 more \(mirmon\)/)
})

test('old lists in Latin-1 are read, and lists with the marks of other systems', async () => {
  const latin = await imported('--from', 'debian', 'latin1.masterlist')
  assert.match(latin.stdout, /name: Université$/m)
  const marked = await imported('--from', 'mirmon', 'bom.txt')
  assert.equal(marked.stdout, GOOD_FILE.replace('good.txt', 'bom.txt'))
})

test('names of files are escaped where they are printed', async () => {
  const name = 'odd\n\u001b[31m.txt'
  writeFileSync(join(folder, name), `${GOOD}de\n`)
  const { stdout, stderr } = await imported('--from', 'mirmon', name)
  assert.match(stdout, /^# Imported from odd\\u\{a\}\\u\{1b\}\[31m\.txt \(mirmon\)/)
  assert.match(
    stderr,
    /^warning: odd\\u\{a\}\\u\{1b\}\[31m\.txt:2: left out: "de" is not a country and a URL\n$/,
  )
})

test('help says which formats there are', async () => {
  const { status, stdout } = await imported('--help')
  assert.equal(status, 0)
  for (const word of ['almalinux', 'debian', '--archive', '--output', '--force', '--json']) {
    assert.ok(stdout.includes(word), word)
  }
})
