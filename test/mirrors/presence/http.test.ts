import assert from 'node:assert/strict'
import { once } from 'node:events'
import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs'
import type { RequestListener } from 'node:http'
import { createServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import { Agent } from 'undici'
import { listHttp } from '../../../lib/mirrors/presence/listings/http.js'
import { startApache } from '../../lab/apache.js'
import { startLighttpd } from '../../lab/lighttpd.js'
import { startNginx } from '../../lab/nginx.js'
import { makeCertificate } from '../../support/certificate.js'
import { unlessInstalled } from '../../support/client.js'
import { type Scope, temporaryFolder, writeFiles } from '../../support/folder.js'
import { filesOnDisk, writeOddTree } from '../../support/odd-tree.js'
import { listen } from '../../support/server.js'
import { assertLists, collect, paths } from './collect.js'

const HOUR = 3_600_000
const CONTROL_NAMES = ['line\nfeed', 'tab\tname']

interface Server {
  readonly name: string
  readonly program: string
  readonly sizes: 'exact' | 'rounded' | 'none'
  readonly times: boolean
  start(scope: Scope, root: string, zone?: string): Promise<{ readonly url: string }>
}

function nginx(name: string, sizes: 'exact' | 'rounded', ...directives: readonly string[]): Server {
  return {
    name,
    program: 'nginx',
    sizes,
    times: true,
    start: (scope, root, zone = 'UTC') =>
      startNginx(scope, [`root "${root}";`, 'autoindex on;', ...directives], { zone }),
  }
}

function apache(name: string, sizes: 'rounded' | 'none', options: string): Server {
  return {
    name,
    program: 'apache2',
    sizes,
    times: sizes !== 'none',
    start: (scope, root, zone = 'UTC') => startApache(scope, root, options, { zone }),
  }
}

const SERVERS: readonly Server[] = [
  nginx('nginx', 'exact'),
  nginx('nginx with rounded sizes', 'rounded', 'autoindex_exact_size off;'),
  nginx('nginx with JSON', 'exact', 'autoindex_format json;'),
  apache('Apache, fancy', 'rounded', 'FancyIndexing'),
  apache('Apache, fancy with narrow names and descriptions', 'rounded', 'FancyIndexing NameWidth=10'),
  apache('Apache, as a table', 'rounded', 'FancyIndexing HTMLTable XHTML'),
  apache('Apache, plain', 'none', '-FancyIndexing'),
  {
    name: 'lighttpd',
    program: 'lighttpd',
    sizes: 'rounded',
    times: true,
    start: (scope, root, zone = 'UTC') => startLighttpd(scope, root, { zone }),
  },
]

for (const server of SERVERS) {
  describe(`the index of ${server.name}`, { skip: unlessInstalled(server.program), timeout: 60_000 }, () => {
    test('is what is on disk, whatever the names', async (t) => {
      const root = temporaryFolder(t)
      // lighttpd lists such names and refuses requests for them.
      const noFolders = server.program === 'lighttpd' ? CONTROL_NAMES : []
      writeOddTree(root, { also: CONTROL_NAMES, noFolders })
      const { url } = await server.start(t, root)
      const { files, outcome } = await collect(listHttp(url))
      assertLists(files, filesOnDisk(root), server)
      assert.deepEqual(outcome.problems, [])
      assert.equal(outcome.complete, true)
      assert.equal(outcome.files, files.length)
      assert.ok(outcome.bytes > 0)
    })

    test('is read from a folder down', async (t) => {
      const root = temporaryFolder(t)
      writeFiles(root, { 'a folder & more/ü/file': 'abc', 'a folder & more/other': '', elsewhere: '' })
      const { url } = await server.start(t, root)
      for (const base of ['a%20folder%20&%20more/', 'a%20folder%20%26%20more']) {
        const { files, outcome } = await collect(listHttp(url + base))
        assert.equal(outcome.reason, undefined)
        assert.deepEqual(paths(files), ['other', 'ü/file'])
      }
    })

    test('follows links as the server does, but not round and round', async (t) => {
      const root = temporaryFolder(t)
      writeFiles(root, { 'real/file': 'abc', 'real/sub/file': 'abcd' })
      symlinkSync('real', join(root, 'linked'))
      symlinkSync('.', join(root, 'self'))
      symlinkSync('..', join(root, 'real/up'))
      const { url } = await server.start(t, root)
      const { files, outcome } = await collect(listHttp(url))
      const listedPaths = new Set(paths(files))
      for (const path of ['real/file', 'real/sub/file', 'linked/file', 'linked/sub/file'])
        assert.ok(listedPaths.has(path), path)
      assert.ok(files.length < 500, `${files.length} files`)
      assert.equal(outcome.complete, true)
      assert.match(outcome.problems[0] ?? '', /a link that goes round/)
    })
  })
}

describe('times of a server in India', { timeout: 60_000 }, () => {
  const local = [
    nginx('nginx', 'exact', 'autoindex_localtime on;'),
    apache('Apache', 'rounded', 'FancyIndexing'),
    ...SERVERS.filter(({ program }) => program === 'lighttpd'),
  ]
  for (const server of local) {
    test(`are off by five and a half hours with ${server.name}`, {
      skip: unlessInstalled(server.program),
    }, async (t) => {
      const root = temporaryFolder(t)
      writeOddTree(root)
      const { url } = await server.start(t, root, 'IST-5:30')
      const { files } = await collect(listHttp(url))
      assertLists(files, filesOnDisk(root), { ...server, offset: 5.5 * HOUR })
    })
  }
})

describe('a folder with a page of its own', { skip: unlessInstalled('apache2'), timeout: 60_000 }, () => {
  test('is not listed; the others are', async (t) => {
    const root = temporaryFolder(t)
    writeFiles(root, { 'a/file': '', 'b/file': '' })
    mkdirSync(join(root, 'c'))
    writeFileSync(join(root, 'c/index.html'), '<html><title>Welcome</title><a href="file">file</a></html>')
    const { url } = await startApache(t, root, 'FancyIndexing')
    const { files, outcome } = await collect(listHttp(url))
    assert.deepEqual(paths(files), ['a/file', 'b/file'])
    assert.equal(outcome.complete, false)
    assert.equal(outcome.reason, '"c": the page is no index of a folder')
  })
})

/** Returns a page of nginx with these links. */
function indexOf(...hrefs: readonly string[]): string {
  const rows = hrefs.map((href) => `<a href="${href}">x</a>  03-Feb-2024 04:05  1\n`).join('')
  return `<html><head><title>Index of /</title></head><body><pre>${rows}</pre></body></html>`
}

/** Serves pages, and a redirect for each page that begins with `→`. */
function serve(pages: Readonly<Record<string, string>>, requested: string[] = []): RequestListener {
  return (request, response) => {
    const url = request.url ?? ''
    requested.push(url)
    const page = pages[url]
    if (page === undefined) response.writeHead(404).end()
    else if (page.startsWith('→')) response.writeHead(301, { Location: page.slice(1) }).end()
    else response.writeHead(200, { 'Content-Type': 'text/html; charset=utf-8' }).end(page)
  }
}

describe('a redirect', { timeout: 60_000 }, () => {
  test('is followed within the base, and its files are where it leads', async (t) => {
    const requested: string[] = []
    const pages = {
      '/repo/': indexOf('old/', 'new/', 'way/', 'file'),
      '/repo/old/': '→/repo/new/',
      '/repo/new/': indexOf('inside'),
      '/repo/way/': '→../r%65al/deep/',
      '/repo/r%65al/deep/': indexOf('found'),
    }
    const { url } = await listen(t, serve(pages, requested))
    const { files, outcome } = await collect(listHttp(`${url}repo/`))
    assert.deepEqual(paths(files), ['file', 'new/inside', 'real/deep/found'])
    assert.equal(outcome.reason, undefined)
    assert.equal(requested.filter((path) => path === '/repo/new/').length, 1)
    // It is not known whether files are available by the first path, too.
    assert.equal(outcome.links.resolve('old/inside'), undefined)
    assert.equal(outcome.links.resolve('new/inside'), 'new/inside')
  })

  test('of the base itself is not followed: paths would be others', async (t) => {
    const { url } = await listen(t, serve({ '/repo/': '→/repo/pub/', '/repo/pub/': indexOf('file') }))
    const { files, outcome } = await collect(listHttp(`${url}repo/`))
    assert.deepEqual(files, [])
    assert.equal(outcome.reason, 'the root: the answer is a redirect to "/repo/pub/"')
  })

  test('is not followed anywhere else', async (t) => {
    let strays = 0
    const other = await listen(
      t,
      (_, response) => {
        strays += 1
        response.end(indexOf('stray'))
      },
      '127.0.0.2',
    )
    for (const place of [
      '/other/',
      '/',
      '/repo/../other/',
      `${other.url}repo/`,
      '/repo/x',
      '/repo/?x',
      '/repo/a%2fb/',
      '//',
      '/repo/%2e%2e%2f/',
    ]) {
      const pages = {
        '/repo/': indexOf('stray/', 'file'),
        '/repo/stray/': `→${place}`,
        '/other/': indexOf('secret'),
        '/': indexOf('secret'),
      }
      const { url } = await listen(t, serve(pages))
      const { files, outcome } = await collect(listHttp(`${url}repo/`))
      assert.deepEqual(paths(files), ['file'], place)
      assert.match(outcome.reason ?? '', /"stray": the answer is a redirect to/, place)
    }
    assert.equal(strays, 0)
  })
})

describe('a mirror by https', { skip: unlessInstalled('openssl'), timeout: 60_000 }, () => {
  test('is listed where it is trusted, and only there', async (t) => {
    const { key, cert } = makeCertificate(t)
    const server = createServer({ key, cert }, serve({ '/': indexOf('file') })).listen(0, '127.0.0.1')
    await once(server, 'listening')
    t.after(() => server.close())
    const { port } = server.address() as AddressInfo
    const dispatcher = new Agent({ connect: { ca: cert } })
    t.after(() => dispatcher.destroy())
    const trusted = await collect(listHttp(`https://127.0.0.1:${port}/`, { dispatcher }))
    assert.deepEqual(paths(trusted.files), ['file'])
    assert.equal(trusted.outcome.complete, true)
    const { files, outcome } = await collect(listHttp(`https://127.0.0.1:${port}/`))
    assert.deepEqual(files, [])
    assert.match(outcome.reason ?? '', /self-signed certificate/)
  })
})

describe('requests to a mirror', { timeout: 60_000 }, () => {
  test('are never more at once than they may be', async (t) => {
    const folders = Array.from({ length: 30 }, (_, index) => `${index}/`)
    const pages = serve({
      '/': indexOf(...folders),
      ...Object.fromEntries(folders.map((name) => [`/${name}`, indexOf('file')])),
    })
    for (const concurrency of [undefined, 1, 3]) {
      let running = 0
      let most = 0
      const { url } = await listen(t, (request, response) => {
        running += 1
        most = Math.max(most, running)
        setImmediate(() => {
          running -= 1
          pages(request, response)
        })
      })
      const { files } = await collect(listHttp(url, concurrency === undefined ? {} : { concurrency }))
      assert.equal(files.length, 30)
      assert.ok(most <= (concurrency ?? 4), `${most} at once`)
    }
  })

  test('are sent again, once, where the connection was closed under them', async (t) => {
    let requested = 0
    const { url } = await listen(t, (_, response) => {
      requested += 1
      if (requested === 1) response.socket?.destroy()
      else response.writeHead(200, { 'Content-Type': 'text/html' }).end(indexOf('file'))
    })
    const { files, outcome } = await collect(listHttp(url))
    assert.deepEqual(paths(files), ['file'])
    assert.equal(outcome.complete, true)
  })
})

test('a wrong URL is said to be one', async () => {
  for (const url of ['garbage', 'ftp://127.0.0.1/', 'rsync://127.0.0.1/x/']) {
    const { outcome } = await collect(listHttp(url))
    assert.equal(outcome.reason, 'its URL does not begin with https://host/ or http://host/')
  }
})
