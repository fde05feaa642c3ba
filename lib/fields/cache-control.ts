import type { Field } from '../model.js'

/** Directives that allow or tell shared caches to keep a response (RFC 9111 §5.2.2). */
const SHARED = /^(?:public|s-maxage|proxy-revalidate|must-understand)\b/i
const UNSHARED = /^(?:private|no-store)$/i

/**
 * Returns a `Cache-Control` with which no shared cache keeps the response. Other directives stay.
 *
 * @param value the present field, if there is one
 */
export function privateCacheControl(value: string | undefined): string {
  const directives = (value ?? '')
    .split(',')
    .map((directive) => directive.trim())
    .filter((directive) => directive !== '')
  if (directives.some((directive) => UNSHARED.test(directive))) return directives.join(', ')
  return ['private', ...directives.filter((directive) => !SHARED.test(directive))].join(', ')
}

/** Keeps a response out of shared caches. */
export const PRIVATE: Field = ['Cache-Control', 'private']
