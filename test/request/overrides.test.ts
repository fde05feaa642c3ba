import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import type { Client } from '../../lib/model.js'
import { type RequestContext, requestContextOf } from '../../lib/request/overrides.js'
import type { DocumentPlan, Plan } from '../../lib/request/plan.js'
import { mirror } from '../support/mirrors.js'
import { linesOf, planFor, type World } from './plans.js'
import { request } from './requests.js'

/** The client of the requests, and two others. */
const CLIENTS: Readonly<Record<string, Client>> = {
  '192.0.2.1': {
    address: '192.0.2.1',
    country: 'us',
    continent: 'na',
    coordinates: [40.7, -74],
    asn: 64_496,
  },
  '198.51.100.7': { address: '198.51.100.7', country: 'de', continent: 'eu', coordinates: [52.5, 13.4] },
  '2001:db8::1': { address: '2001:db8::1', country: 'fr', continent: 'eu', coordinates: [48.9, 2.4] },
}
const [US = { address: '' }] = Object.values(CLIENTS)

function locate(address: string): Client {
  return CLIENTS[address] ?? { address }
}

function circumstances(query: string, broken?: string, overrides = true, secure = false): RequestContext {
  const fields = broken === undefined ? {} : { 'x-broken-mirrors': broken }
  return requestContextOf(request('/a.bin', fields, { secure }), query, locate, overrides)
}

/** Client of which only the country is known, with its centre if the table has one. */
function assertIn(client: Client, country: string, continent: string, others: Partial<Client> = {}): void {
  const { coordinates, approximate, ...rest } = client
  assert.deepEqual(rest, { address: '', assumed: true, family: 'ipv4', country, continent, ...others })
  assert.equal(approximate, coordinates === undefined ? undefined : true)
}

describe('a request that says nothing', () => {
  for (const query of [
    '',
    'meta4',
    'x=1&y',
    'countryx=de',
    'xip=1',
    'ip',
    'country',
    '&&=&',
    'AVOID=a',
    'avoids=a',
  ]) {
    test(`is that of whoever sent it: ${JSON.stringify(query)}`, () => {
      const expected = { client: US, secure: false, avoid: undefined, invalidOverride: undefined }
      assert.deepEqual(circumstances(query), expected)
      assert.deepEqual(circumstances(query, undefined, true, true), { ...expected, secure: true })
    })
  }

  for (const query of [
    'country=',
    'ip=',
    'as=',
    'avoid=',
    'country=&ip=&as=&avoid=&https=',
    'avoid=,%20,+,%0a',
  ]) {
    test(`but names is that of whoever sent it: ${query}`, () => {
      const { client, avoid, invalidOverride, secure } = circumstances(query)
      assert.deepEqual(
        { client, avoid, invalidOverride, secure },
        { client: US, avoid: undefined, invalidOverride: undefined, secure: false },
      )
    })
  }
})

describe('?ip=', () => {
  for (const [ip, expected] of [
    ['198.51.100.7', CLIENTS['198.51.100.7']],
    ['2001:db8::1', CLIENTS['2001:db8::1']],
    ['2001%3Adb8%3A%3A1', CLIENTS['2001:db8::1']],
    ['203.0.113.5', { address: '203.0.113.5' }],
    ['::ffff:203.0.113.5', { address: '::ffff:203.0.113.5' }],
  ] as const) {
    test(`is a client at that address: ${ip}`, () => {
      const { client, invalidOverride } = circumstances(`ip=${ip}`)
      assert.deepEqual(client, { ...expected, assumed: true })
      assert.equal(invalidOverride, undefined)
    })
  }

  test('is assumed even where it is the client’s own', () => {
    assert.deepEqual(circumstances('ip=192.0.2.1').client, { ...US, assumed: true })
  })

  for (const ip of [
    '1',
    '10.1',
    '0x7f.0.0.1',
    '010.0.0.1',
    '256.1.1.1',
    '192.0.2.0/24',
    'example.org',
    ':::',
    '192.0.2.1 ',
  ])
    test(`that is no address is a mistake, and whoever asks is taken: ${ip}`, () => {
      const { client, invalidOverride } = circumstances(`ip=${encodeURIComponent(ip)}`)
      assert.deepEqual(client, US)
      assert.equal(invalidOverride, `ip=${JSON.stringify(ip)} is no address`)
    })
})

