import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { type DuplicateLines, fieldBlock, lineBytes, MAX_LINE_BYTES } from '../../lib/fields/budget.js'
import { describedbyLink, duplicateLink } from '../../lib/fields/link.js'
import { xMirroredBy } from '../../lib/fields/x-mirrored-by.js'
import type { Field } from '../../lib/model.js'

const METALINK4_TYPE = 'application/metalink4+xml'
const DESCRIPTION = describedbyLink('https://o.example/f.meta4', METALINK4_TYPE)
const TORRENT = describedbyLink('https://o.example/f.torrent', 'application/x-bittorrent')
const DIGESTS: Field[] = [
  ['Digest', 'SHA-256=x'],
  ['Digest', 'MD5=y'],
]
const REST: Field[] = [['Vary', 'Accept']]

function duplicate(index: number, length = 0): DuplicateLines {
  const url = `https://m${index}.example/${'x'.repeat(length)}`
  return { link: duplicateLink(url, index, 'de'), mirroredBy: xMirroredBy(url) }
}

function sizeOf(fields: readonly Field[]): number {
  return fields.reduce((sum, field) => sum + lineBytes(field), 0)
}

test('a line is counted as it goes over the wire', () => {
  assert.equal(lineBytes(['Digest', 'SHA=x']), 'Digest: SHA=x\r\n'.length)
  assert.equal(lineBytes(['A', '']), 'A: \r\n'.length)
})

test('the order is: descriptions, duplicates, digests, X-Mirrored-By, the rest', () => {
  const [one, two] = [duplicate(1), duplicate(2)]
  assert.deepEqual(fieldBlock([DESCRIPTION, TORRENT], [one, two], DIGESTS, REST, 3500), [
    DESCRIPTION,
    TORRENT,
    one.link,
    two.link,
    ...DIGESTS,
    one.mirroredBy,
    two.mirroredBy,
    ...REST,
  ])
})

test('nothing in, nothing out', () => {
  assert.deepEqual(fieldBlock([], [], [], [], 3500), [])
})

test('where there is not room for all, the last duplicates go first', () => {
  const duplicates = [1, 2, 3].map((index) => duplicate(index))
  const whole = fieldBlock([DESCRIPTION], duplicates, DIGESTS, REST, 10_000)
  const exact = sizeOf(whole)
  assert.deepEqual(fieldBlock([DESCRIPTION], duplicates, DIGESTS, REST, exact), whole)
  const less = fieldBlock([DESCRIPTION], duplicates, DIGESTS, REST, exact - 1)
  assert.deepEqual(less, fieldBlock([DESCRIPTION], duplicates.slice(0, 2), DIGESTS, REST, 10_000))
})

test('descriptions go after every duplicate, digests and the rest never', () => {
  const duplicates = [duplicate(1)]
  const fixed = [...DIGESTS, ...REST]
  const room = sizeOf(fixed) + lineBytes(DESCRIPTION)
  assert.deepEqual(fieldBlock([DESCRIPTION], duplicates, DIGESTS, REST, room), [DESCRIPTION, ...fixed])
  assert.deepEqual(fieldBlock([DESCRIPTION], duplicates, DIGESTS, REST, room - 1), fixed)
  assert.deepEqual(fieldBlock([DESCRIPTION], duplicates, DIGESTS, REST, 0), fixed)
})

test('no duplicate is left out for the sake of one after it', () => {
  const duplicates = [duplicate(1), duplicate(2, 500), duplicate(3)]
  const first = duplicates[0]
  assert.ok(first)
  const room = sizeOf([...DIGESTS, first.link, first.mirroredBy]) + 300
  assert.deepEqual(fieldBlock([], duplicates, DIGESTS, [], room), [first.link, ...DIGESTS, first.mirroredBy])
})

test('a line of more than 1,024 bytes is not sent, and those after it are', () => {
  const [one, long, three] = [duplicate(1), duplicate(2, 2000), duplicate(3)]
  const tooLong = describedbyLink(`https://o.example/${'x'.repeat(2000)}`, METALINK4_TYPE)
  assert.deepEqual(fieldBlock([tooLong, TORRENT], [one, long, three], DIGESTS, REST, 100_000), [
    TORRENT,
    one.link,
    three.link,
    ...DIGESTS,
    one.mirroredBy,
    three.mirroredBy,
    ...REST,
  ])
})

test('a line of 1,024 bytes is sent', () => {
  const bare = lineBytes(duplicate(1).link)
  const exact = duplicate(1, MAX_LINE_BYTES - bare)
  assert.equal(lineBytes(exact.link), 1024)
  assert.deepEqual(fieldBlock([], [exact], [], [], 10_000), [exact.link, exact.mirroredBy])
  const more = duplicate(1, MAX_LINE_BYTES - bare + 1)
  assert.deepEqual(fieldBlock([], [more], [], [], 10_000), [])
})

test('whatever there is to be said, the block keeps to its size wherever its digests alone do', () => {
  const length = fc.oneof(fc.nat(60), fc.nat(1500))
  const description = length.map((count) =>
    describedbyLink(`https://o.example/${'x'.repeat(count)}`, METALINK4_TYPE),
  )
  const duplicates = fc
    .array(length, { maxLength: 12 })
    .map((lengths) => lengths.map((count, index) => duplicate(index + 1, count)))
  const fixed = fc
    .array(length, { maxLength: 4 })
    .map((lengths) => lengths.map((count): Field => ['Digest', 'x'.repeat(Math.min(count, 500))]))
  fc.assert(
    fc.property(
      fc.array(description, { maxLength: 4 }),
      duplicates,
      fixed,
      fc.nat(6000),
      (descriptions, all, digests, most) => {
        const block = fieldBlock(descriptions, all, digests, REST, most)
        const least = sizeOf([...digests, ...REST])
        assert.ok(sizeOf(block) <= Math.max(most, least))
        for (const field of block) assert.ok(lineBytes(field) <= MAX_LINE_BYTES)
        // Link and X-Mirrored-By lines name the same duplicates in the same order.
        const links = block.filter(([, value]) => value.includes('rel=duplicate'))
        const urls = block.filter(([name]) => name === 'X-Mirrored-By').map(([, url]) => url)
        assert.deepEqual(
          links.map(([, value]) => value.slice(1, value.indexOf('>'))),
          urls,
        )
        for (const field of [...digests, ...REST]) assert.ok(block.includes(field))
      },
    ),
    { numRuns: 1000 },
  )
})
