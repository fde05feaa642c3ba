/** Bytes of an unwanted body that are read to keep its connection. */
export const MAX_DRAINED_BYTES = 16 * 1024

/** Interim responses (1xx) that a server may send before the final one. */
const MAX_INTERIM_RESPONSES = 16

/**
 * Returns a callback for the option `onInfo` of one request. It throws, which ends the request, if
 * the server sends too many interim responses: no limit of time or size counts these.
 */
export function interimLimit(): () => void {
  let count = 0
  return () => {
    count += 1
    if (count > MAX_INTERIM_RESPONSES)
      throw new Error(`it sends more than ${MAX_INTERIM_RESPONSES} interim responses`)
  }
}

/**
 * Loads the HTTP client on first use, because loading takes 0.1 s. An origin without checks and
 * most commands never need it.
 */
export function loadUndici(): Promise<typeof import('undici')> {
  return import('undici')
}
