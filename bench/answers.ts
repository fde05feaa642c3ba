import { once } from 'node:events'
import { type IncomingMessage, request } from 'node:http'
import type { Field } from '../lib/index.js'

export interface Answer {
  readonly status: number
  readonly fields: readonly Field[]
  readonly body: string
}

/** Node adds these to every answer of its own accord. */
const OF_NODE = ['Date', 'Connection', 'Keep-Alive']

/** What a server answers, field lines in their order, without those of Node itself. */
export async function ask(url: string, method: string): Promise<Answer> {
  // With keep-alive, as under load.
  const sent = request(url, { method, headers: { Connection: 'keep-alive', Host: 'origin.example' } }).end()
  const [response]: IncomingMessage[] = await once(sent, 'response')
  if (response === undefined) throw new Error(`no answer of ${url}`)
  const chunks: Buffer[] = []
  for await (const chunk of response) chunks.push(chunk)
  const fields: Field[] = []
  for (let index = 0; index < response.rawHeaders.length; index += 2) {
    const [name, value] = response.rawHeaders.slice(index, index + 2)
    if (name !== undefined && value !== undefined && !OF_NODE.includes(name)) fields.push([name, value])
  }
  return { status: response.statusCode ?? 0, fields, body: Buffer.concat(chunks).toString('latin1') }
}

/**
 * Sees that two answers are alike, so that neither server has less to do: status, names of the field lines in their
 * order, body, and values, but for which of the mirrors comes where, which chance decides.
 *
 * @throws where they are not
 */
export function requireAlike(ours: Answer, reference: Answer): void {
  const [a, b] = [comparable(ours), comparable(reference)]
  if (a !== b) throw new Error(`not the same answer; ours:\n${a}\nreference:\n${b}`)
}

/** Whether a line depends on the order in which the mirrors were drawn. */
function isDrawn([name, value]: Field): boolean {
  return (
    name === 'Location' || name === 'X-Mirrored-By' || (name === 'Link' && value.includes('rel=duplicate'))
  )
}

function comparable({ status, fields, body }: Answer): string {
  const inOrder = fields.map((field) => (isDrawn(field) ? `${field[0]}: …` : field.join(': ')))
  const drawn = fields
    .filter((field) => isDrawn(field) && field[0] !== 'Location')
    .map(([name, value]) => `${name}: ${value.replace(/pri=\d+/, 'pri=…')}`)
  return [status, ...inOrder, ...drawn.toSorted(), body].join('\n')
}

/** Nothing would be measured of an origin that leaves its fields out. */
export function requireDecorated({ fields }: Answer): void {
  const names = new Set(fields.map(([name]: Field) => name))
  for (const name of ['Link', 'Digest', 'Repr-Digest', 'X-Mirrored-By', 'X-MD5', 'ETag']) {
    if (!names.has(name)) throw new Error(`our answer has no ${name}: ${JSON.stringify(fields)}`)
  }
}
