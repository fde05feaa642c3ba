import assert from 'node:assert/strict'
import type { RequestListener } from 'node:http'
import { describe, type TestContext, test } from 'node:test'
import { undiciProbeClient } from '../../../lib/mirrors/health/http.js'
import { type ProbeDependencies, type ProbedEndpoint, probe } from '../../../lib/mirrors/health/probe.js'
import type { ProbeTarget } from '../../../lib/mirrors/health/probe-target.js'
import type { ProbeOutcome } from '../../../lib/mirrors/health/state.js'
import { type HostAddresses, systemResolver } from '../../../lib/network/addresses.js'
import { unlessInstalled } from '../../support/client.js'
import {
  type FaultyResponse,
  refusingUrl,
  SIZE,
  startFaultyServer,
  startRaw,
  startSelfSigned,
} from '../../support/faulty-server.js'
import { startHostileMirror } from '../../support/hostile-mirror.js'
import { listen } from '../../support/server.js'
import { until } from '../../support/until.js'

const FILE: ProbeTarget = {
  kind: 'file',
  path: 'iso/disk 1.iso',
  urlPath: 'iso/disk%201.iso',
  size: SIZE,
  isPage: false,
}
const OTHER: ProbeTarget = { ...FILE, path: 'other', urlPath: 'other' }
const TRACE: ProbeTarget = { ...FILE, kind: 'trace', path: 'trace', urlPath: 'trace', size: undefined }
const BASE: ProbeTarget = { kind: 'base', path: '', urlPath: '', size: undefined, isPage: true }
/** Timeout in milliseconds, long enough for a busy machine if a response is expected. */
const TIMEOUT = 10_000
const SHORT = 300

const NOWHERE: HostAddresses = { ipv4: [], ipv6: [] }
const PARTS: ProbeDependencies = {
  client: undiciProbeClient,
  resolver: { find: async (host) => (/^[\d.]+$/.test(host) ? { ipv4: [host], ipv6: [] } : NOWHERE) },
  now: () => performance.now(),
  wall: () => Date.now(),
  allowsPrivate: true,
}

function probeUrl(
  url: string,
  targets: readonly ProbeTarget[],
  timeout: number,
  choices: Partial<ProbedEndpoint & ProbeDependencies> = {},
): Promise<ProbeOutcome> {
  const endpoint = { url, family: 'ipv4', addresses: ['127.0.0.1'], redirects: false, targets } as const
  return probe({ ...endpoint, ...choices }, { ...PARTS, ...choices }, timeout, new AbortController().signal)
}

/** Returns the result without its duration. */
async function noted(url: string, targets = [FILE], timeout = TIMEOUT, choices = {}) {
  const outcome = await probeUrl(url, targets, timeout, choices)
  if (outcome.kind === 'answered') {
    const { kind: _, roundTrip, ...rest } = outcome
    assert.ok(roundTrip > 0 && roundTrip < timeout, `${roundTrip} ms`)
    return Object.fromEntries(Object.entries(rest).filter(([, value]) => value !== undefined))
  }
  return outcome.kind === 'failed' && outcome.weight === 'normal' ? outcome.reason : outcome
}

