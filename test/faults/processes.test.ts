import assert from 'node:assert/strict'
import { join } from 'node:path'
import { it } from 'node:test'
import { replaceFile, temporaryFolder, writeFiles } from '../support/folder.js'
import { Member } from '../support/member.js'
import { until } from '../support/until.js'

it('of several processes that share an index one hashes, and the others read', async (t) => {
  const root = temporaryFolder(t)
  const store = join(temporaryFolder(t), 'index.sqlite')
  const files = Object.fromEntries(
    Array.from({ length: 500 }, (_, index) => [`${index % 7}/${index}`, `${index}`]),
  )
  writeFiles(root, files)
  let members = [
    Member.fork(t, { root, store }),
    Member.fork(t, { root, store }),
    Member.fork(t, { root, store }),
  ]
  await until('all are ready', () => members.every(({ indexed }) => indexed !== undefined))
  assert.deepEqual(members.map(({ indexed }) => indexed?.hashed).toSorted(), [0, 0, 500])
  assert.deepEqual(
    members.map(({ indexed }) => indexed?.files),
    [500, 500, 500],
  )
  const hashed = () => Promise.all(members.map((member) => member.hashed()))
  const allSee = async (path: string, content: string) => {
    replaceFile(join(root, path), content)
    const after = await Promise.all(members.map((member) => member.sees(path, content)))
    t.diagnostic(`${content}: seen after ${after.map(Math.round).join(', ')} ms`)
  }

  // One process hashes a change, and all see it.
  await allSee('1/1', 'changed')
  assert.deepEqual((await hashed()).toSorted(), [0, 0, 501])

  // The hashing process is killed: another takes over, and changes in between are not lost.
  const leader = members[(await hashed()).indexOf(501)]
  assert.ok(leader)
  const killed = leader.kill()
  members = members.filter((member) => member !== leader)
  await allSee('2/2', 'changed as it died')
  await killed
  await allSee('3/3', 'changed under the next')
  // The dead process may have hashed the first of the two.
  const [none, some] = (await hashed()).toSorted()
  assert.equal(none, 0)
  assert.ok(some === 1 || some === 2, `${some} hashed`)

  // The next one stops in good order: the last one takes over at once.
  const next = members[(await hashed()).findIndex((count) => count > 0)]
  const last = members.find((member) => member !== next)
  assert.ok(next && last)
  await next.stop()
  members = [last]
  await allSee('4/4', 'changed under the last')
  assert.deepEqual([...next.warnings, ...last.warnings, ...leader.warnings], [])
  await last.stop()
})
