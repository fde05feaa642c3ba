import type { Dispatcher } from 'undici'
import type { Mirror } from '../../model.js'
import { listFtp } from './listings/ftp.js'
import { listHttp } from './listings/http.js'
import type { Listing, ListingOptions } from './listings/listing.js'
import { listRsync } from './listings/rsync.js'

export type SourceKind = 'rsync' | 'ftp' | 'http'

/** One way to list what a mirror holds. */
export interface SurveySource {
  readonly kind: SourceKind
  readonly url: string
}

/** The ways to list a mirror, best first: rsync and FTP tell exact sizes, and all there is. */
export function sourcesOf({ rsync, urls }: Pick<Mirror, 'rsync' | 'urls'>): readonly SurveySource[] {
  const ftp = urls.find((url) => url.startsWith('ftp:'))
  const http = httpUrlOf({ urls })
  return [
    ...(rsync === undefined ? [] : [{ kind: 'rsync', url: rsync } as const]),
    ...(ftp === undefined ? [] : [{ kind: 'ftp', url: ftp } as const]),
    ...(http === undefined ? [] : [{ kind: 'http', url: http } as const]),
  ]
}

/** The base URL by which single files are looked at. */
export function httpUrlOf({ urls }: Pick<Mirror, 'urls'>): string | undefined {
  return urls.find((url) => url.startsWith('https:')) ?? urls.find((url) => url.startsWith('http:'))
}

/** What a mirror says it has. */
export function listSource(
  { kind, url }: SurveySource,
  options: ListingOptions,
  dispatcher: Dispatcher,
): Listing {
  switch (kind) {
    case 'rsync':
      return listRsync(url, { ...options, password: passwordFor(url) })
    case 'ftp':
      return listFtp(url, options)
    case 'http':
      return listHttp(url, { ...options, dispatcher })
  }
}

/** As rsync itself would take it. A daemon that was given no user is to be told none. */
function passwordFor(url: string): string {
  return new URL(url).username === '' ? '' : (process.env.RSYNC_PASSWORD ?? '')
}
