import { isIP } from 'node:net'
import type { buildConnector } from 'undici'
import { loadUndici } from '../../network/undici.js'

/** An answer as far as its head; its content waits until it is asked for. */
export interface ProbeResponse {
  readonly status: number
  /** The value of a field, by its name in lower case; the first where it comes twice. */
  header(name: string): string | undefined
  /** Bytes of its content, counted to the end or until there are more than `most`. Rejects where it is broken off. */
  count(most: number): Promise<number>
  /** The same bytes themselves: at least as many as there are, up to `most` and one more. */
  read(most: number): Promise<Uint8Array>
}

/**
 * Asks a server, over a connection of its own, for the beginning of something, and gives its answer to `read`. The connection is
 * closed when `read` is done, whatever is left of the content. Rejects with what the system or the client says, or with the
 * reason of the signal.
 *
 * @param addresses of the host: these and no others are connected to
 * @param last of the bytes that are asked for, from 0. Default: 0, so that it is one byte
 */
export type ProbeClient = <T>(
  url: URL,
  addresses: readonly string[],
  signal: AbortSignal,
  read: (answer: ProbeResponse) => Promise<T>,
  last?: number,
) => Promise<T>

const FIELDS = {
  'user-agent': 'mirrored-by (health of mirrors)',
  accept: '*/*',
  'accept-encoding': 'identity',
}

/** Milliseconds that one of several addresses has before the next is tried. */
const ATTEMPT_TIMEOUT_MS = 1000

export const undiciProbeClient: ProbeClient = async (url, addresses, signal, read, last = 0) => {
  const undici = await loadUndici()
  signal.throwIfAborted()
  const client = new undici.Client(url.origin, {
    connect: undici.buildConnector(connecting(addresses, signal)),
    // The signal ends what takes too long, whatever it is.
    headersTimeout: 0,
    bodyTimeout: 0,
  })
  try {
    const path = url.pathname + url.search
    const { statusCode, headers, body } = await client.request({
      method: 'GET',
      path,
      headers: { ...FIELDS, range: `bytes=0-${last}` },
      signal,
      reset: true,
    })
    // What is broken off after the head is told to whoever counts, and to nobody else.
    body.on('error', () => {})
    const start = async (most: number): Promise<Uint8Array> => {
      const chunks: Uint8Array[] = []
      let bytes = 0
      for await (const chunk of body) {
        if (!Buffer.isBuffer(chunk)) continue
        chunks.push(chunk)
        bytes += chunk.length
        if (bytes > most) break
      }
      return Buffer.concat(chunks)
    }
    return await read({
      status: statusCode,
      header: (name) => {
        const value = headers[name]
        return Array.isArray(value) ? value[0] : value
      },
      count: async (most) => (await start(most)).length,
      read: start,
    })
  } catch (error) {
    throw signal.aborted ? signal.reason : error
  } finally {
    // Not waited for: it is done at once, and tells when its callbacks are.
    void client.destroy().catch(() => {})
  }
}

function connecting(addresses: readonly string[], signal: AbortSignal): buildConnector.BuildOptions {
  const found = addresses.map((address) => ({ address, family: isIP(address) }))
  return {
    timeout: 0,
    // A handshake that an earlier one made shorter would tell less.
    maxCachedSessions: 0,
    signal,
    autoSelectFamily: true,
    autoSelectFamilyAttemptTimeout: ATTEMPT_TIMEOUT_MS,
    lookup: (_host, options, done) => {
      const [first] = found
      if (options.all) done(null, found)
      else done(null, first?.address ?? '', first?.family)
    },
  }
}
