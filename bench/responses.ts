import { once } from 'node:events'
import { type IncomingMessage, request } from 'node:http'
import type { Field } from '../lib/index.js'

export interface CapturedResponse {
  readonly status: number
  readonly fields: readonly Field[]
  readonly body: string
}

/** Fields that Node adds to every response. */
const NODE_FIELDS = ['Date', 'Connection', 'Keep-Alive']

/** Returns a server's response, with field lines in order, without the fields that Node adds. */
export async function capture(url: string, method: string): Promise<CapturedResponse> {
  // Use keep-alive, as wrk does.
  const sent = request(url, { method, headers: { Connection: 'keep-alive', Host: 'origin.example' } }).end()
  const [response]: IncomingMessage[] = await once(sent, 'response')
  if (response === undefined) throw new Error(`no response of ${url}`)
  const chunks: Buffer[] = []
  for await (const chunk of response) chunks.push(chunk)
  const fields: Field[] = []
  for (let index = 0; index < response.rawHeaders.length; index += 2) {
    const [name, value] = response.rawHeaders.slice(index, index + 2)
    if (name !== undefined && value !== undefined && !NODE_FIELDS.includes(name)) fields.push([name, value])
  }
  return { status: response.statusCode ?? 0, fields, body: Buffer.concat(chunks).toString('latin1') }
}

/**
 * Throws unless two responses are alike, so that both servers do the same work: status, names of
 * field lines in order, body, and values. The order of mirrors may differ, because it is random.
 */
export function requireAlike(ours: CapturedResponse, reference: CapturedResponse): void {
  const [a, b] = [comparable(ours), comparable(reference)]
  if (a !== b) throw new Error(`the responses differ; ours:\n${a}\nreference:\n${b}`)
}

/** Whether a line depends on the random order of mirrors. */
function isRandom([name, value]: Field): boolean {
  return (
    name === 'Location' || name === 'X-Mirrored-By' || (name === 'Link' && value.includes('rel=duplicate'))
  )
}

function comparable({ status, fields, body }: CapturedResponse): string {
  const inOrder = fields.map((field) => (isRandom(field) ? `${field[0]}: …` : field.join(': ')))
  const drawn = fields
    .filter((field) => isRandom(field) && field[0] !== 'Location')
    .map(([name, value]) => `${name}: ${value.replace(/pri=\d+/, 'pri=…')}`)
  return [status, ...inOrder, ...drawn.toSorted(), body].join('\n')
}

/** Throws unless a response has all our fields: a bare response would measure nothing. */
export function requireDecorated({ fields }: CapturedResponse): void {
  const names = new Set(fields.map(([name]: Field) => name))
  for (const name of ['Link', 'Digest', 'Repr-Digest', 'X-Mirrored-By', 'X-MD5', 'ETag']) {
    if (!names.has(name)) throw new Error(`our response has no ${name}: ${JSON.stringify(fields)}`)
  }
}
