import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { continentCode, countryCode } from '../../lib/geo/countries.js'
import { placeOf } from '../../lib/geo/record.js'
import type { Place } from '../../lib/model.js'

function placeWith(record: object): Place {
  return placeOf(record)
}

test('country codes are those of ISO 3166-1, in any case', () => {
  for (const [code, country] of [
    ['DE', 'de'],
    ['de', 'de'],
    ['UK', 'gb'],
    ['uk', 'gb'],
    ['XK', 'xk'],
  ]) {
    assert.deepEqual(placeWith({ country_code: code }), { country })
    assert.deepEqual(placeWith({ country: code }), { country })
    assert.deepEqual(placeWith({ country: { iso_code: code } }), { country })
  }
})

test('what is no country is none', () => {
  for (const code of [
    'ZZ',
    'XX',
    'AP',
    'EU',
    'A1',
    '',
    ' ',
    'DEU',
    'Germany',
    '--',
    '__',
    5,
    null,
    true,
    ['DE'],
  ]) {
    assert.deepEqual(placeWith({ country_code: code }), {}, JSON.stringify(code))
    assert.deepEqual(placeWith({ country: code }), {}, JSON.stringify(code))
    assert.deepEqual(placeWith({ country: { iso_code: code } }), {}, JSON.stringify(code))
  }
})

test('where the owner of a network is registered is not where clients are', () => {
  assert.deepEqual(placeWith({ registered_country: { iso_code: 'AU' } }), {})
  assert.deepEqual(placeWith({ represented_country: { iso_code: 'US' }, country: { iso_code: 'DE' } }), {
    country: 'de',
  })
})

test('a continent is read where it is a code', () => {
  assert.deepEqual(placeWith({ continent: 'EU' }), { continent: 'eu' })
  assert.deepEqual(placeWith({ continent: 'Europe', continent_code: 'EU' }), { continent: 'eu' })
  assert.deepEqual(placeWith({ continent: { code: 'OC' } }), { continent: 'oc' })
  for (const code of ['Europe', 'XX', '', 3, null]) assert.deepEqual(placeWith({ continent: code }), {})
})

test('coordinates are numbers or texts, both there, and on the globe', () => {
  for (const [latitude, longitude] of [
    [12.5, 45.25],
    ['12.5', '45.25'],
    [' 12.5', '+45.25 '],
    ['12.500', 45.25],
  ]) {
    assert.deepEqual(placeWith({ latitude, longitude }), { coordinates: [12.5, 45.25] })
    assert.deepEqual(placeWith({ lat: latitude, lng: longitude }), { coordinates: [12.5, 45.25] })
    assert.deepEqual(placeWith({ lat: latitude, lon: longitude }), { coordinates: [12.5, 45.25] })
    assert.deepEqual(placeWith({ loc: `${latitude},${longitude}` }), { coordinates: [12.5, 45.25] })
    assert.deepEqual(placeWith({ location: { latitude, longitude } }), { coordinates: [12.5, 45.25] })
  }
  assert.deepEqual(placeWith({ latitude: -90, longitude: 180 }), { coordinates: [-90, 180] })
  assert.deepEqual(placeWith({ latitude: -0, longitude: 5 }), { coordinates: [0, 5] })
  for (const [latitude, longitude] of [
    [90.1, 0],
    [5, -180.5],
    [Number.NaN, 5],
    [Number.POSITIVE_INFINITY, 5],
    [undefined, 5],
    [5, null],
    ['', ''],
    ['five', '5'],
    ['0x5', '5'],
    ['5e1', '5'],
    [true, false],
    [5n, 5n],
    [[5], [5]],
    [0, 0],
    ['0.0', '0'],
  ]) {
    const text = String(latitude)
    assert.deepEqual(placeWith({ latitude, longitude }), {}, text)
    assert.deepEqual(placeWith({ lat: latitude, lng: longitude }), {}, text)
    assert.deepEqual(placeWith({ location: { latitude, longitude } }), {}, text)
  }
  for (const loc of ['', ',', '5', '5,', ',5', 'a,b', '91,5', 5, ['5,5'], '0,0']) {
    assert.deepEqual(placeWith({ loc }), {}, JSON.stringify(loc))
  }
})

