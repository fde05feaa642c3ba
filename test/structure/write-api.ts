import { writeFileSync } from 'node:fs'
import { API_FILE, currentApi } from './public-api.js'

writeFileSync(API_FILE, currentApi())
