import type { Choice, Proximity } from './strategy.js'

/**
 * Checks what a user's strategy returns. A function in plain JavaScript may return anything.
 *
 * @throws TypeError if the value is not a `Choice`, names a mirror that was not given, or has
 *   unusable shares
 */
export function requireChoice(choice: Choice, given: ReadonlySet<Proximity>): void {
  if (choice instanceof Promise) {
    // Handle its rejection, which would end the process otherwise.
    choice.catch(() => {})
    throw new TypeError('it returns a promise, not a choice')
  }
  if (typeof choice !== 'object' || choice === null || !Array.isArray(choice.tiers))
    throw new TypeError('it returns no list of tiers')
  const { tiers, maxMirrors } = choice
  if (maxMirrors !== undefined && !isCount(maxMirrors))
    throw new TypeError(`its maxMirrors is ${maxMirrors}, and no whole number`)
  if ('most' in choice) throw new TypeError('it returns most: name it maxMirrors')
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
  for (const proximity of mirrors) {
    if (!given.has(proximity))
      throw new TypeError(`the tier ${name} has a mirror that is not one of those it was given`)
    if (seen.has(proximity)) throw new TypeError(`${proximity.mirror.id} is in two places`)
    seen.add(proximity)
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
