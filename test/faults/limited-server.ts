import { closeSync, openSync } from 'node:fs'
import { systemCode } from '../../lib/errors.js'
import { createOrigin, memoryStore } from '../../lib/index.js'
import { listen } from '../support/server.js'
import { SETUPS } from '../support/setups.js'

/**
 * A program that serves a root by every adapter. `exhaust` takes every descriptor that is left;
 * `release` gives them back, and sends the codes of all warnings.
 */
const [root = ''] = process.argv.slice(2)
const origin = await createOrigin({ root, store: memoryStore(), serve: true, watch: false })
const codes: string[] = []
origin.on('warning', ({ code }) => codes.push(code))
await origin.ready
const scope = { after: () => {} }
const ports: number[] = []
for (const setup of SETUPS.filter(({ serve }) => serve))
  ports.push((await listen(scope, setup.listener(origin))).port)
const taken: number[] = []

process.on('disconnect', () => process.exit())
process.on('message', (word) => {
  if (word === 'exhaust') {
    try {
      for (;;) taken.push(openSync(root, 'r'))
    } catch (error) {
      process.send?.(systemCode(error))
    }
  } else {
    for (const descriptor of taken.splice(0)) closeSync(descriptor)
    process.send?.(codes)
  }
})
process.send?.(ports)
