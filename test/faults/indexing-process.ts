/**
 * An origin in a process of its own, to be killed or shared with others; see `member.ts`. Told by its parent: `lookup PATH`
 * answers the sha-256 that the index has; on its own it says when it has started, when it is ready, and what it has hashed.
 * Told to `serve`, it sends the files too, on a port that the system or `node:cluster` chooses.
 * Where it is told so, it kills itself when it has stored so many batches.
 */
import { createServer } from 'node:http'
import { mirroredBy } from '../../lib/adapters/node.js'
import { createOrigin } from '../../lib/index.js'
import type { Told } from './member.js'

const [root = '', store = '', serve = '', batches = 'Infinity'] = process.argv.slice(2)
const tell = (told: Told) => process.send?.(told)
const origin = await createOrigin({
  root,
  store,
  settle: 50,
  workers: 1,
  geo: false,
  serve: serve === 'serve',
})
origin.on('warning', ({ code, message }) => tell({ warning: `${code}: ${message}` }))
let left = Number(batches)
origin.on('changed', () => {
  left -= 1
  if (left === 0) process.kill(process.pid, 'SIGKILL')
})
origin.on('indexed', (indexed) => tell({ indexed }))

if (serve === 'serve') {
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

process.on('message', async (question: { lookup?: string; stop?: boolean; id: number }) => {
  if (question.stop) {
    await origin.close()
    process.disconnect()
    return
  }
  const digest = question.lookup ? (await origin.lookup(question.lookup))?.digests['sha-256'] : undefined
  const sha256 = digest && Buffer.from(digest).toString('hex')
  tell({ id: question.id, ...(sha256 && { sha256 }), hashed: origin.progress.hashed.files })
})
tell({ started: true })