test('coordinates of a whole country are approximate', () => {
  const location = { latitude: 51.5, longitude: 10.5 }
  assert.deepEqual(placeWith({ location: { ...location, accuracy_radius: 1000 } }), {
    coordinates: [51.5, 10.5],
    approximate: true,
  })
  for (const accuracy_radius of [1, 500, '1000', null]) {
    assert.deepEqual(placeWith({ location: { ...location, accuracy_radius } }), { coordinates: [51.5, 10.5] })
  }
})

test('numbers of autonomous systems are numbers or texts', () => {
  for (const asn of [64_500, 64_500n, '64500', 'AS64500', 'as64500']) {
    assert.deepEqual(placeWith({ autonomous_system_number: asn }), { asn: 64_500 })
    assert.deepEqual(placeWith({ asn }), { asn: 64_500 })
    assert.deepEqual(placeWith({ traits: { autonomous_system_number: asn } }), { asn: 64_500 })
  }
  assert.deepEqual(placeWith({ asn: 'AS4294967295' }), { asn: 4_294_967_295 })
  for (const asn of [
    0,
    -1,
    1.5,
    4_294_967_296,
    2n ** 64n,
    '',
    'AS',
    'AS0',
    'AS-1',
    'AS1 Example',
    '1e3',
    null,
    {},
  ]) {
    assert.deepEqual(placeWith({ asn }), {}, String(asn))
  }
})

test('of two ways to say the same, one that can be read is enough', () => {
  assert.deepEqual(
    placeWith({
      country_code: 'ZZ',
      country: { iso_code: 'FR' },
      latitude: 'x',
      longitude: 5,
      lat: 1,
      lng: 2,
    }),
    { country: 'fr', coordinates: [1, 2] },
  )
})

const anyValue = fc.oneof(
  fc.anything({ withBigInt: true, withNullPrototype: true, withTypedArray: true }),
  fc.constantFrom('DE', 'UK', 'ZZ', 'EU', 'AS5', '12.5', '1,2', 200, -95, 12.5, 64_500, 2n ** 32n),
)
const inner = fc.dictionary(
  fc.constantFrom('iso_code', 'code', 'latitude', 'longitude', 'accuracy_radius', 'autonomous_system_number'),
  anyValue,
)
const anyRecord = fc.oneof(
  anyValue,
  fc.dictionary(
    fc.constantFrom(
      'country_code',
      'country',
      'continent',
      'continent_code',
      'location',
      'latitude',
      'longitude',
      'lat',
      'lng',
      'lon',
      'loc',
      'asn',
      'autonomous_system_number',
      'traits',
    ),
    fc.oneof(anyValue, inner),
  ),
)

test('any record is a valid place, or nothing', () => {
  fc.assert(
    fc.property(anyRecord, (record) => assertPlace(placeOf(record))),
    { numRuns: 5000 },
  )
})

function assertPlace({ country, continent, coordinates, approximate, asn, ...others }: Place): void {
  assert.deepEqual(others, {})
  if (country !== undefined) assert.equal(countryCode(country), country)
  if (continent !== undefined) assert.equal(continentCode(continent), continent)
  if (coordinates !== undefined) {
    const [latitude, longitude, ...more] = coordinates
    assert.ok(Math.abs(latitude) <= 90 && Math.abs(longitude) <= 180 && more.length === 0)
  }
  if (approximate !== undefined) assert.ok(approximate && coordinates !== undefined)
  if (asn !== undefined) assert.ok(Number.isInteger(asn) && asn >= 1 && asn <= 4_294_967_295)
}
