import type { Command } from 'commander'
import type { Indexed } from '../../indexing/first-pass.js'
import type { OriginOptions } from '../../options.js'
import { createOrigin } from '../../origin.js'
import { ignoredGlobs } from '../../paths.js'
import { memoryStates } from '../../store/memory-states.js'
import type { CommandContext } from '../command.js'
import { originOptionsOf } from '../config.js'
import { CONFIG, type CommonFlags, JSON_OUTPUT, mergeFlags, STORE } from '../flags.js'
import type { Output } from '../output.js'
import { ProgressBar } from '../progress-bar.js'
import { requireStore } from '../store.js'

/** Adds `mirrored-by index`: brings the index of a repository up to date. */
export function addIndexCommand(program: Command, { output, terminal, fail }: CommandContext): void {
  program
    .command('index')
    .description('bring the index of a repository up to date')
    .argument('[root]', 'folder of the repository')
    .addOption(STORE)
    .addOption(CONFIG)
    .addOption(JSON_OUTPUT)
    .action(async (root: string | undefined, { json: asJson, ...flags }: CommonFlags) => {
      const options = originOptionsOf(mergeFlags(root, flags))
      const interruption = new AbortController()
      const interrupt = () => interruption.abort()
      process.once('SIGINT', interrupt).once('SIGTERM', interrupt)
      const indexed = await index(options, output, terminal.progress, interruption.signal)
      const { files, hashed, seconds } = indexed
      if (interruption.signal.aborted) {
        output.warning(`interrupted: the ${files} files indexed so far are kept`)
        fail()
        return
      }
      output.line(
        asJson
          ? JSON.stringify(indexed)
          : `indexed ${files} files in ${seconds.toFixed(1)} s, ${hashed} of them hashed`,
      )
    })
}

/**
 * Indexes a repository once.
 *
 * @param stream gets a progress bar if it is a terminal
 * @param interruption ends the work early; files that are hashed by then stay in the index
 * @throws MirroredByError those of `createOrigin`
 */
async function index(
  options: OriginOptions,
  output: Output,
  stream: NodeJS.WriteStream,
  interruption: AbortSignal,
): Promise<Indexed> {
  requireStore(options, output)
  const origin = await createOrigin({
    ...options,
    watch: false,
    geo: false,
    lookupHosts: false,
    probe: false,
    presence: false,
    mirrorStates: memoryStates(),
  })
  let bar: ProgressBar | undefined
  origin.on('warning', (warning) => {
    bar?.clear()
    output.warning(warning.message)
  })
  if (stream.isTTY)
    bar = new ProgressBar(origin.root, ignoredGlobs(origin.options), stream, () => origin.progress)
  interruption.addEventListener('abort', () => void origin.close())
  const indexed = await origin.ready
  bar?.stop(!interruption.aborted)
  await origin.close()
  return indexed
}
