import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import type { ProbeOptions } from '../../../lib/index.js'
import type { Scope } from '../../support/folder.js'

export interface Told {
  readonly states: readonly string[]
  readonly leads: boolean
}

/** A process with an origin, one of several that share an index and the states of mirrors. */
export class Member {
  readonly #child: ChildProcess
  readonly #exit: Promise<unknown>
  /** Of its mirrors, as it last told. */
  states: readonly string[] = []
  /** Whether it is the one that indexes. */
  leads = false

  private constructor(child: ChildProcess) {
    this.#child = child
    this.#exit = once(child, 'exit')
    child.on('message', ({ states, leads }: Told) => {
      this.states = states
      this.leads = leads
    })
  }

  /** Starts one, until the test ends at most. */
  static fork(
    scope: Scope,
    root: string,
    store: string,
    urls: readonly string[],
    probe: ProbeOptions,
  ): Member {
    const program = fileURLToPath(new URL('./probing-process.js', import.meta.url))
    const stdio = ['ignore', 'ignore', 'inherit', 'ipc'] as const
    const member = new Member(
      fork(program, [root, store, JSON.stringify(urls), JSON.stringify(probe)], { stdio: [...stdio] }),
    )
    scope.after(() => member.kill())
    return member
  }

  async kill(): Promise<void> {
    this.#child.kill('SIGKILL')
    await this.#exit
  }
}
