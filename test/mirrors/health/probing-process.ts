import { createOrigin } from '../../../lib/index.js'
import type { Told } from './member.js'

// A process of its own: tells every now and then what it knows of its mirrors, until it is killed.
const [root = '', store = '', urls = '[]', probe = '{}'] = process.argv.slice(2)
const mirrors = (JSON.parse(urls) as string[]).map((url, index) => ({ id: `m${index}`, url }))
const origin = await createOrigin({
  root,
  store,
  mirrors,
  geo: false,
  workers: 1,
  presence: false,
  probe: JSON.parse(probe),
})
setInterval(() => {
  const told: Told = {
    states: origin.mirrors().map(({ health }) => health.state),
    // Only who indexes has seen files.
    leads: origin.progress.seen.files > 0,
  }
  process.send?.(told)
}, 50)
