import { SingleBar } from 'cli-progress'
import prettyBytes from 'pretty-bytes'
import type { Progress } from '../indexing/indexer.js'
import { walk } from '../indexing/repository/walk.js'
import { createPathFilter } from '../paths.js'

const REFRESH_MS = 100

/** Progress bar with bytes, files, speed and remaining time. */
export class ProgressBar {
  readonly #bar: SingleBar
  readonly #stream: NodeJS.WriteStream
  readonly #timer: NodeJS.Timeout
  readonly #progress: () => Progress
  readonly #totals: { readonly files: number; readonly bytes: number }

  constructor(root: string, ignore: readonly string[], stream: NodeJS.WriteStream, progress: () => Progress) {
    this.#progress = progress
    this.#stream = stream
    this.#totals = totalsOf(root, ignore)
    this.#bar = new SingleBar({
      format: '{bar} {percentage} % | {done} of {size} | {files} files | {speed}/s | {eta_formatted} left',
      stream,
      hideCursor: true,
      barsize: 24,
      barCompleteChar: '█',
      barIncompleteChar: '░',
      etaBuffer: 50,
      // The command handles signals itself.
      gracefulExit: false,
    })
    this.#bar.start(Math.max(1, this.#totals.bytes), 0, this.#tokens(0))
    this.#timer = setInterval(() => this.#draw(), REFRESH_MS)
  }

  /** Clears the line of the bar for other output. The next refresh draws the bar again below. */
  clear(): void {
    this.#stream.write('\r\u001b[K')
  }

  /** @param isComplete draws the bar once more; otherwise the bar stays as it was last drawn */
  stop(isComplete: boolean): void {
    clearInterval(this.#timer)
    if (isComplete) this.#draw()
    this.#bar.stop()
  }

  #draw(): void {
    const { seen, pending } = this.#progress()
    this.#bar.update(Math.max(0, seen.bytes - pending.bytes), this.#tokens(seen.files - pending.files))
  }

  #tokens(files: number) {
    const { seen, pending, hashed } = this.#progress()
    const seconds = Math.max(0.001, process.uptime())
    const rounded = (bytes: number) => prettyBytes(Math.round(bytes), { binary: true })
    return {
      done: rounded(Math.max(0, seen.bytes - pending.bytes)),
      size: rounded(this.#totals.bytes),
      files: `${Math.max(0, files)}/${this.#totals.files}`,
      speed: rounded(hashed.bytes / seconds),
    }
  }
}

/** Counts the files below a root. Synchronous, because this process has no other work to delay. */
function totalsOf(root: string, ignore: readonly string[]): { files: number; bytes: number } {
  let files = 0
  let bytes = 0
  for (const listing of walk(root, '', createPathFilter(ignore))) {
    files += listing.files.length
    for (const { identity } of listing.files) bytes += identity.size
  }
  return { files, bytes }
}