describe('of a file of the index', () => {
  const TABLE: readonly (readonly [endpoint: FaultyResponse, noted: unknown])[] = [
    ['good', { ranges: true }],
    ['of another size', { ranges: true, note: 'it has 999999 bytes of iso/disk 1.iso, and not 1000000' }],
    ['without Range', { ranges: false }],
    [
      'without Range, of another size',
      { ranges: false, note: 'it has 5 bytes of iso/disk 1.iso, and not 1000000' },
    ],
    ['without Range, without a length', { ranges: false }],
    ['another part', { ranges: false, note: 'it sends another part than it was asked for' }],
    ['all of it as a part', { ranges: false, note: 'it sends another part than it was asked for' }],
    ['a part that goes on', { ranges: false, note: 'it sends more for one byte' }],
    ['closes in the part', 'connection closed before the answer was complete'],
    ['empty here', { note: 'it has 0 bytes of iso/disk 1.iso, and not 1000000' }],
    ['missing', 'the answer is 404 for iso/disk 1.iso'],
    ['gone', 'the answer is 410 for iso/disk 1.iso'],
    ['forbidden', 'the answer is 403 for iso/disk 1.iso'],
    ['for members', 'the answer is 401 for iso/disk 1.iso'],
    ['busy', { note: 'it asks for fewer requests (429)' }],
    ['failing', 'the answer is 500 for iso/disk 1.iso'],
    ['under repair', 'the answer is 503 for iso/disk 1.iso'],
    ['closes', 'connection closed before the answer was complete'],
    ['HTML for everything', 'it sends a page of HTML in the place of iso/disk 1.iso'],
    ['HTML in parts', 'it sends a page of HTML in the place of iso/disk 1.iso'],
    ['redirects round', 'more than 5 redirects'],
    ['redirects to nowhere', 'it redirects to nowhere'],
    ['redirects to ftp', 'it redirects to ftp:'],
  ]
  for (const [endpoint, expected] of TABLE) {
    test(endpoint, async (t) => {
      const mirror = await startFaultyServer(t, endpoint)
      assert.deepEqual(await noted(mirror.url), expected)
      assert.equal(mirror.requests[0], 'GET /iso/disk%201.iso bytes=0-0')
      assert.ok(mirror.requests.length <= 6)
      await until('its connections are closed', () => mirror.connections() === 0)
    })
  }

  for (const endpoint of ['hangs', 'a part without an end'] as const) {
    test(endpoint, async (t) => {
      const mirror = await startFaultyServer(t, endpoint)
      const outcome = await probeUrl(mirror.url, [FILE], SHORT)
      const expected = {
        kind: 'failed',
        reason: 'no answer within 0.3 s',
        weight: 'normal',
        localFault: 'silent',
      }
      assert.deepEqual(outcome, expected)
      await until('its connections are closed', () => mirror.connections() === 0)
    })
  }

  test('the content of a whole file is not read', async (t) => {
    let bytes = 0
    const mirror = await startFaultyServer(t, (_, response) => {
      response.writeHead(200, { 'Content-Length': 1e9 })
      const socket = response.socket
      const more = (): void => {
        while (!response.destroyed && response.write(Buffer.alloc(65_536)));
        bytes = socket?.bytesWritten ?? bytes
      }
      response.on('drain', more)
      more()
    })
    assert.deepEqual(await noted(mirror.url), {
      ranges: false,
      note: `it has ${1e9} bytes of ${FILE.path}, and not ${SIZE}`,
    })
    await until('its connection is closed', () => mirror.connections() === 0)
    // Bytes that fit into the buffers of the system.
    assert.ok(bytes < 8_000_000, `${bytes} bytes`)
  })

  test('the next is asked for where the first is not there', async (t) => {
    const mirror = await startFaultyServer(t, (request, response) => {
      if (request.url === '/other') response.writeHead(206, { 'Content-Range': `bytes 0-0/${SIZE}` }).end('x')
      else response.writeHead(404).end()
    })
    assert.deepEqual(await noted(mirror.url, [FILE, OTHER]), { ranges: true })
    const empty = await startFaultyServer(t, 'missing')
    assert.equal(await noted(empty.url, [FILE, OTHER]), 'the answer is 404 for iso/disk 1.iso')
    assert.equal(empty.requests.length, 2)
    const broken = await startFaultyServer(t, 'failing')
    assert.equal(await noted(broken.url, [FILE, OTHER]), 'the answer is 500 for iso/disk 1.iso')
    assert.equal(broken.requests.length, 1)
  })
})