describe('?country=', () => {
  for (const [text, country, continent] of [
    ['de', 'de', 'eu'],
    ['DE', 'de', 'eu'],
    ['nZ', 'nz', 'oc'],
    ['%64e', 'de', 'eu'],
  ] as const) {
    test(`is somebody there, of whom only the family is known: ${text}`, () => {
      const { client, invalidOverride } = circumstances(`country=${text}`)
      assertIn(client, country, continent)
      assert.equal(invalidOverride, undefined)
    })
  }

  test('is of the family of whoever asks, or of ?ip=', () => {
    assertIn(circumstances('country=de&ip=2001:db8::1').client, 'de', 'eu', { family: 'ipv6' })
    const nobody = requestContextOf(
      request('/', {}, { address: '' }),
      'country=de',
      () => ({ address: '' }),
      true,
    )
    assert.equal('family' in nobody.client, false)
  })

  for (const country of [
    'zz',
    'uk',
    'd',
    'deu',
    'Germany',
    'eu',
    'constructor',
    '__proto__',
    'de ',
    '*',
    '日本',
  ])
    test(`that does not exist is a mistake, and whoever asks is taken: ${country}`, () => {
      const { client, invalidOverride } = circumstances(`country=${encodeURIComponent(country)}`)
      assert.deepEqual(client, US)
      assert.match(invalidOverride ?? '', /^country="[ -~]+" is no country of ISO 3166-1$/)
    })
})

describe('?as=', () => {
  for (const [text, asn] of [
    ['64500', 64_500],
    ['AS64500', 64_500],
    ['as64500', 64_500],
    ['1', 1],
    ['4294967295', 4_294_967_295],
    ['0000064500', 64_500],
  ] as const) {
    test(`is whoever asks, in that autonomous system: ${text}`, () => {
      const { client, invalidOverride } = circumstances(`as=${text}`)
      assert.deepEqual(client, { ...US, asn, assumed: true })
      assert.equal(invalidOverride, undefined)
    })
  }

  for (const asn of ['0', '4294967296', '-1', '1.5', '1e3', 'AS', 'ASAS1', '0x10', ' 1', '99999999999', 'x'])
    test(`that is no number of one is a mistake: ${asn}`, () => {
      const { client, invalidOverride } = circumstances(`as=${encodeURIComponent(asn)}`)
      assert.deepEqual(client, US)
      assert.equal(invalidOverride, `as=${JSON.stringify(asn)} is no number of an autonomous system`)
    })
})

describe('several overrides', () => {
  test('are taken together: a country is stronger than an address, an asn is added to either', () => {
    assertIn(circumstances('as=64500&country=de&ip=198.51.100.7').client, 'de', 'eu', { asn: 64_500 })
    assert.deepEqual(circumstances('ip=198.51.100.7&as=64500').client, {
      ...CLIENTS['198.51.100.7'],
      asn: 64_500,
      assumed: true,
    })
  })

  test('of one name are the first of them', () => {
    assertIn(circumstances('country=de&country=fr').client, 'de', 'eu')
    assert.equal(
      circumstances('country=zz&country=fr').invalidOverride,
      'country="zz" is no country of ISO 3166-1',
    )
    assert.equal(circumstances('as=1&as=x').invalidOverride, undefined)
  })

  test('that are wrong are all named, and those that are right hold', () => {
    const { client, invalidOverride } = circumstances('country=zz&ip=1&as=0')
    assert.deepEqual(client, US)
    assert.equal(
      invalidOverride,
      'ip="1" is no address; country="zz" is no country of ISO 3166-1; as="0" is no number of an autonomous system',
    )
    assertIn(circumstances('country=de&ip=1').client, 'de', 'eu')
  })

  test('hold for nothing where they are turned off, not even as mistakes', () => {
    for (const query of ['country=de', 'ip=198.51.100.7', 'as=64500', 'country=zz&ip=1&as=0']) {
      const { client, invalidOverride } = circumstances(query, undefined, false)
      assert.deepEqual(client, US)
      assert.equal(invalidOverride, undefined)
    }
    // These do not change the place of the client.
    const { secure, avoid } = circumstances('country=de&https=1&avoid=a', 'b', false)
    assert.equal(secure, true)
    assert.deepEqual(avoid, new Set(['a', 'b']))
  })
})

