import type { Dispatcher } from 'undici'
import type { Clock } from '../../clock.js'
import { urlPath } from '../../fields/url.js'
import type { Draw, IndexedFile, Mirror } from '../../model.js'
import { joinPath } from '../../paths.js'
import { pieceLength, SHA256_BYTES } from '../../pieces.js'
import type { KnownCorrupt } from '../../store/states.js'
import type { Store } from '../../store/store.js'
import { isSameTag } from './compare.js'
import { type Average, addSample, throughput } from './decaying-average.js'
import { challenge, choosePiece, type Target } from './file/challenge.js'
import type { MirrorFiles } from './files.js'
import { httpUrlOf } from './sources.js'

/** How much of mirrors' files is compared with ours. */
export interface Challenging {
  /** Bytes that are fetched, an hour, of all mirrors together. */
  readonly bytesPerHour: number
  /** Milliseconds after which a corrupt file is fetched again. */
  readonly again: number
}

/** A mirror as challenges see it. */
export interface Challenged {
  readonly mirror: Mirror
  readonly files: MirrorFiles
  readonly carries: (path: string) => boolean
}

export interface ChallengerParts {
  readonly clock: Clock
  readonly draw: Draw
  readonly index: Pick<Store, 'get' | 'sample' | 'pieces' | 'folders'>
  readonly dispatcher: () => Promise<Dispatcher>
  /** Whether redirects may lead to private addresses. */
  readonly allowsPrivate: boolean
  /** Those that can be asked at the moment. */
  readonly mirrors: () => readonly Challenged[]
  readonly found: (corrupt: KnownCorrupt) => void
  readonly mended: (mirror: string, number: number) => void
  readonly etagOf: (file: IndexedFile) => string | undefined
}

/** A piece of a file on a mirror that is to be fetched. */
interface Piece {
  readonly challenged: Challenged
  readonly file: IndexedFile
  /** From 0. */
  readonly piece: number
}

/** A file on a mirror that is to be challenged before others. */
interface Suspect {
  readonly mirror: string
  /** Undefined for any. */
  readonly path: string | undefined
}

/** A piece that was not sent whole, once. */
interface Doubt {
  readonly mirror: string
  readonly path: string
  readonly number: number
  readonly piece: number
  /** By the steady clock. */
  readonly since: number
}

const HOUR = 3_600_000
/** Milliseconds after which a measured speed counts half. */
const HALF_LIFE = 24 * HOUR
/** Share of an hour's bytes that may be fetched at once after a pause; a piece may be more, and is waited for afterwards. */
const BURST = 1 / 60
const MOST_SUSPECTS = 100
/** Share of `again` after which a piece that was not sent whole is fetched once more. */
const CONFIRM = 0.1
/** Pieces fetched one after the other before others have their turn. */
const MOST_PIECES = 10
/** Bytes that a request counts at least: a small file costs a mirror more than what it sends. */
const LEAST_COST = 16 * 1024
/** More files of a mirror that are looked at when one was found corrupt. */
const FOLLOW_UPS = 3
/** Folders, and files in them, of which one is chosen. */
const FOLDERS = 8
const TRIES = 5
/** Milliseconds for which folders are taken to be those that they were. */
const FOLDERS_TIME = HOUR / 6

/**
 * Fetches random pieces of random files of mirrors, at a rate, and compares them with our digests. Files that were found
 * corrupt, or twice in a row were not sent to their end, are fetched again and again, until they are mended.
 */
export class Challenger {
  readonly #challenging: Challenging
  readonly #parts: ChallengerParts
  readonly #suspects: Suspect[] = []
  /** When corrupt files were last fetched, by the steady clock. */
  readonly #again = new Map<string, number>()
  /** By mirror and number of the file. */
  readonly #doubts = new Map<string, Doubt>()
  readonly #speeds = new Map<string, Average>()
  readonly #controller = new AbortController()
  #folders: readonly string[] = []
  /** By the steady clock. */
  #foldersSince = 0
  /** Mirrors left in this round. */
  #round: string[] = []
  /** Bytes that may be fetched. */
  #bytes: number
  #since: number
  #running: Promise<void> | undefined

  constructor(challenging: Challenging, parts: ChallengerParts) {
    this.#challenging = challenging
    this.#parts = parts
    this.#bytes = challenging.bytesPerHour * BURST
    this.#since = parts.clock.steady()
  }

  /** Bytes a second of a mirror, by what was fetched from it. */
  speedOf(mirror: string): number | undefined {
    return this.#speeds.get(mirror)?.value
  }

