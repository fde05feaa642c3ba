import type { RequestListener, ServerResponse } from 'node:http'
import type { Writable } from 'node:stream'
import { type FaultyServer, startFaultyServer } from './faulty-server.js'
import type { Scope } from './folder.js'

/** Faults of a web server that should list folders. */
export const LISTING_FAULTS = {
  /** Takes the request and never responds. */
  hangs: () => {},
  /** Lists two files and then sends nothing more. */
  'hangs in a page': (_, response) => {
    response.writeHead(200, { 'Content-Type': 'text/html' }).write(`${HEAD}${row('one')}${row('two')}`)
  },
  /** Sends a byte every 10 ms, so that it is never silent for long. */
  drips: (_, response) => {
    response.writeHead(200, { 'Content-Type': 'text/html' })
    drip(response, `${HEAD}${row('one')}${row('two')}`)
  },
  fails: (_, response) => {
    response.writeHead(500, { 'Content-Type': 'text/html' }).end(`${HEAD}${row('one')}${END}`)
  },
  /** Lists many folders, and fails for each of them. */
  'fails below': (request, response) => {
    if (request.url !== '/') return LISTING_FAULTS.fails(request, response)
    const rows = Array.from({ length: 50 }, (_, index) => row(`folder ${index}/`))
    page(response, `${row('one')}${rows.join('')}`)
  },
  /** Closes the connection after fewer bytes than announced. */
  'breaks off': (_, response) => {
    const body = `${HEAD}${row('one')}${row('two')}`
    response.writeHead(200, { 'Content-Type': 'text/html', 'Content-Length': body.length + 1000 })
    response.write(body, () => response.destroy())
  },
  /** Ends in the middle of a row, as if the listing were complete. */
  'ends too soon': (_, response) => {
    response.writeHead(200, { 'Content-Type': 'text/html' })
    response.end(`${HEAD}${row('one')}${row('two')}<a href="three">three</a>  03-Feb-2024 04:05  12`)
  },
  'lists for ever': (_, response) => {
    response.writeHead(200, { 'Content-Type': 'text/html' }).write(HEAD)
    pour(response, (part) => Array.from({ length: 100 }, (_, at) => row(`file ${100 * part + at}`)).join(''))
  },
  /** Slowly enough for other code to run between the rows. */
  'lists on and on': (_, response) => {
    response.writeHead(200, { 'Content-Type': 'text/html' }).write(HEAD)
    let count = 0
    const timer = setInterval(() => response.write(row(`file ${count++}`).repeat(20)), 5)
    response.once('close', () => clearInterval(timer))
  },
  'lists JSON for ever': (_, response) => {
    response.writeHead(200, { 'Content-Type': 'application/json' }).write('[')
    pour(response, (count) => `{"name":"file ${count}","type":"file","size":1},`)
  },
  'writes one object for ever': (_, response) => {
    response.writeHead(200, { 'Content-Type': 'application/json' }).write('[{"name":"one","other":{')
    pour(response, (count) => `"${count}":"${'x'.repeat(100)}",`)
  },
  'writes one tag for ever': (_, response) => {
    response.writeHead(200, { 'Content-Type': 'text/html' }).write(`${HEAD}${row('one')}<a href="`)
    pour(response, () => 'x'.repeat(1000))
  },
  'writes one comment for ever': (_, response) => {
    response.writeHead(200, { 'Content-Type': 'text/html' }).write(`${HEAD}${row('one')}<!-- `)
    pour(response, () => '- - > '.repeat(100))
  },
  'sends one head for ever': (request) => {
    request.socket.write('HTTP/1.1 200 OK\r\n')
    pour(request.socket, (count) => `X-${count}: ${'x'.repeat(1000)}\r\n`)
  },
  /** Redirects each folder to another one. */
  'leads on for ever': (request, response) => {
    if (request.url === '/') return page(response, `${row('one')}${row('0/')}`)
    const count = Number(request.url?.slice(1, -1)) + 1
    response.writeHead(302, { Location: `/${count}/` }).end()
  },
  /** Lists names outside the folder, and two valid files. */
  'lists what is outside': (_, response) => page(response, ['one', ...OUTSIDE, 'two'].map(row).join('')),
  'lists JSON of what is outside': (_, response) => {
    const entries = ['one', ...OUTSIDE, 'two'].map((name) => ({ name, type: 'file', size: 1 }))
    response.writeHead(200, { 'Content-Type': 'application/json' }).end(JSON.stringify(entries))
  },
  /** Every folder contains a folder and one file. */
  'nests for ever': (request, response) => {
    const depth = (request.url ?? '').split('/').length
    page(response, `${row(`file ${depth}`)}${row('deeper/')}`)
  },
  /** Every folder contains the same ten folders. */
  'repeats for ever': (_, response) => {
    const rows = Array.from({ length: 10 }, (_, index) => row(`folder ${index}/`))
    page(response, `${row('one')}${rows.join('')}`)
  },
  welcomes: (_, response) => {
    const body = '<html><head><title>Welcome</title></head><body>Our <a href="iso/">images</a></body></html>'
    response.writeHead(200, { 'Content-Type': 'text/html' }).end(body)
  },
  'sends a file': (_, response) => {
    response.writeHead(200, { 'Content-Type': 'application/octet-stream' })
    const more = (): void => {
      while (!response.destroyed && response.write(Buffer.alloc(65_536)));
    }
    response.on('drain', more)
    more()
  },
  'is encoded': (_, response) => {
    response.writeHead(200, { 'Content-Type': 'text/html', 'Content-Encoding': 'gzip' }).end('not even gzip')
  },
  'leads elsewhere': (_, response) => {
    response.writeHead(302, { Location: 'http://127.0.0.99:9/' }).end()
  },
  'leads round': (request, response) => {
    response.writeHead(302, { Location: request.url === '/a/' ? '/b/' : '/a/' }).end()
  },
  'speaks no HTTP': (_, response) => {
    response.socket?.end('220 ready\r\n')
  },
} satisfies Record<string, RequestListener>

