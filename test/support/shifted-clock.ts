/**
 * Preloaded by NODE_OPTIONS: shifts the wall clock of this process, in all of its threads, by the
 * milliseconds that a file holds at each moment. Timestamps of the kernel are not shifted.
 */
import { readFileSync } from 'node:fs'

const file = process.env.SHIFT_FILE
const { now } = Date

function shifted(): number {
  return now() + (file === undefined ? 0 : Number(readFileSync(file, 'utf8')))
}

globalThis.Date = new Proxy(Date, {
  construct: (target, args: unknown[]) =>
    Reflect.construct(target, args.length === 0 ? [shifted()] : args) as Date,
  apply: () => new Date(shifted()).toString(),
  get: (target, name) => (name === 'now' ? shifted : Reflect.get(target, name)),
})
