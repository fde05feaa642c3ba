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
const taken: number[] = []
let isExhausted = false

/** Takes every descriptor that is left, and returns the code of the error that tells so. */
function exhaust(): string | undefined {
  try {
    for (;;) taken.push(openSync(root, 'r'))
  } catch (error) {
    return systemCode(error)
  }
}

for (const setup of SETUPS.filter(({ serve }) => serve)) {
  const listener = setup.listener(origin)
  const limited: typeof listener = (request, response) => {
    // Threads that end give descriptors back at any time.
    if (isExhausted) exhaust()
    listener(request, response)
  }
  ports.push((await listen(scope, limited)).port)
}

process.on('disconnect', () => process.exit())
process.on('message', (word) => {
  if (word === 'exhaust') {
    isExhausted = true
    process.send?.(exhaust())
  } else {
    isExhausted = false
    for (const descriptor of taken.splice(0)) closeSync(descriptor)
    process.send?.(codes)
  }
})
process.send?.(ports)
