import { once } from 'node:events'
import { createServer, type RequestListener } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tell } from '../child.js'

/** Listens on a free loopback port and sends the port to the parent. Ends with the parent. */
export async function listen(listener: RequestListener): Promise<void> {
  const server = createServer(listener)
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  process.on('disconnect', () => process.exit())
  tell({ port })
}
