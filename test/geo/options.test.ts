import assert from 'node:assert/strict'
import { test } from 'node:test'
import { checkOptions, type OriginOptions } from '../../lib/options.js'

test('databases are one path, several, none, or not named', () => {
  const geoOf = (options: Partial<OriginOptions>) => checkOptions({ root: '.', ...options }).geo
  assert.deepEqual(geoOf({ geo: 'a.mmdb' }), ['a.mmdb'])
  assert.deepEqual(geoOf({ geo: ['a.mmdb', 'b.mmdb'] }), ['a.mmdb', 'b.mmdb'])
  assert.equal(geoOf({ geo: false }), false)
  assert.equal(geoOf({}), undefined)
  assert.equal(geoOf({ geo: undefined }), undefined)
})

test('a home is a country, or more', () => {
  const localPlaceOf = (options: Partial<OriginOptions>) => checkOptions({ root: '.', ...options }).localPlace
  assert.equal(localPlaceOf({}), undefined)
  assert.deepEqual(localPlaceOf({ localPlace: 'DE' }), { country: 'de' })
  assert.deepEqual(localPlaceOf({ localPlace: { country: 'DE' } }), { country: 'de' })
  const localPlace = { country: 'de', coordinates: [50.1, 8.7], asn: 64_500 } as const
  assert.deepEqual(localPlaceOf({ localPlace }), localPlace)
})

const GEO = 'must be the path of a database, a list of paths, or false'

for (const [what, options, message] of [
  ['a number for databases', { geo: 5 }, `geo: ${GEO}`],
  ['true for databases', { geo: true }, `geo: ${GEO}`],
  ['null for databases', { geo: null }, `geo: ${GEO}`],
  ['an empty path', { geo: '' }, `geo: ${GEO}`],
  ['no path in the list', { geo: [] }, 'geo: must name a database, or be false'],
  ['something else in the list', { geo: ['a.mmdb', 5] }, `geo[1]: ${GEO}`],
  ['a home that is no country', { localPlace: 'zz' }, 'localPlace: "zz" is no country of ISO 3166-1'],
  [
    'the United Kingdom by a wrong name',
    { localPlace: 'uk' },
    'localPlace: "uk" is no country of ISO 3166-1; the United Kingdom is "gb"',
  ],
  [
    'a home that is a list',
    { localPlace: ['de'] },
    'localPlace: must be a country code, or a mapping with a country',
  ],
  ['a home without a country', { localPlace: { asn: 5 } }, 'localPlace.country: is missing'],
  ['a home with more', { localPlace: { country: 'de', city: 'Bonn' } }, 'localPlace: unknown key "city"'],
  [
    'a home off the globe',
    { localPlace: { country: 'de', coordinates: [91, 0] } },
    'localPlace.coordinates[0]: must be degrees from -90 to 90',
  ],
  [
    'a home in half a place',
    { localPlace: { country: 'de', coordinates: [50] } },
    'localPlace.coordinates[1]: is missing',
  ],
  [
    'a home in no system',
    { localPlace: { country: 'de', asn: 0 } },
    'localPlace.asn: must be a whole number from 1 to 4294967295',
  ],
] as const) {
  test(`${what}: refused, by path`, () => {
    const given: unknown = { root: '.', ...options }
    assert.throws(() => checkOptions(given as OriginOptions), {
      code: 'ERR_OPTIONS',
      message: `createOrigin: ${message}`,
    })
  })
}