test('a page of the index may be one of HTML', async (t) => {
  const mirror = await startFaultyServer(t, 'HTML for everything')
  assert.deepEqual(await noted(mirror.url, [{ ...FILE, path: 'a.html', isPage: true }]), { ranges: false })
})

describe('of a trace', () => {
  const THEN = Date.UTC(2026, 0, 1)
  const TEXT = `${THEN / 1000}\n`
  const NOTHING_READ = { note: 'no time can be read in trace' }
  const OTHER_PART = { ranges: false, note: 'it sends another part than it was asked for' }

  /** Sends the requested range, as most servers do. */
  const inParts =
    (text: string): RequestListener =>
    (request, response) => {
      const last = Math.min(Number(/^bytes=0-(\d+)$/.exec(request.headers.range ?? '')?.[1]), text.length - 1)
      const fields = { 'Content-Range': `bytes 0-${last}/${text.length}`, 'Content-Length': last + 1 }
      response.writeHead(206, fields).end(text.slice(0, last + 1))
    }
  /** Sends the whole file if it was requested. */
  const inPartsOrWhole =
    (text: string): RequestListener =>
    (request, response) => {
      if (request.headers.range === 'bytes=0-0') inParts(text)(request, response)
      else response.writeHead(200, { 'Content-Length': text.length }).end(text)
    }
  const whole =
    (text: string): RequestListener =>
    (_, response) => {
      response.writeHead(200, { 'Content-Length': text.length }).end(text)
    }
  const part =
    (range: string, text: string): RequestListener =>
    (_, response) => {
      response.writeHead(206, { 'Content-Range': range }).end(text)
    }

  const ALL = 'GET /repo/trace bytes=0-4095'
  const ONE = 'GET /repo/trace bytes=0-0'
  const TABLE: readonly (readonly [
    what: string,
    endpoint: FaultyResponse | RequestListener,
    noted: unknown,
    byte?: 1,
  ])[] = [
    ['in parts', inParts(TEXT), { ranges: true, trace: THEN }],
    ['in parts, or as a whole where that is no less', inPartsOrWhole(TEXT), { ranges: true, trace: THEN }, 1],
    ['as a whole', whole(TEXT), { ranges: false, trace: THEN }, 1],
    ['of 4096 bytes', inParts(TEXT.padEnd(4096, 'x')), { ranges: true, trace: THEN }],
    ['without a time', inParts('yesterday'), { ranges: true, ...NOTHING_READ }],
    ['that is a page under another type', whole('<html>'), { ranges: false, ...NOTHING_READ }, 1],
    ['of one byte', whole('x'), NOTHING_READ, 1],
    ['that is empty', whole(''), { ranges: false, ...NOTHING_READ }, 1],
    ['of no length', part(`bytes 0-${TEXT.length - 1}/*`, TEXT), { ranges: true, trace: THEN }],
    ['another part', part(`bytes 1-${TEXT.length}/${TEXT.length + 1}`, TEXT), OTHER_PART],
    ['less than was asked for', part(`bytes 0-3/${TEXT.length}`, TEXT.slice(0, 4)), OTHER_PART],
    ['a part of nobody knows what', part('lines 1-2/3', TEXT), OTHER_PART],
    ['empty here', 'empty here', NOTHING_READ, 1],
    ['missing', 'missing', 'the answer is 404 for trace'],
    ['failing', 'failing', 'the answer is 500 for trace'],
    ['HTML for everything', 'HTML for everything', 'it sends a page of HTML in the place of trace'],
    ['of 4097 bytes', inParts(TEXT.padEnd(4097, 'x')), 'trace is larger than a trace file'],
    ['of 4097 bytes as a whole', whole(TEXT.padEnd(4097, 'x')), 'trace is larger than a trace file'],
    ['without an end', 'without Range, without a length', 'trace is larger than a trace file'],
    ['much more than was asked for', 'all of it as a part', 'trace is larger than a trace file'],
    ['a part that goes on', part(`bytes 0-10/11`, 'x'.repeat(5000)), 'trace is larger than a trace file'],
  ]
  for (const [what, endpoint, expected, byte] of TABLE) {
    test(what, async (t) => {
      const mirror = await startFaultyServer(t, endpoint)
      assert.deepEqual(await noted(`${mirror.url}repo/`, [TRACE]), expected)
      assert.deepEqual(mirror.requests, byte === undefined ? [ALL] : [ALL, ONE])
      await until('its connections are closed', () => mirror.connections() === 0)
    })
  }

  test('that fails when a byte of it is asked for', async (t) => {
    const mirror = await startFaultyServer(t, (request, response) => {
      if (request.headers.range === 'bytes=0-0') response.writeHead(500).end()
      else response.writeHead(200).end(TEXT)
    })
    assert.equal(await noted(mirror.url, [TRACE]), 'the answer is 500 for trace')
  })

  test('where redirects lead, both times', async (t) => {
    const mirror = await startFaultyServer(t, (request, response) => {
      if (request.url === '/new/trace') inPartsOrWhole(TEXT)(request, response)
      else response.writeHead(302, { Location: '/new/trace' }).end()
    })
    const redirect = `${mirror.url}new/trace`
    assert.deepEqual(await noted(mirror.url, [TRACE]), { ranges: true, redirect, trace: THEN })
  })
})

