import type { IncomingMessage } from 'node:http'
import type { RequestView } from '../request/view.js'

/** The view of a request of `node:http`, on which Koa, Express and Fastify are built too. */
export abstract class NodeRequestView implements RequestView {
  protected readonly request: IncomingMessage

  constructor(request: IncomingMessage) {
    this.request = request
  }

  // Read only where planning needs them: some frameworks work them out anew each time.
  abstract get target(): string
  abstract get mount(): string
  abstract get host(): string | undefined
  abstract get address(): string
  abstract get secure(): boolean

  get method(): string {
    return this.request.method ?? ''
  }

  header(name: string): string | undefined {
    const value = this.request.headers[name]
    return typeof value === 'string' ? value : value?.join(', ')
  }
}