  /** Somebody says that a file of a mirror is not as it should be. */
  suspect(mirror: string, path: string | undefined): void {
    if (this.#suspects.length < MOST_SUSPECTS) this.#suspects.push({ mirror, path })
  }

  /** Fetches some pieces, if it is time to. */
  turn(): void {
    const { bytesPerHour } = this.#challenging
    const now = this.#parts.clock.steady()
    this.#bytes = Math.min(bytesPerHour * BURST, this.#bytes + ((now - this.#since) / HOUR) * bytesPerHour)
    this.#since = now
    if (this.#running !== undefined || this.#bytes <= 0 || this.#controller.signal.aborted) return
    this.#running = this.#some()
      .catch(() => {
        // The index does not answer: those who need it more tell of it.
      })
      .finally(() => {
        this.#running = undefined
      })
  }

  async close(): Promise<void> {
    this.#controller.abort()
    await this.#running
  }

  async #some(): Promise<void> {
    for (let pieces = 0; pieces < MOST_PIECES && this.#bytes > 0; pieces += 1) {
      if (this.#controller.signal.aborted) return
      await this.#next()
    }
  }

  async #next(): Promise<void> {
    const piece =
      (await this.#overdue()) ??
      (await this.#doubted()) ??
      (await this.#suspected()) ??
      (await this.#random())
    if (piece !== undefined) await this.#fetch(piece)
  }

  /** A corrupt file that was not fetched for long. */
  async #overdue(): Promise<Piece | undefined> {
    const now = this.#parts.clock.steady()
    for (const challenged of this.#parts.mirrors()) {
      for (const { mirror, number, path, piece } of challenged.files.corrupt) {
        const key = keyOf(mirror, number)
        const last = this.#again.get(key)
        if (last === undefined) this.#again.set(key, now)
        if (last === undefined || now - last < this.#challenging.again) continue
        this.#again.set(key, now)
        const file = await this.#parts.index.get(path)
        if (file !== undefined && file.number === number) return { challenged, file, piece }
        // Here is another version by now: nobody is sent there for that before it was seen.
        this.#mended(mirror, number)
      }
    }
    return undefined
  }

  /** A piece that was not sent whole some time ago. */
  async #doubted(): Promise<Piece | undefined> {
    for (const [key, doubt] of this.#doubts) {
      if (!this.#isOld(doubt)) continue
      const { mirror: id, path, number, piece } = doubt
      const challenged = this.#parts.mirrors().find(({ mirror }) => mirror.id === id)
      const file = await this.#parts.index.get(path)
      if (challenged !== undefined && file?.number === number) return { challenged, file, piece }
      // It is down, or here is another version by now.
      this.#doubts.delete(key)
    }
    return undefined
  }

  async #suspected(): Promise<Piece | undefined> {
    const suspect = this.#suspects.shift()
    if (suspect === undefined) return undefined
    const challenged = this.#parts.mirrors().find(({ mirror }) => mirror.id === suspect.mirror)
    if (challenged === undefined) return undefined
    if (suspect.path === undefined) return this.#ofMirror(challenged)
    const file = await this.#parts.index.get(suspect.path)
    return file && this.#ofFile(challenged, file)
  }

  /** Of each mirror as often as of the others. */
  async #random(): Promise<Piece | undefined> {
    const mirrors = new Map(this.#parts.mirrors().map((challenged) => [challenged.mirror.id, challenged]))
    if (this.#round.length === 0) this.#round = shuffled([...mirrors.keys()], this.#parts.draw)
    const challenged = mirrors.get(this.#round.pop() ?? '')
    return challenged && this.#ofMirror(challenged)
  }

  async #ofMirror(challenged: Challenged): Promise<Piece | undefined> {
    const folders = await this.#knownFolders()
    for (let tries = 0; tries < TRIES; tries += 1) {
      const pages = await Promise.all(
        Array.from({ length: FOLDERS }, () => {
          const folder = folders[Math.floor(this.#parts.draw() * folders.length)] ?? ''
          return this.#someOf(folder)
        }),
      )
      const paths = pages
        .flat()
        .filter(({ path, number }) => challenged.carries(path) && challenged.files.stateOf(number) === 'held')
      const chosen = paths[Math.floor(this.#parts.draw() * paths.length)]
      const file = chosen && (await this.#parts.index.get(chosen.path))
      if (file !== undefined) return this.#ofFile(challenged, file)
    }
    return undefined
  }

  /** Of the index, or as they were some minutes ago: to read them all takes long where there are many. */
  async #knownFolders(): Promise<readonly string[]> {
    const now = this.#parts.clock.steady()
    if (this.#folders.length === 0 || now - this.#foldersSince > FOLDERS_TIME) {
      this.#folders = await this.#parts.index.folders('')
      this.#foldersSince = now
    }
    return this.#folders
  }

  /** A stretch of a folder, from a random place in it. */
  async #someOf(folder: string) {
    const letter = String.fromCharCode(32 + Math.floor(this.#parts.draw() * 95))
    const stretch = await this.#parts.index.sample(joinPath(folder, letter), FOLDERS)
    return stretch.length > 0 ? stretch : this.#parts.index.sample(joinPath(folder, ''), FOLDERS)
  }

  #ofFile(challenged: Challenged, file: IndexedFile): Piece | undefined {
    if (challenged.files.stateOf(file.number) !== 'held') return undefined
    const piece = choosePiece(file.identity.size, this.#parts.draw)
    return piece === undefined ? undefined : { challenged, file, piece }
  }

  async #fetch({ challenged: { mirror, files }, file, piece }: Piece): Promise<void> {
    const base = httpUrlOf(mirror)
    const target = base === undefined ? undefined : await this.#targetOf(base, file, piece)
    if (target === undefined) {
      this.#doubts.delete(keyOf(mirror.id, file.number))
      return
    }
    const { clock, etagOf, allowsPrivate } = this.#parts
    const dispatcher = await this.#parts.dispatcher()
    const { signal } = this.#controller
    const result = await challenge(target, { dispatcher, redirects: mirror.redirects, allowsPrivate, signal })
    if (signal.aborted) return
    this.#bytes -= Math.max(LEAST_COST, 'bytes' in result ? result.bytes : 0)
    const { number, path } = file
    switch (result.state) {
      case 'same':
        this.#measure(mirror.id, result.bytes, result.milliseconds)
        if (files.stateOf(number) === 'held') files.prefer(number, isSameTag(result.etag, etagOf(file)))
        // Of a file with one wrong byte, all other pieces are right.
        if (files.corrupt.some((one) => one.number === number && one.piece === piece))
          this.#mended(mirror.id, number)
        if (this.#doubts.get(keyOf(mirror.id, number))?.piece === piece)
          this.#doubts.delete(keyOf(mirror.id, number))
        break
      case 'differs':
      case 'broken': {
        const { start, end } = result
        const known = files.corrupt.find((one) => one.number === number)
        // Of several wrong pieces one is enough; it is fetched again until it is right, and others may be found then.
        if (known !== undefined && known.got !== '' && known.piece !== piece) break
        if (result.state === 'broken' && (known !== undefined || !this.#confirms(mirror.id, file, piece)))
          break
        const expected = Buffer.from(target.sha256).toString('hex')
        const got = result.state === 'differs' ? result.got : ''
        const { url } = target
        this.#doubts.delete(keyOf(mirror.id, number))
        this.#again.set(keyOf(mirror.id, number), clock.steady())
        this.#parts.found({
          mirror: mirror.id,
          number,
          path,
          piece,
          at: clock.wall(),
          url,
          start,
          end,
          expected,
          got,
        })
        if (known === undefined)
          for (let more = 0; more < FOLLOW_UPS; more += 1) this.suspect(mirror.id, undefined)
        break
      }
      case 'absent':
      case 'resized':
        files.mark(number, result.state === 'absent' ? 'absent' : 'stale')
        this.#mended(mirror.id, number)
        break
      case 'unknown':
        this.#doubts.delete(keyOf(mirror.id, number))
        break
    }
  }

  /** Whether a piece that was not sent whole was not some time ago either: once may be an accident of the way there. */
  #confirms(mirror: string, { number, path }: IndexedFile, piece: number): boolean {
    const key = keyOf(mirror, number)
    const doubt = this.#doubts.get(key)
    if (doubt !== undefined) return this.#isOld(doubt)
    this.#doubts.set(key, { mirror, path, number, piece, since: this.#parts.clock.steady() })
    return false
  }

  #isOld({ since }: Doubt): boolean {
    return this.#parts.clock.steady() - since >= this.#challenging.again * CONFIRM
  }

  #mended(mirror: string, number: number): void {
    this.#again.delete(keyOf(mirror, number))
    this.#doubts.delete(keyOf(mirror, number))
    this.#parts.mended(mirror, number)
  }

  async #targetOf(base: string, file: IndexedFile, piece: number): Promise<Target | undefined> {
    const { size } = file.identity
    const url = base + urlPath(file.path)
    const whole = file.digests['sha-256']
    const length = pieceLength(size)
    if (size <= length) return whole && { url, size, piece: 0, length, sha256: whole }
    const pieces = await this.#parts.index.pieces(file.path)
    if (pieces === undefined) return undefined
    const sha256 = pieces.sha256.subarray(piece * SHA256_BYTES, (piece + 1) * SHA256_BYTES)
    return sha256.length < SHA256_BYTES ? undefined : { url, size, piece, length: pieces.length, sha256 }
  }

  #measure(mirror: string, bytes: number, milliseconds: number): void {
    const speed = throughput(bytes, milliseconds)
    if (speed === undefined) return
    const now = this.#parts.clock.steady()
    this.#speeds.set(mirror, addSample(this.#speeds.get(mirror), speed, now, HALF_LIFE))
  }
}

function keyOf(mirror: string, number: number): string {
  return `${mirror} ${number}`
}

function shuffled(ids: string[], draw: Draw): string[] {
  for (let last = ids.length - 1; last > 0; last -= 1) {
    const other = Math.floor(draw() * (last + 1))
    const [one, two] = [ids[last] ?? '', ids[other] ?? '']
    ids[last] = two
    ids[other] = one
  }
  return ids
}
