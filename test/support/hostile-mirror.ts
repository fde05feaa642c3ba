import { once } from 'node:events'
import { createServer as createHttpServer, type ServerResponse } from 'node:http'
import { type AddressInfo, createServer, type Socket } from 'node:net'
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads'
import type { Scope } from './folder.js'

/** What a mirror does to make a survey expensive. */
export type Hostility =
  /** Folders nested 55 deep by names of 1,000 characters, and then 3,000 folders on a page. */
  | 'long URLs'
  /** Names one of our files again and again, without end. */
  | 'repeats'
  /** Lists new folders and files without end. */
  | 'lists for ever'
  /** Sends heads of 1xx responses without end. */
  | 'informs for ever'
  /** By FTP: symbolic links with targets of 15,000 characters, without end. */
  | 'links'

const HEAD = '<html><head><title>Index of /</title></head><body><pre>'

const PAGES: Partial<Readonly<Record<Hostility, (path: string, response: ServerResponse) => void>>> = {
  'long URLs': (path, response) => {
    const depth = path.split('/').length - 2
    const names =
      depth < 55 ? ['x'.repeat(1000)] : Array.from({ length: 3000 }, (_, index) => `folder${index}`)
    const links = names.map((name) => `<a href="${name}/">${name}/</a> 03-Feb-2024 04:05 -\n`)
    response.end(
      `${HEAD}<a href="a.bin">a.bin</a> 03-Feb-2024 04:05 1\n${links.join('')}</pre></body></html>`,
    )
  },
  repeats: (_, response) =>
    flood(response, () => '<a href="a.bin">a.bin</a> 03-Feb-2024 04:05 1\n'.repeat(500)),
  'lists for ever': (_, response) =>
    flood(response, (turn) =>
      Array.from(
        { length: 200 },
        (__, index) =>
          `<a href="f${turn}-${index}/">f</a> 03-Feb-2024 04:05 -\n<a href="g${turn}-${index}">g</a> 03-Feb-2024 04:05 1\n`,
      ).join(''),
    ),
}

function flood(response: ServerResponse, text: (turn: number) => string): void {
  response.write(HEAD)
  let turn = 0
  const write = (): void => {
    while (!response.destroyed && response.write(text(turn))) turn += 1
  }
  response.on('drain', write)
  write()
}

/**
 * Starts a hostile mirror in a thread of its own, so that its work does not delay the event loop
 * that a test measures.
 *
 * @returns its URL
 */
export async function startHostileMirror(scope: Scope, hostility: Hostility): Promise<string> {
  const worker = new Worker(new URL(import.meta.url), { workerData: { hostility } })
  scope.after(() => void worker.terminate())
  const [url] = await once(worker, 'message')
  return String(url)
}

async function serve(hostility: Hostility): Promise<void> {
  const page = PAGES[hostility]
  const server =
    page !== undefined
      ? createHttpServer((request, response) => {
          response.setHeader('Content-Type', 'text/html')
          page(request.url ?? '', response)
        })
      : createServer(hostility === 'links' ? serveFtp : inform)
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  parentPort?.postMessage(`${hostility === 'links' ? 'ftp' : 'http'}://127.0.0.1:${port}/`)
}

function inform(socket: Socket): void {
  const heads = 'HTTP/1.1 103 Early Hints\r\nLink: </style.css>; rel=preload\r\n\r\n'.repeat(500)
  const write = (): void => {
    while (!socket.destroyed && socket.write(heads));
  }
  socket.on('error', () => {})
  socket.on('drain', write)
  socket.once('data', write)
}

function serveFtp(control: Socket): void {
  control.on('error', () => {})
  control.write('220 hello\r\n')
  const data = createServer((socket) => {
    const target = 'x/'.repeat(7500)
    let link = 0
    const write = (): void => {
      do link += 1
      while (
        !socket.destroyed &&
        socket.write(`lrwxrwxrwx 1 ftp ftp 9 Feb 03 2024 l${link} -> ${target}
`)
      )
    }
    socket.on('error', () => {})
    socket.on('drain', write)
    write()
  })
  data.listen(0, '127.0.0.1')
  control.on('close', () => data.close())
  control.on('data', (chunk) => {
    for (const line of chunk.toString().split('\r\n').filter(Boolean)) {
      const command = line.split(' ')[0]?.toUpperCase()
      if (command === 'EPSV') control.write(`229 ok (|||${(data.address() as AddressInfo).port}|)\r\n`)
      else if (command === 'PWD') control.write('257 "/"\r\n')
      else if (command === 'LIST') control.write('150 here\r\n')
      else if (command === 'USER') control.write('331 password\r\n')
      else if (command === 'PASS') control.write('230 in\r\n')
      else if (command === 'FEAT') control.write('502 no\r\n')
      else control.write('200 ok\r\n')
    }
  })
}

if (!isMainThread && typeof workerData?.hostility === 'string') void serve(workerData.hostility)
