import Koa from 'koa'
import serve from 'koa-static'
import { setup } from '../child.js'
import { type FixedSetup, written } from './fixed.js'
import { listen } from './listen.js'

const OF_KOA_STATIC = ['Content-Length', 'Content-Type', 'Last-Modified', 'Cache-Control']

const { root, fields } = setup<FixedSetup>()
const lines = written(fields.filter(([name]) => !OF_KOA_STATIC.includes(name)))
const app = new Koa()
app.use(async (ctx, next) => {
  await next()
  for (const [name, value] of lines) ctx.set(name, value)
})
app.use(serve(root))
await listen(app.callback())
