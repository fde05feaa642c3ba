import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Ids } from '../../../lib/mirrors/list/import/ids.js'
import {
  asnOf,
  continentCodeOf,
  coordinatesOf,
  countryOf,
  flagOf,
  numberOf,
  subnetOf,
} from '../../../lib/mirrors/list/import/values.js'

test('flags are read as the programs write them, and anything else is not clear', () => {
  for (const yes of [true, 'true', 'True', 'yes', 'on', 't', '1', 1, ' TRUE '])
    assert.equal(flagOf(yes), true)
  for (const no of [false, 'False', 'no', 'off', 'f', '0', 0, '', ' ', null, undefined]) {
    assert.equal(flagOf(no), false)
  }
  for (const unclear of ['sometimes', 2, -1, {}, [], { toString: 1 }])
    assert.equal(flagOf(unclear), undefined)
})

test('countries are read by code and by name', () => {
  const codes: readonly (readonly [unknown, unknown])[] = [
    ['de', 'de'],
    [' GB ', 'gb'],
    ['UK', 'gb'],
    ['EL', 'gr'],
    ['Germany', 'de'],
    ['Deutschland', 'de'],
    ['Russian Federation', 'ru'],
    ['USA', 'us'],
    ['', undefined],
    [null, undefined],
    ['**', undefined],
    ['--', undefined],
    ['Atlantis', 'Atlantis'],
    ['eu', 'eu'],
    [49, 49],
  ]
  for (const [value, code] of codes) assert.equal(countryOf(value), code)
  assert.equal(continentCodeOf('UK'), 'eu')
  assert.equal(continentCodeOf('Atlantis'), undefined)
})

test('numbers of systems are read in every notation, each once', () => {
  assert.deepEqual(asnOf(64500), [64500])
  assert.deepEqual(asnOf('AS64500, as64501 64500'), [64500, 64501])
  assert.deepEqual(asnOf([64500, 'AS64501', ['64502']]), [64500, 64501, 64502])
  for (const none of [0, '0', '', null, undefined, []]) assert.deepEqual(asnOf(none), [])
  assert.deepEqual(asnOf('ASx'), ['ASx'], 'the schema refuses it by name')
})

test('coordinates that are open are none', () => {
  assert.deepEqual(coordinatesOf(['50.11', 8.68]), [50.11, 8.68])
  for (const none of [undefined, null, ['', ''], [undefined, undefined], [0, 0], ['0', '0.0'], [50, '']]) {
    assert.equal(coordinatesOf(none), undefined)
  }
  assert.deepEqual(coordinatesOf([0, 8]), [0, 8])
  assert.equal(numberOf('many'), 'many')
})

test('ids are given out once', () => {
  const ids = new Ids()
  assert.deepEqual(
    ['a', 'b', 'a', 'a-2', 'a', 'a-2'].map((id) => ids.take(id)),
    ['a', 'b', 'a-2', 'a-2-2', 'a-3', 'a-2-3'],
  )
})

test('a subnet loses what is beyond its prefix, and what is none stays for the schema to refuse', () => {
  assert.equal(subnetOf('192.0.2.7/24'), '192.0.2.0/24')
  assert.equal(subnetOf('192.0.2.0/24'), '192.0.2.0/24')
  assert.equal(subnetOf('2001:db8::1/32'), '2001:db8::/32')
  for (const none of ['10/8', '192.0.2.0', '192.0.2.0/33', 'here', '', 7, null])
    assert.equal(subnetOf(none), none)
})
