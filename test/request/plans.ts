import type { MirrorStatuses } from '../../lib/mirrors/ranking/mirror-status.js'
import {
  createSnapshot,
  DEFAULT_SELECTION,
  type SelectionSettings,
} from '../../lib/mirrors/ranking/snapshot.js'
import type { Client, Field, Identity, IndexedFile, Mirror, Pieces } from '../../lib/model.js'
import { createPathFilter } from '../../lib/paths.js'
import { FileCache } from '../../lib/request/file-cache.js'
import type { Plan } from '../../lib/request/plan.js'
import { Planner, type PlannerOptions } from '../../lib/request/planner.js'
import type { RenderNeed, Representation } from '../../lib/request/representations/representation.js'
import { RepresentationSet } from '../../lib/request/representations/representation-set.js'
import { REPRESENTATIONS } from '../../lib/request/representations/table.js'
import type { RequestView } from '../../lib/request/view.js'
import { memoryStore } from '../../lib/store/memory.js'
import type { Store } from '../../lib/store/store.js'
import { allDigests, indexedAt, put } from '../support/files.js'
import { mirror } from '../support/mirrors.js'
import { overridden } from '../support/overridden.js'
import { request } from './requests.js'

export const OPTIONS: PlannerOptions = {
  mode: 'decorate',
  serve: false,
  overrides: true,
  maxDuplicates: 5,
  maxHeaderBytes: 3500,
  cacheControl: 'private, no-cache',
  cors: false,
}
const BIG = 1_000_000

/** Data that a planner is made from. Each part has a default. */
export interface World {
  readonly options?: Partial<PlannerOptions>
  readonly files?: readonly IndexedFile[]
  readonly pieces?: Readonly<Record<string, Pieces>>
  readonly mirrors?: readonly Mirror[]
  /** Files on disk that differ from the index. Undefined: the file is missing. */
  readonly onDisk?: Readonly<Record<string, Identity | undefined>>
  readonly random?: () => number
  readonly choosing?: Partial<SelectionSettings>
  /** By the index of the mirror. */
  readonly statuses?: MirrorStatuses
  /** Default: the places of all clients are unknown. */
  readonly locate?: (address: string) => Client
  /** Whether the store answers by promise. */
  readonly byPromise?: boolean
  /** Default: all entries of the table. */
  readonly representations?: readonly Representation[]
}

export interface Planned {
  plan(view: RequestView): Promise<Plan>
  /** Returns true if the plan is synchronous. */
  atOnce(view: RequestView): boolean
  readonly stale: string[]
  /** Reports of broken mirrors, each with its names joined by commas. */
  readonly broken: string[]
  /** Data that the planner has read so far: `mirrors`, `pieces`. */
  readonly used: ReadonlySet<RenderNeed>
}

export const FILES: readonly IndexedFile[] = [
  indexedAt(
    'a.bin',
    { size: 1000 },
    { 'sha-256': allDigests('a')['sha-256'], 'sha-1': allDigests('a')['sha-1'] },
  ),
  indexedAt('iso/disk 1.iso', { size: BIG }),
  indexedAt('bare', { size: 5 }, {}),
  indexedAt('taken'),
  indexedAt('taken.meta4'),
  indexedAt('bell\u0007'),
  indexedAt('deep/it\'s "ü" <1> & 2.txt'),
]
export const MIRRORS = [
  mirror('light', { weight: 1, location: 'fr' }),
  mirror('heavy', { location: 'de' }),
  mirror('plain', { urls: ['http://plain.example/'], weight: 50 }),
  mirror('archive', { paths: ['archive/**'] }),
]

/** Returns a store that answers by promise, one turn of the event loop later. */
function slow(store: Store): Store {
  const later = async <T>(value: T): Promise<Awaited<T>> => {
    await new Promise(setImmediate)
    return await value
  }
  return {
    get: (path) => later(store.get(path)),
    pieces: (path) => later(store.pieces(path)),
    list: (folder) => later(store.list(folder)),
    folders: (within) => later(store.folders(within)),
    sample: (...asked) => later(store.sample(...asked)),
    totals: () => later(store.totals()),
    apply: (changes) => later(store.apply(changes)),
    lease: (...asked) => later(store.lease(...asked)),
    version: () => later(store.version()),
    close: () => later(store.close()),
  }
}

export function planner(world: World = {}): Planned {
  const {
    files = FILES,
    pieces = {},
    mirrors = MIRRORS,
    onDisk = {},
    random = () => 0,
    byPromise = false,
    choosing = {},
    locate = (address) => ({ address }),
    representations = REPRESENTATIONS,
  } = world
  const memory = memoryStore()
  void memory.apply(files.map((file) => put(file, pieces[file.path])))
  // With the numbers of these files, not those that the store draws, so that plans can be compared.
  const fixed = overridden<Store>(memory, { get: (path) => files.find((file) => file.path === path) })
  const store = byPromise ? slow(fixed) : fixed
  const prepared = createSnapshot(mirrors, { ...DEFAULT_SELECTION, ...choosing })
  const snapshot = world.statuses === undefined ? prepared : prepared.with(world.statuses)
  const stale: string[] = []
  const broken: string[] = []
  const used = new Set<RenderNeed>()
  const made = () =>
    new Planner(
      { ...OPTIONS, ...world.options },
      {
        files: new FileCache(store, 'digest', new RepresentationSet(representations)),
        store: {
          pieces: (path) => {
            used.add('pieces')
            return store.pieces(path)
          },
        },
        includes: createPathFilter(['private']),
        snapshot: () => {
          used.add('mirrors')
          return snapshot
        },
        locate,
        identify: (path) =>
          path in onDisk ? onDisk[path] : files.find((file) => file.path === path)?.identity,
        absolute: (path) => `/srv/${path}`,
        invalidate: (path) => stale.push(path),
        reportUnchecked: () => {},
        reportBroken: (names) => broken.push([...names].join()),
        random,
      },
    )
  const one = made()
  return {
    plan: async (view) => one.plan(view),
    atOnce: (view) => !(made().plan(view) instanceof Promise),
    stale,
    broken,
    used,
  }
}

export async function planFor(world: World, ...args: Parameters<typeof request>): Promise<Plan> {
  return planner(world).plan(request(...args))
}

/** Returns the values of all fields of that name in a plan, in order. */
export function linesOf(plan: Plan, name: string): string[] {
  const fields: readonly Field[] =
    plan.kind === 'file' ? (plan.indexed?.fields ?? []) : 'fields' in plan ? plan.fields : []
  return fields.filter(([field]) => field === name).map(([, value]) => value)
}
