import { parseDictionary, parseList, Token } from 'structured-headers'
import type { Algorithm } from '../model.js'
import { DIGEST_NAMES } from './digest.js'
import { REPR_DIGEST_KEYS } from './repr-digest.js'

interface WantedDigest {
  readonly name: string
  readonly weight: number
}

/**
 * Returns the algorithms that `Want-Digest` names (RFC 3230 §4.3.1), best first: `sha-512;q=0.3,
 * sha;q=1`. Its grammar is a structured list of tokens.
 *
 * @returns undefined if the field is absent, malformed, or names no known algorithm
 */
export function wantDigest(value: string | undefined): readonly Algorithm[] | undefined {
  return wantedAlgorithms(value, DIGEST_NAMES, (text) =>
    parseList(text).map(([item, parameters]): WantedDigest => {
      const weight = parameters.get('q') ?? 1
      return {
        name: item instanceof Token ? item.toString() : '',
        weight: typeof weight === 'number' ? weight : 0,
      }
    }),
  )
}

/**
 * Returns the algorithms that `Want-Repr-Digest` names (RFC 9530 §4), best first: `sha-256=3,
 * md5=0`.
 */
export function wantReprDigest(value: string | undefined): readonly Algorithm[] | undefined {
  return wantedAlgorithms(value, REPR_DIGEST_KEYS, (text) =>
    [...parseDictionary(text)].map(
      ([name, [weight]]): WantedDigest => ({ name, weight: typeof weight === 'number' ? weight : 0 }),
    ),
  )
}

function wantedAlgorithms(
  value: string | undefined,
  names: { readonly [A in Algorithm]?: string },
  parse: (text: string) => readonly WantedDigest[],
): readonly Algorithm[] | undefined {
  if (value === undefined) return undefined
  let wantedDigests: readonly WantedDigest[]
  try {
    wantedDigests = parse(value)
  } catch {
    // A wish, not a command: a malformed field counts as absent.
    return undefined
  }
  const algorithms = wantedDigests
    .filter(({ weight }) => weight > 0)
    .toSorted((a, b) => b.weight - a.weight)
    .flatMap(({ name }) => algorithmOf(name, names))
  // Without duplicates: a small request must not cause any number of lines.
  return algorithms.length === 0 ? undefined : [...new Set(algorithms)]
}

function algorithmOf(name: string, names: { readonly [A in Algorithm]?: string }): Algorithm[] {
  const lowerName = name.toLowerCase()
  return (Object.keys(names) as Algorithm[]).filter(
    (algorithm) => names[algorithm]?.toLowerCase() === lowerName,
  )
}
