import { parseImfFixdate, parseIsoTime } from '../../../dates.js'
import { quote } from '../../../message-text.js'
import { UNLISTED } from './columns.js'
import { nameProblem } from './file-names.js'
import type { IndexEntry, IndexPageReader, IndexSink } from './index-page.js'

/** Characters of the object for one name. */
const MAX_OBJECT_LENGTH = 64 * 1024

/**
 * Parses the JSON of nginx (`autoindex_format json`) and Caddy: an array with an object for each
 * name.
 */
export class JsonIndex implements IndexPageReader {
  readonly #sink: IndexSink
  /** Source text of the unfinished object. */
  #object = ''
  /** Number of open brackets. */
  #depth = 0
  #inString = false
  #escaped = false
  #state: 'before' | 'within' | 'after' | 'broken' = 'before'

  constructor(sink: IndexSink) {
    this.#sink = sink
  }

  feed(part: string): void {
    let start = 0
    for (let at = 0; at < part.length && this.#state !== 'broken'; at += 1) {
      const character = part[at] ?? ''
      if (this.#inString) {
        this.#passString(character)
        continue
      }
      if (character === '"') this.#inString = true
      else if (character === '[' || character === '{') {
        this.#open(character)
        if (this.#depth === 2 && character === '{') start = at
      } else if (character === ']' || character === '}') {
        this.#depth -= 1
        if (this.#depth === 1) {
          this.#entry(this.#object + part.slice(start, at + 1))
          this.#object = ''
        }
        if (this.#depth <= 0) this.#state = this.#state === 'within' ? 'after' : 'broken'
      }
    }
    if (this.#depth >= 2) this.#object += part.slice(start)
    if (this.#object.length > MAX_OBJECT_LENGTH) this.#state = 'broken'
  }

  get broken(): boolean {
    return this.#state === 'broken'
  }

  end(): string | undefined {
    if (this.#state === 'after') return undefined
    return this.#state === 'within' ? 'the JSON breaks off' : 'the JSON is no index of a folder'
  }

  #passString(character: string): void {
    if (this.#escaped) this.#escaped = false
    else if (character === '\\') this.#escaped = true
    else if (character === '"') this.#inString = false
  }

  #open(character: string): void {
    this.#depth += 1
    if (this.#depth === 1) this.#state = this.#state === 'before' && character === '[' ? 'within' : 'broken'
  }

  #entry(text: string): void {
    let value: unknown
    try {
      value = JSON.parse(text)
    } catch {
      value = undefined
    }
    const entry = parseEntry(value)
    if (entry === undefined) {
      this.#state = 'broken'
      return
    }
    if (entry === 'other') return
    const problem = nameProblem(entry.name)
    if (problem === undefined) this.#sink.entry(entry)
    else this.#sink.remark(`the name ${quote(entry.name)} ${problem}`)
  }
}

/**
 * @returns `other` for neither a file nor a folder; undefined for what no supported server writes
 */
function parseEntry(value: unknown): IndexEntry | 'other' | undefined {
  if (typeof value !== 'object' || value === null || !('name' in value) || typeof value.name !== 'string')
    return undefined
  const size = 'size' in value ? parseBytes(value.size) : undefined
  if ('is_dir' in value) {
    const mtime =
      'mod_time' in value && typeof value.mod_time === 'string' ? parseIsoTime(value.mod_time) : undefined
    const folder = value.is_dir === true
    const name = folder ? value.name.replace(/\/$/, '') : value.name
    // For a link, Caddy may report the size of the link itself.
    const link = 'is_symlink' in value && value.is_symlink === true
    return { name, folder, listed: link ? UNLISTED : { ...UNLISTED, size, mtime } }
  }
  if (!('type' in value)) return undefined
  if (value.type !== 'file' && value.type !== 'directory') return 'other'
  const mtime = 'mtime' in value && typeof value.mtime === 'string' ? parseImfFixdate(value.mtime) : undefined
  return { name: value.name, folder: value.type === 'directory', listed: { ...UNLISTED, size, mtime } }
}

function parseBytes(value: unknown): number | undefined {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0 ? value : undefined
}
