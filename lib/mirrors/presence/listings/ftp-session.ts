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
  /** Steps from the login folder to the repository. */
  readonly path: string
}

/** A control connection, with a data connection for each listing. Both end when the scan does. */
export class FtpSession {
  readonly #reader: ListingReader
  /** Without a limit of its own: it would run on while the reader takes its time. */
  readonly #client = new Client(0)
  readonly #idle: IdleTimer
  readonly #close = (): void => this.close()
  #data: Socket | undefined
  #usesEpsv = true

  constructor(scan: ListingReader) {
    this.#reader = scan
    this.#idle = new IdleTimer(scan)
    scan.signal.addEventListener('abort', this.#close)
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

  /** @returns the absolute path of the login folder, and whether the server knows MLSD */
  async login(source: FtpSource): Promise<{ readonly home: string; readonly mlsd: boolean }> {
    const { host, port, user, password } = source
    await this.#withIdleTimer(this.#client.access({ host, port, user, password }))
    const home = await this.#withIdleTimer(this.#client.pwd())
    return { home, mlsd: this.#client.availableListCommands.includes('MLSD') }
  }

  async enter(path: string): Promise<void> {
    await this.#withIdleTimer(this.#client.send(`CWD ${path}`))
  }

  /** What a command sends over a data connection, in parts. */
  async *read(command: 'MLSD' | 'LIST'): AsyncGenerator<Buffer> {
    const socket = await this.#withIdleTimer(this.#openData())
    const response = this.#client.ftp.handle(command, (response, task) => {
      if (response instanceof Error) task.reject(response)
      // What comes first says that the listing begins.
      else if (response.code >= 200) task.resolve(response)
    })
    // A refusal may come while the data connection is read, or never used.
    const refusal = response.then(
      () => undefined,
      (error: unknown) => {
        socket.destroy()
        return { error }
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
      // What the server says of it comes before what the connection says. Either way it has to be waited for.
      const failure = (await this.#withIdleTimer(refusal)) ?? dataError
      if (failure !== undefined) throw failure.error
    } finally {
      this.#idle.stop()
      socket.destroy()
    }
  }

  /** To the host of the control connection, whatever other address the server names. */
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

  async #withIdleTimer<T>(waiting: Promise<T>): Promise<T> {
    this.#idle.start()
    try {
      return await waiting
    } finally {
      this.#idle.stop()
    }
  }
}
