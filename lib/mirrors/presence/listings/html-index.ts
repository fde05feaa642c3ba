import { parseIsoTime } from '../../../dates.js'
import { parseColumns } from './columns.js'
import { attribute, HtmlReader, type HtmlSink, resolveReferences } from './html.js'
import { parseIndexLink } from './index-link.js'
import type { IndexPageReader, IndexSink } from './index-page.js'
import type { Listed } from './listing.js'

/** What servers call an index of a folder in its title or heading. */
const TITLES = /^\s*(?:index of|directory listing|listing directory|directory:)/i
const MAX_TITLE_LENGTH = 200
/** Characters behind a name that are read: columns are short, but a long description may follow. */
const MAX_COLUMNS_LENGTH = 400
/** Tags that end the row of a file. */
const ROW_END_TAGS = new Set(['tr', 'li', 'pre', 'hr', 'table', 'ul', 'body', 'html'])

/**
 * Reads the HTML indexes of nginx, Apache (plain, fancy and as a table), lighttpd, Caddy and
 * servers with similar pages: links, each with columns for a time and a size behind it.
 */
export class HtmlIndex implements IndexPageReader, HtmlSink {
  /** Always false, because more of an index may follow after strange HTML. */
  readonly broken = false
  readonly #page: URL
  readonly #sink: IndexSink
  readonly #html = new HtmlReader(this)
  #title = ''
  #inTitle = false
  #inLink = false
  #row: Row | undefined
  /** Whether the page calls itself an index, or looks like one. */
  #isIndex = false
  #ended = false

  /** @param page URL of the folder, ending in `/` */
  constructor(page: URL, sink: IndexSink) {
    this.#page = page
    this.#sink = sink
  }

  feed(part: string): void {
    this.#html.feed(part)
  }

  end(): string | undefined {
    // Without an end tag, the last row may have lost digits of its size.
    if (!this.#ended) return 'the page breaks off'
    if (this.#html.skippedTags > 0) return 'the page has tags of absurd length'
    return this.#isIndex ? undefined : 'the page is no index of a folder'
  }

  text(text: string): void {
    if (this.#inTitle) this.#title = (this.#title + text).slice(0, MAX_TITLE_LENGTH)
    else if (this.#row !== undefined && !this.#inLink) this.#row.addText(text)
  }

  open(name: string, attributes: string): void {
    if (name === 'a') this.#openLink(attributes)
    else if (name === 'title' || name === 'h1') this.#openTitle()
    else if (name === 'td') this.#row?.addCell(attributes)
    else if (name === 'time') this.#row?.addTime(attributes)
    else if (ROW_END_TAGS.has(name)) this.#endRow()
  }

  close(name: string): void {
    if (name === 'a') this.#inLink = false
    else if (name === 'title' || name === 'h1') this.#closeTitle()
    else if (ROW_END_TAGS.has(name)) this.#endRow()
    if (name === 'body' || name === 'html') this.#ended = true
  }

  #openTitle(): void {
    this.#inTitle = true
    this.#title = ''
  }

  #closeTitle(): void {
    this.#inTitle = false
    if (TITLES.test(resolveReferences(this.#title))) this.#isIndex = true
  }

  #openLink(attributes: string): void {
    const href = attribute(attributes, 'href')
    // An icon before the name may be a link to the file too.
    if (this.#row !== undefined && this.#row.href === href && this.#row.isBare) {
      this.#inLink = true
      return
    }
    this.#endRow()
    if (href === undefined) return
    this.#inLink = true
    this.#row = new Row(href)
  }

  #endRow(): void {
    const row = this.#row
    if (row === undefined) return
    this.#row = undefined
    this.#inLink = false
    const child = parseIndexLink(row.href, this.#page)
    if (child.kind === 'invalid') this.#sink.remark(child.problem)
    if (child.kind !== 'file' && child.kind !== 'folder') return
    const listed = row.listed()
    // Every page has links. Only links of an index have a time behind them.
    if (listed.mtime !== undefined) this.#isIndex = true
    if (this.#isIndex) this.#sink.entry({ name: child.name, folder: child.kind === 'folder', listed })
  }
}

/** A link, and the columns behind it. */
class Row {
  readonly href: string
  #text = ''
  /** Bytes, if the page has them in an attribute for scripts. */
  #size: number | undefined
  #mtime: number | undefined

  constructor(href: string) {
    this.href = href
  }

  /** Whether nothing stands behind the link. */
  get isBare(): boolean {
    return this.#text.trim() === ''
  }

  addText(text: string): void {
    if (this.#text.length < MAX_COLUMNS_LENGTH) this.#text += text.slice(0, MAX_COLUMNS_LENGTH)
  }

  /** Starts a table cell. Caddy sorts by an exact size in an attribute of the cell. */
  addCell(attributes: string): void {
    this.addText('\t')
    const bytes = attribute(attributes, 'data-size') ?? attribute(attributes, 'data-order') ?? ''
    if (/^\d{1,15}$/.test(bytes)) this.#size ??= Number(bytes)
  }

  addTime(attributes: string): void {
    this.#mtime ??= parseIsoTime(attribute(attributes, 'datetime')?.trim() ?? '')
  }

  listed(): Listed {
    const columns = parseColumns(resolveReferences(this.#text))
    return {
      ...columns,
      ...(this.#size === undefined ? {} : { size: this.#size, sizePrecision: 0 }),
      ...(this.#mtime === undefined ? {} : { mtime: this.#mtime, mtimePrecision: 'second' as const }),
    }
  }
}