export type ListingFault = keyof typeof LISTING_FAULTS

/** Starts a web server with one fault, which records its requests. */
export function startFaultyListing(scope: Scope, fault: ListingFault): Promise<FaultyServer> {
  return startFaultyServer(scope, LISTING_FAULTS[fault])
}

/** Names that lead out of a folder, or would with some client, and names with terminal escapes. */
export const OUTSIDE: readonly string[] = [
  '..',
  '.',
  '../up',
  '/etc/passwd',
  '//other.example/x',
  'http://other.example/x',
  'file:///etc/passwd',
  'a/../../b',
  'a/b',
  './../x',
  '..\0',
  '\0',
  '../\u001b[31mred',
  '../\u202egnp.exe',
  '../\r\nSet-Cookie: x',
]

const HEAD = '<html><head><title>Index of /</title></head><body><pre>'
const END = '</pre></body></html>'

function row(name: string): string {
  return `<a href="${encodeURI(name)}">${name}</a>  03-Feb-2024 04:05  ${name.endsWith('/') ? '-' : '123'}\n`
}

function page(response: ServerResponse, rows: string): void {
  response.writeHead(200, { 'Content-Type': 'text/html' }).end(HEAD + rows + END)
}

/** Writes as much as the stream takes, for ever. */
function pour(stream: Writable, next: (count: number) => string): void {
  let count = 0
  const more = (): void => {
    while (!stream.destroyed && stream.write(next(count++)));
  }
  stream.on('error', () => {}).on('drain', more)
  more()
}

function drip(response: ServerResponse, text: string): void {
  let at = 0
  const timer = setInterval(() => {
    response.write(text[at] ?? ' ')
    at += 1
  }, 10)
  response.once('close', () => clearInterval(timer))
}
