import assert from 'node:assert/strict'
import { once } from 'node:events'
import { readFileSync, writeFileSync } from 'node:fs'
import { createServer, type Socket } from 'node:net'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import { listFtp } from '../../../lib/mirrors/presence/listings/ftp.js'
import { listHttp } from '../../../lib/mirrors/presence/listings/http.js'
import type {
  Listing,
  ListingLimits,
  ListingOptions,
} from '../../../lib/mirrors/presence/listings/listing.js'
import { listRsync } from '../../../lib/mirrors/presence/listings/rsync.js'
import { type FtpBehaviour, startMlsdServer } from '../../lab/mlsd.js'
import { run, unlessInstalled } from '../../support/client.js'
import { type ListingFault, startFaultyListing } from '../../support/faulty-listings.js'
import { type Scope, temporaryFolder, writeFiles } from '../../support/folder.js'
import { freePort } from '../../support/port.js'
import { until } from '../../support/until.js'
import { collect, paths } from './collect.js'

const IDLE_MS = 300
/**
 * Long enough for 50,000 files on a busy machine. Tests of the timeout itself set a shorter one.
 */
const TOTAL_MS = 20_000

interface Expected {
  readonly reason: RegExp
  /** Files listed before the fault. Default: none. */
  readonly files?: readonly string[] | ((count: number) => boolean)
  readonly limits?: Partial<ListingLimits>
  readonly requests?: (count: number) => boolean
  /**
   * Folder of the repository below the server's root, from which links cannot lead further up.
   * Default: the root.
   */
  readonly base?: string
}

const HTTP: Readonly<Record<ListingFault, Expected>> = {
  hangs: { reason: /the root: nothing came for 0\.3 s/ },
  'hangs in a page': { reason: /the root: nothing came for 0\.3 s/, files: ['one'] },
  drips: { reason: /it took longer than 1 s/, files: (count) => count <= 2, limits: { totalMs: 1000 } },
  fails: { reason: /the root: the answer is 500/ },
  'fails below': {
    reason: /"folder \d+": the answer is 500/,
    files: ['one'],
    requests: (count) => count < 20,
  },
  'breaks off': { reason: /the root: (terminated|other side closed|aborted)/, files: ['one'] },
  'ends too soon': { reason: /the root: the page breaks off/, files: ['one', 'two'] },
  'lists for ever': { reason: /more than 50000 files/, files: (count) => count === 50_000 },
  'lists on and on': {
    reason: /it took longer than 1 s/,
    files: (count) => count > 0,
    limits: { totalMs: 1000 },
  },
  'lists JSON for ever': { reason: /more than 50000 files/, files: (count) => count === 50_000 },
  'writes one object for ever': { reason: /the root: the JSON is no index of a folder/ },
  'writes one tag for ever': {
    reason: /more than 5000000 bytes/,
    limits: { maxBytes: 5_000_000 },
  },
  'writes one comment for ever': {
    reason: /more than 5000000 bytes/,
    limits: { maxBytes: 5_000_000 },
  },
  'sends one head for ever': { reason: /the root: Headers Overflow/ },
  'leads on for ever': {
    reason: /"0": there are too many redirects/,
    files: ['one'],
    requests: (count) => count < 10,
  },
  'lists what is outside': { reason: /^$/, files: ['one', 'two'], base: 'a/repo/' },
  'lists JSON of what is outside': { reason: /^$/, files: ['one', 'two'] },
  'nests for ever': {
    reason: /"(deeper\/){7}deeper" has folders deeper than 8/,
    files: (count) => count === 9,
    limits: { maxDepth: 8 },
  },
  'repeats for ever': { reason: /^$/, files: (count) => count === 111 },
  welcomes: { reason: /the root: the page is no index of a folder/ },
  'sends a file': { reason: /the root: the answer is of type "application\/octet-stream"/ },
  'is encoded': { reason: /the root: the answer is encoded as "gzip"/ },
  'leads elsewhere': { reason: /the root: the answer is a redirect to "http:\/\/127\.0\.0\.99:9\/"/ },
  'leads round': { reason: /the root: the answer is a redirect to "\/a\/"/ },
  'speaks no HTTP': { reason: /the root: .*(Parse|Expected HTTP)/i },
}

function limited(limits: Partial<ListingLimits> = {}): ListingOptions {
  return { limits: { idleMs: IDLE_MS, totalMs: TOTAL_MS, maxFiles: 50_000, ...limits } }
}

/** Reads a listing that must end without an abort. */
async function ends(listing: Listing, expected: Expected): Promise<void> {
  const { files, outcome } = await until('the listing ends', () => collect(listing))
  assert.match(outcome.reason ?? '', expected.reason)
  for (const message of [outcome.reason ?? '', ...outcome.problems])
    assert.doesNotMatch(message, /[\p{Cc}\p{Cf}]/u, JSON.stringify(message))
  assert.equal(outcome.complete, outcome.reason === undefined)
  assert.equal(outcome.files, files.length)
  if (typeof expected.files === 'function') assert.ok(expected.files(files.length), `${files.length} files`)
  else assert.deepEqual(paths(files), expected.files ?? [])
}

