import { parseList, Token } from 'structured-headers'
import type { Representation, RequestHeader } from './representation.js'

/**
 * Returns the representation that `Accept` weighs above the file (RFC 9110 §12.5.1). At the same
 * weight the response is the file: aria2 lists the Metalink types beside everything else, and would
 * save the XML under the file's name. `winsTie` makes exceptions, for clients that mean the
 * document.
 *
 * @param entries in the order that breaks ties between them
 * @param fileType returns the media type of the file; called only if `Accept` takes an entry
 */
export function preferredByAccept<E extends Pick<Representation, 'type' | 'winsTie'>>(
  entries: readonly E[],
  header: RequestHeader,
  fileType: () => string,
): E | undefined {
  const weights = readAccept(header('accept') ?? '')
  const weightOf = ({ type }: E) => weights.get(type) ?? 0
  const maxWeight = Math.max(0, ...entries.map(weightOf))
  if (maxWeight === 0) return undefined
  const heaviest = entries.filter((entry) => weightOf(entry) === maxWeight)
  const fileWeight = weightOfFile(weights, fileType())
  if (maxWeight > fileWeight) return heaviest[0]
  return maxWeight === fileWeight ? heaviest.find((entry) => entry.winsTie?.(header)) : undefined
}

/** The most specific media range that matches the file counts. */
function weightOfFile(weights: ReadonlyMap<string, number>, type: string): number {
  const range = `${type.slice(0, type.indexOf('/'))}/*`
  return weights.get(type) ?? weights.get(range) ?? weights.get('*/*') ?? 0
}

/**
 * Returns the weights of `Accept` by media range. Reads the field as a structured list of tokens,
 * which is close enough to its own grammar. A field that does not parse has no weights.
 */
function readAccept(accept: string): ReadonlyMap<string, number> {
  const weights = new Map<string, number>()
  try {
    for (const [item, parameters] of parseList(accept)) {
      const q = parameters.get('q') ?? 1
      if (item instanceof Token && typeof q === 'number') weights.set(item.toString().toLowerCase(), q)
    }
  } catch {
    weights.clear()
  }
  return weights
}
