import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'

/** What a child sends, and the seconds from its being started to that: the start of Node and its modules included. */
export interface Told<T> {
  readonly result: T
  readonly whole: number
}

/**
 * Runs a script of this folder in a process of its own until it ends.
 *
 * @param script its compiled name, relative to this folder
 * @param setup what `setup()` returns there
 * @throws where it fails, or ends without a word
 */
export async function runChild<T>(script: string, setup: unknown): Promise<Told<T>> {
  const start = performance.now()
  const child = forked(script, setup)
  try {
    const result = await firstMessage<T>(child, script)
    const whole = (performance.now() - start) / 1000
    if (child.exitCode === null) await once(child, 'exit')
    if (child.exitCode !== 0) throw new Error(`${script} ended with ${child.exitCode}`)
    return { result, whole }
  } finally {
    child.kill('SIGKILL')
  }
}

/** A server in a process of its own, which ends with its block. */
export interface Server extends Disposable {
  readonly port: number
  /** Sends it a message, and waits for the one that it answers with. */
  readonly ask: <T>(message: unknown) => Promise<T>
}

export async function startServer(script: string, setup: unknown): Promise<Server> {
  const child = forked(script, setup)
  const { port } = await firstMessage<{ port: number }>(child, script)
  const ask = async <T>(message: unknown): Promise<T> => {
    const answer = firstMessage<T>(child, script)
    child.send({ message })
    return answer
  }
  return { port, ask, [Symbol.dispose]: () => child.kill('SIGKILL') }
}

/** In a child: what `runChild` or `startServer` was given. */
export function setup<T>(): T {
  return JSON.parse(process.argv[2] ?? 'null')
}

/** In a child: sends the result. */
export function tell(result: unknown): void {
  if (process.send === undefined) throw new Error('meant to be run by the benchmark')
  process.send(result)
}

function forked(script: string, setup: unknown): ChildProcess {
  return fork(new URL(script, import.meta.url), [JSON.stringify(setup)])
}

async function firstMessage<T>(child: ChildProcess, script: string): Promise<T> {
  const gone = new AbortController()
  try {
    const exited = once(child, 'exit', { signal: gone.signal }).then(([code]) => {
      throw new Error(`${script} ended with ${code} before it said anything`)
    })
    const [message]: T[] = await Promise.race([once(child, 'message', { signal: gone.signal }), exited])
    if (message === undefined) throw new Error(`${script} said nothing`)
    return message
  } finally {
    gone.abort()
  }
}
