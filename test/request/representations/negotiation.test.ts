import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { isLibzypp } from '../../../lib/request/representations/metalink.js'
import { metalink4 } from '../../../lib/request/representations/metalink4.js'
import { preferredByAccept } from '../../../lib/request/representations/negotiation.js'

const M4 = 'application/metalink4+xml'
const ARIA2 = `*/*,${M4},application/metalink+xml`
const LIBZYPP = `*/*, application/metalink+xml, ${M4}`

function prefersMetalink(
  accept: string | undefined,
  agent: string | undefined,
  fileType: () => string,
): boolean {
  const fields: Readonly<Record<string, string | undefined>> = { accept, 'user-agent': agent }
  return preferredByAccept([metalink4], (name) => fields[name], fileType) === metalink4
}

type Row = readonly [accept: string | undefined, agent: string | undefined, preferred: boolean]

const TABLE: readonly Row[] = [
  [undefined, undefined, false],
  ['', undefined, false],
  ['*/*', undefined, false],
  [M4, undefined, true],
  [ARIA2, 'aria2/1.36.0', false],
  [ARIA2, undefined, false],
  [LIBZYPP, 'ZYpp 17.25.2 (curl 7.79.1) openSUSE-Leap-15.3-x86_64', true],
  [LIBZYPP, 'zypp', false],
  [LIBZYPP, 'Mozilla/5.0 ZYpp', false],
  ['*/*', 'ZYpp 17.25.2', false],
  [`${M4}, */*;q=0.5`, undefined, true],
  [`*/*;q=0.5, ${M4}`, undefined, true],
  [`${M4};q=0.5, */*`, undefined, false],
  [`${M4};q=0.5, */*`, 'ZYpp 17', false],
  [`${M4};q=0, */*;q=0`, 'ZYpp 17', false],
  [`${M4};q=0`, undefined, false],
  [`${M4};q=0.5, */*;q=0.4`, undefined, true],
  [`${M4};q=0.5, text/plain;q=0.1`, undefined, true],
  // The most specific range that names the file decides (RFC 9110 §12.5.1).
  [`${M4};q=0.5, application/x-iso9660-image;q=0.6, */*;q=0.1`, undefined, false],
  [`${M4};q=0.5, application/x-iso9660-image;q=0.1, */*`, undefined, true],
  [`${M4};q=0.5, application/*;q=0.6, */*;q=0.1`, undefined, false],
  [`${M4};q=0.5, application/*;q=0.1, */*`, undefined, true],
  [`${M4};q=0.5, text/*, image/*`, undefined, true],
  ['APPLICATION/Metalink4+XML', undefined, true],
  [`${M4}, ;;;`, undefined, false],
  [`${M4};q=high`, undefined, false],
  [`"${M4}"`, undefined, false],
  ['application/metalink+xml', undefined, false],
  ['text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8', 'Mozilla/5.0', false],
]

for (const [accept, agent, preferred] of TABLE) {
  const who = agent === undefined ? '' : ` of ${agent}`
  test(`Accept: ${accept}${who} prefers the ${preferred ? 'metalink' : 'file'}`, () => {
    assert.equal(
      prefersMetalink(accept, agent, () => 'application/x-iso9660-image'),
      preferred,
    )
  })
}

test('the type of the file is looked up only where the metalink is named', () => {
  const untouched = () => assert.fail('it was looked up')
  assert.equal(prefersMetalink('*/*', undefined, untouched), false)
  assert.equal(prefersMetalink(undefined, undefined, untouched), false)
})

test('whatever is sent, it is never an error', () => {
  const part = fc.oneof(fc.constantFrom(M4, '*/*', ';q=', '0.5', ',', ' ', '"'), fc.string())
  const accept = fc.array(part, { maxLength: 10 }).map((parts) => `${M4}${parts.join('')}`)
  fc.assert(
    fc.property(accept, (text) => {
      assert.equal(typeof prefersMetalink(text, undefined, () => 'text/plain'), 'boolean')
    }),
  )
})

test('libzypp is known by how its user agent begins', () => {
  assert.equal(isLibzypp('ZYpp 17.31'), true)
  assert.equal(isLibzypp('zypper'), false)
  assert.equal(isLibzypp(''), false)
  assert.equal(isLibzypp(undefined), false)
})
