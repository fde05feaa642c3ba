import assert from 'node:assert/strict'
import { mkdirSync, writeFileSync } from 'node:fs'
import type { RequestListener } from 'node:http'
import { join } from 'node:path'
import { after, describe, type TestContext, test } from 'node:test'
import { mirroredBy } from '../../lib/adapters/node.js'
import type { Origin, OriginOptions } from '../../lib/index.js'
import { makeCertificate } from '../support/certificate.js'
import { unlessInstalled } from '../support/client.js'
import { PROGRAM } from '../support/command.js'
import { addedUris, aria2, assertDownloaded, type Download } from '../support/downloads.js'
import {
  type FakeMirror,
  type FakeMirrorChoices,
  type Fault,
  startFakeMirror,
} from '../support/fake-mirror.js'
import { pseudoRandomBytes, type Scope, temporaryFolder, writeFiles } from '../support/folder.js'
import { namedMirrors, sync, untilNamed, untilSurveyed } from '../support/mirrored-origin.js'
import { startOrigin } from '../support/origin.js'
import { startProgram } from '../support/program.js'
import { rawRequest, values } from '../support/raw.js'
import { listen } from '../support/server.js'
import { plainFiles } from '../support/setups.js'
import { slowWay } from '../support/throttle.js'
import { until } from '../support/until.js'
import { CHALLENGE, OFTEN_CHECKED, PROBES_MS, RATE, SPARE_MS, SURVEYS_MS } from './settings.js'

const NAME = 'disk.iso'
/** Four parts for aria2, 16 pieces for mirrored-by. */
const CONTENT = pseudoRandomBytes(4 * 1024 * 1024)
/** Time until some piece of the first mirror was fetched twice. */
const CHALLENGES_MS = 6000

/** Tolerance, in milliseconds, for requests that began with the fault. */
const TOLERANCE_MS = 20

/** Options of a user who does not want to wait a minute for a mirror that hangs. */
const ARIA2_OPTIONS = ['--connect-timeout=2', '--timeout=2', '--max-tries=2', '--lowest-speed-limit=1K']
/** aria2's exit status for a wrong checksum. */
const CHECKSUM_ERROR = 32

interface Case {
  readonly fault: Fault | 'refuses'
  /** Milliseconds until responses no longer name the mirror. */
  readonly within: number
  readonly reason: RegExp
  readonly mirror?: FakeMirrorChoices
  readonly options?: Partial<OriginOptions>
}

const DOWN = { within: PROBES_MS }
const CASES: Readonly<Record<string, Case>> = {
  'refuses connections': { ...DOWN, fault: 'refuses', reason: /^down since .*: connection refused/ },
  'takes requests and hangs': { ...DOWN, fault: { kind: 'hangs' }, reason: /^down since .*: no answer/ },
  'sends one byte now and then': { ...DOWN, fault: { kind: 'drips' }, reason: /^down since .*: no answer/ },
  'answers with 500': { ...DOWN, fault: { kind: 'fails' }, reason: /^down since .*: the answer is 500/ },
  'answers with 503': {
    ...DOWN,
    fault: { kind: 'fails', status: 503 },
    reason: /^down since .*: the answer is 503/,
  },
  'redirects without end': {
    ...DOWN,
    fault: { kind: 'redirects' },
    reason: /^down since .*: more than 5 redirects/,
  },
  'sends HTML instead of the file': {
    ...DOWN,
    fault: { kind: 'sends HTML' },
    reason: /^down since .*: .* HTML/,
  },
  'has lost the file': {
    fault: { kind: 'lacks', path: NAME },
    within: SURVEYS_MS + PROBES_MS,
    reason: /^it does not have the file$/,
  },
  'has a longer file': {
    fault: { kind: 'wrong size', path: NAME, by: 4096 },
    within: SURVEYS_MS,
    reason: /^its copy is another version$/,
  },
  'has a shorter file, and no listing': {
    fault: { kind: 'wrong size', path: NAME, by: -4096 },
    within: SURVEYS_MS,
    reason: /^its copy is another version$/,
    mirror: { index: 'none' },
  },
  'tells a wrong Content-Length, and has no listing': {
    fault: { kind: 'wrong Content-Length', path: NAME },
    within: SURVEYS_MS,
    reason: /^its copy is another version$/,
    mirror: { index: 'none' },
  },
  'tells a wrong Content-Length, and lists the right size': {
    fault: { kind: 'wrong Content-Length', path: NAME },
    within: CHALLENGES_MS,
    // Found by a challenge, or by the check of a few files after a survey.
    reason: /^its copy is (not sent to its end|another version)$/,
    options: { challenge: CHALLENGE },
  },
  'breaks off in the middle': {
    fault: { kind: 'truncates', path: NAME },
    within: CHALLENGES_MS,
    reason: /^its copy is not sent to its end$/,
    options: { challenge: CHALLENGE },
  },
}

