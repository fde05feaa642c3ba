import { setup } from '../child.js'
import { type FixedSetup, written } from './fixed.js'
import { listen } from './listen.js'

const { status, fields } = setup<FixedSetup>()
const lines = Object.fromEntries(written(fields))
await listen((_request, response) => {
  response.writeHead(status, lines)
  response.end()
})