describe('of the folder where a copy begins', () => {
  const TABLE: readonly (readonly [endpoint: FaultyResponse, noted: unknown])[] = [
    ['good', {}],
    ['without Range', {}],
    ['HTML for everything', {}],
    ['forbidden', {}],
    ['missing', {}],
    ['for members', 'the answer is 401'],
    ['gone', 'the answer is 410'],
    ['failing', 'the answer is 500'],
  ]
  for (const [endpoint, expected] of TABLE) {
    test(endpoint, async (t) => {
      const mirror = await startFaultyServer(t, endpoint)
      assert.deepEqual(await noted(`${mirror.url}repo/`, [BASE]), expected)
      assert.deepEqual(mirror.requests, ['GET /repo/ bytes=0-0'])
    })
  }
})

describe('redirects', () => {
  test('within the mirror are followed and noted', async (t) => {
    const mirror = await startFaultyServer(t, 'redirects within')
    const redirect = `${mirror.url}new/iso/disk%201.iso`
    assert.deepEqual(await noted(mirror.url), { ranges: true, redirect })
  })

  async function twoHosts(t: TestContext) {
    const elsewhere = await startFaultyServer(t, 'good', '127.0.0.2')
    const mirror = await startFaultyServer(t, (_, response) => {
      response.writeHead(302, { Location: `${elsewhere.url}x` }).end()
    })
    return { elsewhere, mirror, host: new URL(elsewhere.url).host }
  }

  test('to elsewhere are refused, and nobody is asked there', async (t) => {
    const { elsewhere, mirror, host } = await twoHosts(t)
    assert.equal(await noted(mirror.url), `it redirects to another host, ${host}`)
    assert.deepEqual(elsewhere.requests, [])
  })

  test('to elsewhere for one file alone do not take the mirror down', async (t) => {
    const mirror = await startFaultyServer(t, (request, response) => {
      if (request.url?.endsWith('missing'))
        response.writeHead(302, { Location: 'http://127.0.0.2:9/x' }).end()
      else response.writeHead(206, { 'Content-Range': 'bytes 0-0/7', 'Content-Length': 1 }).end('c')
    })
    const other = { ...FILE, path: 'missing', urlPath: 'missing' }
    const there = { ...FILE, size: 7 }
    assert.deepEqual(await noted(mirror.url, [other, there]), { ranges: true })
    const elsewhere = 'it redirects to another host, 127.0.0.2:9'
    assert.equal(await noted(mirror.url, [other, other]), elsewhere)
    assert.equal(await noted(mirror.url, [{ ...TRACE, urlPath: 'missing' }, there]), elsewhere)
  })

  test('to elsewhere are followed where the mirror may do so', async (t) => {
    const { elsewhere, mirror } = await twoHosts(t)
    const choices = { redirects: true }
    assert.deepEqual(await noted(mirror.url, [FILE], TIMEOUT, choices), {
      ranges: true,
      redirect: `${elsewhere.url}x`,
    })
  })

  test('to private addresses are refused, whatever the mirror may do', async (t) => {
    const { elsewhere, mirror, host } = await twoHosts(t)
    const choices = { redirects: true, allowsPrivate: false }
    assert.equal(
      await noted(mirror.url, [FILE], TIMEOUT, choices),
      `it redirects to ${host}, a private address`,
    )
    assert.deepEqual(elsewhere.requests, [])
  })

  test('to hosts that are nowhere are refused', async (t) => {
    const mirror = await startFaultyServer(t, (_, response) => {
      response.writeHead(302, { Location: 'http://nowhere.invalid/' }).end()
    })
    const expected = 'it redirects to nowhere.invalid, which has no address'
    assert.equal(await noted(mirror.url, [FILE], TIMEOUT, { redirects: true }), expected)
  })

  test('to another port of the same host are within', async (t) => {
    const other = await startFaultyServer(t, 'good')
    const mirror = await startFaultyServer(t, (_, response) => {
      response.writeHead(307, { Location: other.url }).end()
    })
    assert.deepEqual(await noted(mirror.url), { ranges: true, redirect: other.url })
  })
})

