import assert from 'node:assert/strict'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { after, describe, test } from 'node:test'
import type { OriginOptions } from '../../lib/index.js'
import { mirroredBy, serving, withOwnCache } from '../support/command.js'
import { type Scope, writeFiles } from '../support/folder.js'
import { copyAt, mirrorRepository } from '../support/mirrored-origin.js'
import { until } from '../support/until.js'

const scope: Scope = { after: (hook) => after(hook as () => void) }
withOwnCache(scope)

const FILES = { 'a.bin': 'content of a', 'b.bin': 'content of b', 'sub/c.bin': 'content of c' }

/** Returns flags that name a server with these options. */
function configured(folder: string, options: OriginOptions): readonly string[] {
  writeFiles(folder, { 'config.yaml': JSON.stringify({ ...options, probe: { interval: '1h' }, port: 0 }) })
  return ['--config', join(folder, 'config.yaml')]
}

async function stdoutOf(...args: readonly string[]): Promise<string> {
  const { status, stdout, stderr } = await mirroredBy(args)
  assert.deepEqual([status, stderr], [0, ''])
  return stdout
}

async function rank(path: string, flags: readonly string[]): Promise<string> {
  return stdoutOf('rank', path, '--ip', '198.51.100.1', ...flags)
}

describe('what mirrors hold', { concurrency: true }, () => {
  test('is told by list and rank, as the server knows it', async (t) => {
    const { folder, copies, options } = await mirrorRepository(t, FILES, [{}, {}, {}, {}, {}])
    const mirrors = copies.map(({ id, mirror: { url } }) => ({
      id,
      url,
      trust: id === 'm3',
      probe: id !== 'm4',
    }))
    copyAt(copies, 0).mirror.fault = { kind: 'lacks', path: 'a.bin' }
    copyAt(copies, 1).mirror.fault = { kind: 'fails', path: 'sub/' }
    copyAt(copies, 2).mirror.fault = { kind: 'wrong bytes', path: 'b.bin' }
    const challenge = { bytesPerHour: '64GiB', recheckInterval: '1h' }
    const flags = configured(folder, { ...options, mirrors, presence: { interval: '6h' }, challenge })

    const early = await mirroredBy(['rank', 'a.bin', '--ip', '198.51.100.1', ...flags])
    assert.deepEqual([early.status, early.stdout], [2, ''])
    assert.match(early.stderr, /^mirrored-by: there is no index of a server at \S+index\.sqlite: /)
    assert.equal(existsSync(join(folder, 'index.sqlite')), false, 'it makes no index')

    const server = await serving(t, flags)
    const list = () => stdoutOf('mirrors', 'list', ...flags)
    await until('all is known', async () => {
      const text = await list()
      return ['^m0 .* 2$', '^m1 .* 3 +last', '^m2 .* 1 corrupt file$'].every((line) =>
        new RegExp(line, 'm').test(text),
      )
    })
    server.child.kill('SIGTERM')
    await server.ended
    const text = await list()
    assert.match(text, /^m1 +up .* 3 +last survey ended early: \S/m)
    assert.match(text, /^m2 +up .* 3 +1 corrupt file$/m)
    assert.match(text, /^m3 +up .* assumed$/m)
    assert.match(text, /^m4 +unknown .* assumed +it is not to be probed$/m)

    const data = JSON.parse(await stdoutOf('mirrors', 'list', '--json', ...flags))
    const [first, , third, fourth] = data
    const { survey, ...rest } = first.presence
    assert.deepEqual(rest, { kind: 'checked', held: 2, stale: 0, absent: 1, corrupt: [] })
    assert.deepEqual([survey.source, survey.complete, survey.files], ['http', true, 2])
    assert.equal(new Date(survey.at).toISOString(), survey.at)
    assert.deepEqual([third.presence.corrupt[0].mirror, third.presence.corrupt[0].path], ['m2', 'b.bin'])
    assert.deepEqual(fourth.presence, { kind: 'assumed' })

    const unlisted = await stdoutOf('mirrors', 'list', '--store', join(folder, 'index.sqlite'))
    assert.match(unlisted, /^m0 +up .* 2$/m)

    assert.match(await rank('a.bin', flags), /^m0 +it does not have the file$/m)
    assert.match(await rank('b.bin', flags), /^m2 +its copy has other bytes$/m)
    // Its folder could not be read, so the file was checked by itself.
    assert.match(await rank('sub/c.bin', flags), /^2 +m1 /m)
    assert.match(await rank('sub/c.bin', flags), /^5 +m4 /m)

    const careless = configured(folder, { ...options, mirrors, presence: false, challenge: false })
    assert.match(await stdoutOf('mirrors', 'list', ...careless), /^m0 +up .* assumed$/m)
    assert.match(await rank('a.bin', careless), /^5 +m4 /m)
  })

  test('is looked at soon after check, by the server', async (t) => {
    const { folder, copies, options } = await mirrorRepository(t, FILES, [{}])
    const { mirror } = copyAt(copies, 0)
    const flags = configured(folder, { ...options, presence: { interval: '36s' } })
    await serving(t, flags)
    const surveys = () =>
      mirror.requests.filter(({ method, path }) => method === 'GET' && path === '/').length
    await until('it is surveyed', async () => / 3$/m.test(await stdoutOf('mirrors', 'list', ...flags)))
    const before = surveys()
    const start = performance.now()
    await stdoutOf('mirrors', 'check', 'm0', ...flags)
    await until('it is surveyed once more', () => surveys() > before)
    assert.ok(performance.now() - start < 20_000, 'long before its time')
  })
})