const scope: Scope = { after: (hook) => after(hook as () => void) }
const root = temporaryFolder(scope)
writeFiles(root, { [NAME]: CONTENT, 'other/file.txt': 'something else' })
const copy = join(temporaryFolder(scope), 'copy')
mkdirSync(copy)
sync(root, copy)
const GOOD = ['127.0.0.3', '127.0.0.4']
const good = Promise.all(GOOD.map((host) => startFakeMirror(scope, copy, { host })))

interface Lab {
  readonly origin: Origin
  /** For aria2, throttled. */
  readonly url: string
  readonly port: number
  readonly mirror: FakeMirror
  /**
   * Holds requests of aria2 until there are `count` of them, then calls `begin` and responds to
   * all.
   */
  hold(count: number, begin: () => void): Promise<void>
}

/** Starts an origin with three mirrors that hold its files. The first of them can get faults. */
async function openLab(
  t: TestContext,
  choices: FakeMirrorChoices,
  options: Partial<OriginOptions>,
): Promise<Lab> {
  const mirror = await startFakeMirror(t, copy, { host: '127.0.0.2', ...choices })
  const urls = [mirror.url, ...(await good).map(({ url }) => url)]
  const origin = await startOrigin(t, {
    root,
    mirrors: urls.map((url, index) => ({ id: `m${index}`, url, weight: 100 - index })),
    ...OFTEN_CHECKED,
    challenge: false,
    ...options,
  })
  origin.on('warning', () => {})
  let gate = (answer: () => void): void => answer()
  const serve = mirroredBy(origin, plainFiles(root))
  const listener: RequestListener = (request, response) => {
    const answer = () => serve(request, response)
    if (request.headers['user-agent']?.startsWith('aria2')) gate(answer)
    else answer()
  }
  const { port } = await listen(t, listener)
  const hold = (count: number, begin: () => void) =>
    new Promise<void>((resolve) => {
      const held: (() => void)[] = []
      gate = (answer) => {
        held.push(answer)
        if (held.length < count) return
        gate = (next) => next()
        begin()
        for (const each of held) each()
        resolve()
      }
    })
  const url = `http://127.0.0.1:${await slowWay(t, port, RATE)}/`
  return { origin, url, port, mirror, hold }
}

const aria2OfFile = (t: TestContext, { url }: Lab) => aria2(t, ...ARIA2_OPTIONS, url + NAME)
const aria2OfMetalink = (t: TestContext, { url }: Lab) =>
  aria2(t, ...ARIA2_OPTIONS, '--follow-metalink=mem', `${url}${NAME}.meta4`)

/** Waits until every mirror holds the file and responses name all of them. */
async function untilWell(lab: Lab): Promise<void> {
  await untilSurveyed(lab.origin)
  await untilNamed(lab.port, NAME, ['m0', 'm1', 'm2'])
}

function isNamed({ log }: Download, { mirror: { url } }: Pick<Lab, 'mirror'>): boolean {
  return addedUris(log).some((uri) => uri.startsWith(url))
}

/** Settles when responses for the file no longer name the first mirror. */
async function untilLeftOut({ port }: Pick<Lab, 'port'>, limit: number): Promise<void> {
  await until('the mirror is left out', async () => !(await namedMirrors(port, NAME)).includes('m0'), limit)
}

