import { spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { walk } from '../lib/indexing/repository/walk.js'
import type { SourceKind } from '../lib/mirrors/presence/sources.js'
import { createPathFilter } from '../lib/paths.js'
import { sqliteStore } from '../lib/store/sqlite.js'
import { seeded } from '../test/support/random.js'
import { runChild, type Server, startServer } from './child.js'
import { compare, interleave } from './compare.js'
import { isInstalled, startNginx, startRsync } from './daemons.js'
import type { AskingResult, AskingSetup } from './processes/asking.js'
import type { SurveyResult, SurveySetup } from './processes/surveying.js'
import type { Line, Measurement } from './report.js'
import type { Scale } from './scale.js'
import type { OriginSetup } from './servers/origin.js'
import type { SurveyingOrder } from './servers/surveying-node.js'
import { temporaryFolder } from './temporary.js'

const FOLDERS_A_FOLDER = 50
const FILES_A_FOLDER = 100
/** Number of paths that are requested in turns. */
const PATHS = 2000
const CONNECTIONS = 8
const REQUESTS_PER_SECOND = 400
/** As many as presence runs at the same time. */
const CONCURRENT_SURVEYS = 2

interface Place {
  readonly path: string
  readonly root: string
  readonly store: string
  readonly files: number
}

/**
 * Surveys of a complete mirror, against programs that only list it, and their effect on requests.
 */
export function scans(scale: Scale['scans']): Measurement {
  return { name: 'scans', run: () => measure(scale) }
}

async function measure(scale: Scale['scans']): Promise<(Line | string)[]> {
  using folder = temporaryFolder()
  const place = await prepare(folder.path, scale.files)
  const lines: (Line | string)[] = []
  const surveys: SurveySetup[] = []
  const missing = (program: string, what: string) => `${what}: SKIPPED, ${program} is not installed`

  using rsync = isInstalled('rsync') ? await startRsync(place.root, place.path) : undefined
  if (rsync === undefined) lines.push(missing('rsync', 'survey by rsync'))
  else {
    const setup = setupOf(place, 'rsync', rsync.url)
    surveys.push(setup)
    const args = ['--list-only', '--recursive', rsync.url]
    lines.push(
      await against(`survey of ${place.files} files by rsync`, scale.rounds, place, setup, () =>
        timeProgram('rsync', args, place.path),
      ),
    )
  }
  using nginx = isInstalled('nginx') ? await startNginx(place.root, place.path) : undefined
  if (nginx === undefined) lines.push(missing('nginx', 'survey by HTTP'))
  else {
    const setup = setupOf(place, 'http', nginx.url)
    surveys.push(setup)
    if (!isInstalled('wget')) lines.push(missing('wget', 'survey by HTTP against wget'))
    else {
      const args = ['--spider', '-r', '-l', 'inf', '--no-parent', '-e', 'robots=off', '-nv', nginx.url]
      lines.push(
        await against(`survey of ${place.files} files by HTTP`, scale.wgetRounds, place, setup, () =>
          timeProgram('wget', args, place.path),
        ),
      )
    }
  }
  return [...lines, ...(await latencies(place, surveys, scale))]
}

function setupOf({ path, store }: Place, kind: SourceKind, url: string): SurveySetup {
  return { store, states: join(path, `${kind}.sqlite`), source: { kind, url } }
}

async function against(
  name: string,
  rounds: number,
  { files }: Place,
  setup: SurveySetup,
  reference: () => Promise<number>,
): Promise<Line> {
  const ours = async (): Promise<number> => {
    const { result } = await runChild<SurveyResult>('./processes/survey.js', setup)
    if (result.held !== files) throw new Error(`${name} found ${result.held} of ${files}`)
    return result.seconds
  }
  const [a = [], b = []] = await interleave(rounds, [ours, reference])
  return { name, unit: 's', ...compare(a, b) }
}

/** Measures the seconds of a program, and ignores its output. */
async function timeProgram(program: string, args: readonly string[], folder: string): Promise<number> {
  const start = performance.now()
  const child = spawn(program, [...args], { stdio: 'ignore', cwd: folder })
  const [code] = await once(child, 'exit')
  if (code !== 0) throw new Error(`${program} ended with ${code}`)
  return (performance.now() - start) / 1000
}

/** Latency of requests at a fixed rate from a child process, without and with surveys, in turns. */
async function latencies(
  place: Place,
  surveys: readonly SurveySetup[],
  scale: Scale['scans'],
): Promise<Line[]> {
  const setup: OriginSetup = { root: place.root, store: place.store, mode: 'redirect' }
  using server = await startServer('./servers/surveying-node.js', setup)
  const asking: AskingSetup = {
    port: server.port,
    paths: pathsOf(place.files),
    connections: CONNECTIONS,
    rate: REQUESTS_PER_SECOND,
    seconds: scale.seconds,
  }
  const during = (orders: readonly SurveySetup[]) => () => askDuring(server, orders, asking)
  await during([])()
  const [none = [], ...others] = await interleave(scale.rounds, [
    during([]),
    ...surveys.map((survey) => during(twice(survey))),
  ])
  return others.flatMap((results, index): Line[] => {
    const name = `${CONCURRENT_SURVEYS} surveys by ${surveys[index]?.source.kind}`
    const by = (what: (result: AskingResult) => number) => compare(results.map(what), none.map(what))
    return [
      { name: `latency during ${name}, p99`, unit: 'ms', aim: { atMost: 1.5 }, ...by(({ p99 }) => p99) },
      { name: '  median', unit: 'ms', ...by(({ median }) => median) },
    ]
  })
}

function twice(setup: SurveySetup): readonly SurveySetup[] {
  return Array.from({ length: CONCURRENT_SURVEYS }, (_, index) => ({
    ...setup,
    states: `${setup.states}-${index}`,
  }))
}

async function askDuring(
  server: Server,
  surveys: readonly SurveySetup[],
  asking: AskingSetup,
): Promise<AskingResult> {
  const order: SurveyingOrder = { surveys }
  await server.ask(order)
  const { result } = await runChild<AskingResult>('./processes/asking.js', asking)
  await server.ask({ surveys: [] } satisfies SurveyingOrder)
  return result
}

function pathsOf(files: number): readonly string[] {
  const random = seeded(1)
  return Array.from({ length: PATHS }, () => pathOf(Math.floor(random() * files)))
}

function pathOf(file: number): string {
  return `${folderOf(Math.floor(file / FILES_A_FOLDER))}/package-${file % FILES_A_FOLDER}_1.0-1_all.deb`
}

function folderOf(folder: number): string {
  return `section-${Math.floor(folder / FOLDERS_A_FOLDER)}/folder-${folder % FOLDERS_A_FOLDER}`
}

/** Writes small files and an index with made-up digests, because hashing is not measured here. */
async function prepare(path: string, files: number): Promise<Place> {
  const root = join(path, 'root')
  for (let folder = 0; folder < files / FILES_A_FOLDER; folder += 1)
    mkdirSync(join(root, folderOf(folder)), { recursive: true })
  for (let file = 0; file < files; file += 1) writeFileSync(join(root, pathOf(file)), 'x'.repeat(file % 100))
  const index = join(path, 'index.sqlite')
  const store = sqliteStore(index)
  for (const listing of walk(root, '', createPathFilter([]))) {
    const changes = listing.files.map((file) => ({
      kind: 'put' as const,
      file: {
        ...file,
        digests: { 'sha-256': randomBytes(32), 'sha-1': randomBytes(20), md5: randomBytes(16) },
      },
    }))
    await store.apply(changes)
  }
  await store.close()
  return { path, root, store: index, files }
}
