import { once } from 'node:events'
import type { IncomingMessage, RequestListener, ServerResponse } from 'node:http'
import { createServer as createTlsServer } from 'node:https'
import { type AddressInfo, createServer, type Socket } from 'node:net'
import { makeCertificate } from './certificate.js'
import type { Scope } from './folder.js'
import { listen } from './server.js'

/** Size of every file, in bytes. */
export const SIZE = 1_000_000

/** A web server that records its requests. */
export interface FaultyServer {
  readonly url: string
  /** `GET /path range`, in order of arrival. */
  readonly requests: readonly string[]
  /** Returns the number of open connections. */
  connections(): number
}

/** Responses of a web server to a probe, good and bad. */
export const RESPONSES = {
  good: (_, response) => part(response),
  'of another size': (_, response) => part(response, SIZE - 1),
  'without Range': (_, response) => {
    response.writeHead(200, { 'Content-Length': SIZE })
    flood(response)
  },
  'without Range, of another size': (_, response) => {
    response.writeHead(200, { 'Content-Length': 5 })
    response.end('12345')
  },
  'without Range, without a length': (_, response) => {
    response.writeHead(200)
    flood(response)
  },
  'another part': (_, response) => {
    response.writeHead(206, { 'Content-Range': `bytes 5-5/${SIZE}`, 'Content-Length': 1 }).end('x')
  },
  'all of it as a part': (_, response) => {
    response.writeHead(206, { 'Content-Range': `bytes 0-0/${SIZE}`, 'Content-Length': SIZE })
    flood(response)
  },
  'a part that goes on': (_, response) => {
    response.writeHead(206, { 'Content-Range': `bytes 0-0/${SIZE}` })
    flood(response)
  },
  'a part without an end': (_, response) => {
    response.writeHead(206, { 'Content-Range': `bytes 0-0/${SIZE}` }).flushHeaders()
  },
  'closes in the part': (_, response) => {
    response.writeHead(206, { 'Content-Range': `bytes 0-0/${SIZE}`, 'Content-Length': 1 }).flushHeaders()
    setImmediate(() => response.destroy())
  },
  'empty here': (_, response) => {
    response.writeHead(416, { 'Content-Range': 'bytes */0' }).end()
  },
  missing: (_, response) => status(response, 404),
  gone: (_, response) => status(response, 410),
  forbidden: (_, response) => status(response, 403),
  'for members': (_, response) => status(response, 401),
  busy: (_, response) => status(response, 429),
  failing: (_, response) => status(response, 500),
  'under repair': (_, response) => status(response, 503),
  hangs: () => {},
  closes: (request) => {
    request.socket.destroy()
  },
  'HTML for everything': (_, response) => {
    response.writeHead(200, { 'Content-Type': 'text/html; charset=utf-8' }).end('<p>This domain is for sale')
  },
  'HTML in parts': (_, response) => {
    const fields = { 'Content-Type': 'text/html', 'Content-Range': 'bytes 0-0/26', 'Content-Length': 1 }
    response.writeHead(206, fields).end('<')
  },
  'redirects round': (request, response) => {
    response.writeHead(302, { Location: request.url === '/a' ? '/b' : '/a' }).end()
  },
  'redirects within': (request, response) => {
    if (request.url?.startsWith('/new/')) part(response)
    else response.writeHead(301, { Location: `/new${request.url}` }).end()
  },
  'redirects to nowhere': (_, response) => {
    response.writeHead(302).end()
  },
  'redirects to ftp': (_, response) => {
    response.writeHead(302, { Location: 'ftp://127.0.0.1/' }).end()
  },
} satisfies Record<string, RequestListener>

export type FaultyResponse = keyof typeof RESPONSES

function part(response: ServerResponse, size = SIZE): void {
  response.writeHead(206, { 'Content-Range': `bytes 0-0/${size}`, 'Content-Length': 1 }).end('x')
}

function status(response: ServerResponse, code: number): void {
  response.writeHead(code, { 'Content-Type': 'text/html' }).end('<html>')
}

/** Sends as much as the client takes, for ever. */
function flood(response: ServerResponse): void {
  const more = (): void => {
    while (!response.destroyed && response.write(Buffer.alloc(65_536)));
  }
  response.on('drain', more)
  more()
}

/** Starts a web server that responds in one way. */
export async function startFaultyServer(
  scope: Scope,
  endpoint: FaultyResponse | RequestListener,
  host = '127.0.0.1',
): Promise<FaultyServer> {
  const requests: string[] = []
  const answer: RequestListener = typeof endpoint === 'string' ? RESPONSES[endpoint] : endpoint
  let open = 0
  const { url, server } = await listen(
    scope,
    (request: IncomingMessage, response: ServerResponse) => {
      requests.push(`${request.method} ${request.url} ${request.headers.range ?? ''}`.trim())
      answer(request, response)
    },
    host,
  )
  server.on('connection', (socket) => {
    open += 1
    socket.once('close', () => {
      open -= 1
    })
  })
  return { url, requests, connections: () => open }
}

/** Starts a TCP server. `answer` gets each connection when its first bytes have arrived. */
export async function startRaw(scope: Scope, answer: (socket: Socket) => void): Promise<string> {
  const sockets = new Set<Socket>()
  const server = createServer((socket) => {
    sockets.add(socket)
    socket.on('error', () => {}).once('data', () => answer(socket))
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  scope.after(() => {
    server.close()
    for (const socket of sockets) socket.destroy()
  })
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}/`
}

/** Returns a URL of this machine on which nothing listens. */
export async function refusingUrl(scope: Scope): Promise<string> {
  const { url, server } = await listen(scope, () => {})
  await new Promise((resolve) => server.close(resolve))
  return url
}

/** Starts a web server with a self-signed certificate for 127.0.0.1. Needs `openssl`. */
export async function startSelfSigned(scope: Scope): Promise<string> {
  const server = createTlsServer(makeCertificate(scope), RESPONSES.good)
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  scope.after(() => {
    server.closeAllConnections()
    server.close()
  })
  return `https://127.0.0.1:${(server.address() as AddressInfo).port}/`
}
