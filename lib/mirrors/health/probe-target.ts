/** A thing that a probe requests from a mirror. */
export interface ProbeTarget {
  /**
   * - `trace`: a small file that must exist, and is read
   * - `file`: a file of the index
   * - `base`: the folder that holds the mirror's copy
   */
  readonly kind: 'trace' | 'file' | 'base'
  /** Repository path; empty for the base. */
  readonly path: string
  /** `path` in URL encoding, as it follows a base URL. */
  readonly urlPath: string
  /** Size of our file in bytes; undefined if unknown. */
  readonly size: number | undefined
  /** Whether the target itself is an HTML page. */
  readonly isPage: boolean
}
