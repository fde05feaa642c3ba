import type { Dispatcher } from 'undici'
import type { Clock } from '../../clock.js'
import { urlPath } from '../../fields/url.js'
import type { IndexedFile, Mirror, Random } from '../../model.js'
import { joinPath } from '../../paths.js'
import { pieceLength, SHA256_BYTES } from '../../pieces.js'
import type { StoredCorruptFile } from '../../store/states.js'
import type { Store } from '../../store/store.js'
import { isSameTag } from './compare.js'
import { addSample, type DecayingAverage, throughput } from './decaying-average.js'
import { challenge, choosePiece, type PieceTarget } from './file/challenge.js'
import type { MirrorFiles } from './files.js'
import { httpUrlOf } from './sources.js'

/** How much of mirrors' files is compared with ours. */
export interface ChallengeSettings {
  /** Bytes that are fetched, an hour, of all mirrors together. */
  readonly bytesPerHour: number
  /** Milliseconds after which a corrupt file is fetched again. */
  readonly recheckInterval: number
}

/** A mirror as challenges see it. */
export interface ChallengedMirror {
  readonly mirror: Mirror
  readonly files: MirrorFiles
  readonly carries: (path: string) => boolean
}

export interface ChallengerDependencies {
  readonly clock: Clock
  readonly random: Random
  readonly index: Pick<Store, 'get' | 'sample' | 'pieces' | 'folders'>
  readonly dispatcher: () => Promise<Dispatcher>
  /** Whether redirects may lead to private addresses. */
  readonly allowsPrivate: boolean
  /** Those that can be asked at the moment. */
  readonly mirrors: () => readonly ChallengedMirror[]
  readonly found: (corrupt: StoredCorruptFile) => void
  readonly recovered: (mirror: string, number: number) => void
  readonly etagOf: (file: IndexedFile) => string | undefined
}

/** A piece of a file on a mirror that is to be fetched. */
interface Piece {
  readonly challenged: ChallengedMirror
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
interface PendingConfirmation {
  readonly mirror: string
  readonly path: string
  readonly number: number
  readonly piece: number
  /** By the steady clock. */
  readonly since: number
}

const HOUR_MS = 3_600_000
/** Milliseconds after which a measured speed counts half. */
const HALF_LIFE_MS = 24 * HOUR_MS
/** Share of an hour's bytes that may be fetched at once after a pause; a piece may be more, and is waited for afterwards. */
const BURST = 1 / 60
const MAX_SUSPECTS = 100
/** Share of `again` after which a piece that was not sent whole is fetched once more. */
const CONFIRM = 0.1
/** Pieces fetched one after the other before others have their turn. */
const MAX_PIECES_PER_TURN = 10
/** Bytes that a request counts at least: a small file costs a mirror more than what it sends. */
const MIN_COST_BYTES = 16 * 1024
/** More files of a mirror that are looked at when one was found corrupt. */
const FOLLOW_UPS = 3
/** Folders, and files in them, of which one is chosen. */
const FOLDERS = 8
const TRIES = 5
/** Milliseconds for which folders are taken to be those that they were. */
const FOLDERS_CACHE_MS = HOUR_MS / 6

/**
 * Fetches random pieces of random files of mirrors, at a rate, and compares them with our digests. Files that were found
 * corrupt, or twice in a row were not sent to their end, are fetched again and again, until they are mended.
 */
export class Challenger {
  readonly #settings: ChallengeSettings
  readonly #dependencies: ChallengerDependencies
  readonly #suspects: Suspect[] = []
  /** When corrupt files were last fetched, by the steady clock. */
  readonly #lastFetched = new Map<string, number>()
  /** By mirror and number of the file. */
  readonly #pendingConfirmations = new Map<string, PendingConfirmation>()
  readonly #speeds = new Map<string, DecayingAverage>()
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

  constructor(challenging: ChallengeSettings, parts: ChallengerDependencies) {
    this.#settings = challenging
    this.#dependencies = parts
    this.#bytes = challenging.bytesPerHour * BURST
    this.#since = parts.clock.steady()
  }

  /** Bytes a second of a mirror, by what was fetched from it. */
  speedOf(mirror: string): number | undefined {
    return this.#speeds.get(mirror)?.value
  }

