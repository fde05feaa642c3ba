import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { pseudoRandomBytes, type Scope, temporaryFolder, writeFiles } from '../support/folder.js'
import { type Program, startProgram } from '../support/program.js'
import { rawRequest, values } from '../support/raw.js'
import { until } from '../support/until.js'

const EXAMPLES = fileURLToPath(new URL('../../examples/', import.meta.url))
const CHECKOUT = fileURLToPath(new URL('../../../', import.meta.url))

const CONTENT = pseudoRandomBytes(100_000)
/** Made up, so they must not be probed. */
const MIRRORS = `mirrors:
  - { id: one, url: https://one.example.org/repo/, location: de, weight: 200, paths: ['!own/**'], probe: false }
  - { id: two, url: http://two.example.net/, paths: ['!own/**'], probe: false }
`

describe('the examples', { timeout: 60_000 }, () => {
  for (const example of ['koa-decorate', 'node-http']) {
    test(`${example} sends the files with their fields, and stops on SIGTERM`, async (t) => {
      const { program, port } = await startExample(t, example, ...repository(t))
      const answer = await until('it has indexed the file', async () => {
        const found = await rawRequest(port, 'GET', '/a%20file.bin', { Host: `127.0.0.1:${port}` })
        return values(found, 'Digest').length > 0 && found
      })
      assert.equal(answer.status, 200)
      assert.deepEqual(answer.body, CONTENT)
      assert.deepEqual(values(answer, 'Link'), [
        `<http://127.0.0.1:${port}/a%20file.bin.meta4>; rel=describedby; type="application/metalink4+xml"`,
        '<https://one.example.org/repo/a%20file.bin>; rel=duplicate; pri=1; geo=de',
        '<http://two.example.net/a%20file.bin>; rel=duplicate; pri=2',
      ])
      assert.equal((await rawRequest(port, 'GET', '/none.bin')).status, 404)
      assert.match(String((await rawRequest(port, 'GET', '/../../package.json')).status), /^40[34]$/)
      assert.equal(await program.ends('SIGTERM'), 0)
    })
  }

  test('koa-redirect sends clients to mirrors, serves what no mirror holds, and stops on SIGINT', async (t) => {
    const { program, port } = await startExample(t, 'koa-redirect', ...repository(t))
    const answer = await until('it has indexed the file', async () => {
      const found = await rawRequest(port, 'GET', '/a%20file.bin')
      return found.status === 302 && found
    })
    assert.match(
      values(answer, 'Location')[0] ?? '',
      /^https?:\/\/(one\.example\.org\/repo|two\.example\.net)\/a%20file\.bin$/,
    )
    assert.equal(values(answer, 'Link').length, 3)
    const own = await rawRequest(port, 'GET', '/own/file.bin')
    assert.equal(own.status, 200)
    assert.deepEqual(own.body, CONTENT)
    assert.equal(await program.ends('SIGINT'), 0)
  })

  for (const example of ['koa-decorate', 'koa-redirect', 'node-http']) {
    test(`${example} runs in a checkout without arguments`, async (t) => {
      const { program, port } = await startExample(t, example)
      await until('it has indexed the file', async () => {
        const links = values(await rawRequest(port, 'HEAD', '/hello.txt'), 'Link')
        return links.some((link) => link.startsWith('<https://nyc1.example.net/pub/repo/hello.txt>'))
      })
      assert.equal(await program.ends('SIGTERM'), 0)
    })
  }
})

function repository(scope: Scope): [root: string, mirrors: string] {
  const root = temporaryFolder(scope)
  writeFiles(root, { 'a file.bin': CONTENT, 'own/file.bin': CONTENT })
  const mirrors = join(temporaryFolder(scope), 'mirrors.yaml')
  writeFileSync(mirrors, MIRRORS)
  return [root, mirrors]
}

async function startExample(
  scope: Scope,
  example: string,
  ...args: string[]
): Promise<{ program: Program; port: number }> {
  const env = { PORT: '0', XDG_CACHE_HOME: temporaryFolder(scope), STATE_DIRECTORY: '' }
  const program = startProgram(scope, [join(EXAMPLES, `${example}.js`), ...args], { env, cwd: CHECKOUT })
  const [, port] = await program.says(/^listening on http:\/\/127\.0\.0\.1:(\d+)$/m)
  return { program, port: Number(port) }
}
