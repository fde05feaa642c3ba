import { SingleBar } from 'cli-progress'
import prettyBytes from 'pretty-bytes'
import type { Indexed } from '../../indexing/first-pass.js'
import type { Progress } from '../../indexing/indexer.js'
import { walk } from '../../indexing/repository/walk.js'
import type { OriginOptions } from '../../options.js'
import { createOrigin } from '../../origin.js'
import { createPathFilter } from '../../paths.js'
import { memoryStates } from '../../store/memory-states.js'
import type { Output } from '../output.js'
import { requireStore } from '../store.js'

/** How often the bar moves, in milliseconds. */
const REFRESH_MS = 100

/**
 * Brings the index of a repository up to date: `mirrored-by index`.
 *
 * @param terminal where to draw a progress bar, if that is a terminal
 * @param interrupted ends the work early; what was hashed is kept
 * @throws MirroredByError those of `createOrigin`
 */
export async function index(
  options: OriginOptions,
  output: Output,
  terminal: NodeJS.WriteStream,
  interrupted: AbortSignal,
): Promise<Indexed> {
  requireStore(options, output)
  const origin = await createOrigin({
    ...options,
    watch: false,
    geo: false,
    probe: false,
    mirrorStates: memoryStates(),
  })
  let bar: Bar | undefined
  origin.on('warning', (warning) => {
    bar?.clear()
    output.warning(warning.message)
  })
  if (terminal.isTTY) bar = new Bar(origin.root, options.ignore ?? [], terminal, () => origin.progress)
  interrupted.addEventListener('abort', () => void origin.close())
  const indexed = await origin.ready
  bar?.stop(!interrupted.aborted)
  await origin.close()
  return indexed
}

/** Bytes, files, speed and time left. */
class Bar {
  readonly #bar: SingleBar
  readonly #terminal: NodeJS.WriteStream
  readonly #timer: NodeJS.Timeout
  readonly #progress: () => Progress
  readonly #totals: { readonly files: number; readonly bytes: number }

  constructor(
    root: string,
    ignore: readonly string[],
    terminal: NodeJS.WriteStream,
    progress: () => Progress,
  ) {
    this.#progress = progress
    this.#terminal = terminal
    this.#totals = count(root, ignore)
    this.#bar = new SingleBar({
      format: '{bar} {percentage} % | {done} of {size} | {files} files | {speed}/s | {eta_formatted} left',
      stream: terminal,
      hideCursor: true,
      barsize: 24,
      barCompleteChar: '█',
      barIncompleteChar: '░',
      etaBuffer: 50,
      // Signals are the command's.
      gracefulExit: false,
    })
    this.#bar.start(Math.max(1, this.#totals.bytes), 0, this.#tokens(0))
    this.#timer = setInterval(() => this.#random(), REFRESH_MS)
  }

  /** Makes room for a line; the bar is drawn again below it. */
  clear(): void {
    this.#terminal.write('\r\u001b[K')
  }

  /** @param complete whether to show the end; otherwise the bar stays where it was */
  stop(complete: boolean): void {
    clearInterval(this.#timer)
    if (complete) this.#random()
    this.#bar.stop()
  }

  #random(): void {
    const { seen, pending } = this.#progress()
    this.#bar.update(Math.max(0, seen.bytes - pending.bytes), this.#tokens(seen.files - pending.files))
  }

  #tokens(files: number) {
    const { seen, pending, hashed } = this.#progress()
    const seconds = Math.max(0.001, process.uptime())
    const whole = (bytes: number) => prettyBytes(Math.round(bytes), { binary: true })
    return {
      done: whole(Math.max(0, seen.bytes - pending.bytes)),
      size: whole(this.#totals.bytes),
      files: `${Math.max(0, files)}/${this.#totals.files}`,
      speed: whole(hashed.bytes / seconds),
    }
  }
}

/** What there is to be done: a walk costs little beside hashing, and nobody else is waiting in this process. */
function count(root: string, ignore: readonly string[]): { files: number; bytes: number } {
  let files = 0
  let bytes = 0
  for (const listing of walk(root, '', createPathFilter(ignore))) {
    files += listing.files.length
    for (const { identity } of listing.files) bytes += identity.size
  }
  return { files, bytes }
}
