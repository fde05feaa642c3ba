import assert from 'node:assert/strict'
import { test } from 'node:test'
import { MirroredByError } from '../../../lib/errors.js'
import { mirrorListSchema, mirrorsFileSchema } from '../../../lib/mirrors/list/schema.js'
import { validate } from '../../../lib/validation.js'
import { mirror } from '../../support/mirrors.js'

function check(list: unknown) {
  return validate(mirrorListSchema, list, 'mirrors', 'ERR_OPTIONS')
}

/** Returns the messages about a list, without the subject. */
function mistake(list: unknown): string {
  try {
    check(list)
  } catch (error) {
    assert.ok(error instanceof MirroredByError)
    assert.equal(error.code, 'ERR_OPTIONS')
    assert.ok(error.message.startsWith('mirrors: '), error.message)
    return error.message.slice('mirrors: '.length)
  }
  return assert.fail('nothing is wrong with it')
}

test('an id and a URL are enough', () => {
  assert.deepEqual(check([{ id: 'fra1', url: 'https://fra1.example/repo/' }]), [mirror('fra1')].map(plain))
})

test('everything that can be said of a mirror is kept', () => {
  const full = {
    id: 'A.b_c-9',
    urls: ['https://m.example/r/', 'http://m.example/r/', 'ftp://m.example/r/'],
    rsync: 'rsync://reader@m.example/r/',
    location: 'de',
    countries: ['at', 'ch'],
    coordinates: [50.11, -8.68],
    asn: [1, 4_294_967_295],
    subnets: ['192.0.2.0/24', '2001:db8::/32'],
    family: 'ipv6',
    weight: 0.5,
    paths: ['**', '!archive/**'],
    serves: 'continent',
    excludes: ['fr', 'us'],
    sponsor: { name: 'Example', url: 'https://example.org' },
    private: true,
    trust: true,
    enabled: false,
    trace: 'project/trace/origin.example.org',
    maxAge: 86_400_000,
    redirects: true,
    probe: false,
  }
  assert.deepEqual(check([full]), [full])
})

test('a trace is a path below the URL, written with a slash before it or without', () => {
  const traceOf = (trace: string) => check([{ id: 'a', url: 'https://a.example/', trace }])[0]?.trace
  assert.equal(traceOf('/timestamp'), 'timestamp')
  assert.equal(traceOf('project/trace'), 'project/trace')
})

test('how old a copy may be is a duration as in options', () => {
  const [one] = check([{ id: 'a', url: 'https://a.example/', trace: '/t', maxAge: '36h' }])
  assert.equal(one?.maxAge, 36 * 3_600_000)
})

test('a URL is written out in full, and ends in a slash', () => {
  const urlOf = (url: string) => check([{ id: 'a', url }])[0]?.urls[0]
  assert.equal(urlOf('https://m.example'), 'https://m.example/')
  assert.equal(urlOf('https://m.example/repo'), 'https://m.example/repo/')
  assert.equal(urlOf('https://m.example/repo/'), 'https://m.example/repo/')
  assert.equal(urlOf('HTTPS://M.Example:443/a b/ü'), 'https://m.example/a%20b/%C3%BC/')
  assert.equal(urlOf('https://münchen.example/'), 'https://xn--mnchen-3ya.example/')
  assert.equal(urlOf('http://[2001:db8::1]:8080/x'), 'http://[2001:db8::1]:8080/x/')
})

test('countries are kept in lower case', () => {
  const [one] = check([{ id: 'a', url: 'https://m.example', location: 'DE', excludes: ['Fr', 'US'] }])
  assert.equal(one?.location, 'de')
  assert.deepEqual(one?.excludes, ['fr', 'us'])
})

test('subnets may be equal, nested, of one address, and of all', () => {
  const subnets = [
    '10.0.0.0/8',
    '10.1.0.0/16',
    '10.0.0.0/8',
    '192.0.2.1/32',
    '0.0.0.0/0',
    '2001:DB8::1/128',
    '::/0',
  ]
  assert.deepEqual(check([{ id: 'a', url: 'https://m.example', subnets }])[0]?.subnets, subnets)
})

test('a checked list stays what it is when it is checked again', () => {
  const once = check([{ id: 'a', url: 'https://m.example', location: 'DE' }, mirror('b')])
  assert.deepEqual(check(once), once)
})

test('an empty list is a list', () => {
  assert.deepEqual(check([]), [])
})

const DEGREES = 'must be degrees from -'
const WEIGHT = 'must be a number, 0 or greater'
const ASN = 'must be a whole number from 1 to 4294967295'

