import prettyBytes from 'pretty-bytes'
import type { Progress } from '../indexing/indexer.js'
import { walk } from '../indexing/repository/walk.js'
import { createPathFilter } from '../paths.js'

const REFRESH_MS = 100
const WIDTH = 24
/** Number of refreshes that the remaining time is estimated from: 5 s. */
const MAX_SAMPLES = 50

const HIDE_CURSOR_AND_CLIP = '\u001b[?25l\u001b[?7l'
const SHOW_CURSOR_AND_WRAP = '\u001b[?25h\u001b[?7h'
const CLEAR_TO_END = '\u001b[K'

/** The part of a terminal that a bar needs. */
interface BarStream {
  write(text: string): unknown
}

/** Progress bar with bytes, files, speed and remaining time. */
export class ProgressBar {
  readonly #stream: BarStream
  readonly #timer: NodeJS.Timeout
  readonly #progress: () => Progress
  readonly #totals: { readonly files: number; readonly bytes: number }
  readonly #samples: { readonly at: number; readonly bytes: number }[] = []

  constructor(root: string, ignore: readonly string[], stream: BarStream, progress: () => Progress) {
    this.#progress = progress
    this.#stream = stream
    this.#totals = totalsOf(root, ignore)
    stream.write(HIDE_CURSOR_AND_CLIP)
    this.#draw()
    this.#timer = setInterval(() => this.#draw(), REFRESH_MS)
  }

  /** Clears the line of the bar for other output. The next refresh draws the bar again below. */
  clear(): void {
    this.#stream.write(`\r${CLEAR_TO_END}`)
  }

  /** @param isComplete draws the bar once more; otherwise the bar stays as it was last drawn */
  stop(isComplete: boolean): void {
    clearInterval(this.#timer)
    if (isComplete) this.#draw()
    this.#stream.write(`${SHOW_CURSOR_AND_WRAP}\n`)
  }

  #draw(): void {
    const { seen, pending, hashed } = this.#progress()
    const { files, bytes } = this.#totals
    const doneBytes = Math.max(0, seen.bytes - pending.bytes)
    const doneFiles = Math.max(0, seen.files - pending.files)
    const share = Math.min(1, doneBytes / Math.max(1, bytes))
    const speed = hashed.bytes / Math.max(0.001, process.uptime())
    const filled = Math.round(share * WIDTH)
    const parts = [
      `${'█'.repeat(filled)}${'░'.repeat(WIDTH - filled)} ${Math.floor(share * 100)} %`,
      `${sizeText(doneBytes)} of ${sizeText(bytes)}`,
      `${doneFiles}/${files} files`,
      `${sizeText(speed)}/s`,
      `${durationText(this.#remainingSeconds(doneBytes))} left`,
    ]
    this.#stream.write(`\r${parts.join(' | ')}${CLEAR_TO_END}`)
  }

  #remainingSeconds(doneBytes: number): number {
    const now = performance.now()
    const [first = { at: now, bytes: doneBytes }] = this.#samples
    if (this.#samples.push({ at: now, bytes: doneBytes }) > MAX_SAMPLES) this.#samples.shift()
    const remaining = this.#totals.bytes - doneBytes
    return remaining <= 0 ? 0 : ((now - first.at) / 1000) * (remaining / (doneBytes - first.bytes))
  }
}

function sizeText(bytes: number): string {
  return prettyBytes(Math.round(bytes), { binary: true })
}

/** Returns a duration as `2h05m`, `1m09s` or `9s`; `?` if it is infinite or not a number. */
export function durationText(duration: number): string {
  const seconds = Math.ceil(duration)
  if (!Number.isFinite(seconds)) return '?'
  const padded = (value: number) => String(Math.floor(value)).padStart(2, '0')
  if (seconds >= 3600) return `${Math.floor(seconds / 3600)}h${padded((seconds % 3600) / 60)}m`
  return seconds >= 60 ? `${Math.floor(seconds / 60)}m${padded(seconds % 60)}s` : `${seconds}s`
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
