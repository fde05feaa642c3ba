import type { Choice, Proximity } from './strategy.js'

/**
 * Checks what a strategy of the user's returns: a function of plain JavaScript may return anything.
 *
 * @throws TypeError where it is no choice, names what it was not given, or has shares that cannot be drawn by
 */
export function requireChoice(choice: Choice, given: ReadonlySet<Proximity>): void {
  if (choice instanceof Promise) {
    // Nobody waits for it, and its failure must not end the process.
    choice.catch(() => {})
    throw new TypeError('it returns a promise, not a choice')
  }
  if (typeof choice !== 'object' || choice === null || !Array.isArray(choice.tiers))
    throw new TypeError('it returns no list of tiers')
  const { tiers, most } = choice
  if (most !== undefined && !isCount(most)) throw new TypeError(`its most is ${most}, and no whole number`)
  const seen = new Set<Proximity>()
  for (const tier of tiers) requireTier(tier, given, seen)
}

function requireTier(
  { name, mirrors, shares }: Choice['tiers'][number],
  given: ReadonlySet<Proximity>,
  seen: Set<Proximity>,
): void {
  if (typeof name !== 'string') throw new TypeError('a tier has no name')
  if (!Array.isArray(mirrors)) throw new TypeError(`the tier ${name} has no list of mirrors`)
  for (const near of mirrors) {
    if (!given.has(near))
      throw new TypeError(`the tier ${name} has a mirror that is not one of those it was given`)
    if (seen.has(near)) throw new TypeError(`${near.mirror.id} is in two places`)
    seen.add(near)
  }
  if (shares === undefined) return
  if (!Array.isArray(shares) || shares.length !== mirrors.length || ![...shares].every(isShare))
    throw new TypeError(
      `the shares of the tier ${name} are not one number, 0 or greater, for each of its mirrors`,
    )
}

function isCount(value: unknown): boolean {
  return value === Number.POSITIVE_INFINITY || (Number.isInteger(value) && Number(value) >= 0)
}

function isShare(value: unknown): boolean {
  return typeof value === 'number' && Number.isFinite(value) && value >= 0
}
