import { parseDictionary, parseList, Token } from 'structured-headers'
import type { Algorithm } from '../model.js'
import { DIGEST_NAMES } from './digest.js'
import { REPR_DIGEST_KEYS } from './repr-digest.js'

interface Wish {
  readonly name: string
  readonly weight: number
}

/**
 * Algorithms that `Want-Digest` asks for (RFC 3230 §4.3.1), best first: `sha-512;q=0.3, sha;q=1`. The grammar is that of
 * a structured list of tokens.
 *
 * @returns undefined where the field says nothing that can be followed
 */
export function wantDigest(value: string | undefined): readonly Algorithm[] | undefined {
  return wanted(value, DIGEST_NAMES, (text) =>
    parseList(text).map(([item, parameters]): Wish => {
      const weight = parameters.get('q') ?? 1
      return {
        name: item instanceof Token ? item.toString() : '',
        weight: typeof weight === 'number' ? weight : 0,
      }
    }),
  )
}

/** Algorithms that `Want-Repr-Digest` asks for (RFC 9530 §4), best first: `sha-256=3, md5=0`. */
export function wantReprDigest(value: string | undefined): readonly Algorithm[] | undefined {
  return wanted(value, REPR_DIGEST_KEYS, (text) =>
    [...parseDictionary(text)].map(
      ([name, [weight]]): Wish => ({ name, weight: typeof weight === 'number' ? weight : 0 }),
    ),
  )
}

function wanted(
  value: string | undefined,
  names: { readonly [A in Algorithm]?: string },
  parse: (text: string) => readonly Wish[],
): readonly Algorithm[] | undefined {
  if (value === undefined) return undefined
  let wishes: readonly Wish[]
  try {
    wishes = parse(value)
  } catch {
    return undefined // a wish, not a command: one that cannot be read is not there
  }
  const algorithms = wishes
    .filter(({ weight }) => weight > 0)
    .toSorted((a, b) => b.weight - a.weight)
    .flatMap(({ name }) => algorithmOf(name, names))
  // Each once, or one small request could ask for any number of lines.
  return algorithms.length === 0 ? undefined : [...new Set(algorithms)]
}

function algorithmOf(name: string, names: { readonly [A in Algorithm]?: string }): Algorithm[] {
  const wantedName = name.toLowerCase()
  return (Object.keys(names) as Algorithm[]).filter(
    (algorithm) => names[algorithm]?.toLowerCase() === wantedName,
  )
}
