import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { startNginx } from '../lab/nginx.js'
import { run, unlessInstalled } from '../support/client.js'
import { pseudoRandomBytes, type Scope, temporaryFolder, writeFiles } from '../support/folder.js'
import { runOrigin, SERVE, WAYS } from './origins.js'

const PROXY_HOST = '127.0.0.7'
/** Fields that each hop sets itself (RFC 9110 §7.6.1), or that describe the hop. */
const OF_THE_HOP = /^(?:connection|keep-alive|server|date|transfer-encoding):/i

describe('a default nginx proxy', { skip: unlessInstalled('nginx', 'curl'), timeout: 60_000 }, () => {
  for (const way of WAYS) {
    for (const length of [60, 180, 400]) {
      test(`passes every field on, where mirrors have URLs of ${length} bytes, by ${way.name}`, async (t) => {
        const root = temporaryFolder(t)
        const name = 'file.bin'
        writeFiles(root, { [name]: pseudoRandomBytes(4096) })
        const { url } = await runOrigin(t, way, { root, mirrors: mirrorsOf(length - name.length) })
        const proxy = await startProxy(t, url)

        const direct = await head(url + name)
        const proxied = await head(proxy + name)

        assert.equal(direct.status, '200')
        assert.equal(proxied.status, '200')
        assert.deepEqual(proxied.lines, direct.lines)
        for (const field of ['Link', 'Digest', 'X-Mirrored-By', 'Repr-Digest', 'X-MD5', 'ETag']) {
          assert.ok(
            proxied.lines.some((line) => line.startsWith(`${field}: `)),
            `${field} is missing`,
          )
        }
        const duplicates = proxied.lines.filter((line) => line.includes('rel=duplicate')).length
        // Five URLs of the maximum length would not fit into the proxy's buffer.
        if (length < 200) assert.equal(duplicates, 5)
        else assert.ok(duplicates > 0 && duplicates < 5, `${duplicates} duplicates`)
      })
    }
  }

  test('refuses more than we send by default (a control)', async (t) => {
    const root = temporaryFolder(t)
    writeFiles(root, { 'file.bin': pseudoRandomBytes(4096) })
    const { url } = await runOrigin(t, SERVE, { root, mirrors: mirrorsOf(400), maxHeaderBytes: '64KiB' })
    assert.equal((await head(`${await startProxy(t, url)}file.bin`)).status, '502')
  })
})

/** Returns five mirrors with URLs of so many bytes. */
function mirrorsOf(length: number) {
  return [1, 2, 3, 4, 5].map((number) => {
    const base = `https://mirror${number}.example.org/`
    return { id: `m${number}`, url: `${base.padEnd(length - 1, 'x')}/`, location: 'de' }
  })
}

/**
 * Returns the field lines of a HEAD response, sorted: a proxy need not keep the order of fields of
 * different names.
 */
async function head(url: string): Promise<{ status: string | undefined; lines: string[] }> {
  const { stdout } = await run('curl', ['-sSI', '--noproxy', '*', '--max-time', '10', url])
  const [first = '', ...lines] = stdout.trimEnd().split('\r\n')
  return { status: first.split(' ')[1], lines: lines.filter((line) => !OF_THE_HOP.test(line)).toSorted() }
}

async function startProxy(scope: Scope, origin: string): Promise<string> {
  return (await startNginx(scope, [`proxy_pass ${origin};`], { host: PROXY_HOST })).url
}