describe('a web server that', { timeout: 60_000 }, () => {
  for (const [fault, expected] of Object.entries(HTTP) as [ListingFault, Expected][]) {
    test(`${fault} costs no more than its listing`, async (t) => {
      const server = await startFaultyListing(t, fault)
      await ends(listHttp(server.url + (expected.base ?? ''), limited(expected.limits)), expected)
      await until('no connection is left', async () => (await server.connections()) === 0)
      assert.ok(expected.requests?.(server.requests.length) ?? true, `${server.requests.length} requests`)
    })
  }

  test('refuses costs no more than its listing', async () => {
    const url = `http://127.0.0.1:${await freePort('127.0.0.1')}/`
    await ends(listHttp(url, limited()), { reason: /the root: .*ECONNREFUSED/ })
  })

  test('sends more than the limit is read no further', async (t) => {
    const server = await startFaultyListing(t, 'lists for ever')
    const { outcome } = await collect(listHttp(server.url, limited({ maxBytes: 100_000 })))
    assert.equal(outcome.reason, 'it sends more than 100000 bytes')
    assert.ok(outcome.bytes < 1_000_000)
  })

  test('lists more folders than the limit is read no further', async (t) => {
    const server = await startFaultyListing(t, 'repeats for ever')
    const { outcome } = await collect(listHttp(server.url, limited({ maxFolders: 25 })))
    assert.equal(outcome.reason, 'it lists more than 25 folders')
  })

  test('has no name is said to have none', async () => {
    await ends(listHttp('http://mirror.invalid/', limited()), { reason: /the root: getaddrinfo/ })
  })
})

const FTP: Readonly<Partial<Record<FtpBehaviour, Expected>>> = {
  'hangs before its greeting': { reason: /nothing came for 0\.3 s/ },
  'hangs in the listing': { reason: /nothing came for 0\.3 s/, files: ['a'] },
  'breaks off the listing': {
    reason: /the root: (the server says "426 .*"|.*ECONNRESET|the listing ends within)/,
    files: (count) => count < 3,
  },
  'refuses the listing': { reason: /the root: the server says "450 not now"/ },
  'lists for ever': { reason: /more than 50000 files/, files: (count) => count === 50_000 },
  'writes one line for ever': { reason: /more than 5000000 bytes/, limits: { maxBytes: 5_000_000 } },
  'greets for ever': { reason: /exceeded maximum allowed size/ },
  'names no port that can be': { reason: /the root: .*port.*70000/i },
  'nests for ever': {
    reason: /"(deeper\/){7}deeper" has folders deeper than 8/,
    files: (count) => count === 9,
    limits: { maxDepth: 8 },
  },
  'repeats for ever': { reason: /^$/, files: (count) => count === 111 },
  'lists what is outside': { reason: /^$/, files: ['one', 'two'] },
  'lists what is outside, by LIST': { reason: /^$/, files: ['one', 'two'] },
}

describe('an FTP server that', { timeout: 60_000 }, () => {
  for (const [behaviour, expected] of Object.entries(FTP) as [FtpBehaviour, Expected][]) {
    test(`${behaviour} costs no more than its listing`, async (t) => {
      const root = temporaryFolder(t)
      writeFiles(root, { a: '', b: '', c: '' })
      const server = await startMlsdServer(t, root, behaviour)
      await ends(listFtp(server.url, limited(expected.limits)), expected)
      await until('no connection is left', () => server.connections.size === 0)
    })
  }

  test('refuses costs no more than its listing', async () => {
    const url = `ftp://127.0.0.1:${await freePort('127.0.0.1')}/`
    await ends(listFtp(url, limited()), { reason: /ECONNREFUSED/ })
  })
})

test('memory does not grow with a listing', { timeout: 60_000 }, async (t) => {
  const server = await startFaultyListing(t, 'lists for ever')
  const before = process.memoryUsage().heapUsed
  let most = 0
  let count = 0
  for await (const batch of listHttp(server.url, { limits: { maxFiles: 300_000 } })) {
    count += batch.length
    most = Math.max(most, process.memoryUsage().heapUsed - before)
  }
  assert.equal(count, 300_000)
  // 300,000 files would take more than twice as much memory.
  assert.ok(most < 60e6, `${most} bytes more`)
})

