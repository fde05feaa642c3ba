import assert from 'node:assert/strict'
import { join } from 'node:path'
import { it, type TestContext } from 'node:test'
import { run } from '../support/client.js'
import { temporaryFolder, writeFiles } from '../support/folder.js'

const LIBRARY = new URL('../../lib/index.js', import.meta.url).href

for (const when of ['when it is ready', 'at once']) {
  it(`leaves nothing behind that keeps the process alive, closed ${when}`, (t) =>
    closesWell(t, when === 'at once'))
}

async function closesWell(t: TestContext, atOnce: boolean): Promise<void> {
  const root = temporaryFolder(t)
  const store = join(temporaryFolder(t), 'index.sqlite')
  writeFiles(root, { 'a.txt': 'a', 'sub/b.txt': 'b' })
  const program = `
    import { createOrigin } from ${JSON.stringify(LIBRARY)}
    const mirrors = [{ id: 'm', url: 'http://m.invalid/' }]
    const origin = await createOrigin({ root: ${JSON.stringify(root)}, store: ${JSON.stringify(store)}, mirrors, writeTrace: '/.trace' })
    ${atOnce ? '' : 'await origin.ready'}
    await origin.close()
    console.log('closed')
  `
  const finished = await run(process.execPath, ['--input-type=module', '--eval', program], 10_000)
  assert.deepEqual(finished, { status: 0, stdout: 'closed\n', stderr: '', timedOut: false })
}
