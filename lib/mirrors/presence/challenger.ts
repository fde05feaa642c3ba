import type { Dispatcher } from 'undici'
import type { Clock } from '../../clock.js'
import { urlPath } from '../../fields/url.js'
import type { IndexedFile, Random } from '../../model.js'
import { pieceLength, SHA256_BYTES } from '../../pieces.js'
import type { StoredCorruptFile } from '../../store/states.js'
import type { Store } from '../../store/store.js'
import { TokenBucket } from '../../token-bucket.js'
import { isSameTag } from './compare.js'
import { Confirmations } from './confirmations.js'
import { addSample, type DecayingAverage, throughput } from './decaying-average.js'
import { type ChallengeResult, challenge, type PieceTarget } from './file/challenge.js'
import { type ChallengedMirror, type Piece, PiecePicker } from './pick-piece.js'
import { httpUrlOf } from './sources.js'

/** How much of the files of mirrors is compared with our digests. */
export interface ChallengeSettings {
  /** Bytes per hour that are fetched from all mirrors together. */
  readonly bytesPerHour: number
  /** Milliseconds after which a corrupt file is fetched again. */
  readonly recheckInterval: number
}

export interface ChallengerDependencies {
  readonly clock: Clock
  readonly random: Random
  readonly index: Pick<Store, 'get' | 'sample' | 'pieces'>
  readonly dispatcher: () => Promise<Dispatcher>
  /** Whether redirects may lead to private addresses. */
  readonly allowsPrivate: boolean
  /** Returns the mirrors that can be reached at the moment. */
  readonly mirrors: () => readonly ChallengedMirror[]
  readonly found: (corrupt: StoredCorruptFile) => void
  readonly recovered: (mirror: string, number: number) => void
  /** Returns our ETag of a file. */
  readonly etagOf: (file: IndexedFile) => string | undefined
}

const HOUR_SECONDS = 3600
/** Time after which a measured speed counts half. */
const HALF_LIFE_MS = 24 * 3_600_000
/**
 * Share of an hour's bytes that may be fetched at once after a pause. A larger piece is fetched
 * too, and paid for by a longer pause afterwards.
 */
const BURST_SHARE = 1 / 60
/** Share of the recheck interval after which an incomplete piece is fetched again. */
const CONFIRM_SHARE = 0.1
/** Pieces that one turn fetches, one after the other. */
const MAX_PIECES_PER_TURN = 10
/** Minimum cost of a request, because a small file costs a mirror more than the bytes it sends. */
const MIN_COST_BYTES = 16 * 1024
/** Number of further files that are challenged on a mirror with a corrupt file. */
const FOLLOW_UPS = 3

/** A challenged piece: where it is, and what it should be. */
interface Challenge extends Piece {
  readonly target: PieceTarget
}

/**
 * Fetches random pieces of files from mirrors, every file in its turn, within a rate, and compares
 * them with our digests. A file is corrupt if a piece differs, or was incomplete twice. Corrupt
 * files are fetched again at an interval, until they are repaired.
 */
export class Challenger {
  readonly #dependencies: ChallengerDependencies
  readonly #picker: PiecePicker
  readonly #confirmations: Confirmations
  /** Bytes that may be fetched. */
  readonly #budget: TokenBucket
  /** By id of the mirror. */
  readonly #speeds = new Map<string, DecayingAverage>()
  readonly #controller = new AbortController()
  #running: Promise<void> | undefined

