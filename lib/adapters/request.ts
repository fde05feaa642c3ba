import type { IncomingMessage } from 'node:http'
import type { RequestView } from '../plan/view.js'

/** The view of a request of `node:http`, on which Koa, Express and Fastify are built too. */
export class NodeRequestView implements RequestView {
  readonly #request: IncomingMessage
  readonly target: string
  readonly address: string
  readonly secure: boolean
  readonly mount: string
  readonly host: string | undefined

  /**
   * @param target path and query below the mount
   * @param mount the path before that, without a `/` at its end
   */
  constructor(
    request: IncomingMessage,
    target: string,
    mount: string,
    host: string | undefined,
    address: string,
    secure: boolean,
  ) {
    this.#request = request
    this.target = target
    this.mount = mount
    this.host = host
    this.address = address
    this.secure = secure
  }

  get method(): string {
    return this.#request.method ?? ''
  }

  header(name: string): string | undefined {
    const value = this.#request.headers[name]
    return typeof value === 'string' ? value : value?.join(', ')
  }
}
