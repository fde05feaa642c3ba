import assert from 'node:assert/strict'
import { test } from 'node:test'
import { countries } from 'countries-list'
import {
  centroidOf,
  completePlace,
  continentCode,
  continentOf,
  countryCode,
} from '../../lib/geo/countries.js'

test('every country has a continent, and one way to be written', () => {
  for (const code of Object.keys(countries)) {
    const country = countryCode(code)
    assert.equal(country, code.toLowerCase())
    assert.equal(countryCode(country), country)
    const continent = continentOf(country ?? '')
    assert.equal(continentCode(continent), continent)
    assert.match(continent ?? '', /^(af|an|as|eu|na|oc|sa)$/)
  }
})

test('countries that lie in Europe too count as Europe', () => {
  for (const country of ['ru', 'tr', 'cy', 'ge', 'az', 'kz', 'de', 'gb', 'is', 'ua', 'dk']) {
    assert.equal(continentOf(country), 'eu', country)
  }
  for (const [country, continent] of [
    ['us', 'na'],
    ['mx', 'na'],
    ['gl', 'na'],
    ['br', 'sa'],
    ['jp', 'as'],
    ['il', 'as'],
    ['eg', 'af'],
    ['za', 'af'],
    ['au', 'oc'],
    ['aq', 'an'],
  ] as const) {
    assert.equal(continentOf(country), continent, country)
  }
})

test('what is no country has neither continent nor middle', () => {
  for (const code of ['zz', 'eu', '', 'DE']) {
    assert.equal(continentOf(code), undefined)
    assert.equal(centroidOf(code), undefined)
  }
})

test('countries have a middle', () => {
  const without = Object.keys(countries).filter((code) => centroidOf(code.toLowerCase()) === undefined)
  // Islands that other lists count to Saint Helena.
  assert.deepEqual(without, ['AC', 'TA'])
  for (const code of Object.keys(countries)) {
    const [latitude, longitude] = centroidOf(code.toLowerCase()) ?? [0, 0]
    assert.ok(Math.abs(latitude) <= 90 && Math.abs(longitude) <= 180, code)
  }
  assert.deepEqual(centroidOf('de'), [51, 9])
  assert.equal(centroidOf('de'), centroidOf('de'))
})

test('a place is completed by what follows from its country', () => {
  assert.deepEqual(completePlace({}), {})
  assert.deepEqual(completePlace({ continent: 'eu' }), { continent: 'eu' })
  assert.deepEqual(completePlace({ asn: 5, coordinates: [1, 2] }), { asn: 5, coordinates: [1, 2] })
  assert.deepEqual(completePlace({ country: 'de' }), {
    country: 'de',
    continent: 'eu',
    coordinates: [51, 9],
    approximate: true,
  })
  assert.deepEqual(completePlace({ country: 'de', coordinates: [50.1, 8.7], asn: 5 }), {
    country: 'de',
    continent: 'eu',
    coordinates: [50.1, 8.7],
    asn: 5,
  })
  // A client and a mirror in Turkey are on the same continent, whatever a database says.
  assert.equal(completePlace({ country: 'tr', continent: 'as' }).continent, 'eu')
  assert.deepEqual(completePlace({ country: 'ac' }), { country: 'ac', continent: 'af' })
})
