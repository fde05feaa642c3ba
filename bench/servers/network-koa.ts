import Koa from 'koa'
import serve from 'koa-static'
import { mirroredBy } from '../../lib/adapters/koa.js'
import { createOrigin, type Mode } from '../../lib/index.js'
import { setup } from '../child.js'
import { listen } from './listen.js'

export interface NetworkSetup {
  readonly root: string
  readonly store: string
  readonly mode: Mode
  /** Path of a mirrors file. */
  readonly mirrors: string
  readonly geo: string[] | undefined
}

const { mode, ...options } = setup<NetworkSetup>()
const origin = await createOrigin({ ...options, mode, lookupHosts: false, probe: false })
await origin.ready
const app = new Koa()
// Clients differ in X-Forwarded-For only.
app.proxy = true
app.use(mirroredBy(origin))
if (mode === 'decorate') app.use(serve(options.root))
await listen(app.callback())
