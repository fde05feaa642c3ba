import type { Listed } from './listing.js'

/** What a page lists. */
export interface IndexEntry {
  readonly name: string
  readonly folder: boolean
  readonly listed: Listed
}

/** What a page's reader hands on. */
export interface IndexSink {
  entry(entry: IndexEntry): void
  /** A name or a link was odd: nothing of the repository. */
  remark(problem: string): void
}

/** Reads the index of one folder, which comes in parts. */
export interface IndexPageReader {
  feed(part: string): void
  /** Whether it is none already, whatever follows. */
  readonly broken: boolean
  /** @returns why it is not all of an index; undefined where it is */
  end(): string | undefined
}