/** Returns the messages about one mirror with a valid id and URL. */
const BAD_VALUES: readonly (readonly [what: string, properties: object, message: string])[] = [
  ['an id with a space', { id: 'a b' }, '[0].id: must consist of letters, digits, ".", "_" and "-"'],
  ['an empty id', { id: '' }, '[0].id: must consist of letters, digits, ".", "_" and "-"'],
  ['an id that is a number', { id: 5 }, '[0].id: must be a text'],
  ['no id', { id: undefined }, '[0].id: is missing'],
  ['a weight that is a text', { weight: 'heavy' }, `[0].weight: ${WEIGHT}`],
  ['a weight below 0', { weight: -1 }, `[0].weight: ${WEIGHT}`],
  ['an infinite weight', { weight: Number.POSITIVE_INFINITY }, `[0].weight: ${WEIGHT}`],
  ['a weight that is no number', { weight: Number.NaN }, `[0].weight: ${WEIGHT}`],
  ['a country that does not exist', { location: 'zz' }, '[0].location: "zz" is no country of ISO 3166-1'],
  ['a country by its name', { location: 'Germany' }, '[0].location: "Germany" is no country of ISO 3166-1'],
  [
    'the United Kingdom by another name',
    { location: 'UK' },
    '[0].location: "UK" is no country of ISO 3166-1; the United Kingdom is "gb"',
  ],
  ['a country that is a number', { location: 49 }, '[0].location: must be a two-letter country code'],
  [
    'a country named as objects are',
    { location: 'constructor' },
    '[0].location: "constructor" is no country of ISO 3166-1',
  ],
  ['a latitude beyond the pole', { coordinates: [91, 0] }, `[0].coordinates[0]: ${DEGREES}90 to 90`],
  ['a longitude beyond the date line', { coordinates: [0, 181] }, `[0].coordinates[1]: ${DEGREES}180 to 180`],
  ['a latitude that is a text', { coordinates: ['50', 8] }, `[0].coordinates[0]: ${DEGREES}90 to 90`],
  ['coordinates that are a text', { coordinates: '50,8' }, '[0].coordinates: must be [latitude, longitude]'],
  ['an asn that is no list', { asn: 64500 }, '[0].asn: must be a list of numbers'],
  ['an asn of 0', { asn: [64500, 0] }, `[0].asn[1]: ${ASN}`],
  ['an asn beyond 32 bits', { asn: [4_294_967_296] }, `[0].asn[0]: ${ASN}`],
  ['an asn with a fraction', { asn: [1.5] }, `[0].asn[0]: ${ASN}`],
  ['an asn that is a text', { asn: ['AS64500'] }, `[0].asn[0]: ${ASN}`],
  [
    'a subnet without a length',
    { subnets: ['192.0.2.1'] },
    '[0].subnets[0]: "192.0.2.1" is no subnet such as 192.0.2.0/24 or 2001:db8::/32',
  ],
  [
    'a subnet too long',
    { subnets: ['192.0.2.0/33'] },
    '[0].subnets[0]: "192.0.2.0/33" is no subnet such as 192.0.2.0/24 or 2001:db8::/32',
  ],
  ...(
    [
      ['a subnet of IPv6 too long', '2001:db8::/129'],
      ['a subnet in a short form', '10/8'],
      ['a subnet in another short form', '192.168/16'],
      ['a subnet in hexadecimal', '0x0a.0.0.0/8'],
      ['a subnet with a name', 'example.org/24'],
      ['a subnet without an address', '/24'],
      ['a subnet whose length is below 0', '192.0.2.0/-1'],
      ['a subnet with a mask', '192.0.2.0/255.255.255.0'],
      ['a subnet with a space', '192.0.2.0/24 '],
      ['an empty subnet', ''],
    ] as const
  ).map(
    ([what, subnet]) =>
      [
        what,
        { subnets: ['198.51.100.0/24', subnet] },
        `[0].subnets[1]: "${subnet}" is no subnet such as 192.0.2.0/24 or 2001:db8::/32`,
      ] as const,
  ),
  [
    'a subnet with bits beyond its length',
    { subnets: ['192.0.2.1/24'] },
    '[0].subnets[0]: "192.0.2.1/24" has bits set beyond its prefix; write 192.0.2.0/24',
  ],
  [
    'a subnet of IPv6 with bits beyond its length',
    { subnets: ['2001:db8::1/64'] },
    '[0].subnets[0]: "2001:db8::1/64" has bits set beyond its prefix; write 2001:db8::/64',
  ],
  [
    'a subnet of IPv4 within IPv6',
    { subnets: ['::ffff:192.0.2.0/120'] },
    '[0].subnets[0]: "::ffff:192.0.2.0/120" is of IPv4 addresses within IPv6; write 192.0.2.0/24',
  ],
  ['a subnet that is a number', { subnets: [24] }, '[0].subnets[0]: must be a subnet'],
  ['subnets that are no list', { subnets: '192.0.2.0/24' }, '[0].subnets: must be a list of subnets'],
  ['a family that is a number', { family: 4 }, '[0].family: must be one of ipv4, ipv6'],
  ['a family of another name', { family: 'IPv4' }, '[0].family: must be one of ipv4, ipv6'],
  ['a list of families', { family: ['ipv4', 'ipv6'] }, '[0].family: must be one of ipv4, ipv6'],
  ['other countries that are no list', { countries: 'at' }, '[0].countries: must be a list of countries'],
  [
    'another country that does not exist',
    { countries: ['at', 'zz'] },
    '[0].countries[1]: "zz" is no country of ISO 3166-1',
  ],
  ['every country at once', { countries: ['**'] }, '[0].countries[0]: "**" is no country of ISO 3166-1'],
  ['coordinates of one number', { coordinates: [50] }, '[0].coordinates[1]: is missing'],
  [
    'a latitude that is no number',
    { coordinates: [Number.NaN, 8] },
    `[0].coordinates[0]: ${DEGREES}90 to 90`,
  ],
  [
    'an infinite longitude',
    { coordinates: [50, Number.POSITIVE_INFINITY] },
    `[0].coordinates[1]: ${DEGREES}180 to 180`,
  ],
  ['an empty path', { paths: ['**', ''] }, '[0].paths[1]: "" is no glob'],
  ['a path that takes nothing away', { paths: ['!'] }, '[0].paths[0]: "!" is no glob'],
  ['the root for a path', { paths: ['/'] }, '[0].paths[0]: "/" is no glob'],
  [
    'a path beyond all measure',
    { paths: ['a'.repeat(70_000)] },
    `[0].paths[0]: "${'a'.repeat(40)}" is no glob`,
  ],
  ['paths that are no list', { paths: '**' }, '[0].paths: must be a list of globs'],
  ['a path that is no text', { paths: ['**', 5] }, '[0].paths[1]: must be a glob'],
  [
    'serving the moon',
    { serves: 'moon' },
    '[0].serves: must be one of world, continent, country, asn, subnet',
  ],
  ['excludes that are no list', { excludes: 'de' }, '[0].excludes: must be a list of countries'],
  [
    'an excluded country that does not exist',
    { excludes: ['de', 'zz'] },
    '[0].excludes[1]: "zz" is no country of ISO 3166-1',
  ],
  ['a sponsor that is a text', { sponsor: 'Example' }, '[0].sponsor: must have a name'],
  ['a sponsor without a name', { sponsor: {} }, '[0].sponsor.name: is missing'],
  [
    'a sponsor with a bad URL',
    { sponsor: { name: 'E', url: 'example' } },
    '[0].sponsor.url: "example" must be an http or https URL',
  ],
  ...['javascript:alert(1)', 'data:text/html,x', 'ftp://e.example/', 'JAVASCRIPT:x', '//e.example/'].map(
    (url) =>
      [
        `a sponsor at ${url}`,
        { sponsor: { name: 'E', url } },
        `[0].sponsor.url: "${url}" must be an http or https URL`,
      ] as const,
  ),
  [
    'a sponsor with a key of its own',
    { sponsor: { name: 'E', mail: 'x' } },
    '[0].sponsor: unknown key "mail"',
  ],
  ['private as a text', { private: 'yes' }, '[0].private: must be true or false'],
  ['trust as a number', { trust: 1 }, '[0].trust: must be true or false'],
  ['enabled as a text', { enabled: 'no' }, '[0].enabled: must be true or false'],
  ['redirects as a text', { redirects: 'yes' }, '[0].redirects: must be true or false'],
  ['probe as a number', { probe: 0 }, '[0].probe: must be true or false'],
  ['a trace that is no text', { trace: 5 }, '[0].trace: must be a path'],
  ['an age without a trace', { maxAge: '1d' }, '[0].maxAge: needs a trace, which tells how old the copy is'],
  ['no age at all', { trace: '/t', maxAge: 0 }, '[0].maxAge: must be longer than nothing'],
  [
    'an age that is none',
    { trace: '/t', maxAge: 'young' },
    "[0].maxAge: must be milliseconds, or a text such as '90s', '5m' or '12h'",
  ],
  ...['/', '', 'a//b', '/../a', './a', 'a/'].map(
    (trace) =>
      [
        `the trace ${JSON.stringify(trace)}`,
        { trace },
        "[0].trace: must be the path of a file below the mirror's URL, such as /timestamp",
      ] as const,
  ),
  ['a key that nobody knows', { wieght: 5 }, '[0]: unknown key "wieght"; did you mean "weight"?'],
  ['neither url nor urls', { url: undefined }, '[0]: must have either a url or a list of urls'],
  ['both url and urls', { urls: ['https://m.example/'] }, '[0]: must have either a url or a list of urls'],
  ['urls that are no list', { url: undefined, urls: 'https://m.example/' }, '[0].urls: must be a list'],
  ['an empty list of urls', { url: undefined, urls: [] }, '[0].urls: must not be empty'],
  [
    'one bad of several urls',
    { url: undefined, urls: ['https://m.example/', 'm.example'] },
    '[0].urls[1]: "m.example" is not an absolute URL; it begins with https:// or http:// or ftp://',
  ],
  ['a URL that is a number', { url: 5 }, '[0].url: must be a URL'],
  [
    'a URL without a scheme',
    { url: 'm.example/repo' },
    '[0].url: "m.example/repo" is not an absolute URL; it begins with https:// or http:// or ftp://',
  ],
  [
    'a URL of another scheme',
    { url: 'gopher://m.example/' },
    '[0].url: "gopher://m.example/" must begin with https:// or http:// or ftp://',
  ],
  [
    'a URL that is a script',
    { url: 'javascript:alert(1)' },
    '[0].url: "javascript:alert(1)" must begin with https:// or http:// or ftp://',
  ],
  [
    'a URL with credentials',
    { url: 'https://user:secret@m.example/' },
    '[0].url: a URL must not carry credentials: it is sent to every client',
  ],
  [
    'a URL with a user',
    { url: 'https://user@m.example/' },
    '[0].url: a URL must not carry credentials: it is sent to every client',
  ],
  [
    'a URL with a query',
    { url: 'https://m.example/?path=' },
    '[0].url: "https://m.example/?path=" must not have a query or a fragment: file names are added to it',
  ],
  [
    'a URL with an empty query',
    { url: 'https://m.example/?' },
    '[0].url: "https://m.example/?" must not have a query or a fragment: file names are added to it',
  ],
  [
    'a URL with a fragment',
    { url: 'https://m.example/#x' },
    '[0].url: "https://m.example/#x" must not have a query or a fragment: file names are added to it',
  ],
  [
    'a password for rsync',
    { rsync: 'rsync://reader:secret@m.example/r/' },
    '[0].rsync: a URL must not carry a password; set it in the environment, as RSYNC_PASSWORD',
  ],
  [
    'a plain URL for rsync',
    { rsync: 'https://m.example/' },
    '[0].rsync: "https://m.example/" must begin with rsync://',
  ],
]

