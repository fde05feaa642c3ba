import { once } from 'node:events'
import { readdirSync, statSync } from 'node:fs'
import { type AddressInfo, createServer, type Socket } from 'node:net'
import { join, posix } from 'node:path'
import type { Scope } from '../support/folder.js'

/** How a server with MLSD does its work. */
export type FtpBehaviour =
  | 'ok'
  | 'hangs in the listing'
  | 'breaks off the listing'
  | 'refuses the listing'
  | 'lists for ever'
  | 'hangs before its greeting'
  /** It says that it knows MLSD, and does not. */
  | 'knows no MLSD'
  /** Only PASV, and that with the address of another host. */
  | 'names another host'

/** A small FTP server of our own that knows MLSD, and misbehaves when told to. */
export async function startMlsdServer(
  scope: Scope,
  root: string,
  behaviour: FtpBehaviour = 'ok',
  host = '127.0.0.1',
): Promise<{ readonly url: string; readonly port: number; readonly connections: ReadonlySet<Socket> }> {
  const connections = new Set<Socket>()
  const track = (socket: Socket): void => {
    connections.add(socket)
    socket.on('error', () => {}).once('close', () => connections.delete(socket))
  }
  const control = createServer((socket) => {
    track(socket)
    new MlsdConnection(socket, root, behaviour, host, scope, track)
  })
  control.listen(0, host)
  await once(control, 'listening')
  scope.after(() => {
    control.close()
    for (const socket of connections) socket.destroy()
  })
  const { port } = control.address() as AddressInfo
  return { url: `ftp://${host}:${port}/`, port, connections }
}

class MlsdConnection {
  readonly #socket: Socket
  readonly #root: string
  readonly #behaviour: FtpBehaviour
  readonly #host: string
  readonly #scope: Scope
  readonly #track: (socket: Socket) => void
  #folder = '/'
  #data: Promise<Socket> | undefined

  constructor(
    socket: Socket,
    root: string,
    behaviour: FtpBehaviour,
    host: string,
    scope: Scope,
    track: (socket: Socket) => void,
  ) {
    this.#socket = socket
    this.#root = root
    this.#behaviour = behaviour
    this.#host = host
    this.#scope = scope
    this.#track = track
    if (behaviour !== 'hangs before its greeting') this.#say('220 ready')
    let begun = ''
    socket.setEncoding('utf8').on('data', (part: string) => {
      const lines = (begun + part).split('\r\n')
      begun = lines.pop() ?? ''
      for (const line of lines) void this.#obey(line)
    })
  }

  #say(line: string): void {
    if (this.#socket.writable) this.#socket.write(`${line}\r\n`)
  }

  async #obey(line: string): Promise<void> {
    const [command = '', ...rest] = line.split(' ')
    const argument = rest.join(' ')
    switch (command) {
      case 'USER':
        return this.#say('331 password?')
      case 'PASS':
        return this.#say('230 welcome')
      case 'FEAT':
        return this.#say('211-Features:\r\n MLST type*;size*;modify*;\r\n UTF8\r\n211 End')
      case 'PWD':
        return this.#say(`257 "${this.#folder}"`)
      case 'TYPE':
      case 'STRU':
      case 'OPTS':
        return this.#say('200 ok')
      case 'CWD':
        return this.#enter(argument)
      case 'EPSV':
        if (this.#behaviour === 'names another host') return this.#say('500 what?')
        return this.#say(`229 Entering (|||${await this.#openData()}|)`)
      case 'PASV': {
        const port = await this.#openData()
        return this.#say(`227 Entering (192,0,2,1,${port >> 8},${port & 255})`)
      }
      case 'MLSD':
        if (this.#behaviour === 'knows no MLSD') return this.#say('500 what?')
        return this.#list(mlsdLine)
      case 'LIST':
        return this.#list(listLine)
      default:
        return this.#say('500 what?')
    }
  }

  #enter(folder: string): void {
    const path = posix.resolve(this.#folder, folder)
    const stats = statSync(join(this.#root, path), { throwIfNoEntry: false })
    if (stats?.isDirectory()) {
      this.#folder = path
      this.#say('250 ok')
    } else this.#say(`550 ${path}: no such folder`)
  }

  async #openData(): Promise<number> {
    const server = createServer()
    server.listen(0, this.#host)
    await once(server, 'listening')
    this.#scope.after(() => server.close())
    this.#data = once(server, 'connection').then(([socket]) => {
      server.close()
      this.#track(socket)
      return socket
    })
    return (server.address() as AddressInfo).port
  }

  async #list(format: (path: string, name: string) => string): Promise<void> {
    if (this.#behaviour === 'refuses the listing') return this.#say('450 not now')
    const data = await this.#data
    if (data === undefined) return this.#say('425 no data connection')
    this.#say('150 here it comes')
    const folder = join(this.#root, this.#folder)
    const lines = readdirSync(folder).map((name) => `${format(join(folder, name), name)}\r\n`)
    if (this.#behaviour === 'hangs in the listing') {
      data.write(lines[0] ?? '')
      return
    }
    if (this.#behaviour === 'lists for ever') return this.#listForEver(data)
    if (this.#behaviour === 'breaks off the listing') {
      data.write(lines.join('').slice(0, -10), () => data.resetAndDestroy())
      return this.#say('426 the connection broke')
    }
    data.end(lines.join(''))
    this.#say('226 done')
  }

  #listForEver(data: Socket): void {
    let count = 0
    const more = (): void => {
      while (data.writable && data.write(`type=file;size=1; file${++count}\r\n`.repeat(100)));
    }
    data.on('drain', more)
    more()
  }
}

function mlsdLine(path: string, name: string): string {
  const stats = statSync(path)
  const modify = stats.mtime.toISOString().replace(/\D/g, '').slice(0, 14)
  return `type=${stats.isDirectory() ? 'dir' : 'file'};size=${stats.size};modify=${modify}; ${name}`
}

function listLine(path: string, name: string): string {
  const stats = statSync(path)
  const time = stats.mtime.toISOString().slice(0, 16).replace('T', ' ')
  return `${stats.isDirectory() ? 'd' : '-'}rw-r--r-- 1 owner group ${stats.size} ${time} ${name}`
}
