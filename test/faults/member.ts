import { type ChildProcess, fork } from 'node:child_process'
import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import type { Scope } from '../support/folder.js'
import { until } from '../support/until.js'

/** The program of a member. */
export const PROGRAM = fileURLToPath(new URL('./indexing-process.js', import.meta.url))

/** What a member says. */
export interface Told {
  readonly id?: number
  readonly sha256?: string
  readonly hashed?: number
  readonly started?: boolean
  readonly listening?: number
  readonly indexed?: { readonly files: number; readonly hashed: number }
  readonly warning?: string
}

/** A process with an origin, one of several that share an index. */
export class Member {
  readonly #child: ChildProcess
  readonly #exit: Promise<unknown>
  readonly #started: Promise<void>
  readonly #questions = new Map<number, (told: Told) => void>()
  readonly warnings: string[] = []
  indexed: Told['indexed']
  /** The port that it listens on, where it was told to. */
  port: number | undefined

  constructor(child: ChildProcess) {
    this.#child = child
    this.#exit = once(child, 'exit')
    let started = (): void => {}
    this.#started = new Promise((resolve) => {
      started = resolve
    })
    child.on('message', (told: Told) => {
      if (told.started) started()
      if (told.warning !== undefined) this.warnings.push(told.warning)
      if (told.indexed !== undefined) this.indexed = told.indexed
      if (told.listening !== undefined) this.port = told.listening
      if (told.id !== undefined) this.#questions.get(told.id)?.(told)
    })
  }

  /** Starts one of its own, until the test ends at most. */
  static fork(scope: Scope, root: string, store: string, env: NodeJS.ProcessEnv = {}): Member {
    const child = fork(PROGRAM, [root, store], {
      stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
      env: { ...process.env, ...env },
    })
    const member = new Member(child)
    scope.after(() => member.kill())
    return member
  }

  get pid(): number | undefined {
    return this.#child.pid
  }

  get isAlive(): boolean {
    return this.#child.exitCode === null && this.#child.signalCode === null
  }

  /** Asks for the digest of a file, and how many files it has hashed. Of one that is dead nothing is known. */
  async ask(lookup?: string): Promise<Told> {
    const dead = this.#exit.then((): Told => ({}))
    // What is sent before somebody listens is lost.
    await Promise.race([this.#started, dead])
    const id = this.#questions.size
    const answer = new Promise<Told>((resolve) => this.#questions.set(id, resolve))
    if (this.#child.connected) this.#child.send({ id, lookup })
    return Promise.race([answer, dead])
  }

  async hashed(): Promise<number> {
    return (await this.ask()).hashed ?? 0
  }

  /** Waits until its index has this content of a file, and says after how many milliseconds it had. */
  async sees(path: string, content: string, limit?: number): Promise<number> {
    const begun = performance.now()
    const expected = sha256(content)
    await until(`${path} is ${content}`, async () => (await this.ask(path)).sha256 === expected, limit)
    return performance.now() - begun
  }

  async kill(): Promise<void> {
    this.#child.kill('SIGKILL')
    await this.#exit
  }

  /** Has it go in good order. */
  async stop(): Promise<void> {
    this.#child.send({ stop: true })
    await this.#exit
  }
}

export function sha256(content: string | Uint8Array): string {
  return createHash('sha256').update(content).digest('hex')
}
