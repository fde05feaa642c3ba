import { randomInt } from 'node:crypto'
import { contentOf, sameContent } from '../identity.js'
import { ALGORITHMS, type HashedFile, type IndexedFile, type Pieces } from '../model.js'
import { isWithin, splitPath } from '../repository/names.js'
import type { SampledFile, Store } from './store.js'

interface Entry {
  readonly file: IndexedFile
  readonly pieces: Pieces | undefined
}

/** A store that is gone with the process: for tests, for small repositories, and for hosts without a disk. */
export function memoryStore(): Store {
  const folders = new Map<string, Map<string, Entry>>()
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
    if (entries.size === 0) folders.delete(folder)
  }

  function numberOf(file: HashedFile): number {
    const stored = find(file.path)?.file
    if (stored !== undefined && sameContent(contentOf(stored), contentOf(file))) return stored.number
    next += 1
    return next - 1
  }

  function put(file: HashedFile, pieces: Pieces | undefined): void {
    const number = numberOf(file)
    remove(file.path)
    const [folder, name] = splitPath(file.path)
    const entries = folders.get(folder) ?? new Map<string, Entry>()
    folders.set(folder, entries)
    entries.set(name, { file: { ...file, number }, pieces })
    files += 1
    bytes += file.identity.size
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
    folders: (within) => [...folders.keys()].filter((folder) => isWithin(within, folder)),
    sample: (after, most) => {
      const [start, first] = splitPath(after)
      const found: SampledFile[] = []
      for (const [folder, entries] of [...folders].filter(([name]) => name >= start).sort(byName)) {
        for (const [name, { file }] of [...entries].sort(byName)) {
          if (found.length >= most) return found
          const { path, identity, number } = file
          if (folder > start || name > first) found.push({ path, identity, number })
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
            if (!isWithin(change.folder, folder)) continue
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

function byName([one]: readonly [string, unknown], [other]: readonly [string, unknown]): number {
  return one < other ? -1 : 1
}
