import { connect, type Socket } from 'node:net'
import { Client, FTPError } from 'basic-ftp'
import { quote } from '../../../message-text.js'
import { IdleTimer } from './idle-timer.js'
import type { ListingReader } from './listing-reader.js'

export interface FtpSource {
  readonly host: string
  readonly port: number
  readonly user: string
  readonly password: string
  /** Path from the login folder to the repository. */
  readonly path: string
}

/** A final reply of servers that list some of the entries only, such as Pure-FTPd. */
const CUT_OFF =
  /\b(?:truncat\w*|incomplete|partial\w*|cut (?:off|short)|(?:limit|maximum) \w*\s*(?:reached|exceeded)|exceed\w*|too many)\b/i

/**
 * A control connection, and a data connection for each folder. Both close when the listing ends.
 */
export class FtpSession {
  readonly #reader: ListingReader
  /** Has no timeout of its own, because that would run on while the consumer is slow. */
  readonly #client = new Client(0)
  readonly #idle: IdleTimer
  readonly #close = (): void => this.close()
  #data: Socket | undefined
  #usesEpsv = true

  constructor(reader: ListingReader) {
    this.#reader = reader
    this.#idle = new IdleTimer(reader)
    reader.signal.addEventListener('abort', this.#close)
  }

  get isClosed(): boolean {
    return this.#client.closed
  }

  close(): void {
    this.#idle.stop()
    this.#reader.signal.removeEventListener('abort', this.#close)
    this.#data?.destroy()
    this.#client.close()
  }

  /**
   * Logs in.
   *
   * @returns the absolute path of the login folder, and whether the server supports MLSD
   */
  async login(source: FtpSource): Promise<{ readonly home: string; readonly mlsd: boolean }> {
    const { host, port, user, password } = source
    await this.#withIdleTimer(this.#client.access({ host, port, user, password }))
    const home = await this.#withIdleTimer(this.#client.pwd())
    return { home, mlsd: this.#client.availableListCommands.includes('MLSD') }
  }

  async enter(path: string): Promise<void> {
    await this.#withIdleTimer(this.#client.send(`CWD ${path}`))
  }

  /** Runs a command and yields what it sends over the data connection. */
  async *read(command: 'MLSD' | 'LIST'): AsyncGenerator<Buffer> {
    const socket = await this.#withIdleTimer(this.#openData())
    const response = this.#client.ftp.handle(command, (reply, task) => {
      if (reply instanceof Error) task.reject(reply)
      // A first reply below 200 only says that the listing begins.
      else if (reply.code >= 200) task.resolve(reply)
    })
    // A refusal may come while the data connection is read, or before it was ever used.
    const outcome = response.then(
      (reply) => ({ reply, error: undefined }),
      (error: unknown) => {
        socket.destroy()
        return { reply: undefined, error }
      },
    )
    try {
      let dataError: { readonly error: unknown } | undefined
      try {
        this.#idle.start()
        for await (const chunk of socket) {
          this.#idle.stop()
          if (Buffer.isBuffer(chunk)) yield chunk
          this.#idle.start()
        }
      } catch (error) {
        dataError = { error }
      }
      // The server's reason is better than the connection's. Its response must be awaited either
      // way.
      const { error, reply } = await this.#withIdleTimer(outcome)
      const failure = error ?? dataError?.error
      if (failure !== undefined) throw failure
      if (reply !== undefined && CUT_OFF.test(reply.message))
        throw new Error(`the server says ${quote(reply.message)}`)
    } finally {
      this.#idle.stop()
      socket.destroy()
    }
  }

  /**
   * Connects to the host of the control connection, and ignores the address that the server names.
   */
  async #openData(): Promise<Socket> {
    const port = await this.#passivePort()
    const host = this.#client.ftp.socket.remoteAddress
    if (host === undefined) throw new Error('the connection is lost')
    return new Promise((resolve, reject) => {
      const socket = connect({ host, port })
      this.#data = socket
      socket.once('connect', () => resolve(socket))
      socket.on('error', reject)
      socket.once('close', () => reject(new Error('the data connection was closed')))
    })
  }

  async #passivePort(): Promise<number> {
    if (this.#usesEpsv) {
      try {
        const { message } = await this.#client.send('EPSV')
        const match = /\(([!-~])\1\1(\d{1,5})\1\)/.exec(message)
        if (match !== null) return Number(match[2])
      } catch (error) {
        if (!(error instanceof FTPError)) throw error
      }
      this.#usesEpsv = false
    }
    const { message } = await this.#client.send('PASV')
    const match = /(?<!\d)(?:\d{1,3},){4}(\d{1,3}),(\d{1,3})(?!\d)/.exec(message)
    if (match === null) throw new Error(`the server names no port: ${quote(message)}`)
    return (Number(match[1]) % 256) * 256 + (Number(match[2]) % 256)
  }

  async #withIdleTimer<T>(pending: Promise<T>): Promise<T> {
    this.#idle.start()
    try {
      return await pending
    } finally {
      this.#idle.stop()
    }
  }
}
