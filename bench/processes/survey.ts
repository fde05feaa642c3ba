import { setup, tell } from '../child.js'
import { Surveyor, type SurveySetup } from './surveying.js'

const surveyor = new Surveyor(setup<SurveySetup>())
tell(await surveyor.run())
await surveyor.close()
process.disconnect()
