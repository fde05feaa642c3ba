/** What a probe asks a mirror for. */
export interface ProbeTarget {
  /** `trace`: a small file that has to be there, and is read. `file`: one of the index. `base`: the folder where the copy begins. */
  readonly kind: 'trace' | 'file' | 'base'
  /** Repository path; empty for the base. */
  readonly path: string
  /** The same as it is written below a base URL. */
  readonly urlPath: string
  /** Bytes here; undefined where that is not known. */
  readonly size: number | undefined
  /** Whether it is a page of HTML itself. */
  readonly isPage: boolean
}
