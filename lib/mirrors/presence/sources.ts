import type { Dispatcher } from 'undici'
import type { Mirror } from '../../model.js'
import { listFtp } from './listings/ftp.js'
import { listHttp } from './listings/http.js'
import type { Listing, ListingOptions } from './listings/listing.js'
import { listRsync } from './listings/rsync.js'

export type SourceKind = 'rsync' | 'ftp' | 'http'

/** A URL by which a mirror lists its files. */
export interface SurveySource {
  readonly kind: SourceKind
  readonly url: string
}

/** Returns a mirror's sources, best first: rsync and FTP list exact sizes, and all files. */
export function sourcesOf({ rsync, urls }: Pick<Mirror, 'rsync' | 'urls'>): readonly SurveySource[] {
  const ftp = urls.find((url) => url.startsWith('ftp:'))
  const http = httpUrlOf({ urls })
  return [
    ...(rsync === undefined ? [] : [{ kind: 'rsync', url: rsync } as const]),
    ...(ftp === undefined ? [] : [{ kind: 'ftp', url: ftp } as const]),
    ...(http === undefined ? [] : [{ kind: 'http', url: http } as const]),
  ]
}

/** Returns the base URL by which single files are checked. */
export function httpUrlOf({ urls }: Pick<Mirror, 'urls'>): string | undefined {
  return urls.find((url) => url.startsWith('https:')) ?? urls.find((url) => url.startsWith('http:'))
}

/** Lists the files of a source. */
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

/** Returns the password that rsync would use. Without a user name in the URL, none is sent. */
function passwordFor(url: string): string {
  return new URL(url).username === '' ? '' : (process.env.RSYNC_PASSWORD ?? '')
}
