import { fileURLToPath } from 'node:url'
import { apiReport } from './api.js'

/** The committed report. */
export const API_FILE = fileURLToPath(new URL('../../../docs/api.txt', import.meta.url))

/** Returns the report of the API as it is built now. */
export function currentApi(): string {
  const lib = fileURLToPath(new URL('../../lib/', import.meta.url))
  return `The public API, by entry point: written by \`npm run api\`, compared by a test.\n\n${apiReport({
    'mirrored-by': `${lib}index.d.ts`,
    'mirrored-by/koa': `${lib}adapters/koa.d.ts`,
    'mirrored-by/node': `${lib}adapters/node.d.ts`,
  })}`
}
