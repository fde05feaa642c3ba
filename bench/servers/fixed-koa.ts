import Koa from 'koa'
import { setup } from '../child.js'
import { type FixedSetup, written } from './fixed.js'
import { listen } from './listen.js'

const { status, fields } = setup<FixedSetup>()
const lines = written(fields)
const app = new Koa()
app.use((ctx) => {
  ctx.status = status
  for (const [name, value] of lines) ctx.set(name, value)
  ctx.body = ''
})
await listen(app.callback())
