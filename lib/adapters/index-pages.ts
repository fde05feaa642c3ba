import { realpathSync, type Stats } from 'node:fs'
import { readdir, realpath, stat } from 'node:fs/promises'
import { join } from 'node:path'
import type { Context, Middleware } from 'koa'
import { LRUCache } from 'lru-cache'
import prettyBytes from 'pretty-bytes'
import { urlPath } from '../fields/url.js'
import { isInside } from '../indexing/repository/walk.js'
import { replaceUnprintable } from '../message-text.js'
import type { Origin } from '../origin.js'
import { createPathFilter, ignoredGlobs, includesWholePath, joinPath, type PathFilter } from '../paths.js'
import { REPRESENTATIONS } from '../request/representations/table.js'
import { parseTarget } from '../request/target.js'
import { meansNoFile } from './file.js'

/** Names on one page. A page of more would be of no use to a person. */
const MAX_NAMES = 10_000
/** Calls of `stat` at a time. More would keep other requests from the thread pool. */
const MAX_CALLS = 8
/** Pages that are kept, so that many requests for a page read its folder once. */
const MAX_PAGES = 100
const MAX_PAGE_AGE_MS = 1000

interface Entry {
  readonly name: string
  readonly stats: Stats
}

/**
 * Returns Koa middleware that responds to a folder of the repository with a page of its names,
 * sizes and dates. Mount it below `mirroredBy`. Names that do not belong to the repository are left
 * out. Requests for anything else are passed on.
 */
export function indexPages(origin: Origin): Middleware {
  const includes = createPathFilter(ignoredGlobs(origin.options))
  const offered: readonly string[] = origin.options.representations
  const links = REPRESENTATIONS.flatMap(({ name, suffix }) =>
    suffix !== undefined && offered.includes(name) ? [{ name, suffix }] : [],
  )
  const pages = new LRUCache<string, Promise<string | undefined>>({ max: MAX_PAGES, ttl: MAX_PAGE_AGE_MS })

  async function pageOf(folder: string): Promise<string | undefined> {
    const entries = await entriesOf(origin, folder, includes)
    return entries && page(folder, entries, links)
  }

  return async (ctx, next) => {
    const target = ctx.method === 'GET' || ctx.method === 'HEAD' ? parseTarget(ctx.req.url ?? '/') : undefined
    if (target === undefined) return next()
    const folder = target.path.replace(/\/$/, '')
    if (folder !== '' && !includesWholePath(includes, folder)) return next()
    let text = pages.get(folder)
    if (text === undefined) {
      text = pageOf(folder)
      // Paths that are not folders must not displace pages.
      text.then(
        (found) => found === undefined && pages.delete(folder),
        () => pages.delete(folder),
      )
      pages.set(folder, text)
    }
    let body: string | undefined
    try {
      body = await text
    } catch (error) {
      origin.warn(error)
    }
    if (body === undefined) return next()
    if (!/^[^?]*\/(?:\?|$)/.test(ctx.req.url ?? '/')) return redirect(ctx, folder, target.query)
    ctx.type = 'text/html; charset=utf-8'
    ctx.set('Cache-Control', 'no-cache')
    ctx.set('Content-Security-Policy', "default-src 'none'; style-src 'unsafe-inline'")
    ctx.set('X-Content-Type-Options', 'nosniff')
    ctx.body = body
    return undefined
  }
}

/** Redirects to the folder with a slash at its end, so that relative links lead into it. */
function redirect(ctx: Context, folder: string, query: string): void {
  const { originalUrl } = ctx
  const target = ctx.req.url ?? '/'
  const mount = originalUrl.endsWith(target) ? originalUrl.slice(0, originalUrl.length - target.length) : ''
  // Two slashes at the beginning would name another host.
  const path = `${mount}/${folder === '' ? '' : `${urlPath(folder)}/`}`.replace(/^\/+/, '/')
  ctx.status = 301
  ctx.set('Location', query === '' ? path : `${path}?${query}`)
  ctx.body = ''
}

/** Returns the sorted entries of a folder; undefined if the repository has no such folder. */
async function entriesOf(
  origin: Origin,
  folder: string,
  includes: PathFilter,
): Promise<readonly Entry[] | undefined> {
  const absolute = join(origin.root, folder)
  try {
    if (!isInside(realpathSync.native(origin.root), await realpath(absolute))) return undefined
    if (!(await stat(absolute)).isDirectory()) return undefined
    const names = (await readdir(absolute)).filter((name) => includes(joinPath(folder, name)))
    names.sort(new Intl.Collator('en', { numeric: true }).compare)
    const entries: Entry[] = []
    for (let at = 0; at < Math.min(names.length, MAX_NAMES); at += MAX_CALLS) {
      const some = names.slice(at, Math.min(at + MAX_CALLS, MAX_NAMES))
      const read = await Promise.all(some.map((name) => entryOf(origin.root, join(absolute, name), name)))
      entries.push(...read.filter((entry) => entry !== undefined))
    }
    return [
      ...entries.filter(({ stats }) => stats.isDirectory()),
      ...entries.filter(({ stats }) => stats.isFile()),
    ]
  } catch (error) {
    if (meansNoFile(error)) return undefined
    throw error
  }
}

/** Returns a file or folder; undefined if it is something else, or a link out of the repository. */
async function entryOf(root: string, path: string, name: string): Promise<Entry | undefined> {
  try {
    if (!isInside(realpathSync.native(root), await realpath(path))) return undefined
    return { name, stats: await stat(path) }
  } catch {
    return undefined
  }
}

function page(
  folder: string,
  entries: readonly Entry[],
  links: readonly { readonly name: string; readonly suffix: string }[],
): string {
  const title = escapeHtml(`Index of /${folder}`)
  const parent = folder === '' ? [] : ['<tr><td><a href="../">../</a><td><td><td>']
  const rows = entries.map(({ name, stats }) => {
    const isFolder = stats.isDirectory()
    const href = `./${urlPath(name)}`
    const size = isFolder ? '-' : prettyBytes(stats.size, { binary: true })
    const date = stats.mtime.toISOString().slice(0, 16).replace('T', ' ')
    const documents = isFolder ? [] : links.map((link) => `<a href="${href}${link.suffix}">${link.name}</a>`)
    const slash = isFolder ? '/' : ''
    return (
      `<tr><td><a href="${href}${slash}">${escapeHtml(name)}${slash}</a>` +
      `<td>${size}<td>${date}<td>${documents.join(' ')}`
    )
  })
  const more = entries.length < MAX_NAMES ? '' : `<p>These are the first ${MAX_NAMES} names.</p>\n`
  return `<!DOCTYPE html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>${title}</title>
<style>td, th { padding: 0 2em 0 0; text-align: left } td:nth-child(2) { text-align: right }</style>
<h1>${title}</h1>
<table>
<tr><th>Name<th>Size<th>Date (UTC)<th>Digests and mirrors
${[...parent, ...rows].join('\n')}
</table>
${more}</html>
`
}

const ENTITIES: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
}

function escapeHtml(text: string): string {
  return replaceUnprintable(text).replaceAll(/[&<>"']/g, (character) => ENTITIES[character] ?? character)
}