describe('?https=1', () => {
  test('asks for https, and nothing asks for less', () => {
    assert.equal(circumstances('https=1').secure, true)
    assert.equal(circumstances('https=0').isWithoutTls, true)
    assert.equal(circumstances('https=1&https=0').isWithoutTls, undefined)
    assert.equal(circumstances('https=0', undefined, true, true).isWithoutTls, undefined)
    for (const value of ['0', 'true', 'yes', '11', ''])
      assert.equal(circumstances(`https=${value}`).secure, false)
    for (const value of ['0', '1', ''])
      assert.equal(circumstances(`https=${value}`, undefined, true, true).secure, true)
  })
})

describe('mirrors to avoid', () => {
  const avoided = (query: string, broken?: string) => [...(circumstances(query, broken).avoid ?? [])]

  test('are ids and hosts, apart by commas and spaces, in any case', () => {
    assert.deepEqual(avoided('avoid=fra1,Ams.Example.ORG'), ['fra1', 'ams.example.org'])
    assert.deepEqual(avoided('avoid=fra1+ams1%20lon1,%0d%0a,par1,'), ['fra1', 'ams1', 'lon1', 'par1'])
    assert.deepEqual(avoided('', 'fra1,  ams1\t lon1'), ['fra1', 'ams1', 'lon1'])
  })

  test('are those of every parameter and of the field', () => {
    assert.deepEqual(avoided('avoid=a&country=de&avoid=b,c', 'd, e'), ['a', 'b', 'c', 'd', 'e'])
  })

  for (const [form, host] of [
    ['https://fra1.example.org/repo/iso/disk.iso', 'fra1.example.org'],
    ['HTTP://FRA1.Example.org', 'fra1.example.org'],
    ['ftp://fra1.example.org/pub', 'fra1.example.org'],
    ['rsync://FRA1.Example.org/module', 'fra1.example.org'],
    ['https://user:secret@fra1.example.org:8443/?x#y', 'fra1.example.org'],
    ['fra1.example.org:8080', 'fra1.example.org'],
    ['fra1.example.org/repo/', 'fra1.example.org'],
    ['http://[2001:DB8::1]:8080/', '[2001:db8::1]'],
    ['[2001:db8::1]', '[2001:db8::1]'],
    ['https://xn--mnchen-3ya.example/', 'xn--mnchen-3ya.example'],
    ['https://münchen.example/', 'xn--mnchen-3ya.example'],
    ['http://192.0.2.1/', '192.0.2.1'],
  ] as const) {
    test(`may be given as ${form}`, () => {
      assert.ok(avoided('', form).includes(host), avoided('', form).join())
      assert.ok(avoided(`avoid=${encodeURIComponent(form)}`).includes(host))
    })
  }

  test('stay what they are where they are no host', () => {
    for (const name of ['a_b', 'http://', 'http://[', '://', 'a://b c', '<x>', '%', '..'])
      assert.ok(avoided(`avoid=${encodeURIComponent(name)}`).includes(name.split(' ')[0] ?? ''), name)
  })

  test('are a hundred at most, the first', () => {
    const names = Array.from({ length: 150 }, (_, index) => `m${index}`)
    assert.deepEqual(avoided(`avoid=${names.join()}`), names.slice(0, 100))
  })

  test('are read from 8192 characters, and none is cut off', () => {
    // Each name has 800 characters. The eleventh starts within the limit and ends beyond it.
    const names = Array.from({ length: 20 }, (_, index) => `${index}`.padStart(799, 'm'))
    assert.deepEqual(avoided(`avoid=${names.join()}`), names.slice(0, 10))
    assert.equal(circumstances(`avoid=${'m'.repeat(100_000)}`).avoid, undefined)
  })
})

