import type { Listed } from './listing.js'

/** An entry of an index page. */
export interface IndexEntry {
  readonly name: string
  readonly folder: boolean
  readonly listed: Listed
}

/** Receives what a reader of index pages finds. */
export interface IndexSink {
  entry(entry: IndexEntry): void
  /** Reports an invalid name or link, which cannot belong to the repository. */
  remark(problem: string): void
}

/** Parses the index of one folder, which comes in parts. */
export interface IndexPageReader {
  feed(part: string): void
  /** Whether the input cannot be an index any more, whatever follows. */
  readonly broken: boolean
  /** @returns why the input is not a complete index; undefined if it is */
  end(): string | undefined
}
