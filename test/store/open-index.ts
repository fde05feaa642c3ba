import { join } from 'node:path'
import { sqliteStore } from '../../lib/store/sqlite.js'
import { fileAt, put } from '../support/files.js'

// A process of its own: opens one new index after the other and puts a file in each, at the same
// moments as other processes.
const [folder = '', moment = '', count = '', name = ''] = process.argv.slice(2)
for (let index = 0; index < Number(count); index += 1) {
  while (Date.now() < Number(moment) + index * 10) {
    // A busy loop, because the processes must act at the same instant.
  }
  const store = sqliteStore(join(folder, `${index}.sqlite`))
  await store.apply([put(fileAt(name))])
  await store.close()
}
