/** Request as the planner reads it. Each adapter makes one from the request of its framework. */
export interface RequestView {
  readonly method: string
  /** Path and query as sent, below the mount point of the repository: `/iso/disk%201.iso?meta4`. */
  readonly target: string
  /** Returns a field by its lower-case name. Several lines are joined by `, `. */
  header(name: string): string | undefined
  /** Address of the client as the framework gives it. Empty if unknown. */
  readonly address: string
  /** Whether the client uses https. */
  readonly secure: boolean
  /** Value of the Host field. */
  readonly host: string | undefined
  /** Path below which the repository is mounted, without a `/` at its end. */
  readonly mount: string
}
