import { ListingAborted } from './listing-reader.js'

/** @throws ListingAborted if the text is not a URL of one of these schemes */
export function parseUrl(text: string, ...schemes: readonly string[]): URL {
  const url = URL.canParse(text) ? new URL(text) : undefined
  if (url === undefined || !schemes.includes(url.protocol) || url.hostname === '')
    throw new ListingAborted(
      `its URL does not begin with ${schemes.map((scheme) => `${scheme}//host/`).join(' or ')}`,
    )
  return url
}

/** @throws ListingAborted if the escapes in a part of a URL are not UTF-8 */
export function decodePart(part: string): string {
  try {
    return decodeURIComponent(part)
  } catch {
    throw new ListingAborted('its URL has an escape in it that stands for no text')
  }
}