for (const [what, properties, message] of BAD_VALUES) {
  test(`${what} is refused by its path`, () => {
    assert.equal(mistake([{ id: 'a', url: 'https://a.example/', ...properties }]), message)
  })
}

test('credentials are not repeated in the message', () => {
  assert.doesNotMatch(mistake([{ id: 'a', url: 'https://user:secret@m.example/' }]), /secret/)
})

test('an id that is taken is refused where it comes again', () => {
  const list = ['a', 'b', 'a', 'c', 'b', 'a'].map((id) => ({ id, url: `https://${id}.example/` }))
  assert.equal(
    mistake(list),
    [
      '[2].id: the id "a" is taken by the mirror at 0; ids must be unique',
      '[4].id: the id "b" is taken by the mirror at 1; ids must be unique',
      '[5].id: the id "a" is taken by the mirror at 0; ids must be unique',
    ].join('; '),
  )
})

test('every mistake is named at once', () => {
  const list = [
    { id: 'a', url: 'https://a.example/', weight: -1 },
    { id: 'b', url: 'b' },
  ]
  const message = mistake(list)
  assert.match(message, /\[0\]\.weight: /)
  assert.match(message, /\[1\]\.url: /)
})

for (const [what, value] of [
  ['a text', 'mirrors'],
  ['nothing', null],
  ['a mapping', { a: 1 }],
] as const) {
  test(`${what} is no list of mirrors`, () => {
    assert.equal(mistake(value), 'must be a list of mirrors')
  })
}

test('a mirror that is a text or a list is refused', () => {
  assert.equal(mistake(['https://a.example/']), '[0]: must be a mapping with an id and a url')
  assert.equal(mistake([['a', 'https://a.example/']]), '[0]: must be a mapping with an id and a url')
})

test('a mirrors file is a mapping with the key mirrors, and no other', () => {
  const wrong = (value: unknown) => {
    try {
      validate(mirrorsFileSchema, value, 'f', 'ERR_MIRRORS_FILE')
    } catch (error) {
      return error instanceof Error ? error.message : error
    }
    return undefined
  }
  assert.equal(wrong({ mirrors: [] }), undefined)
  assert.equal(wrong({}), 'f: mirrors: is missing')
  assert.equal(wrong([]), 'f: must be a mapping with the key "mirrors"')
  assert.equal(wrong({ mirrors: [], mirror: [] }), 'f: unknown key "mirror"; did you mean "mirrors"?')
})

/** Returns an object without undefined values. */
function plain(object: object): object {
  return Object.fromEntries(Object.entries(object).filter(([, value]) => value !== undefined))
}
