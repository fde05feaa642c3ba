/** Bytes of an unwanted body that are read to keep its connection. */
export const MAX_DRAINED_BYTES = 16 * 1024

/**
 * Loads the HTTP client on first use, because loading takes 0.1 s. An origin without checks and
 * most commands never need it.
 */
export function loadUndici(): Promise<typeof import('undici')> {
  return import('undici')
}
