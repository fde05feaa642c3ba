/**
 * Preloaded by NODE_OPTIONS: the clock of this process, in all of its threads, is off by as many milliseconds as a file says
 * at each moment. What the kernel stamps is not.
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
