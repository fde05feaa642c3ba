import assert from 'node:assert/strict'
import { rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, describe, test } from 'node:test'
import { serving, withOwnCache } from '../support/command.js'
import { refusingUrl } from '../support/faulty-server.js'
import { type Scope, temporaryFolder, writeFiles } from '../support/folder.js'
import { copyAt, mirrorRepository } from '../support/mirrored-origin.js'
import { startOrigin } from '../support/origin.js'
import { until } from '../support/until.js'

const scope: Scope = { after: (hook) => after(hook as () => void) }
withOwnCache(scope)

const UNCHECKED = 'unchecked: clients are sent there after its first survey'

/** Five mirrors: a good one, an empty one, a dead one, one that is trusted, and one disabled. */
async function fiveMirrors(t: Scope) {
  const files = { 'a.bin': 'content of a', 'b.bin': 'content of b' }
  const { root, folder, copies, options } = await mirrorRepository(t, files, [{}, {}])
  const empty = copyAt(copies, 1)
  for (const name of Object.keys(files)) rmSync(join(empty.folder, name))
  const mirrors = [
    { id: 'good', url: copyAt(copies, 0).mirror.url },
    { id: 'empty', url: empty.mirror.url },
    { id: 'dead', url: await refusingUrl(t) },
    { id: 'trusted', url: copyAt(copies, 0).mirror.url, trust: true },
    { id: 'off', url: copyAt(copies, 0).mirror.url, enabled: false },
  ]
  return { root, folder, copies, options: { ...options, mirrors, probe: { interval: '4s' } } }
}

const EXPECTED = [
  `good: ${UNCHECKED}`,
  `empty: ${UNCHECKED}`,
  `dead: ${UNCHECKED}`,
  'trusted: is taken to hold every file',
  'off: disabled: the list of mirrors says so',
  'good: holds 2 files',
  'empty: holds nothing of this repository: compare its URL with the root',
  'dead: cannot be reached: connection refused',
]

describe('the log of mirrors', { concurrency: true }, () => {
  test('gets one line a mirror and change, and names the way to ask why', async (t) => {
    const { options, copies } = await fiveMirrors(t)
    const lines: string[] = []
    const origin = await startOrigin(t, { ...options, log: (line) => lines.push(line) })
    await until('all is told', () => lines.length >= EXPECTED.length + 1)
    assert.deepEqual(
      lines.filter((line) => line.startsWith('mirror ')).sort(),
      EXPECTED.map((line) => `mirror ${line}`).sort(),
    )
    assert.deepEqual(
      lines.filter((line) => !line.startsWith('mirror ')),
      ['to learn why a mirror is not given: origin.rank(path, address)'],
    )
    await copyAt(copies, 0).mirror.refuse()
    await until('the good one is told to be down', () =>
      lines.some((line) => line.startsWith('mirror good: cannot be reached: ')),
    )
    await origin.close()
    const count = lines.length
    origin.emit('surveyed', 'good')
    assert.equal(lines.length, count)
  })

  test('is what serve prints, with the command that explains', async (t) => {
    const { root, folder, options } = await fiveMirrors(t)
    const { mirrors } = options
    const store = join(folder, 'index.sqlite')
    writeFiles(folder, {
      'list of mirrors.yaml': JSON.stringify({ mirrors }),
      'config.yaml': JSON.stringify({ probe: { interval: '4s' }, challenge: false, geo: false }),
    })
    const list = join(folder, 'list of mirrors.yaml')
    const flags = ['--mirrors', list, '--store', store, '--config', join(folder, 'config.yaml')]
    const server = await serving(t, [root, ...flags, '--port', '0'])
    for (const line of EXPECTED)
      await until(line, () => server.stdout().split('\n').includes(`mirror ${line}`))
    const hint = `to learn why a mirror is not given: npx mirrored-by rank PATH --ip ADDRESS --root ${root} --mirrors '${list}' --store ${store}`
    assert.equal(
      server
        .stdout()
        .split('\n')
        .filter((line) => line === hint).length,
      1,
      server.stdout(),
    )
    // A mirror that is new in the list is told too.
    writeFileSync(list, JSON.stringify({ mirrors: [{ ...mirrors[2], id: 'new' }] }))
    await until('the new one is told', () => server.stdout().includes(`mirror new: ${UNCHECKED}\n`))
  })

  test('of mirrors whose hosts do not exist says so', async (t) => {
    const folder = temporaryFolder(t)
    writeFiles(folder, { 'root/a': 'a' })
    const lines: string[] = []
    const mirrors = [{ id: 'fra1', url: 'https://fra1.invalid/repo/' }]
    await startOrigin(t, {
      root: join(folder, 'root'),
      mirrors,
      probe: { interval: '4s' },
      log: (line) => lines.push(line),
    })
    await until('it is told', () => lines.some((line) => /^mirror fra1: cannot be reached: /.test(line)))
  })
})
