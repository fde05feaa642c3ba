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
  const homeOf = (options: Partial<OriginOptions>) => checkOptions({ root: '.', ...options }).home
  assert.equal(homeOf({}), undefined)
  assert.deepEqual(homeOf({ home: 'DE' }), { country: 'de' })
  assert.deepEqual(homeOf({ home: { country: 'DE' } }), { country: 'de' })
  const home = { country: 'de', coordinates: [50.1, 8.7], asn: 64_500 } as const
  assert.deepEqual(homeOf({ home }), home)
})

const GEO = 'must be the path of a database, a list of paths, or false'

for (const [what, options, message] of [
  ['a number for databases', { geo: 5 }, `geo: ${GEO}`],
  ['true for databases', { geo: true }, `geo: ${GEO}`],
  ['null for databases', { geo: null }, `geo: ${GEO}`],
  ['an empty path', { geo: '' }, `geo: ${GEO}`],
  ['no path in the list', { geo: [] }, 'geo: must name a database, or be false'],
  ['something else in the list', { geo: ['a.mmdb', 5] }, `geo[1]: ${GEO}`],
  ['a home that is no country', { home: 'zz' }, 'home: "zz" is no country of ISO 3166-1'],
  [
    'the United Kingdom by a wrong name',
    { home: 'uk' },
    'home: "uk" is no country of ISO 3166-1; the United Kingdom is "gb"',
  ],
  ['a home that is a list', { home: ['de'] }, 'home: must be a country code, or a mapping with a country'],
  ['a home without a country', { home: { asn: 5 } }, 'home.country: is missing'],
  ['a home with more', { home: { country: 'de', city: 'Bonn' } }, 'home: unknown key "city"'],
  [
    'a home off the globe',
    { home: { country: 'de', coordinates: [91, 0] } },
    'home.coordinates[0]: must be degrees from -90 to 90',
  ],
  [
    'a home in half a place',
    { home: { country: 'de', coordinates: [50] } },
    'home.coordinates[1]: is missing',
  ],
  [
    'a home in no system',
    { home: { country: 'de', asn: 0 } },
    'home.asn: must be a whole number from 1 to 4294967295',
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
