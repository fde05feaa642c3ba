import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { setup, tell } from '../child.js'

export interface AskingSetup {
  readonly port: number
  /** What is asked for in turns. */
  readonly paths: readonly string[]
  readonly connections: number
  /** Requests a second, over all connections. */
  readonly rate: number
  readonly seconds: number
}

/** Milliseconds from the moment at which a request was to be sent to the end of its answer's head. */
export interface AskingResult {
  readonly median: number
  readonly p99: number
  readonly requests: number
}

const HEAD_END = '\r\n\r\n'
/** Seconds after which the beginning is over. */
const WARM_UP = 0.5

/** One connection, on which one request after the other is sent, each at its time: one that must wait counts from its time on. */
class Asker {
  readonly #socket: Socket
  readonly #due: number[] = []
  readonly #next: () => string
  readonly #told: (milliseconds: number) => void
  #answer = ''

  constructor(socket: Socket, next: () => string, told: (milliseconds: number) => void) {
    this.#socket = socket
    this.#next = next
    this.#told = told
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
    this.#answer += text
    if (!this.#answer.endsWith(HEAD_END)) return
    if (!/^HTTP\/1\.1 (200|302) /.test(this.#answer)) throw new Error(`the answer is ${this.#answer}`)
    this.#answer = ''
    this.#told(performance.now() - (this.#due.shift() ?? Number.NaN))
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
      if (performance.now() - start > WARM_UP * 1000) times.push(time)
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
