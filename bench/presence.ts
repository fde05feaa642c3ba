import { join } from 'node:path'
import { runChild } from './child.js'
import { compare } from './compare.js'
import type { HoldingResult, HoldingSetup } from './processes/holding.js'
import type { Line, Measurement } from './report.js'
import type { Scale } from './scale.js'
import { temporaryFolder } from './temporary.js'

const MIB = 1024 ** 2
/** Documented limit for 500 mirrors and a million files: 200 MB. */
const MAX_MEMORY_MIB = 200e6 / MIB

/**
 * Cost of the record which mirror holds which file, against the simplest form: a bitmap per mirror.
 */
export function presence(scale: Scale['presence']): Measurement {
  return {
    name: 'presence',
    run: async () => [...(await measure(scale, false)), ...(await measure(scale, true))],
  }
}

async function measure({ mirrors, files }: Scale['presence'], worst: boolean): Promise<(Line | string)[]> {
  using folder = temporaryFolder()
  const setup: HoldingSetup = { mirrors, files, worst, states: join(folder.path, 'states.sqlite') }
  // The first run writes the file, the second run reads the file.
  await runChild<HoldingResult>('./processes/holding.js', setup)
  const { result } = await runChild<HoldingResult>('./processes/holding.js', setup)
  const { memory, stored, seconds, lookUp } = result
  const bitmaps = (mirrors * files) / 8 / MIB
  const what = `${mirrors} mirrors × ${files.toLocaleString('en')} files, ${worst ? 'a random half each' : 'mostly complete'}`
  return [
    `${what}: all of it is read in ${seconds.toFixed(2)} s`,
    {
      name: '  memory, to a bitmap a mirror',
      unit: 'MiB',
      ...(worst
        ? {}
        : { aim: { atMost: Number(((MAX_MEMORY_MIB * mirrors * files) / 5e8 / bitmaps).toFixed(2)) } }),
      ...compare([memory], [bitmaps]),
    },
    { name: '  file, to a bitmap a mirror', unit: 'MiB', ...compare([stored], [bitmaps]) },
    { name: '  look-up, to that in a bitmap', unit: 'ns', ...compare([lookUp.ours], [lookUp.bitmap]) },
  ]
}
