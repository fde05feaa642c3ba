import { isIP } from 'node:net'
import { buildConnector, Client } from 'undici'

/** An answer as far as its head; its content waits until it is asked for. */
export interface Answer {
  readonly status: number
  /** The value of a field, by its name in lower case; the first where it comes twice. */
  header(name: string): string | undefined
  /** Bytes of its content, counted to the end or until there are more than `most`. Rejects where it is broken off. */
  count(most: number): Promise<number>
}

/**
 * Asks a server, over a connection of its own, for one byte of something, and gives its answer to `read`. The connection is
 * closed when `read` is done, whatever is left of the content. Rejects with what the system or the client says, or with the
 * reason of the signal.
 *
 * @param addresses of the host: these and no others are connected to
 */
export type Ask = <T>(
  url: URL,
  addresses: readonly string[],
  signal: AbortSignal,
  read: (answer: Answer) => Promise<T>,
) => Promise<T>

const FIELDS = {
  'user-agent': 'mirrored-by (health of mirrors)',
  accept: '*/*',
  'accept-encoding': 'identity',
  range: 'bytes=0-0',
}

/** Milliseconds that one of several addresses has before the next is tried. */
const ATTEMPT = 1000

export const askByUndici: Ask = async (url, addresses, signal, read) => {
  signal.throwIfAborted()
  const client = new Client(url.origin, {
    connect: connector(addresses, signal),
    // The signal ends what takes too long, whatever it is.
    headersTimeout: 0,
    bodyTimeout: 0,
  })
  try {
    const path = url.pathname + url.search
    const { statusCode, headers, body } = await client.request({
      method: 'GET',
      path,
      headers: FIELDS,
      signal,
      reset: true,
    })
    // What is broken off after the head is told to whoever counts, and to nobody else.
    body.on('error', () => {})
    return await read({
      status: statusCode,
      header: (name) => {
        const value = headers[name]
        return Array.isArray(value) ? value[0] : value
      },
      count: async (most) => {
        let bytes = 0
        for await (const chunk of body) {
          bytes += Buffer.isBuffer(chunk) ? chunk.length : 0
          if (bytes > most) break
        }
        return bytes
      },
    })
  } catch (error) {
    throw signal.aborted ? signal.reason : error
  } finally {
    // Not waited for: it is done at once, and tells when its callbacks are.
    void client.destroy().catch(() => {})
  }
}

function connector(addresses: readonly string[], signal: AbortSignal): buildConnector.connector {
  const found = addresses.map((address) => ({ address, family: isIP(address) }))
  return buildConnector({
    timeout: 0,
    // A handshake that an earlier one made shorter would tell less.
    maxCachedSessions: 0,
    signal,
    autoSelectFamily: true,
    autoSelectFamilyAttemptTimeout: ATTEMPT,
    lookup: (_host, options, done) => {
      const [first] = found
      if (options.all) done(null, found)
      else done(null, first?.address ?? '', first?.family)
    },
  })
}
