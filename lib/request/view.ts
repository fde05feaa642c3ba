/** Request as the planner reads it. Each adapter makes one from the request of its framework. */
export interface RequestView {
  readonly method: string
  /** Path and query as sent, below the mount point of the repository: `/iso/disk%201.iso?meta4`. */
  readonly target: string
  /** Returns a field by its lower-case name. Several lines are joined by `, `. */
  header(name: string): string | undefined
  /** Address of the client, without port and brackets. Empty if unknown. */
  readonly address: string
  /** Whether the client uses https. */
  readonly secure: boolean
  /** Host that the client named, with its port. Undefined if it named no host, or several. */
  readonly host: string | undefined
  /** Path below which the repository is mounted, without a `/` at its end. */
  readonly mount: string
}
