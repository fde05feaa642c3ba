import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { setup, tell } from '../child.js'

export interface AskingSetup {
  readonly port: number
  /** Paths to request in turns. */
  readonly paths: readonly string[]
  readonly connections: number
  /** Requests per second over all connections. */
  readonly rate: number
  readonly seconds: number
}

/** Milliseconds from the scheduled time of a request to the end of the response's head. */
export interface AskingResult {
  readonly median: number
  readonly p99: number
  readonly requests: number
}

const HEAD_END = '\r\n\r\n'
const WARM_UP_SECONDS = 0.5

/**
 * One connection that sends requests one after the other. The time of a request that has to wait
 * counts from its scheduled time.
 */
class Asker {
  readonly #socket: Socket
  readonly #due: number[] = []
  readonly #next: () => string
  readonly #onResponse: (milliseconds: number) => void
  #response = ''

  constructor(socket: Socket, next: () => string, onResponse: (milliseconds: number) => void) {
    this.#socket = socket
    this.#next = next
    this.#onResponse = onResponse
    socket.setNoDelay(true).setEncoding('latin1')
    socket.on('data', (text: string) => this.#read(text))
  }

  ask(): void {
    if (this.#due.push(performance.now()) === 1) this.#send()
  }

  #send(): void {
    this.#socket.write(`HEAD /${this.#next()} HTTP/1.1\r\nHost: origin.example\r\n\r\n`)
  }

  #read(text: string): void {
    this.#response += text
    if (!this.#response.endsWith(HEAD_END)) return
    if (!/^HTTP\/1\.1 (200|302) /.test(this.#response)) throw new Error(`the response is ${this.#response}`)
    this.#response = ''
    this.#onResponse(performance.now() - (this.#due.shift() ?? Number.NaN))
    if (this.#due.length > 0) this.#send()
  }
}

const { port, paths, connections, rate, seconds } = setup<AskingSetup>()
const times: number[] = []
const start = performance.now()
let turn = 0
const askers = await Promise.all(
  Array.from({ length: connections }, async () => {
    const socket = connect(port, '127.0.0.1')
    await once(socket, 'connect')
    const next = () => paths[turn++ % paths.length] ?? ''
    return new Asker(socket, next, (time) => {
      if (performance.now() - start > WARM_UP_SECONDS * 1000) times.push(time)
    })
  }),
)
for (let sent = 0; sent < rate * seconds; sent += 1) {
  const wait = start + (sent / rate) * 1000 - performance.now()
  if (wait > 0) await sleep(wait)
  askers[sent % connections]?.ask()
}
await sleep(200)
times.sort((a, b) => a - b)
const at = (share: number) => times[Math.floor(times.length * share)] ?? Number.NaN
const result: AskingResult = { median: at(0.5), p99: at(0.99), requests: times.length }
tell(result)
process.exit()
