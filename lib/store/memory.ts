import { randomInt } from 'node:crypto'
import { contentOf, sameContent } from '../identity.js'
import { ALGORITHMS, type HashedFile, type IndexedFile, type Pieces } from '../model.js'
import { isWithin, splitPath } from '../paths.js'
import type { SampledFile, Store } from './store.js'

interface Entry {
  readonly file: IndexedFile
  readonly pieces: Pieces | undefined
}

/** A store that is gone with the process: for tests, for small repositories, and for hosts without a disk. */
export function memoryStore(): Store {
  const folders = new Map<string, Map<string, Entry>>()
  // In order, for samples; undefined where that has changed since the last one.
  let folderOrder: readonly string[] | undefined
  const nameOrders = new Map<string, readonly string[]>()
  let files = 0
  let bytes = 0
  // Where no other index is likely to have been: numbers of one that was lost stay unused. There is room for 2^20 before
  // the next such place, and for far more before integers cease to be safe.
  let next = randomInt(2 ** 31) * 2 ** 20

  function find(path: string): Entry | undefined {
    const [folder, name] = splitPath(path)
    return folders.get(folder)?.get(name)
  }

  function remove(path: string): void {
    const [folder, name] = splitPath(path)
    const entries = folders.get(folder)
    const entry = entries?.get(name)
    if (entries === undefined || entry === undefined) return
    files -= 1
    bytes -= entry.file.identity.size
    entries.delete(name)
    nameOrders.delete(folder)
    if (entries.size > 0) return
    folders.delete(folder)
    folderOrder = undefined
  }

  function numberOf(file: HashedFile): number {
    const stored = find(file.path)?.file
    if (stored !== undefined && sameContent(contentOf(stored), contentOf(file))) return stored.number
    next += 1
    return next - 1
  }

  function put(file: HashedFile, pieces: Pieces | undefined): void {
    const number = numberOf(file)
    const [folder, name] = splitPath(file.path)
    const entries = folders.get(folder) ?? new Map<string, Entry>()
    if (entries.size === 0) {
      folders.set(folder, entries)
      folderOrder = undefined
    }
    const before = entries.get(name)
    if (before === undefined) nameOrders.delete(folder)
    entries.set(name, { file: { ...file, number }, pieces })
    files += before === undefined ? 1 : 0
    bytes += file.identity.size - (before?.file.identity.size ?? 0)
  }

  function namesIn(folder: string): readonly string[] {
    const known = nameOrders.get(folder)
    if (known !== undefined) return known
    const names = [...(folders.get(folder)?.keys() ?? [])].sort()
    nameOrders.set(folder, names)
    return names
  }

  return {
    get: (path) => find(path)?.file,
    pieces: (path) => find(path)?.pieces,
    list: (folder) =>
      [...(folders.get(folder) ?? [])].map(([name, { file }]) => ({
        name,
        identity: file.identity,
        number: file.number,
        algorithms: ALGORITHMS.filter((algorithm) => file.digests[algorithm] !== undefined),
      })),
    folders: (within) => [...folders.keys()].filter((folder) => isWithin(folder, { folder: within })),
    sample: (after, most) => {
      const [start, first] = splitPath(after)
      const found: SampledFile[] = []
      folderOrder ??= [...folders.keys()].sort()
      for (let at = placeIn(folderOrder, start); at < folderOrder.length; at += 1) {
        const folder = folderOrder[at] ?? ''
        const names = namesIn(folder)
        const from = folder === start ? placeIn(names, first) : 0
        for (let place = from; place < names.length; place += 1) {
          if (found.length >= most) return found
          const file = folders.get(folder)?.get(names[place] ?? '')?.file
          if (file === undefined || (folder === start && names[place] === first)) continue
          found.push({ path: file.path, identity: file.identity, number: file.number })
        }
      }
      return found
    },
    totals: () => ({ files, bytes }),
    apply: (changes) => {
      for (const change of changes) {
        if (change.kind === 'put') put(change.file, change.pieces)
        else if (change.kind === 'remove') remove(change.path)
        else {
          for (const [folder, entries] of folders) {
            if (!isWithin(folder, { folder: change.folder })) continue
            for (const { file } of [...entries.values()]) remove(file.path)
          }
        }
      }
    },
    // Nobody else can see it.
    lease: (holder, expires, complete) => ({ held: expires > 0, holder, expires, complete }),
    version: () => 0,
    close: () => {},
  }
}

/** Where a text is in a list that is in order, or would be. */
function placeIn(sorted: readonly string[], text: string): number {
  let start = 0
  let end = sorted.length
  while (start < end) {
    const middle = (start + end) >>> 1
    if ((sorted[middle] ?? '') < text) start = middle + 1
    else end = middle
  }
  return start
}
