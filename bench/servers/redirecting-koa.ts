import Koa from 'koa'
import { mirroredBy } from '../../lib/adapters/koa.js'
import { setup } from '../child.js'
import { listen } from './listen.js'
import { type OriginSetup, startOrigin } from './origin.js'

const app = new Koa()
app.use(mirroredBy(await startOrigin(setup<OriginSetup>())))
await listen(app.callback())
