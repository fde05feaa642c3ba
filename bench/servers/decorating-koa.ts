import Koa from 'koa'
import serve from 'koa-static'
import { mirroredBy } from '../../lib/adapters/koa.js'
import { setup } from '../child.js'
import { listen } from './listen.js'
import { type OriginSetup, startOrigin } from './origin.js'

const options = setup<OriginSetup>()
const app = new Koa()
app.use(mirroredBy(await startOrigin(options)))
app.use(serve(options.root))
await listen(app.callback())
