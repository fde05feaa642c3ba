import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'

/** The result of a child, and the seconds from its start to the result, with the start of Node. */
export interface ChildResult<T> {
  readonly result: T
  readonly whole: number
}

/**
 * Runs a script in a child process until it ends.
 *
 * @param script compiled name, relative to this folder
 * @param setup the result of `setup()` in the child
 * @throws if the child fails or sends no result
 */
export async function runChild<T>(script: string, setup: unknown): Promise<ChildResult<T>> {
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

/** A server in a child process, which ends with its block. */
export interface Server extends Disposable {
  readonly port: number
  /** Sends a message and waits for the reply. */
  readonly ask: <T>(message: unknown) => Promise<T>
}

export async function startServer(script: string, setup: unknown): Promise<Server> {
  const child = forked(script, setup)
  const { port } = await firstMessage<{ port: number }>(child, script)
  const ask = async <T>(message: unknown): Promise<T> => {
    const reply = firstMessage<T>(child, script)
    child.send({ message })
    return reply
  }
  return { port, ask, [Symbol.dispose]: () => child.kill('SIGKILL') }
}

/** In a child: returns the `setup` argument of `runChild` or `startServer`. */
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
      throw new Error(`${script} ended with ${code} before it sent a result`)
    })
    const [message]: T[] = await Promise.race([once(child, 'message', { signal: gone.signal }), exited])
    if (message === undefined) throw new Error(`${script} sent no result`)
    return message
  } finally {
    gone.abort()
  }
}