/**
 * Starts downloads by the fields and by the Metalink just before the fault begins: both responses
 * named the mirror.
 */
async function downloadMeanwhile(t: TestContext, lab: Lab, fault: Fault | 'refuses'): Promise<Both> {
  const begun = lab.hold(2, () => void begin(lab, fault))
  const downloads = Promise.all([aria2OfFile(t, lab), aria2OfMetalink(t, lab)])
  await begun
  return { since: performance.now(), downloads }
}

interface Both {
  /** When the fault began, in milliseconds on the steady clock. */
  readonly since: number
  /** Downloads of the file and of its Metalink. */
  readonly downloads: Promise<readonly [Download, Download]>
}

async function begin(lab: Lab, fault: Fault | 'refuses'): Promise<void> {
  if (fault === 'refuses') await lab.mirror.refuse()
  else lab.mirror.fault = fault
}

async function repair({ mirror }: Lab, fault: Fault | 'refuses'): Promise<void> {
  if (fault === 'refuses') await mirror.accept()
  else mirror.fault = undefined
}

/**
 * Returns true if a client requested content of the first mirror: checks request one byte, or use
 * HEAD.
 */
function wasAsked({ mirror }: Lab, since: number): boolean {
  return mirror.requests.some(
    ({ method, path, range, when }) =>
      when >= since - TOLERANCE_MS &&
      method === 'GET' &&
      path.startsWith(`/${NAME}`) &&
      range !== 'bytes=0-0',
  )
}

function reasonOf({ origin }: Lab): string {
  return origin.rank(NAME, '198.51.100.1').omitted.find(({ id }) => id === 'm0')?.reason ?? 'it is not'
}

const warnings: string[] = []
process.on('warning', ({ message }) => warnings.push(message))

