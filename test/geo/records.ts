import type { Place } from '../../lib/model.js'
import { as, type Value } from '../support/mmdb-writer.js'

interface Example {
  readonly record: { readonly [key: string]: Value }
  readonly place: Place
}

const NAMES = { de: 'Frankfurt am Main', en: 'Frankfurt am Main', ja: 'フランクフルト' }

/** A record of every schema that is known, as its publisher writes it, and what it says. */
export const RECORDS: Readonly<Record<string, Example>> = {
  'GeoLite2 City': {
    record: {
      city: { geoname_id: 2_925_533, names: NAMES },
      continent: { code: 'EU', geoname_id: 6_255_148, names: { en: 'Europe' } },
      country: {
        geoname_id: 2_921_044,
        is_in_european_union: true,
        iso_code: 'DE',
        names: { en: 'Germany' },
      },
      location: {
        accuracy_radius: as('uint16', 20),
        latitude: 50.1188,
        longitude: 8.6843,
        time_zone: 'Europe/Berlin',
      },
      postal: { code: '60313' },
      registered_country: { iso_code: 'US', names: { en: 'United States' } },
      subdivisions: [{ iso_code: 'HE', names: { en: 'Hesse' } }],
    },
    place: { country: 'de', continent: 'eu', coordinates: [50.1188, 8.6843] },
  },
  'GeoLite2 Country': {
    record: {
      continent: { code: 'AS', names: { en: 'Asia' } },
      country: { iso_code: 'JP', names: { en: 'Japan' } },
      registered_country: { iso_code: 'JP' },
    },
    place: { country: 'jp', continent: 'as' },
  },
  'GeoLite2 ASN': {
    record: { autonomous_system_number: 64_500, autonomous_system_organization: 'Example' },
    place: { asn: 64_500 },
  },
  'GeoIP2 Enterprise': {
    record: {
      country: { confidence: 99, iso_code: 'BR' },
      traits: { autonomous_system_number: 64_501, isp: 'Example', organization: 'Example' },
    },
    place: { country: 'br', asn: 64_501 },
  },
  'GeoIP2 ISP': {
    record: { autonomous_system_number: 64_502, isp: 'Example', organization: 'Example' },
    place: { asn: 64_502 },
  },
  'DB-IP City Lite': {
    record: {
      city: { names: { en: 'Sydney' } },
      continent: { code: 'OC', geoname_id: 6_255_151, names: { en: 'Oceania' } },
      country: { iso_code: 'AU', is_in_european_union: false, names: { en: 'Australia' } },
      location: { latitude: as('float', -33.5), longitude: as('float', 151.25) },
    },
    place: { country: 'au', continent: 'oc', coordinates: [-33.5, 151.25] },
  },
  'ip-location-db country': { record: { country_code: 'FR' }, place: { country: 'fr' } },
  'ip-location-db city': {
    record: {
      city: 'Mountain View',
      country_code: 'US',
      latitude: as('float', 37.5),
      longitude: as('float', -122.25),
      postcode: '',
      state1: 'California',
      state2: '',
      timezone: '',
    },
    place: { country: 'us', coordinates: [37.5, -122.25] },
  },
  'ip-location-db ASN': {
    record: { autonomous_system_number: 64_503, autonomous_system_organization: 'Example' },
    place: { asn: 64_503 },
  },
  'IPinfo country and ASN': {
    record: {
      as_domain: 'example.com',
      as_name: 'Example',
      asn: 'AS64504',
      continent: 'NA',
      continent_name: 'North America',
      country: 'CA',
      country_name: 'Canada',
    },
    place: { country: 'ca', continent: 'na', asn: 64_504 },
  },
  'IPinfo Lite': {
    record: {
      asn: 'AS64505',
      continent: 'North America',
      continent_code: 'NA',
      country: 'United States',
      country_code: 'US',
    },
    place: { country: 'us', continent: 'na', asn: 64_505 },
  },
  'IPinfo location': {
    record: { city: 'Oslo', country: 'NO', lat: '59.91273', lng: '10.74609', region: 'Oslo', timezone: '' },
    place: { country: 'no', coordinates: [59.91273, 10.74609] },
  },
  'IPinfo as its API has it': {
    record: { asn: 'AS64506', city: 'Porto Alegre', country: 'BR', loc: '-30.0331,-51.2300' },
    place: { country: 'br', coordinates: [-30.0331, -51.23], asn: 64_506 },
  },
}
