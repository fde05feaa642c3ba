/** A request as planning sees it. Adapters make one from what their framework has. */
export interface RequestView {
  readonly method: string
  /** Path and query below the place where the repository is mounted, as they were sent: `/iso/disk%201.iso?meta4`. */
  readonly target: string
  /** A field's value by its name in lower case; several lines are joined by `, `. */
  header(name: string): string | undefined
  /** The client's address as the framework gives it; empty when unknown. */
  readonly address: string
  /** Whether the client came by https. */
  readonly secure: boolean
  /** The `Host` that was asked, and the path below which the repository is mounted (without a `/` at its end). */
  readonly host: string | undefined
  readonly mount: string
}