describe('of a mirror that', { concurrency: 6, skip: unlessInstalled('aria2c'), timeout: 120_000 }, () => {
  for (const [name, { fault, within, reason, mirror = {}, options = {} }] of Object.entries(CASES)) {
    test(`${name}, downloads end right, and the next clients are not sent there until it is well`, async (t) => {
      const lab = await openLab(t, mirror, options)
      await untilWell(lab)

      const { since, downloads } = await downloadMeanwhile(t, lab, fault)
      await until(`the reason is ${reason}`, () => reason.test(reasonOf(lab)), within + SPARE_MS)
      await untilLeftOut(lab, 0)
      t.diagnostic(`left out after ${Math.round(performance.now() - since)} ms`)
      const [one, other] = await downloads
      assertDownloaded(one, NAME, CONTENT)
      assertDownloaded(other, NAME, CONTENT)
      assert.ok(isNamed(one, lab), 'the mirror was left out before the client asked')
      if (fault !== 'refuses') assert.ok(wasAsked(lab, since), 'no client has met with it')

      const later = await aria2OfFile(t, lab)
      assertDownloaded(later, NAME, CONTENT)
      assert.equal(isNamed(later, lab), false)

      await repair(lab, fault)
      await untilNamed(lab.port, NAME, ['m0', 'm1', 'm2'])
    })
  }

  test('sends wrong bytes, downloads never end well with them, and end right by pieces', async (t) => {
    const lab = await openLab(t, {}, { challenge: CHALLENGE })
    await untilWell(lab)

    const fault = { kind: 'wrong bytes', path: NAME, every: 10_000 } as const
    const { since, downloads } = await downloadMeanwhile(t, lab, fault)
    await until(
      'it is found corrupt',
      () => reasonOf(lab) === 'its copy has other bytes',
      CHALLENGES_MS + SPARE_MS,
    )
    t.diagnostic(`left out after ${Math.round(performance.now() - since)} ms`)
    const [byFields, byPieces] = await downloads
    // The digest of the whole file shows that some byte is wrong, but not which one.
    assert.ok(isNamed(byFields, lab), 'the mirror was left out before the client asked')
    assert.equal(byFields.status, CHECKSUM_ERROR)
    assertDownloaded(byPieces, NAME, CONTENT)
    assert.ok(wasAsked(lab, since), 'no client has met with it')

    const later = await aria2OfFile(t, lab)
    assertDownloaded(later, NAME, CONTENT)
    assert.equal(isNamed(later, lab), false)

    await repair(lab, fault)
    await untilNamed(lab.port, NAME, ['m0', 'm1', 'm2'])
  })

  test('knows no Range, downloads end right, and it is left out of lists, but not of redirects', async (t) => {
    const lab = await openLab(t, {}, { mode: 'redirect' })
    await untilWell(lab)

    const fault = { kind: 'knows no Range' } as const
    const { downloads } = await downloadMeanwhile(t, lab, fault)
    await untilLeftOut(lab, PROBES_MS + SPARE_MS)
    for (const download of await downloads) assertDownloaded(download, NAME, CONTENT)
    for (let round = 0; round < 5; round += 1) assertDownloaded(await aria2OfFile(t, lab), NAME, CONTENT)
    await until('a client is sent there', async () => {
      const { status, ...answer } = await rawRequest(lab.port, 'GET', `/${NAME}`)
      assert.equal(status, 302)
      return values({ status, ...answer }, 'Location')[0] === lab.mirror.url + NAME
    })
    assert.ok(!(await namedMirrors(lab.port, NAME)).includes('m0'))
    const metalink = await rawRequest(lab.port, 'GET', `/${NAME}.meta4`)
    assert.ok(!metalink.body.includes(lab.mirror.url))

    await repair(lab, fault)
    await untilNamed(lab.port, NAME, ['m0', 'm1', 'm2'])
  })

  test('shows a certificate that it signed itself, downloads end right, and the next clients are not sent there', {
    skip: unlessInstalled('openssl'),
  }, async (t) => {
    const mirror = await startFakeMirror(t, copy, { host: '127.0.0.2', tls: true })
    const folder = temporaryFolder(t)
    const certificates = join(folder, 'trusted.pem')
    assert.ok(mirror.certificate)
    writeFileSync(certificates, mirror.certificate.cert)
    const urls = [mirror.url, ...(await good).map(({ url }) => url)]
    const configuration = {
      root,
      port: 0,
      store: join(folder, 'index.sqlite'),
      mirrors: urls.map((url, index) => ({ id: `m${index}`, url, weight: 100 - index })),
      geo: false,
      probe: { interval: PROBES_MS },
      presence: { interval: SURVEYS_MS },
      challenge: false,
    }
    const file = join(folder, 'mirrored-by.yaml')
    writeFileSync(file, JSON.stringify(configuration))
    // A process reads the certificates that it trusts at its start.
    const env = { NODE_EXTRA_CA_CERTS: certificates }
    const server = startProgram(t, [PROGRAM, 'serve', '--config', file], { env })
    const [, listening = ''] = await server.says(/^listening on (\S+)$/m)
    const port = Number(new URL(listening).port)
    const url = `http://127.0.0.1:${await slowWay(t, port, RATE)}/`
    const download = (name: string) =>
      aria2(t, ...ARIA2_OPTIONS, `--ca-certificate=${certificates}`, '--follow-metalink=mem', url + name)
    await untilNamed(port, NAME, ['m0', 'm1', 'm2'])

    mirror.certify(makeCertificate(t, '127.0.0.2'))
    const downloads = Promise.all([download(NAME), download(`${NAME}.meta4`)])
    await untilLeftOut({ port }, PROBES_MS + SPARE_MS)
    const [one, other] = await downloads
    assertDownloaded(one, NAME, CONTENT)
    assertDownloaded(other, NAME, CONTENT)
    assert.ok(isNamed(one, { mirror }), 'the mirror was left out before the client asked')
    const later = await download(NAME)
    assertDownloaded(later, NAME, CONTENT)
    assert.equal(isNamed(later, { mirror }), false)

    mirror.certify(mirror.certificate)
    await untilNamed(port, NAME, ['m0', 'm1', 'm2'])
  })
})

test('Node has nothing to warn of in all of that', () => assert.deepEqual(warnings, []))
