import { setTimeout as sleep } from 'node:timers/promises'

/**
 * Polls a condition every 10 ms until it holds, and returns its value. Fails after `limit`
 * milliseconds: the default is for slow and busy machines, so tests of a promised time pass their
 * own.
 */
export async function until<T>(
  what: string,
  condition: () => T | Promise<T>,
  limit = 30_000,
): Promise<Exclude<T, false | undefined | null>> {
  const late = new Error(`waited ${limit} ms in vain until ${what}`)
  const end = performance.now() + limit
  for (;;) {
    const value = await within(condition(), end - performance.now(), late)
    if (value !== false && value !== undefined && value !== null)
      return value as Exclude<T, false | undefined | null>
    if (performance.now() > end) throw late
    await sleep(10)
  }
}

/** Bounds a condition whose promise may never settle. */
async function within<T>(value: T | Promise<T>, limit: number, late: Error): Promise<T> {
  if (!(value instanceof Promise)) return value
  let timer: NodeJS.Timeout | undefined
  const given = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(late), Math.max(1000, limit))
  })
  try {
    return await Promise.race([value, given])
  } finally {
    clearTimeout(timer)
  }
}