describe('below HTTP', () => {
  test('nobody listens', async (t) => {
    const outcome = await noted(await refusingUrl(t))
    assert.deepEqual(outcome, {
      kind: 'failed',
      reason: 'connection refused',
      weight: 'refused',
      localFault: undefined,
    })
  })

  test('nobody listens at any of its addresses; somebody at the second', async (t) => {
    const url = await refusingUrl(t)
    const addresses = ['127.0.0.1', '127.0.0.2']
    const outcome = await probeUrl(url.replace('127.0.0.1', 'some.example'), [FILE], TIMEOUT, { addresses })
    assert.equal(outcome.kind === 'failed' && outcome.weight, 'refused')
    const mirror = await startFaultyServer(t, 'good', '127.0.0.2')
    const named = mirror.url.replace('127.0.0.2', 'some.example')
    assert.deepEqual(await noted(named, [FILE], TIMEOUT, { addresses }), { ranges: true })
  })

  test('a head that comes letter by letter, and never ends', async (t) => {
    const url = await startRaw(t, (socket) => {
      socket.write('HTTP/1.1 200 OK\r\nX-Slow: ')
      const timer = setInterval(() => socket.write('x'), 20)
      socket.once('close', () => clearInterval(timer))
    })
    const start = performance.now()
    const outcome = await probeUrl(url, [FILE], SHORT)
    assert.equal(outcome.kind === 'failed' && outcome.reason, 'no answer within 0.3 s')
    assert.ok(performance.now() - start < 5000)
  })

  test('a head without end', async (t) => {
    const url = await startRaw(t, (socket) => {
      socket.write('HTTP/1.1 200 OK\r\n')
      const more = (): void => {
        while (!socket.destroyed && socket.write(`X-Long: ${'x'.repeat(1000)}\r\n`));
      }
      socket.on('drain', more)
      more()
    })
    assert.equal(await noted(url), 'the head of the answer is too long')
  })

  test('a head of 20 KiB', async (t) => {
    const url = await startRaw(t, (socket) =>
      socket.end(`HTTP/1.1 200 OK\r\nX-Long: ${'x'.repeat(20_480)}\r\nContent-Length: 0\r\n\r\n`),
    )
    assert.equal(await noted(url), 'the head of the answer is too long')
  })

  for (const head of [
    'HTTP/1.1 200 OK\nContent-Length: 5\n\n12345',
    'HTTP/1.1 206 Partial Content\nContent-Range: bytes 0-0/5\nContent-Length: 1\n\n1',
    'HTTP/1.0 200 OK\nContent-Type: text/plain\n\n12345',
  ])
    test(`a head with bare LF: ${JSON.stringify(head)}`, async (t) => {
      const url = await startRaw(t, (socket) => socket.end(head))
      assert.equal(await noted(url), 'lines of the head end in LF without CR')
    })

  test('interim responses without end', async (t) => {
    const url = await startHostileMirror(t, 'informs for ever')
    assert.equal(await noted(url), 'it sends more than 16 interim responses')
  })

  test('a file that is denied, and another that is not', async (t) => {
    const { url } = await listen(t, (request, response) =>
      request.url === '/other'
        ? response.writeHead(206, { 'Content-Range': `bytes 0-0/${SIZE}`, 'Content-Length': 1 }).end('x')
        : response.writeHead(403).end(),
    )
    assert.deepEqual(await noted(url, [FILE, OTHER]), { ranges: true })
  })

  test('no HTTP', async (t) => {
    const url = await startRaw(t, (socket) => socket.end('220 ftp.example.org ready\r\n'))
    assert.equal(await noted(url), 'the answer is not HTTP')
  })

  test('closed without a word', async (t) => {
    const url = await startRaw(t, (socket) => socket.end())
    assert.equal(await noted(url), 'connection closed before the answer was complete')
  })

  test('closed in the head', async (t) => {
    const url = await startRaw(t, (socket) => socket.end('HTTP/1.1 200 OK\r\nContent-'))
    assert.equal(await noted(url), 'connection closed before the answer was complete')
  })

  test('a certificate that it has signed itself', {
    skip: unlessInstalled('openssl'),
  }, async (t) => {
    assert.equal(await noted(await startSelfSigned(t)), 'TLS: the certificate is self-signed')
  })

  test('https at a port of http', async (t) => {
    const mirror = await startFaultyServer(t, 'good')
    assert.equal(await noted(mirror.url.replace('http:', 'https:')), 'TLS: no handshake')
  })
})

