import {
  KEPT_VERSIONS,
  MAX_REQUESTED_CHECKS,
  needsWhole,
  type PresenceChange,
  type RequestedCheck,
  type StoredBlock,
  type StoredCorruptFile,
  type StoredPresence,
  type StoredSurvey,
} from './states.js'

interface Block extends StoredBlock {
  /** Version in which the block was put or removed. */
  readonly version: number
}

/** Inventories of mirrors, kept in memory. */
export class MemoryPresence {
  readonly #blocks = new Map<string, Block>()
  readonly #surveys = new Map<string, StoredSurvey>()
  readonly #corrupt = new Map<string, StoredCorruptFile>()
  #requestedChecks: readonly RequestedCheck[] = []
  #version = 1

  read(after: number): StoredPresence {
    const whole = needsWhole(after, this.#version)
    const blocks = [...this.#blocks.values()].filter(({ content, version }) =>
      whole ? content !== undefined : version > after,
    )
    return {
      version: this.#version,
      whole,
      blocks: blocks.map(({ mirror, set, block, content }) => ({ mirror, set, block, content })),
      surveys: [...this.#surveys.values()],
      corrupt: [...this.#corrupt.values()],
      requestedChecks: this.#requestedChecks,
    }
  }

  apply(changes: readonly PresenceChange[]): void {
    this.#version += 1
    for (const change of changes) this.#applyOne(change)
    this.#requestedChecks = this.#requestedChecks.slice(-MAX_REQUESTED_CHECKS)
    for (const [key, { content, version }] of this.#blocks) {
      if (content === undefined && version <= this.#version - KEPT_VERSIONS) this.#blocks.delete(key)
    }
  }

  #applyOne(change: PresenceChange): void {
    switch (change.kind) {
      case 'block':
        this.#put(change)
        break
      case 'survey':
        this.#surveys.set(change.mirror, { ...change.survey, mirror: change.mirror })
        break
      case 'corrupt':
        this.#corrupt.set(corruptKey(change.corrupt), change.corrupt)
        break
      case 'removeCorrupt':
        this.#corrupt.delete(corruptKey(change))
        break
      case 'requestCheck':
        this.#requestedChecks = [...this.#without(change), requestOf(change)].sort(byTime)
        break
      case 'removeRequest':
        this.#requestedChecks = this.#without(change)
        break
      case 'forget':
        this.#forget(change.mirror)
        break
    }
  }

  #put({ mirror, set, block, content }: StoredBlock): void {
    const key = `${mirror} ${set} ${block}`
    const stored = this.#blocks.get(key)?.content
    if (content === undefined && stored === undefined) return
    if (content !== undefined && stored !== undefined && Buffer.compare(content, stored) === 0) return
    // A copy, because the caller may go on changing its array.
    const copy = content && new Uint8Array(content)
    this.#blocks.set(key, { mirror, set, block, content: copy, version: this.#version })
  }

  #forget(mirror: string): void {
    for (const block of [...this.#blocks.values()]) {
      if (block.mirror === mirror) this.#put({ ...block, content: undefined })
    }
    this.#surveys.delete(mirror)
    this.#requestedChecks = this.#requestedChecks.filter((request) => request.mirror !== mirror)
    for (const [key, corrupt] of this.#corrupt) if (corrupt.mirror === mirror) this.#corrupt.delete(key)
  }

  #without({ mirror, path }: Pick<RequestedCheck, 'mirror' | 'path'>): readonly RequestedCheck[] {
    return this.#requestedChecks.filter((request) => request.mirror !== mirror || request.path !== path)
  }
}

function corruptKey({ mirror, number }: Pick<StoredCorruptFile, 'mirror' | 'number'>): string {
  return `${mirror} ${number}`
}

function requestOf({ mirror, path, at }: RequestedCheck): RequestedCheck {
  return { mirror, path, at }
}

function byTime(one: RequestedCheck, other: RequestedCheck): number {
  return one.at - other.at || (`${one.path}\0${one.mirror}` < `${other.path}\0${other.mirror}` ? -1 : 1)
}
