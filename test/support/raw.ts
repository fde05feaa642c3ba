import { once } from 'node:events'
import { connect } from 'node:net'

/** A response with its field lines as they were on the wire. */
export interface RawAnswer {
  readonly status: number
  /** Field lines without the status line: `Name: value`. */
  readonly lines: readonly string[]
  readonly body: Buffer
}

/** Sends bytes and reads until the server closes: send `Connection: close`. */
export async function sendRaw(
  port: number,
  request: string | Buffer,
  host = '127.0.0.1',
): Promise<RawAnswer> {
  const socket = connect(port, host)
  socket.setTimeout(30_000, () => socket.destroy(new Error('no answer within 30 s')))
  const chunks: Buffer[] = []
  socket.on('data', (chunk) => chunks.push(chunk))
  socket.write(request)
  await once(socket, 'close')
  return parse(Buffer.concat(chunks))
}

/** Sends one request with exactly these fields. */
export function rawRequest(
  port: number,
  method: string,
  target: string,
  fields: Readonly<Record<string, string>> = {},
): Promise<RawAnswer> {
  const { Host: host = 'origin.example', ...others } = fields
  const lines = Object.entries(others).map(([name, value]) => `${name}: ${value}\r\n`)
  return sendRaw(
    port,
    `${method} ${target} HTTP/1.1\r\nHost: ${host}\r\n${lines.join('')}Connection: close\r\n\r\n`,
  )
}

/** Returns the values of every line of this name, in order. */
export function values(answer: RawAnswer, name: string): string[] {
  const prefix = `${name.toLowerCase()}: `
  return answer.lines
    .filter((line) => line.toLowerCase().startsWith(prefix))
    .map((line) => line.slice(prefix.length))
}

function parse(bytes: Buffer): RawAnswer {
  const end = bytes.indexOf('\r\n\r\n')
  if (end === -1) throw new Error(`no complete head in ${JSON.stringify(bytes.toString('latin1'))}`)
  const [statusLine = '', ...lines] = bytes.subarray(0, end).toString('latin1').split('\r\n')
  return { status: Number(statusLine.split(' ')[1]), lines, body: dechunk(lines, bytes.subarray(end + 4)) }
}

function dechunk(lines: readonly string[], body: Buffer): Buffer {
  if (!lines.some((line) => line.toLowerCase() === 'transfer-encoding: chunked')) return body
  const parts: Buffer[] = []
  for (let at = 0; at < body.length; ) {
    const lineEnd = body.indexOf('\r\n', at)
    const length = Number.parseInt(body.subarray(at, lineEnd).toString('latin1'), 16)
    if (!length) break
    parts.push(body.subarray(lineEnd + 2, lineEnd + 2 + length))
    at = lineEnd + 2 + length + 2
  }
  return Buffer.concat(parts)
}
