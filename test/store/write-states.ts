import { sqliteStates } from '../../lib/store/sqlite-states.js'
import { BARE, endpoint, event } from './states-suite.js'

// A process of its own: writes without a pause and reports its progress, until it is killed.
const [file = ''] = process.argv.slice(2)
const store = sqliteStates(file)
for (let at = 1; ; at += 1) {
  await store.apply([
    endpoint({ ...BARE, mirror: 'm', since: at, probed: at }),
    event('m', at),
    { kind: 'disable', mirror: 'm', at },
  ])
  process.send?.(at)
  await new Promise(setImmediate)
}
