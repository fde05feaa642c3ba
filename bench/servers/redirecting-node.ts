import { mirroredBy } from '../../lib/adapters/node.js'
import { setup } from '../child.js'
import { listen } from './listen.js'
import { type OriginSetup, startOrigin } from './origin.js'

await listen(mirroredBy(await startOrigin(setup<OriginSetup>())))
