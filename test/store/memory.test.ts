import { memoryStore } from '../../lib/store/memory.js'
import { behavesAsAStore } from './suite.js'

behavesAsAStore('the store in memory', () => memoryStore())
