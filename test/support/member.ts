import { type ChildProcess, fork } from 'node:child_process'
import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import type { OriginOptions } from '../../lib/index.js'
import type { Scope } from './folder.js'
import { until } from './until.js'

/** The program of a member. */
export const MEMBER_PROGRAM = fileURLToPath(new URL('./member-process.js', import.meta.url))

/** Options that can be sent to another process, as JSON. */
export type MemberOptions = OriginOptions & { readonly root: string; readonly store: string }

/** A message from a member to its parent; each has some of these. */
export interface MemberMessage {
  /** Of the request that the message responds to. */
  readonly id?: number
  readonly sha256?: string
  /** Files hashed so far. */
  readonly hashed?: number
  readonly started?: boolean
  /** Port of its server. */
  readonly listening?: number
  readonly indexed?: { readonly files: number; readonly hashed: number }
  readonly warning?: string
  /** States of its mirrors. */
  readonly states?: readonly string[]
  /** Whether it is the process that indexes. */
  readonly leads?: boolean
}

/**
 * Returns the arguments of a member.
 *
 * @param batches number of stored batches after which the member kills itself; default: never
 */
export function memberArguments(options: MemberOptions, batches?: number): string[] {
  return [JSON.stringify(options), String(batches ?? Number.POSITIVE_INFINITY)]
}

/** A process with an origin, one of several that share an index. */
export class Member {
  readonly #child: ChildProcess
  readonly #exit: Promise<unknown>
  readonly #started: Promise<void>
  readonly #requests = new Map<number, (message: MemberMessage) => void>()
  readonly warnings: string[] = []
  indexed: MemberMessage['indexed']
  /** Port of its server, if it serves files. */
  port: number | undefined
  /** States of its mirrors, at most 50 ms old. */
  states: readonly string[] = []
  /** Whether it is the process that indexes, at most 50 ms old. */
  leads = false

  constructor(child: ChildProcess) {
    this.#child = child
    this.#exit = once(child, 'exit')
    let started = (): void => {}
    this.#started = new Promise((resolve) => {
      started = resolve
    })
    child.on('message', (message: MemberMessage) => {
      if (message.started) started()
      if (message.warning !== undefined) this.warnings.push(message.warning)
      if (message.indexed !== undefined) this.indexed = message.indexed
      if (message.listening !== undefined) this.port = message.listening
      if (message.states !== undefined) this.states = message.states
      if (message.leads !== undefined) this.leads = message.leads
      if (message.id !== undefined) this.#requests.get(message.id)?.(message)
    })
  }

  /**
   * Starts a member, which is killed when the test ends.
   *
   * @param batches number of stored batches after which the member kills itself; default: never
   */
  static fork(
    scope: Scope,
    options: MemberOptions,
    { env = {}, batches }: { readonly env?: NodeJS.ProcessEnv; readonly batches?: number } = {},
  ): Member {
    const child = fork(MEMBER_PROGRAM, memberArguments(options, batches), {
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

  /** Settles when the member has started, or has ended. */
  async started(): Promise<void> {
    await Promise.race([this.#started, this.#exit])
  }

  /** Settles when the process has ended, with the signal that killed it. */
  async ended(): Promise<NodeJS.Signals | null> {
    await this.#exit
    return this.#child.signalCode
  }

  /** Asks for the digest of a file and the number of hashed files. A dead member responds `{}`. */
  async ask(lookup?: string): Promise<MemberMessage> {
    const dead = this.#exit.then((): MemberMessage => ({}))
    // A message that is sent before the member listens is lost.
    await Promise.race([this.#started, dead])
    const id = this.#requests.size
    const response = new Promise<MemberMessage>((resolve) => this.#requests.set(id, resolve))
    if (this.#child.connected) this.#child.send({ id, lookup })
    return Promise.race([response, dead])
  }

  async hashed(): Promise<number> {
    return (await this.ask()).hashed ?? 0
  }

  /**
   * Waits until the index has this content of a file, and returns after how many milliseconds it
   * had.
   */
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

  /** Closes the origin and ends the process in good order. */
  async stop(): Promise<void> {
    this.#child.send({ stop: true })
    await this.#exit
  }
}

export function sha256(content: string | Uint8Array): string {
  return createHash('sha256').update(content).digest('hex')
}