  constructor({ bytesPerHour, recheckInterval }: ChallengeSettings, dependencies: ChallengerDependencies) {
    this.#dependencies = dependencies
    const now = () => dependencies.clock.steady()
    this.#budget = new TokenBucket({
      initial: bytesPerHour * BURST_SHARE,
      rate: bytesPerHour / HOUR_SECONDS,
      now,
    })
    this.#confirmations = new Confirmations(recheckInterval * CONFIRM_SHARE, now)
    this.#picker = new PiecePicker(recheckInterval, {
      ...dependencies,
      confirmations: this.#confirmations,
      signal: this.#controller.signal,
      outdated: (mirror, number) => this.#recovered(mirror, number),
    })
  }

  /** Returns the measured speed of a mirror in bytes per second. */
  speedOf(mirror: string): number | undefined {
    return this.#speeds.get(mirror)?.value
  }

  /**
   * Challenges a file of a mirror soon, because a client has reported it.
   *
   * @param path undefined: any file of the mirror
   */
  suspect(mirror: string, path: string | undefined): void {
    this.#picker.suspect(mirror, path)
  }

  /** Fetches some pieces, unless pieces are being fetched or the budget is used up. */
  turn(): void {
    if (this.#running !== undefined || this.#budget.tokens <= 0 || this.#controller.signal.aborted) return
    this.#running = this.#fetchSome()
      .catch(() => {
        // Ignored: requests report an index that fails.
      })
      .finally(() => {
        this.#running = undefined
      })
  }

  async close(): Promise<void> {
    this.#controller.abort()
    await this.#running
  }

  async #fetchSome(): Promise<void> {
    for (let pieces = 0; pieces < MAX_PIECES_PER_TURN && this.#budget.tokens > 0; pieces += 1) {
      if (this.#controller.signal.aborted) return
      const piece = await this.#picker.next()
      if (piece !== undefined) await this.#fetch(piece)
    }
  }

  async #fetch(piece: Piece): Promise<void> {
    const { mirror } = piece.challenged
    const target = await this.#targetOf(piece)
    if (target === undefined) return this.#confirmations.clear(mirror.id, piece.file.number)
    const { allowsPrivate } = this.#dependencies
    const dispatcher = await this.#dependencies.dispatcher()
    const { signal } = this.#controller
    const { redirects } = mirror
    const result = await challenge(target, { dispatcher, redirects, allowsPrivate, signal })
    if (signal.aborted) return
    this.#budget.take(Math.max(MIN_COST_BYTES, 'bytes' in result ? result.bytes : 0))
    this.#judge({ ...piece, target }, result)
  }

  #judge(challenge: Challenge, result: ChallengeResult): void {
    const { mirror, files } = challenge.challenged
    const { number } = challenge.file
    switch (result.state) {
      case 'same':
        this.#passed(challenge, result)
        break
      case 'differs':
        this.#differs(challenge, result)
        break
      case 'broken':
        this.#incomplete(challenge, result)
        break
      case 'absent':
      case 'resized':
        files.mark(number, result.state === 'absent' ? 'absent' : 'stale')
        this.#recovered(mirror.id, number)
        break
      case 'unknown':
        this.#confirmations.clear(mirror.id, number)
        break
    }
  }

  /** Handles a piece with our bytes. */
  #passed(
    { challenged: { mirror, files }, file, piece }: Challenge,
    { bytes, milliseconds, etag }: ChallengeResult & { readonly state: 'same' },
  ): void {
    const { number } = file
    this.#measure(mirror.id, bytes, milliseconds)
    if (files.stateOf(number) === 'held')
      files.prefer(number, isSameTag(etag, this.#dependencies.etagOf(file)))
    // Only the piece that was wrong shows a repair: in a file with one wrong byte, all others are
    // right.
    if (files.corrupt.some((corrupt) => corrupt.number === number && corrupt.piece === piece))
      this.#recovered(mirror.id, number)
    this.#confirmations.clear(mirror.id, number, piece)
  }

  /** Handles a complete piece with other bytes. */
  #differs(challenge: Challenge, result: ChallengeResult & { readonly state: 'differs' }): void {
    const { files } = challenge.challenged
    const known = files.corrupt.find(({ number }) => number === challenge.file.number)
    // One wrong piece is enough. When that is right again, others may be found.
    if (known !== undefined && known.got !== '' && known.piece !== challenge.piece) return
    this.#report(challenge, result, result.got, known === undefined)
  }

  /** Handles a piece that was not sent completely. */
  #incomplete(challenge: Challenge, result: ChallengeResult & { readonly state: 'broken' }): void {
    const { challenged, file, piece } = challenge
    const isKnown = challenged.files.corrupt.some(({ number }) => number === file.number)
    if (isKnown || !this.#confirmations.confirm(challenged.mirror.id, file, piece)) return
    this.#report(challenge, result, '', true)
  }

  /** @param got SHA-256 in hexadecimal of what was sent; empty for an incomplete piece */
  #report(
    { challenged: { mirror }, file: { number, path }, piece, target }: Challenge,
    { start, end }: { readonly start: number; readonly end: number },
    got: string,
    isNew: boolean,
  ): void {
    this.#confirmations.clear(mirror.id, number)
    this.#picker.fetched(mirror.id, number)
    this.#dependencies.found({
      mirror: mirror.id,
      number,
      path,
      piece,
      at: this.#dependencies.clock.wall(),
      url: target.url,
      start,
      end,
      expected: Buffer.from(target.sha256).toString('hex'),
      got,
    })
    if (!isNew) return
    for (let count = 0; count < FOLLOW_UPS; count += 1) this.suspect(mirror.id, undefined)
  }

  /** Handles a file that is not corrupt, or no longer relevant. */
  #recovered(mirror: string, number: number): void {
    this.#picker.forget(mirror, number)
    this.#confirmations.clear(mirror, number)
    this.#dependencies.recovered(mirror, number)
  }

  /**
   * @returns undefined if the mirror has no http or https URL, or the digest of the piece is
   * unknown
   */
  async #targetOf({ challenged, file, piece }: Piece): Promise<PieceTarget | undefined> {
    const base = httpUrlOf(challenged.mirror)
    if (base === undefined) return undefined
    const { size } = file.identity
    const url = base + urlPath(file.path)
    const digest = file.digests['sha-256']
    const length = pieceLength(size)
    if (size <= length) return digest && { url, size, piece: 0, length, sha256: digest }
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
