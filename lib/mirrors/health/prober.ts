import type { Clock } from '../../clock.js'
import type { Mirror, Random } from '../../model.js'
import { hostOf } from '../../network/addresses.js'
import type { Timing } from './timing.js'

/** Mirrors probed at the same time, in all and of one host. */
const MAX_CONCURRENT = 32
const MAX_PER_HOST = 2
/** Milliseconds for each mirror over which the first probes are spread. */
const SPREAD = 50
/** Early probes that may come one right after the other, and milliseconds for each that comes then. */
const MAX_EARLY = 10
const EARLY_MS = 1000

export interface ProberDependencies {
  readonly clock: Pick<Clock, 'steady' | 'after'>
  readonly random: Random
  /** Probes a mirror, and tells in how many milliseconds to do so again. Never rejects. */
  readonly probe: (mirror: Mirror, signal: AbortSignal) => Promise<number>
}

interface Scheduled {
  mirror: Mirror
  host: string
  /** Undoes what is planned for it. */
  cancel: () => void
  /** When that is, by the steady clock. */
  due: number
  /** While it is probed. */
  running: AbortController | undefined
  waiting: boolean
  /** When it was last probed, by the steady clock. */
  ended: number
}

/** Decides when each mirror is probed: each on its own, a few of them at the same time, and a few of one host. */
export class Prober {
  readonly #timing: Timing
  readonly #dependencies: ProberDependencies
  readonly #scheduled = new Map<string, Scheduled>()
  /** Those whose time has come, and that others hold up. */
  readonly #queue: Scheduled[] = []
  #running = 0
  readonly #perHost = new Map<string, number>()
  #early = MAX_EARLY
  #earlySince: number
  #closed = false

  constructor(timing: Timing, parts: ProberDependencies) {
    this.#timing = timing
    this.#dependencies = parts
    this.#earlySince = parts.clock.steady()
  }

  /** Probes these from now on, and no others. Who is new, or at another place, is probed soon. */
  setMirrors(mirrors: readonly Mirror[]): void {
    if (this.#closed) return
    const ids = new Set(mirrors.map(({ id }) => id))
    for (const [id, one] of this.#scheduled) if (!ids.has(id)) this.#forget(id, one)
    const spread = Math.min(this.#timing.period, SPREAD * mirrors.length)
    for (const mirror of mirrors) {
      const known = this.#scheduled.get(mirror.id)
      if (known !== undefined && isSamePlace(known.mirror, mirror)) known.mirror = mirror
      else {
        if (known !== undefined) this.#forget(mirror.id, known)
        const host = hostOf(new URL(mirror.urls[0] ?? ''))
        const never = Number.NEGATIVE_INFINITY
        const one: Scheduled = {
          mirror,
          host,
          cancel: () => {},
          due: Number.POSITIVE_INFINITY,
          running: undefined,
          waiting: false,
          ended: never,
        }
        this.#scheduled.set(mirror.id, one)
        this.#plan(one, spread * this.#dependencies.random())
      }
    }
  }

  /**
   * Probes a mirror as soon as its last probe is some time ago, unless many others were hastened just before: whoever asks for
   * it cannot make us ask too often.
   */
  expedite(id: string): void {
    const one = this.#scheduled.get(id)
    if (one === undefined || one.running !== undefined || one.waiting) return
    const now = this.#dependencies.clock.steady()
    const pause = Math.max(0, one.ended + this.#timing.early - now)
    if (now + pause >= one.due) return
    this.#early = Math.min(MAX_EARLY, this.#early + (now - this.#earlySince) / EARLY_MS)
    this.#earlySince = now
    if (this.#early < 1) return
    this.#early -= 1
    this.#plan(one, pause)
  }

  /** Ends every probe and every plan, at once. */
  close(): void {
    this.#closed = true
    for (const [id, one] of this.#scheduled) this.#forget(id, one)
  }

  #plan(one: Scheduled, milliseconds: number): void {
    one.cancel()
    one.due = this.#dependencies.clock.steady() + milliseconds
    one.cancel = this.#dependencies.clock.after(milliseconds, () => {
      one.waiting = true
      this.#queue.push(one)
      this.#start()
    })
  }

  #forget(id: string, one: Scheduled): void {
    this.#scheduled.delete(id)
    one.cancel()
    one.running?.abort()
    const at = this.#queue.indexOf(one)
    if (at !== -1) this.#queue.splice(at, 1)
  }

  /** Starts whoever is first and is held up by nobody, as long as there is somebody. */
  #start(): void {
    while (this.#running < MAX_CONCURRENT) {
      const at = this.#queue.findIndex(({ host }) => (this.#perHost.get(host) ?? 0) < MAX_PER_HOST)
      const [one] = at === -1 ? [] : this.#queue.splice(at, 1)
      if (one === undefined) return
      void this.#run(one)
    }
  }

  async #run(one: Scheduled): Promise<void> {
    const { host, mirror } = one
    const controller = new AbortController()
    one.waiting = false
    one.running = controller
    this.#running += 1
    this.#perHost.set(host, (this.#perHost.get(host) ?? 0) + 1)
    const delay = await this.#dependencies.probe(mirror, controller.signal)
    this.#running -= 1
    const left = (this.#perHost.get(host) ?? 1) - 1
    if (left > 0) this.#perHost.set(host, left)
    else this.#perHost.delete(host)
    one.running = undefined
    one.ended = this.#dependencies.clock.steady()
    if (!controller.signal.aborted) this.#plan(one, delay)
    this.#start()
  }
}

/** Whether a mirror is to be asked as before. */
function isSamePlace(one: Mirror, other: Mirror): boolean {
  const placeOf = ({ urls, family, trace, redirects }: Mirror) =>
    JSON.stringify([urls, family, trace, redirects])
  return placeOf(one) === placeOf(other)
}
