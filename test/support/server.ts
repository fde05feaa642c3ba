import { once } from 'node:events'
import { createServer, type RequestListener, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { Scope } from './folder.js'

export interface Running {
  readonly server: Server
  readonly host: string
  readonly port: number
  /** Ends with `/`. */
  readonly url: string
}

/** Runs a listener on a free port of a loopback address until the test ends. */
export async function listen(scope: Scope, listener: RequestListener, host = '127.0.0.1'): Promise<Running> {
  const server = createServer(listener)
  server.listen(0, host)
  await once(server, 'listening')
  scope.after(() => {
    server.closeAllConnections()
    server.close()
  })
  const { port } = server.address() as AddressInfo
  return { server, host, port, url: `http://${host}:${port}/` }
}
