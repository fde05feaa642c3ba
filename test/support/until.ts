import { setTimeout as sleep } from 'node:timers/promises'

/**
 * Waits for a condition, looking every few milliseconds; fails after `limit` milliseconds. The limit is for machines that
 * are slow and busy: whoever holds something to a promised time says so.
 */
export async function until<T>(
  what: string,
  condition: () => T | Promise<T>,
  limit = 30_000,
): Promise<Exclude<T, false | undefined | null>> {
  const end = performance.now() + limit
  for (;;) {
    const value = await condition()
    if (value !== false && value !== undefined && value !== null)
      return value as Exclude<T, false | undefined | null>
    if (performance.now() > end) throw new Error(`waited ${limit} ms in vain until ${what}`)
    await sleep(10)
  }
}
