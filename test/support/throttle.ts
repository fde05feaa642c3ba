import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Socket } from 'node:net'
import { pipeline, Transform, type TransformCallback } from 'node:stream'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Scope } from './folder.js'

/** Lets `rate` bytes per second through. */
export class Throttle extends Transform {
  readonly #rate: number

  constructor(rate: number) {
    super()
    this.#rate = rate
  }

  override async _transform(chunk: Buffer, _encoding: string, done: TransformCallback): Promise<void> {
    if (Number.isFinite(this.#rate)) await sleep((chunk.length / this.#rate) * 1000)
    done(null, chunk)
  }
}

/**
 * Starts a proxy that carries so many bytes per second on each connection to a server.
 *
 * @returns the port of the proxy on 127.0.0.1
 */
export async function slowWay(scope: Scope, port: number, rate: number): Promise<number> {
  const sockets = new Set<Socket>()
  const endpoint = createServer({ allowHalfOpen: true }, (client) => {
    const server = connect({ port, host: '127.0.0.1', allowHalfOpen: true })
    for (const socket of [client, server]) {
      sockets.add(socket)
      socket.once('close', () => sockets.delete(socket))
    }
    // The server may end long before its last bytes are through; a client that has gone needs no
    // more of them.
    client.on('error', () => {}).pipe(server)
    client.once('close', () => server.destroy())
    pipeline(server, new Throttle(rate), client, () => client.destroy())
  })
  endpoint.listen(0, '127.0.0.1')
  await once(endpoint, 'listening')
  scope.after(() => {
    endpoint.close()
    for (const socket of sockets) socket.destroy()
  })
  return (endpoint.address() as AddressInfo).port
}
