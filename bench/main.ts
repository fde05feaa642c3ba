import { parseArgs } from 'node:util'
import { hashing } from './hashing.js'
import { indexing } from './indexing.js'
import { machine } from './machine.js'
import { network } from './network.js'
import { networks } from './networks.js'
import { presence } from './presence.js'
import { quality } from './quality.js'
import { ranking } from './ranking.js'
import { heading, lineOf, type Measurement } from './report.js'
import { requests } from './requests.js'
import { FULL, MILLION, QUICK } from './scale.js'
import { scans } from './scans.js'

/*
 * npm run bench [-- [--quick | --million] [--mirrors FILE] [--geo MMDB]… [part of a name]]
 *
 * Default mirrors are made up with the distribution of a real network. Default places of clients
 * come from the free country database.
 *
 * Every line is a ratio of two things that are measured in turns. A ratio that misses its aim is
 * reported, but does not fail the run, because speed depends on the machine. A measurement that
 * goes wrong fails the run.
 */
const { values, positionals } = parseArgs({
  options: {
    quick: { type: 'boolean' },
    million: { type: 'boolean' },
    mirrors: { type: 'string' },
    geo: { type: 'string', multiple: true },
  },
  allowPositionals: true,
})
const scale = values.quick ? QUICK : values.million ? MILLION : FULL
const world = { mirrors: network(values.mirrors), geo: values.geo }
const all = [
  ...requests(scale.loads),
  ...networks(scale.loads, world),
  ranking(world),
  quality(scale.quality, world),
  hashing(scale.hashing),
  indexing(scale.indexing),
  scans(scale.scans),
  presence(scale.presence),
]
const chosen = all.filter(({ name }) =>
  positionals.every((part) => name.toLowerCase().includes(part.toLowerCase())),
)
if (chosen.length === 0) {
  throw new Error(
    `nothing is called ${positionals.join(' ')}; there is: ${all.map(({ name }) => name).join(', ')}`,
  )
}

// Exit in good order, which removes temporary folders.
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => process.exit(1))

console.log(`${machine()}\n${values.quick ? '\nquick: the ratios say little\n' : ''}`)
console.log(heading())
for (const measurement of chosen) await report(measurement)

async function report({ name, obstacle, run }: Measurement): Promise<void> {
  const reason = obstacle?.()
  if (reason !== undefined) {
    console.log(`${name}: SKIPPED, ${reason}`)
    return
  }
  for (const line of await run()) console.log(typeof line === 'string' ? line : lineOf(line))
}