test('a mistake is repeated short, in plain characters and without markup', () => {
  const { invalidOverride = '' } = circumstances(
    `ip=${'9'.repeat(10_000)}&country=%1b[2J%0d%0aX:%201%c2%9b%e2%80%ae%ff&as=%3Cb%3E%26`,
  )
  assert.equal(
    invalidOverride,
    `ip="${'9'.repeat(40)}..." is no address; ` +
      'country="\\u001b[2J\\r\\nX: 1\\u009b\\u202e\\ufffd" is no country of ISO 3166-1; ' +
      'as="\\u003cb\\u003e\\u0026" is no number of an autonomous system',
  )
})

describe('whatever a request says', () => {
  const piece = fc.oneof(
    fc.constantFrom(
      'country=',
      'ip=',
      'as=',
      'avoid=',
      'https=',
      '&',
      '=',
      '%',
      '%0d%0a',
      '%00',
      '%ff',
      ',',
      '+',
      ';',
    ),
    fc.constantFrom(
      'de',
      'zz',
      '192.0.2.1',
      '::1',
      '64500',
      'AS',
      'http://',
      '[',
      ']',
      '://',
      '@',
      ':',
      '1',
      'm1',
    ),
    fc.string({ unit: 'binary', maxLength: 8 }),
  )
  const query = fc.array(piece, { maxLength: 20 }).map((pieces) => pieces.join(''))
  const broken = fc.option(query, { nil: undefined })

  test('it is read without a throw, a mistake is short and plain, and lists have an end', () => {
    fc.assert(
      fc.property(query, broken, fc.boolean(), (text, field, overrides) => {
        const { client, avoid, invalidOverride } = circumstances(text, field, overrides)
        assert.equal(typeof client.address, 'string')
        assert.ok(avoid === undefined || (avoid.size > 0 && avoid.size <= 200))
        if (invalidOverride !== undefined) {
          assert.ok(overrides)
          assert.match(invalidOverride, /^[ -~]+$/)
          assert.ok(invalidOverride.length < 1000)
        }
        if (!overrides) assert.deepEqual(client, US)
      }),
      { numRuns: 3000 },
    )
  })

  test('who it is for is assumed, unless it is whoever asks', () => {
    fc.assert(
      fc.property(query, (text) => {
        const { client } = circumstances(text)
        if (!client.assumed) assert.deepEqual(client, US)
      }),
      { numRuns: 2000 },
    )
  })
})

/**
 * One mirror for each tier of a client, so that the order does not depend on the centres of
 * countries.
 */
const MIRRORS = [
  mirror('de', { location: 'de', coordinates: [52.5, 13.4], weight: 200 }),
  mirror('fr', { location: 'fr', coordinates: [48.9, 2.4] }),
  mirror('us', { location: 'us', coordinates: [40.7, -74] }),
  mirror('as', { location: 'au', coordinates: [-33.9, 151.2], asn: [64_500], weight: 50 }),
  mirror('net', { location: 'au', coordinates: [-33.9, 151.2], subnets: ['203.0.113.0/24'], weight: 40 }),
  mirror('plain', {
    location: 'au',
    coordinates: [-33.9, 151.2],
    urls: ['http://plain.example/'],
    weight: 30,
  }),
  mirror('own', { private: true, asn: [64_496, 64_500], subnets: ['203.0.113.0/24'] }),
]
const WORLD: World = { mirrors: MIRRORS, locate, options: { maxDuplicates: 100 } }

