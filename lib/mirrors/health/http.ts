import { isIP } from 'node:net'
import type { buildConnector } from 'undici'
import { interimLimit, loadUndici } from '../../network/undici.js'

/** Response of which only the head has been read. */
export interface ProbeResponse {
  readonly status: number
  /**
   * Returns the value of a field; of a repeated field, the first. The name must be in lower case.
   */
  header(name: string): string | undefined
  /**
   * Counts the bytes of the content, to its end or until there are more than `maxBytes`. Rejects if
   * the connection breaks.
   */
  count(maxBytes: number): Promise<number>
  /**
   * Reads the content to its end, or until there are more than `maxBytes`. Rejects if the
   * connection breaks.
   */
  read(maxBytes: number): Promise<Uint8Array>
}

/**
 * Requests the beginning of a resource over a new connection, and passes the response to `read`.
 * Closes the connection when `read` settles, even if content is left. Rejects with the error of the
 * system or of undici, or with the signal's reason.
 *
 * @param addresses the only addresses of the host that are connected to
 * @param last last byte of the range, which starts at 0. Default: 0, which requests one byte
 */
export type ProbeClient = <T>(
  url: URL,
  addresses: readonly string[],
  signal: AbortSignal,
  read: (response: ProbeResponse) => Promise<T>,
  last?: number,
) => Promise<T>

const FIELDS = {
  'user-agent': 'mirrored-by (health of mirrors)',
  accept: '*/*',
  'accept-encoding': 'identity',
}

/** Time for connecting to one of several addresses before the next is tried. */
const ATTEMPT_TIMEOUT_MS = 1000

export const undiciProbeClient: ProbeClient = probeClient({})

/** @param fields added to every request */
export function probeClient(fields: Readonly<Record<string, string>>): ProbeClient {
  return (url, addresses, signal, read, last = 0) => request(url, addresses, signal, read, last, fields)
}

async function request<T>(
  url: URL,
  addresses: readonly string[],
  signal: AbortSignal,
  read: (response: ProbeResponse) => Promise<T>,
  last: number,
  fields: Readonly<Record<string, string>>,
): Promise<T> {
  const undici = await loadUndici()
  signal.throwIfAborted()
  const client = new undici.Client(url.origin, {
    connect: undici.buildConnector(connectorOptions(addresses, signal)),
    // The signal limits the time of the whole probe.
    headersTimeout: 0,
    bodyTimeout: 0,
  })
  try {
    const path = url.pathname + url.search
    const { statusCode, headers, body } = await client.request({
      method: 'GET',
      path,
      headers: { ...FIELDS, ...fields, range: `bytes=0-${last}` },
      signal,
      onInfo: interimLimit(),
      reset: true,
    })
    // An error after the head rejects `count` or `read`; without them, it must not become an
    // uncaught one.
    body.on('error', () => {})
    const readUpTo = async (maxBytes: number): Promise<Uint8Array> => {
      const chunks: Uint8Array[] = []
      let bytes = 0
      for await (const chunk of body) {
        if (!Buffer.isBuffer(chunk)) continue
        chunks.push(chunk)
        bytes += chunk.length
        if (bytes > maxBytes) break
      }
      return Buffer.concat(chunks)
    }
    return await read({
      status: statusCode,
      header: (name) => {
        const value = headers[name]
        return Array.isArray(value) ? value[0] : value
      },
      count: async (maxBytes) => (await readUpTo(maxBytes)).length,
      read: readUpTo,
    })
  } catch (error) {
    throw signal.aborted ? signal.reason : error
  } finally {
    // Not awaited: the socket is closed at once, and the promise only waits for callbacks.
    void client.destroy().catch(() => {})
  }
}

function connectorOptions(addresses: readonly string[], signal: AbortSignal): buildConnector.BuildOptions {
  const resolved = addresses.map((address) => ({ address, family: isIP(address) }))
  return {
    timeout: 0,
    // A resumed TLS session would skip the certificate check that the probe is for.
    maxCachedSessions: 0,
    signal,
    autoSelectFamily: true,
    autoSelectFamilyAttemptTimeout: ATTEMPT_TIMEOUT_MS,
    lookup: (_host, options, done) => {
      const [first] = resolved
      if (options.all) done(null, resolved)
      else done(null, first?.address ?? '', first?.family)
    },
  }
}