  /** Somebody says that a file of a mirror is not as it should be. */
  suspect(mirror: string, path: string | undefined): void {
    if (this.#suspects.length < MAX_SUSPECTS) this.#suspects.push({ mirror, path })
  }

  /** Fetches some pieces, if it is time to. */
  turn(): void {
    const { bytesPerHour } = this.#settings
    const now = this.#dependencies.clock.steady()
    this.#bytes = Math.min(bytesPerHour * BURST, this.#bytes + ((now - this.#since) / HOUR_MS) * bytesPerHour)
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
    for (let pieces = 0; pieces < MAX_PIECES_PER_TURN && this.#bytes > 0; pieces += 1) {
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
    const now = this.#dependencies.clock.steady()
    for (const challenged of this.#dependencies.mirrors()) {
      for (const { mirror, number, path, piece } of challenged.files.corrupt) {
        const key = keyOf(mirror, number)
        const last = this.#lastFetched.get(key)
        if (last === undefined) this.#lastFetched.set(key, now)
        if (last === undefined || now - last < this.#settings.recheckInterval) continue
        this.#lastFetched.set(key, now)
        const file = await this.#dependencies.index.get(path)
        if (file !== undefined && file.number === number) return { challenged, file, piece }
        // Here is another version by now: nobody is sent there for that before it was seen.
        this.#mended(mirror, number)
      }
    }
    return undefined
  }

  /** A piece that was not sent whole some time ago. */
  async #doubted(): Promise<Piece | undefined> {
    for (const [key, doubt] of this.#pendingConfirmations) {
      if (!this.#isOld(doubt)) continue
      const { mirror: id, path, number, piece } = doubt
      const challenged = this.#dependencies.mirrors().find(({ mirror }) => mirror.id === id)
      const file = await this.#dependencies.index.get(path)
      if (challenged !== undefined && file?.number === number) return { challenged, file, piece }
      // It is down, or here is another version by now.
      this.#pendingConfirmations.delete(key)
    }
    return undefined
  }

  async #suspected(): Promise<Piece | undefined> {
    const suspect = this.#suspects.shift()
    if (suspect === undefined) return undefined
    const challenged = this.#dependencies.mirrors().find(({ mirror }) => mirror.id === suspect.mirror)
    if (challenged === undefined) return undefined
    if (suspect.path === undefined) return this.#ofMirror(challenged)
    const file = await this.#dependencies.index.get(suspect.path)
    return file && this.#ofFile(challenged, file)
  }

  /** Of each mirror as often as of the others. */
  async #random(): Promise<Piece | undefined> {
    const mirrors = new Map(
      this.#dependencies.mirrors().map((challenged) => [challenged.mirror.id, challenged]),
    )
    if (this.#round.length === 0) this.#round = shuffled([...mirrors.keys()], this.#dependencies.random)
    const challenged = mirrors.get(this.#round.pop() ?? '')
    return challenged && this.#ofMirror(challenged)
  }

  async #ofMirror(challenged: ChallengedMirror): Promise<Piece | undefined> {
    const folders = await this.#knownFolders()
    for (let tries = 0; tries < TRIES; tries += 1) {
      const pages = await Promise.all(
        Array.from({ length: FOLDERS }, () => {
          const folder = folders[Math.floor(this.#dependencies.random() * folders.length)] ?? ''
          return this.#someOf(folder)
        }),
      )
      const paths = pages
        .flat()
        .filter(({ path, number }) => challenged.carries(path) && challenged.files.stateOf(number) === 'held')
      const chosen = paths[Math.floor(this.#dependencies.random() * paths.length)]
      const file = chosen && (await this.#dependencies.index.get(chosen.path))
      if (file !== undefined) return this.#ofFile(challenged, file)
    }
    return undefined
  }

  /** Of the index, or as they were some minutes ago: to read them all takes long where there are many. */
  async #knownFolders(): Promise<readonly string[]> {
    const now = this.#dependencies.clock.steady()
    if (this.#folders.length === 0 || now - this.#foldersSince > FOLDERS_CACHE_MS) {
      this.#folders = await this.#dependencies.index.folders('')
      this.#foldersSince = now
    }
    return this.#folders
  }

  /** A stretch of a folder, from a random place in it. */
  async #someOf(folder: string) {
    const letter = String.fromCharCode(32 + Math.floor(this.#dependencies.random() * 95))
    const stretch = await this.#dependencies.index.sample(joinPath(folder, letter), FOLDERS)
    return stretch.length > 0 ? stretch : this.#dependencies.index.sample(joinPath(folder, ''), FOLDERS)
  }

  #ofFile(challenged: ChallengedMirror, file: IndexedFile): Piece | undefined {
    if (challenged.files.stateOf(file.number) !== 'held') return undefined
    const piece = choosePiece(file.identity.size, this.#dependencies.random)
    return piece === undefined ? undefined : { challenged, file, piece }
  }

  async #fetch({ challenged: { mirror, files }, file, piece }: Piece): Promise<void> {
    const base = httpUrlOf(mirror)
    const target = base === undefined ? undefined : await this.#targetOf(base, file, piece)
    if (target === undefined) {
      this.#pendingConfirmations.delete(keyOf(mirror.id, file.number))
      return
    }
    const { clock, etagOf, allowsPrivate } = this.#dependencies
    const dispatcher = await this.#dependencies.dispatcher()
    const { signal } = this.#controller
    const result = await challenge(target, { dispatcher, redirects: mirror.redirects, allowsPrivate, signal })
    if (signal.aborted) return
    this.#bytes -= Math.max(MIN_COST_BYTES, 'bytes' in result ? result.bytes : 0)
    const { number, path } = file
    switch (result.state) {
      case 'same':
        this.#measure(mirror.id, result.bytes, result.milliseconds)
        if (files.stateOf(number) === 'held') files.prefer(number, isSameTag(result.etag, etagOf(file)))
        // Of a file with one wrong byte, all other pieces are right.
        if (files.corrupt.some((one) => one.number === number && one.piece === piece))
          this.#mended(mirror.id, number)
        if (this.#pendingConfirmations.get(keyOf(mirror.id, number))?.piece === piece)
          this.#pendingConfirmations.delete(keyOf(mirror.id, number))
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
        this.#pendingConfirmations.delete(keyOf(mirror.id, number))
        this.#lastFetched.set(keyOf(mirror.id, number), clock.steady())
        this.#dependencies.found({
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
        this.#pendingConfirmations.delete(keyOf(mirror.id, number))
        break
    }
  }

  /** Whether a piece that was not sent whole was not some time ago either: once may be an accident of the way there. */
  #confirms(mirror: string, { number, path }: IndexedFile, piece: number): boolean {
    const key = keyOf(mirror, number)
    const doubt = this.#pendingConfirmations.get(key)
    if (doubt !== undefined) return this.#isOld(doubt)
    this.#pendingConfirmations.set(key, {
      mirror,
      path,
      number,
      piece,
      since: this.#dependencies.clock.steady(),
    })
    return false
  }

  #isOld({ since }: PendingConfirmation): boolean {
    return this.#dependencies.clock.steady() - since >= this.#settings.recheckInterval * CONFIRM
  }

  #mended(mirror: string, number: number): void {
    this.#lastFetched.delete(keyOf(mirror, number))
    this.#pendingConfirmations.delete(keyOf(mirror, number))
    this.#dependencies.recovered(mirror, number)
  }

  async #targetOf(base: string, file: IndexedFile, piece: number): Promise<PieceTarget | undefined> {
    const { size } = file.identity
    const url = base + urlPath(file.path)
    const whole = file.digests['sha-256']
    const length = pieceLength(size)
    if (size <= length) return whole && { url, size, piece: 0, length, sha256: whole }
    const pieces = await this.#dependencies.index.pieces(file.path)
    if (pieces === undefined) return undefined
    const sha256 = pieces.sha256.subarray(piece * SHA256_BYTES, (piece + 1) * SHA256_BYTES)
    return sha256.length < SHA256_BYTES ? undefined : { url, size, piece, length: pieces.length, sha256 }
  }

  #measure(mirror: string, bytes: number, milliseconds: number): void {
    const speed = throughput(bytes, milliseconds)
    if (speed === undefined) return
    const now = this.#dependencies.clock.steady()
    this.#speeds.set(mirror, addSample(this.#speeds.get(mirror), speed, now, HALF_LIFE_MS))
  }
}

function keyOf(mirror: string, number: number): string {
  return `${mirror} ${number}`
}

function shuffled(ids: string[], random: Random): string[] {
  for (let last = ids.length - 1; last > 0; last -= 1) {
    const other = Math.floor(random() * (last + 1))
    const [one, two] = [ids[last] ?? '', ids[other] ?? '']
    ids[last] = two
    ids[other] = one
  }
  return ids
}