function textOf({ body }: DocumentPlan): string {
  return typeof body === 'string' ? body : assert.fail('the document is not text')
}

/** Returns the ids of the mirrors that the links, the location or the document of a plan name. */
function named(plan: Plan): string[] {
  const urls =
    plan.kind === 'document'
      ? [...textOf(plan).matchAll(/<url[^>]*>([^<]*)/g)].map(([, url = '']) => url)
      : linesOf(plan, 'X-Mirrored-By')
  return urls.map((url) => new URL(url).hostname.split('.')[0] ?? '').filter((id) => id !== 'origin')
}

const REDIRECT = { ...WORLD, options: { ...WORLD.options, mode: 'redirect' } } as const
/** Forms of a response: fields of a file, redirect, document. A query changes all of them alike. */
const FORMS: readonly (readonly [
  what: string,
  world: World,
  target: string,
  fields?: Record<string, string>,
])[] = [
  ['the fields of a file', WORLD, '/a.bin?'],
  [
    'the fields of a file that the origin sends',
    { ...WORLD, options: { ...WORLD.options, serve: true } },
    '/a.bin?',
  ],
  ['a redirect', REDIRECT, '/a.bin?'],
  ['a metalink by its name', WORLD, '/a.bin.meta4?'],
  ['a metalink by its query', REDIRECT, '/a.bin?meta4&'],
  ['a metalink by Accept', WORLD, '/a.bin?', { accept: 'application/metalink4+xml' }],
]

