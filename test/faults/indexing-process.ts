/**
 * An origin in a process of its own, to be killed or shared with others. Told by its parent: `lookup PATH` answers the
 * sha-256 that the index has; on its own it says when it has started, when it is ready, and what it has hashed.
 */
import { createOrigin } from '../../lib/index.js'

const [root = '', store = ''] = process.argv.slice(2)
const origin = await createOrigin({ root, store, settle: 50, workers: 1 })
origin.on('warning', ({ code, message }) => process.send?.({ warning: `${code}: ${message}` }))
origin.on('indexed', (indexed) => process.send?.({ indexed }))
process.send?.({ started: true })

process.on(
  'message',
  async (question: { lookup?: string; progress?: boolean; stop?: boolean; id: number }) => {
    if (question.stop) {
      await origin.close()
      process.disconnect()
      return
    }
    const digest = question.lookup ? (await origin.lookup(question.lookup))?.digests['sha-256'] : undefined
    process.send?.({
      id: question.id,
      sha256: digest && Buffer.from(digest).toString('hex'),
      hashed: origin.progress.hashed.files,
    })
  },
)
