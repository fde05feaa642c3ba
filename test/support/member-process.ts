/**
 * The process of a `Member`: an origin that tests kill, or share an index with.
 *
 * It tells its parent when it has started, when the index is complete, each warning, and the states
 * of its mirrors every 50 ms. It responds to `{ id, lookup }` with the sha-256 in the index, and
 * ends on `{ stop: true }`. With `serve: true` it sends files, on a port that the system or
 * `node:cluster` chooses. It kills itself after a number of stored batches, if one is given.
 */
import { createServer } from 'node:http'
import { mirroredBy } from '../../lib/adapters/node.js'
import { createOrigin } from '../../lib/index.js'
import type { MemberMessage, MemberOptions } from './member.js'

const [json = '{}', batches = 'Infinity'] = process.argv.slice(2)
const options = JSON.parse(json) as MemberOptions
const tell = (message: MemberMessage) => process.connected && process.send?.(message)
const origin = await createOrigin({ settle: 50, workers: 1, geo: false, ...options })
origin.on('warning', ({ code, message }) => tell({ warning: `${code}: ${message}` }))
let left = Number(batches)
origin.on('changed', () => {
  left -= 1
  if (left === 0) process.kill(process.pid, 'SIGKILL')
})
origin.on('indexed', (indexed) => tell({ indexed }))

if (options.mirrors?.length)
  setInterval(() => {
    const states = origin.mirrors().map(({ health }) => health.state)
    // Only the process that indexes has seen files.
    tell({ states, leads: origin.progress.seen.files > 0 })
  }, 50).unref()

if (options.serve) {
  const listener = mirroredBy(origin)
  const server = createServer((request, response) => {
    response.setHeader('X-Process', process.pid)
    listener(request, response)
  })
  server.listen(0, '127.0.0.1', () => {
    const address = server.address()
    if (typeof address === 'object' && address !== null) tell({ listening: address.port })
  })
}

process.on('message', async (request: { lookup?: string; stop?: boolean; id: number }) => {
  if (request.stop) {
    await origin.close()
    process.disconnect()
    return
  }
  const digest = request.lookup ? (await origin.lookup(request.lookup))?.digests['sha-256'] : undefined
  const sha256 = digest && Buffer.from(digest).toString('hex')
  tell({ id: request.id, ...(sha256 && { sha256 }), hashed: origin.progress.hashed.files })
})
tell({ started: true })