/** Starts a server that takes connections and never sends anything. */
async function startMute(
  scope: Scope,
): Promise<{ readonly port: number; readonly connections: ReadonlySet<Socket> }> {
  const connections = new Set<Socket>()
  const server = createServer((socket) => {
    connections.add(socket)
    socket
      .on('error', () => {})
      .once('close', () => connections.delete(socket))
      .resume()
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  scope.after(() => {
    server.close()
    for (const socket of connections) socket.destroy()
  })
  const address = server.address()
  return { port: typeof address === 'object' && address !== null ? address.port : 0, connections }
}

/** Makes a program that replaces rsync. Each of its processes writes its id into a file. */
function playRsync(scope: Scope, script: string): { readonly program: string; processes(): number[] } {
  const folder = temporaryFolder(scope)
  const program = join(folder, 'rsync')
  const pids = join(folder, 'pids')
  writeFileSync(pids, '')
  writeFileSync(program, `#!/bin/sh\necho $$ >> '${pids}'\n${script.replaceAll('PIDS', `'${pids}'`)}\n`, {
    mode: 0o755,
  })
  return { program, processes: () => readFileSync(pids, 'utf8').split('\n').filter(Boolean).map(Number) }
}

function runs(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch {
    return false
  }
}

const LINE = '-rw-r--r--  123 2024/02/03 04:05:06'
const ROOT = 'drwxr-xr-x 4096 2024/02/03 04:05:06 .'

const RSYNC: Readonly<Record<string, Expected & { readonly script: string }>> = {
  hangs: { script: 'sleep 100 & echo $! >> PIDS; wait', reason: /nothing came for 0\.3 s/ },
  'hangs in its listing': {
    script: `echo '${ROOT}'; echo '${LINE} one'; sleep 100 & echo $! >> PIDS; wait`,
    reason: /nothing came for 0\.3 s/,
    files: ['one'],
  },
  drips: {
    script: `while true; do echo '${LINE} one'; sleep 0.05; done`,
    reason: /it took longer than 1 s/,
    files: (count) => count > 0,
    limits: { totalMs: 1000 },
  },
  'lists for ever': {
    script: `yes -- '${LINE} one'`,
    reason: /more than 50000 files/,
    files: (count) => count === 50_000,
  },
  'writes one line for ever': {
    script: 'yes x | tr -d "\\n"',
    reason: /more than 5000000 bytes/,
    limits: { maxBytes: 5_000_000 },
  },
  'complains for ever': { script: 'yes complaint >&2', reason: /nothing came for 0\.3 s/ },
  'is killed': {
    script: `echo '${ROOT}'; echo '${LINE} one'; kill -9 $$`,
    reason: /rsync was ended/,
    files: ['one'],
  },
  'ends within a line': { script: `echo '${ROOT}'; printf '%s' '${LINE} on'`, reason: /ends within a line/ },
  'says nothing': { script: 'true', reason: /lists nothing, not even the folder/ },
  'writes what is no listing': {
    script: `echo 'hello'; echo '${ROOT}'; echo '${LINE} one'; printf '\\033[31mboo\\n'; echo '${LINE} two'`,
    reason: /a line is not understood: "\ufffd\[31mboo"/,
    files: ['one', 'two'],
  },
  'lists what is outside': {
    script: `echo '${ROOT}'; for name in ../up /etc/passwd a/../../b a//b 'a/./b' '\\#000' 'a\\#000b' ..; do echo "${LINE} $name"; done`,
    reason: /^$/,
  },
  'lists folders for ever': {
    script: `echo '${ROOT}'; yes 'drwxr-xr-x 4096 2024/02/03 04:05:06 folder'`,
    reason: /more than 1000 folders/,
    limits: { maxFolders: 1000 },
  },
  'lists links for ever': {
    script: `echo '${ROOT}'; awk 'BEGIN { for (;;) print "lrwxrwxrwx 3 2024/02/03 04:05:06 " n++ " -> ../" }'`,
    reason: /more than 1000 links/,
    limits: { maxLinks: 1000 },
  },
  'lists what is too deep': {
    script: `echo '${ROOT}'; echo '${LINE} a/b/c'; echo '${LINE} a/b/c/d'`,
    reason: /"a\/b\/c\/d" is deeper than 2 folders/,
    files: ['a/b/c'],
    limits: { maxDepth: 2 },
  },
  'vanishes in part': {
    script: `echo '${ROOT}'; echo '${LINE} one'; echo 'file has vanished: "two"' >&2; exit 24`,
    // The folder was read to its end, and the file is gone.
    reason: /^$/,
    files: ['one'],
  },
}

describe('an rsync that', { timeout: 60_000 }, () => {
  for (const [what, expected] of Object.entries(RSYNC)) {
    test(`${what} costs no more than its listing`, async (t) => {
      const { program, processes } = playRsync(t, expected.script)
      await ends(
        listRsync('rsync://mirror.example/repo/', { program, ...limited(expected.limits) }),
        expected,
      )
      assert.ok(processes().length > 0)
      await until('no process is left', () => !processes().some(runs))
    })
  }

  test('is real and waits for a mute server is ended', { skip: unlessInstalled('rsync') }, async (t) => {
    const { port, connections } = await startMute(t)
    await ends(listRsync(`rsync://127.0.0.1:${port}/repo/`, limited()), { reason: /nothing came for 0\.3 s/ })
    await until('no connection is left', () => connections.size === 0)
  })
})

describe('an abort', { timeout: 60_000 }, () => {
  const starts: Readonly<Record<string, (scope: Scope, options: ListingOptions) => Promise<Listing>>> = {
    'of HTTP that waits': async (scope, options) =>
      listHttp((await startFaultyListing(scope, 'hangs')).url, options),
    'of HTTP within a page': async (scope, options) =>
      listHttp((await startFaultyListing(scope, 'lists for ever')).url, options),
    'of HTTP over many pages': async (scope, options) =>
      listHttp((await startFaultyListing(scope, 'nests for ever')).url, options),
    'of FTP that waits': async (scope, options) =>
      listFtp(
        (await startMlsdServer(scope, temporaryFolder(scope), 'hangs before its greeting')).url,
        options,
      ),
    'of FTP within a listing': async (scope, options) => {
      const root = temporaryFolder(scope)
      writeFiles(root, { a: '' })
      return listFtp((await startMlsdServer(scope, root, 'lists for ever')).url, options)
    },
    'of rsync that waits': async (scope, options) => {
      const { program } = playRsync(scope, 'sleep 100')
      return listRsync('rsync://mirror.example/repo/', { program, ...options })
    },
    'of rsync within a listing': async (scope, options) => {
      const { program } = playRsync(scope, `yes -- '${LINE} one'`)
      return listRsync('rsync://mirror.example/repo/', { program, ...options })
    },
  }
  for (const [what, start] of Object.entries(starts)) {
    test(`${what} ends it at once`, async (t) => {
      const controller = new AbortController()
      const listing = await start(t, { signal: controller.signal, limits: { maxDepth: 1_000_000 } })
      const reading = collect(listing)
      setTimeout(() => controller.abort(), 200)
      const { outcome } = await until('the listing ends', () => reading)
      assert.equal(outcome.complete, false)
      assert.equal(outcome.reason, 'it was aborted')
    })

    test(`${what} before it begins lets it never begin`, async (t) => {
      const listing = await start(t, { signal: AbortSignal.abort() })
      const { files, outcome } = await collect(listing)
      assert.deepEqual(files, [])
      assert.equal(outcome.reason, 'it was aborted')
    })
  }

  test('of the reader ends it too', async (t) => {
    const server = await startFaultyListing(t, 'lists for ever')
    const listing = listHttp(server.url)
    for await (const batch of listing) {
      assert.ok(batch.length > 0)
      break
    }
    const { complete, reason } = await listing.outcome
    assert.deepEqual([complete, reason], [false, 'its reader stopped'])
    await until('no connection is left', async () => (await server.connections()) === 0)
  })
})

describe('a listing that has ended', () => {
  test('leaves no timer and no socket behind', async (t) => {
    // Runs in a process of its own, which must end by itself as soon as the listings have ended.
    const server = await startFaultyListing(t, 'ends too soon')
    const root = temporaryFolder(t)
    writeFiles(root, { a: '' })
    const ftp = await startMlsdServer(t, root)
    const { program } = playRsync(t, `echo '${ROOT}'`)
    const library = new URL('../../../lib/mirrors/presence/', import.meta.url)
    const source = `
      import { listFtp } from '${new URL('listings/ftp.js', library)}'
      import { listHttp } from '${new URL('listings/http.js', library)}'
      import { listRsync } from '${new URL('listings/rsync.js', library)}'
      import { challenge } from '${new URL('file/challenge.js', library)}'
      import { checkFile } from '${new URL('file/head.js', library)}'
      const listings = [
        listFtp('${ftp.url}'), listHttp('${server.url}'), listRsync('rsync://mirror.example/repo/', { program: '${program}' }),
      ]
      for (const listing of listings) for await (const batch of listing) batch.length
      await checkFile('${server.url}')
      await challenge({ url: '${server.url}', size: 1, piece: 0, length: 1, sha256: new Uint8Array(32) })
      // Handles that are closing get a few turns of the event loop.
      await new Promise((resolve) => setTimeout(resolve, 50))
      console.log(process.getActiveResourcesInfo().filter((name) => !name.startsWith('Pipe')).join())
    `
    const { stdout, stderr, status } = await run(
      process.execPath,
      ['--input-type=module', '-e', source],
      20_000,
    )
    assert.equal(stderr, '')
    assert.equal(status, 0)
    assert.equal(stdout.trim(), '')
  })
})
