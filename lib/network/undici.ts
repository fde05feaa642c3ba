/**
 * The client of HTTP, loaded when it is first needed: that takes a tenth of a second, for which an origin that asks no mirror,
 * or a command of the command line, need not wait.
 */
export function loadUndici(): Promise<typeof import('undici')> {
  return import('undici')
}
