import assert from 'node:assert/strict'
import { mkdirSync, symlinkSync, utimesSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import Koa from 'koa'
import mount from 'koa-mount'
import { indexPages, mirroredBy } from '../../lib/adapters/koa.js'
import type { OriginOptions } from '../../lib/index.js'
import { serving, withOwnCache } from '../support/command.js'
import { type Scope, temporaryFolder, writeFiles } from '../support/folder.js'
import { startOrigin } from '../support/origin.js'
import { rawRequest, values } from '../support/raw.js'
import { listen } from '../support/server.js'

const scope: Scope = { after: (hook) => after(hook as () => void) }
withOwnCache(scope)
const folder = temporaryFolder(scope)
const root = join(folder, 'root')

const ODD_NAMES = [
  '<script>alert(1)',
  '"quoted" & \'more\'',
  'a b',
  'a:b',
  '100%',
  'q?x=1#f',
  'line\nbreak',
  'javascript:alert(1)',
]

before(() => {
  writeFiles(root, {
    'file10.bin': 'x'.repeat(2048),
    'file9.bin': 'x',
    'sub/c.txt': 'c',
    '.hidden': 'h',
    '.git/config': 'g',
    'a.txt.part': 'unfinished',
    'private/p.txt': 'p',
    'odd/deeper/x': 'x',
  })
  writeFiles(folder, { 'outside/secret.txt': 's' })
  for (const name of ODD_NAMES) writeFileSync(join(root, 'odd', name), 'x')
  symlinkSync(join(folder, 'outside'), join(root, 'way-out'))
  symlinkSync('file9.bin', join(root, 'inner-link'))
  symlinkSync('nowhere', join(root, 'dangling'))
  utimesSync(join(root, 'file9.bin'), 1_700_000_000, 1_700_000_000)
})

async function start(t: Scope, options: Partial<OriginOptions> = {}, at = ''): Promise<number> {
  const origin = await startOrigin(t, { root, serve: true, ignore: ['private/**', 'private'], ...options })
  const app = new Koa()
  const pages = new Koa()
  pages.use(mirroredBy(origin))
  pages.use(indexPages(origin))
  app.use(at === '' ? mount(pages) : mount(at, pages))
  const { port } = await listen(t, app.callback())
  return port
}

function linksOf(page: string): string[] {
  return [...page.matchAll(/<a href="([^"]*)">/g)].map(([, href]) => href ?? '')
}

describe('an index page', () => {
  test('lists folders and files in order, with size, date and documents', async (t) => {
    const port = await start(t)
    const answer = await rawRequest(port, 'GET', '/')
    assert.equal(answer.status, 200)
    assert.deepEqual(values(answer, 'Content-Type'), ['text/html; charset=utf-8'])
    assert.deepEqual(values(answer, 'Cache-Control'), ['no-cache'])
    const page = answer.body.toString()
    assert.deepEqual(linksOf(page), [
      './odd/',
      './sub/',
      ...['file9.bin', 'file10.bin', 'inner-link'].flatMap((name) => [
        `./${name}`,
        `./${name}.meta4`,
        `./${name}.metalink`,
      ]),
    ])
    assert.match(page, /file9\.bin<\/a><td>1 B<td>2023-11-14 22:13<td>/)
    assert.match(page, /file10\.bin<\/a><td>2 KiB<td>/)
    const head = await rawRequest(port, 'HEAD', '/?C=M;O=A')
    assert.equal(head.status, 200)
    assert.equal(head.body.length, 0)
    assert.deepEqual(values(head, 'Content-Length'), values(answer, 'Content-Length'))
    const deeper = (await rawRequest(port, 'GET', '/sub/')).body.toString()
    assert.deepEqual(linksOf(deeper), ['../', './c.txt', './c.txt.meta4', './c.txt.metalink'])
  })

  test('has links that lead to the files, whatever their names', async (t) => {
    const port = await start(t, { representations: [] })
    const page = (await rawRequest(port, 'GET', '/odd/')).body.toString()
    assert.doesNotMatch(page, /<script|javascript:alert\(1\)">/)
    const links = linksOf(page)
    assert.equal(links.length, ODD_NAMES.length + 2)
    for (const link of links.slice(2)) {
      const { pathname } = new URL(link, `http://127.0.0.1:${port}/odd/`)
      assert.equal((await rawRequest(port, 'GET', pathname)).status, 200, link)
    }
  })

  for (const [target, location] of [
    ['/sub', '/sub/'],
    ['/sub?x=1', '/sub/?x=1'],
    ['//sub', '/sub/'],
    ['/x/../sub', '/sub/'],
    ['/odd%2Fdeeper', '/odd/deeper/'],
    ['/odd/deeper%2F', '/odd/deeper/'],
  ] as const)
    test(`is at the path with a slash: ${target}`, async (t) => {
      const answer = await rawRequest(await start(t), 'GET', target)
      assert.deepEqual([answer.status, values(answer, 'Location')], [301, [location]])
    })

  test('is reached below a mount point', async (t) => {
    const port = await start(t, {}, '/pub')
    assert.deepEqual(values(await rawRequest(port, 'GET', '/pub/sub'), 'Location'), ['/pub/sub/'])
    assert.equal((await rawRequest(port, 'GET', '/pub/sub/')).status, 200)
  })

  for (const [method, target] of [
    ['GET', '/nowhere/'],
    ['GET', '/file9.bin/'],
    ['GET', '/.git/'],
    ['GET', '/private/'],
    ['GET', '/way-out/'],
    ['GET', '/way-out'],
    ['GET', '/../outside/'],
    ['GET', '/%2e%2e/outside/'],
    ['GET', '/a%00/'],
    ['POST', '/'],
    ['OPTIONS', '/sub/'],
  ] as const)
    test(`is not there for ${method} ${target}`, async (t) => {
      const answer = await rawRequest(await start(t), method, target)
      assert.ok([400, 404].includes(answer.status), `${answer.status}`)
      assert.doesNotMatch(answer.body.toString(), /secret|config|p\.txt/)
    })

  test('of 12,000 names has 10,000 of them, and says so', async (t) => {
    const many = join(root, 'many')
    mkdirSync(many)
    for (let index = 0; index < 12_000; index++) writeFileSync(join(many, `${index}`), '')
    const page = (await rawRequest(await start(t, { representations: [] }), 'GET', '/many/')).body.toString()
    assert.equal(linksOf(page).length, 10_001)
    assert.match(page, /<p>These are the first 10000 names\./)
  })
})

test('serve has index pages, unless they are turned off', async (t) => {
  writeFiles(folder, { 'off.yaml': 'indexPages: false\nport: 0\n', 'on.yaml': 'port: 0\n' })
  for (const [flags, status] of [
    [[], 200],
    [['--config', join(folder, 'on.yaml')], 200],
    [['--no-index-pages'], 404],
    [['--config', join(folder, 'off.yaml')], 404],
  ] as const) {
    const { port } = await serving(t, [join(root, 'sub'), ...flags])
    assert.equal((await rawRequest(port, 'GET', '/')).status, status, flags.join(' '))
  }
})
