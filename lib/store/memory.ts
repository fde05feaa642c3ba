import { randomInt } from 'node:crypto'
import { contentOf, sameContent } from '../identity.js'
import { ALGORITHMS, type HashedFile, type IndexedFile, type Pieces } from '../model.js'
import { isWithin, splitPath } from '../paths.js'
import type { Change, Lease, SampledFile, Store, StoredFile, Totals } from './store.js'

interface Entry {
  readonly file: IndexedFile
  readonly pieces: Pieces | undefined
}

/**
 * Returns a store that keeps the index in memory: for tests, for small repositories, and for
 * hosts without a disk.
 */
export function memoryStore(): Store {
  return new MemoryStore()
}

class MemoryStore implements Store {
  readonly #folders = new Map<string, Map<string, Entry>>()
  /** Sorted for `sample`; undefined if folders changed since the last sample. */
  #folderOrder: readonly string[] | undefined
  readonly #nameOrders = new Map<string, readonly string[]>()
  #files = 0
  #bytes = 0
  // Numbers start at a random place, because numbers of a lost index must stay unused. There is
  // room for 2^20 numbers up to the next such place, and for far more before integers cease to be
  // safe.
  #nextNumber = randomInt(2 ** 31) * 2 ** 20

  get(path: string): IndexedFile | undefined {
    return this.#find(path)?.file
  }

  pieces(path: string): Pieces | undefined {
    return this.#find(path)?.pieces
  }

  list(folder: string): readonly StoredFile[] {
    return [...(this.#folders.get(folder) ?? [])].map(([name, { file }]) => ({
      name,
      identity: file.identity,
      number: file.number,
      algorithms: ALGORITHMS.filter((algorithm) => file.digests[algorithm] !== undefined),
    }))
  }

  folders(within: string): readonly string[] {
    return [...this.#folders.keys()].filter((folder) => isWithin(folder, { folder: within }))
  }

  sample(after: string, maxFiles: number): readonly SampledFile[] {
    const [firstFolder, firstName] = splitPath(after)
    const samples: SampledFile[] = []
    this.#folderOrder ??= [...this.#folders.keys()].sort()
    for (let at = indexIn(this.#folderOrder, firstFolder); at < this.#folderOrder.length; at += 1) {
      const folder = this.#folderOrder[at] ?? ''
      const names = this.#namesIn(folder)
      const start = folder === firstFolder ? indexIn(names, firstName) : 0
      for (let index = start; index < names.length; index += 1) {
        if (samples.length >= maxFiles) return samples
        const name = names[index] ?? ''
        const file = this.#folders.get(folder)?.get(name)?.file
        if (file === undefined || (folder === firstFolder && name === firstName)) continue
        samples.push({ path: file.path, identity: file.identity, number: file.number })
      }
    }
    return samples
  }

  totals(): Totals {
    return { files: this.#files, bytes: this.#bytes }
  }

  apply(changes: readonly Change[]): void {
    for (const change of changes) {
      if (change.kind === 'put') this.#put(change.file, change.pieces)
      else if (change.kind === 'remove') this.#remove(change.path)
      else this.#removeFolder(change.folder)
    }
  }

  /** Always gives the lease, because other processes cannot use this store. */
  lease(holder: string, expires: number, complete: boolean): Lease {
    return { held: expires > 0, holder, expires, complete }
  }

  version(): number {
    return 0
  }

  close(): void {}

  #find(path: string): Entry | undefined {
    const [folder, name] = splitPath(path)
    return this.#folders.get(folder)?.get(name)
  }

  #namesIn(folder: string): readonly string[] {
    const sorted = this.#nameOrders.get(folder)
    if (sorted !== undefined) return sorted
    const names = [...(this.#folders.get(folder)?.keys() ?? [])].sort()
    this.#nameOrders.set(folder, names)
    return names
  }

  #put(file: HashedFile, pieces: Pieces | undefined): void {
    const number = this.#numberOf(file)
    const [folder, name] = splitPath(file.path)
    const entries = this.#folders.get(folder) ?? new Map<string, Entry>()
    if (entries.size === 0) {
      this.#folders.set(folder, entries)
      this.#folderOrder = undefined
    }
    const before = entries.get(name)
    if (before === undefined) this.#nameOrders.delete(folder)
    entries.set(name, { file: { ...file, number }, pieces })
    this.#files += before === undefined ? 1 : 0
    this.#bytes += file.identity.size - (before?.file.identity.size ?? 0)
  }

  #numberOf(file: HashedFile): number {
    const stored = this.#find(file.path)?.file
    if (stored !== undefined && sameContent(contentOf(stored), contentOf(file))) return stored.number
    this.#nextNumber += 1
    return this.#nextNumber - 1
  }

  #remove(path: string): void {
    const [folder, name] = splitPath(path)
    const entries = this.#folders.get(folder)
    const entry = entries?.get(name)
    if (entries === undefined || entry === undefined) return
    this.#files -= 1
    this.#bytes -= entry.file.identity.size
    entries.delete(name)
    this.#nameOrders.delete(folder)
    if (entries.size > 0) return
    this.#folders.delete(folder)
    this.#folderOrder = undefined
  }

  #removeFolder(removed: string): void {
    for (const [folder, entries] of this.#folders) {
      if (!isWithin(folder, { folder: removed })) continue
      for (const { file } of [...entries.values()]) this.#remove(file.path)
    }
  }
}

/** Returns the index at which a text is in a sorted list, or would be inserted. */
function indexIn(sorted: readonly string[], text: string): number {
  let start = 0
  let end = sorted.length
  while (start < end) {
    const middle = (start + end) >>> 1
    if ((sorted[middle] ?? '') < text) start = middle + 1
    else end = middle
  }
  return start
}