test('a probe that is ended says nothing, at once', async (t) => {
  const mirror = await startFaultyServer(t, 'hangs')
  const controller = new AbortController()
  const endpoint = { url: mirror.url, family: 'ipv4', addresses: ['127.0.0.1'], redirects: false } as const
  const running = probe({ ...endpoint, targets: [FILE] }, PARTS, TIMEOUT, controller.signal)
  await until('it is asked', () => mirror.requests.length === 1)
  const start = performance.now()
  controller.abort()
  assert.deepEqual(await running, { kind: 'nothing', reason: 'ended' })
  assert.ok(performance.now() - start < 1000)
  await until('its connection is closed', () => mirror.connections() === 0)
  const late = probe({ ...endpoint, targets: [FILE] }, PARTS, TIMEOUT, controller.signal)
  assert.deepEqual(await late, { kind: 'nothing', reason: 'ended' })
  assert.equal(mirror.requests.length, 1)
})

describe('addresses', () => {
  const resolver = systemResolver()

  test('are known of those who are addresses themselves, and of this machine', async () => {
    assert.deepEqual(await resolver.find('192.0.2.1'), { ipv4: ['192.0.2.1'], ipv6: [] })
    assert.deepEqual(await resolver.find('2001:db8::1'), { ipv4: [], ipv6: ['2001:db8::1'] })
    const { ipv4, ipv6 } = await resolver.find('localhost')
    assert.ok([...(ipv4 ?? []), ...(ipv6 ?? [])].some((address) => ['127.0.0.1', '::1'].includes(address)))
  })

  test('there are none of what is invalid by its name', async () => {
    assert.deepEqual(await resolver.find('mirror.invalid'), NOWHERE)
  })
})
