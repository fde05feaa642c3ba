import { once } from 'node:events'
import { readdirSync, statSync } from 'node:fs'
import { type AddressInfo, createServer, type Socket } from 'node:net'
import { join, posix } from 'node:path'
import { OUTSIDE } from '../support/faulty-listings.js'
import type { Scope } from '../support/folder.js'

/** Behaviours of an FTP server with MLSD. */
export type FtpBehaviour =
  | 'ok'
  | 'hangs in the listing'
  | 'breaks off the listing'
  | 'refuses the listing'
  /** Lists the first two names of a folder only, and says so in its last reply. */
  | 'truncates the listing'
  | 'lists for ever'
  | 'hangs before its greeting'
  /** Announces MLSD and refuses it. */
  | 'knows no MLSD'
  /** Supports only PASV, and responds to it with the address of another host. */
  | 'names another host'
  | 'names no port that can be'
  | 'greets for ever'
  | 'writes one line for ever'
  /** Every folder contains a folder and a file. */
  | 'nests for ever'
  /** Every folder contains the same ten folders and a file. */
  | 'repeats for ever'
  /** Lists names outside the folder, and two valid files. */
  | 'lists what is outside'
  | 'lists what is outside, by LIST'

/** Starts a small FTP server of our own, which supports MLSD and can misbehave. */
export async function startMlsdServer(
  scope: Scope,
  root: string,
  behaviour: FtpBehaviour = 'ok',
  host = '127.0.0.1',
): Promise<{ readonly url: string; readonly port: number; readonly connections: ReadonlySet<Socket> }> {
  const connections = new Set<Socket>()
  const track = (socket: Socket): void => {
    connections.add(socket)
    // Pipelined: the second reply does not wait for the client.
    socket.setNoDelay(true)
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
    if (behaviour === 'greets for ever') this.#pour(socket, '220-Welcome to a mirror\r\n'.repeat(1000))
    else if (behaviour !== 'hangs before its greeting') this.#say('220 ready')
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
        if (this.#behaviour === 'names no port that can be') return this.#say('229 Entering (|||70000|)')
        return this.#say(`229 Entering (|||${await this.#openData()}|)`)
      case 'PASV': {
        const port = await this.#openData()
        return this.#say(`227 Entering (192,0,2,1,${port >> 8},${port & 255})`)
      }
      case 'MLSD':
        if (this.#behaviour === 'knows no MLSD' || this.#behaviour.endsWith('by LIST'))
          return this.#say('500 what?')
        return this.#list(mlsdLine, mlsdText)
      case 'LIST':
        return this.#list(listLine, listText)
      default:
        return this.#say('500 what?')
    }
  }

  #enter(folder: string): void {
    const path = posix.resolve(this.#folder, folder)
    const hasAll = this.#behaviour.startsWith('nests') || this.#behaviour.startsWith('repeats')
    const stats = statSync(join(this.#root, path), { throwIfNoEntry: false })
    if (hasAll || stats?.isDirectory()) {
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

  async #list(
    format: (path: string, name: string) => string,
    write: (type: 'file' | 'dir', name: string) => string,
  ): Promise<void> {
    if (this.#behaviour === 'refuses the listing') return this.#say('450 not now')
    const data = await this.#data
    if (data === undefined) return this.#say('425 no data connection')
    this.#say('150 here it comes')
    if (this.#behaviour === 'lists for ever')
      return this.#pour(data, (count) => `${write('file', `file${count}`)}\r\n`.repeat(100))
    if (this.#behaviour === 'writes one line for ever') return this.#pour(data, 'x'.repeat(1000))
    const invented = this.#invent(write)
    if (invented !== undefined) {
      data.end(invented.map((line) => `${line}\r\n`).join(''))
      return this.#say('226 done')
    }
    const folder = join(this.#root, this.#folder)
    const lines = readdirSync(folder).map((name) => `${format(join(folder, name), name)}\r\n`)
    if (this.#behaviour === 'hangs in the listing') {
      data.write(lines[0] ?? '')
      return
    }
    if (this.#behaviour === 'breaks off the listing') {
      data.write(lines.join('').slice(0, -10), () => data.resetAndDestroy())
      return this.#say('426 the connection broke')
    }
    if (this.#behaviour === 'truncates the listing') {
      data.end(lines.slice(0, 2).join(''))
      return this.#say('226 Output truncated to 2 matches')
    }
    data.end(lines.join(''))
    this.#say('226 done')
  }

  /** Returns made-up lines; undefined if the files on disk are to be listed. */
  #invent(write: (type: 'file' | 'dir', name: string) => string): readonly string[] | undefined {
    switch (this.#behaviour) {
      case 'nests for ever':
        return [write('file', `file${this.#folder.length}`), write('dir', 'deeper')]
      case 'repeats for ever':
        return [
          write('file', 'one'),
          ...Array.from({ length: 10 }, (_, index) => write('dir', `folder${index}`)),
        ]
      case 'lists what is outside':
      case 'lists what is outside, by LIST': {
        // A line must not contain line ends.
        const names = OUTSIDE.filter((name) => !name.includes('\n'))
        const strays = names.flatMap((name) => [write('file', name), write('dir', name)])
        return [write('file', 'one'), ...strays, write('file', 'two')]
      }
      default:
        return undefined
    }
  }

  /** Sends as much as the client takes, for ever. */
  #pour(socket: Socket, next: string | ((count: number) => string)): void {
    let count = 0
    const more = (): void => {
      while (socket.writable && socket.write(typeof next === 'string' ? next : next(count++)));
    }
    socket.on('drain', more)
    more()
  }
}

function mlsdLine(path: string, name: string): string {
  const stats = statSync(path)
  return mlsdText(stats.isDirectory() ? 'dir' : 'file', name, stats.size, stats.mtime)
}

function listLine(path: string, name: string): string {
  const stats = statSync(path)
  return listText(stats.isDirectory() ? 'dir' : 'file', name, stats.size, stats.mtime)
}

function mlsdText(type: 'file' | 'dir', name: string, size = 1, mtime = new Date(0)): string {
  const modify = mtime.toISOString().replace(/\D/g, '').slice(0, 14)
  return `type=${type};size=${size};modify=${modify}; ${name}`
}

function listText(type: 'file' | 'dir', name: string, size = 1, mtime = new Date(0)): string {
  const time = mtime.toISOString().slice(0, 16).replace('T', ' ')
  return `${type === 'dir' ? 'd' : '-'}rw-r--r-- 1 owner group ${size} ${time} ${name}`
}
