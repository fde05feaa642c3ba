import type { IncomingMessage } from 'node:http'
import type { RequestView } from '../request/view.js'

/** View of a request of `node:http`. Koa, Express and Fastify are built on it too. */
export abstract class NodeRequestView implements RequestView {
  protected readonly request: IncomingMessage

  constructor(request: IncomingMessage) {
    this.request = request
  }

  // Read only if planning needs them: some frameworks compute them on each access.
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