for (const [what, world, target, fields] of FORMS) {
  describe(`on ${what}`, () => {
    // A random number of 0 takes the heaviest mirror first, as lists do.
    const plan = (
      query: string,
      more: Record<string, string> = {},
      options: World['options'] = {},
      properties = {},
    ) =>
      planFor(
        { ...world, random: () => 0, options: { ...world.options, ...options } },
        target + query,
        { ...fields, ...more },
        properties,
      )
    const ids = async (...args: Parameters<typeof plan>) => named(await plan(...args))

    test('whoever asks gets their own', async () => {
      assert.deepEqual(await ids(''), ['own', 'us', 'de', 'fr', 'as', 'net', 'plain'])
    })

    test('?country= moves the client, and hides private mirrors', async () => {
      assert.deepEqual(await ids('country=de'), ['de', 'fr', 'us', 'as', 'net', 'plain'])
      assert.deepEqual(await ids('country=FR'), ['fr', 'de', 'us', 'as', 'net', 'plain'])
      assert.deepEqual(await ids('country=us'), ['us', 'de', 'fr', 'as', 'net', 'plain'])
    })

    test('?ip= moves the client, and hides private mirrors', async () => {
      assert.deepEqual(await ids('ip=198.51.100.7'), ['de', 'fr', 'us', 'as', 'net', 'plain'])
      assert.deepEqual((await ids('ip=203.0.113.9'))[0], 'net')
      assert.ok(!(await ids('ip=203.0.113.9')).includes('own'))
      assert.ok(!(await ids('ip=192.0.2.1')).includes('own'))
    })

    test('?as= moves the client, and hides private mirrors', async () => {
      assert.deepEqual(await ids('as=64500'), ['as', 'us', 'de', 'fr', 'net', 'plain'])
      assert.deepEqual(await ids('as=64496'), ['us', 'de', 'fr', 'as', 'net', 'plain'])
      assert.deepEqual(await ids('country=de&as=AS64500'), ['as', 'de', 'fr', 'us', 'net', 'plain'])
    })

    test('?https=1 leaves plain mirrors out', async () => {
      assert.deepEqual(await ids('https=1'), ['own', 'us', 'de', 'fr', 'as', 'net'])
    })

    test('?avoid= and X-Broken-Mirrors leave mirrors out, by id, host or URL', async () => {
      assert.deepEqual(await ids('avoid=us,fr.example'), ['own', 'de', 'as', 'net', 'plain'])
      assert.deepEqual(await ids('', { 'x-broken-mirrors': 'OWN, https://us.example/repo/a.bin' }), [
        ...['de', 'fr', 'as', 'net', 'plain'],
      ])
      assert.deepEqual(await ids('avoid=de&avoid=fr', { 'x-broken-mirrors': 'own us' }), [
        'as',
        'net',
        'plain',
      ])
      assert.deepEqual(await ids('avoid=nobody,example,u,d.e'), await ids(''))
    })

    test('where all are avoided there is none, and the origin answers', async () => {
      const all = await plan('avoid=own,us,de,fr,as,net,plain')
      assert.deepEqual(named(all), [])
      // Without mirrors, a document may no longer be larger than its file, and Accept selects it.
      if (fields === undefined)
        assert.equal(
          all.kind,
          world === REDIRECT && !target.includes('meta4') ? 'decorate' : (await plan('')).kind,
        )
      if (all.kind === 'document')
        assert.match(textOf(all), /<url priority="1">http:\/\/origin\.example\/a\.bin</)
      else assert.equal(linesOf(all, 'Digest').length, 2)
    })

    test('overrides: false turns the three off, and no others', async () => {
      const off = { overrides: false }
      for (const query of ['country=de', 'ip=198.51.100.7', 'as=64500', 'country=zz', 'ip=1', 'as=0'])
        assert.deepEqual(await ids(query, {}, off), await ids(''), query)
      assert.deepEqual(await ids('country=de&avoid=own&https=1', {}, off), ['us', 'de', 'fr', 'as', 'net'])
    })

    const isDocument = target.includes('meta4') || fields !== undefined
    test(`a mistake is ${isDocument ? 'refused (400)' : 'passed over'}`, async () => {
      for (const query of ['country=zz', 'ip=1', 'as=0', 'avoid=us&country=zz']) {
        const wrong = await plan(query)
        if (isDocument) {
          assert.ok(wrong.kind === 'reject')
          assert.equal(wrong.status, 400)
          assert.match(wrong.message, /^[a-z]+="[ -~]*" is no /)
          assert.deepEqual(wrong.fields, [])
        } else {
          assert.deepEqual(wrong, await plan(query.startsWith('avoid') ? 'avoid=us' : ''))
        }
      }
    })
  })
}

test('a mirror of one family comes last for a request of the other that names a country', async () => {
  const mirrors = [
    mirror('six', { location: 'de', family: 'ipv6', coordinates: [52.5, 13.4] }),
    mirror('far', { location: 'us', coordinates: [40.7, -74] }),
  ]
  const by = async (address: string) =>
    named(await planFor({ mirrors, locate }, '/a.bin?country=de', {}, { address }))
  assert.deepEqual(await by('192.0.2.1'), ['far', 'six'])
  assert.deepEqual(await by('2001:db8::1'), ['six', 'far'])
  assert.deepEqual(await by(''), ['six', 'far'])
})

test('links have the depth of what a partial mirror has whole', async () => {
  const mirrors = [
    mirror('all'),
    mirror('most', { paths: ['**', '!archive/**'] }),
    mirror('some', { paths: ['iso/*.iso'] }),
  ]
  const links = linesOf(await planFor({ mirrors }, '/iso/disk%201.iso'), 'Link')
  assert.deepEqual(
    links.slice(1).map((link) => link.replace(/^<https:\/\/|\.example.*?(?=; depth|$)/g, '')),
    ['all; depth=2', 'most; depth=1', 'some'],
  )
})
