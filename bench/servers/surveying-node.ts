import { mirroredBy } from '../../lib/adapters/node.js'
import { setup, tell } from '../child.js'
import { Surveyor, type SurveySetup } from '../processes/surveying.js'
import { listen } from './listen.js'
import { type OriginSetup, startOrigin } from './origin.js'

/** Replaces the running surveys by these, which run at the same time, each repeatedly. */
export interface SurveyingOrder {
  readonly surveys: readonly SurveySetup[]
}

interface Running {
  readonly controller: AbortController
  readonly done: Promise<void>
}

let running: Running[] = []

process.on('message', async ({ message }: { readonly message: SurveyingOrder }) => {
  for (const { controller } of running) controller.abort()
  await Promise.all(running.map(({ done }) => done))
  running = message.surveys.map((survey) => {
    const controller = new AbortController()
    return { controller, done: repeat(new Surveyor(survey), controller.signal) }
  })
  tell('ready')
})
await listen(mirroredBy(await startOrigin(setup<OriginSetup>())))

async function repeat(surveyor: Surveyor, signal: AbortSignal): Promise<void> {
  while (!signal.aborted) {
    const { held } = await surveyor.run(signal)
    if (held === 0 && !signal.aborted) throw new Error('a survey found nothing')
  }
  await surveyor.close()
}
