import assert from 'node:assert/strict'
import { existsSync, unlinkSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { describe, type TestContext, test } from 'node:test'
import fc from 'fast-check'
import type { MirroredByError } from '../../lib/errors.js'
import { Locator, type LocatorOptions, openLocator } from '../../lib/geo/locator.js'
import { FakeClock } from '../support/fake-clock.js'
import { temporaryFolder } from '../support/folder.js'
import { as, type DatabaseChoices, mmdb } from '../support/mmdb-writer.js'
import { until } from '../support/until.js'

const FOUR = '93.184.216.0/24'
const SIX = '2606:2800::/32'

/** Opens a locator of databases, each in a file of its own, in this order. */
async function locator(
  context: TestContext,
  databases: readonly (DatabaseChoices | Buffer)[],
  localPlace?: LocatorOptions['localPlace'],
): Promise<Locator> {
  const folder = temporaryFolder(context)
  const geo = databases.map((database, index) => {
    const file = join(folder, `${index}.mmdb`)
    writeFileSync(file, Buffer.isBuffer(database) ? database : mmdb(database))
    return file
  })
  return await openLocator({ geo, localPlace })
}

function country(code: string): DatabaseChoices {
  return { networks: { [FOUR]: { country_code: code }, [SIX]: { country_code: code } } }
}

test('a client has its country, the continent of that, and its middle', async (context) => {
  const { locate } = bound(await locator(context, [country('DE')]))
  assert.deepEqual(locate('93.184.216.34'), {
    address: '93.184.216.34',
    country: 'de',
    continent: 'eu',
    coordinates: [51, 9],
    approximate: true,
  })
  assert.equal(locate('2606:2800::1').country, 'de')
})

test('coordinates that a database knows are not approximate', async (context) => {
  const record = { country_code: 'DE', latitude: 50.1, longitude: 8.7 }
  const { locate } = bound(await locator(context, [{ networks: { [FOUR]: record } }]))
  assert.deepEqual(locate('93.184.216.34'), {
    address: '93.184.216.34',
    country: 'de',
    continent: 'eu',
    coordinates: [50.1, 8.7],
  })
})

test('an address that no database knows has no place', async (context) => {
  const { locate } = bound(await locator(context, [country('DE')]))
  assert.deepEqual(locate('8.8.8.8'), { address: '8.8.8.8' })
  assert.deepEqual(locate('2A00::0:1'), { address: '2a00::1' })
})

test('without a database nobody has a place', async () => {
  const { locate } = bound(await openLocator({ geo: false }))
  assert.deepEqual(locate('8.8.8.8'), { address: '8.8.8.8' })
})

describe('of several databases', () => {
  const city: DatabaseChoices = {
    networks: {
      [FOUR]: { country: { iso_code: 'FR' }, location: { latitude: 48.85, longitude: 2.35 } },
      '8.8.8.0/24': { continent: { code: 'NA' } },
    },
  }
  const asn: DatabaseChoices = {
    networks: {
      [FOUR]: { autonomous_system_number: 64_500 },
      '8.8.8.0/24': { autonomous_system_number: 64_501, country: { iso_code: 'US' } },
    },
  }

  test('each says what it knows', async (context) => {
    const { locate } = bound(await locator(context, [city, asn]))
    assert.deepEqual(locate('93.184.216.34'), {
      address: '93.184.216.34',
      country: 'fr',
      continent: 'eu',
      coordinates: [48.85, 2.35],
      asn: 64_500,
    })
    assert.deepEqual(locate('8.8.8.8'), {
      address: '8.8.8.8',
      country: 'us',
      continent: 'na',
      coordinates: [38, -97],
      approximate: true,
      asn: 64_501,
    })
  })

  test('the first that knows a field wins', async (context) => {
    const { locate } = bound(await locator(context, [country('DE'), city, asn]))
    const client = locate('93.184.216.34')
    assert.equal(client.country, 'de')
    // Not from a database, but better than the centre of Germany.
    assert.deepEqual(client.coordinates, [48.85, 2.35])
    assert.equal(client.approximate, undefined)
    assert.equal(bound(await locator(context, [city, country('DE')])).locate('93.184.216.34').country, 'fr')
  })

  test('rough coordinates stay rough, fine ones fine', async (context) => {
    const rough: DatabaseChoices = {
      networks: { [FOUR]: { location: { latitude: 46, longitude: 2, accuracy_radius: as('uint16', 1000) } } },
    }
    const roughFirst = bound(await locator(context, [rough, city])).locate('93.184.216.34')
    assert.deepEqual([roughFirst.coordinates, roughFirst.approximate], [[46, 2], true])
    const fineFirst = bound(await locator(context, [city, rough])).locate('93.184.216.34')
    assert.deepEqual([fineFirst.coordinates, fineFirst.approximate], [[48.85, 2.35], undefined])
  })

  test('IPv4 and IPv6 may be in files of their own', async (context) => {
    const four: DatabaseChoices = {
      networks: { [FOUR]: { country_code: 'AU' }, '38.0.0.0/8': { country_code: 'US' } },
    }
    const six: DatabaseChoices = { networks: { [SIX]: { country_code: 'NZ' } } }
    for (const order of [
      [four, six],
      [six, four],
    ]) {
      const { locate } = bound(await locator(context, order))
      assert.equal(locate('93.184.216.34').country, 'au')
      assert.equal(locate('2606:2800::1').country, 'nz')
    }
  })
})

describe('a client', () => {
  test('is the same object while it is kept, however its address is written', async (context) => {
    const { locate } = bound(await locator(context, [country('DE')]))
    const four = locate('93.184.216.34')
    for (const text of [
      '93.184.216.34',
      '::ffff:93.184.216.34',
      '::ffff:5db8:d822',
      '::FFFF:93.184.216.34',
      '64:ff9b::5db8:d822',
      '2002:5db8:d822::1',
      '::ffff:93.184.216.34%eth0',
    ]) {
      assert.equal(locate(text), four, text)
      assert.equal(locate(text), four, `${text}, again`)
    }
    const six = locate('2606:2800:0::1')
    assert.equal(locate('2606:2800::1'), six)
    assert.equal(locate('2606:2800:0:0:0:0:0:1'), six)
    assert.equal(six.address, '2606:2800::1')
  })

  test('is forgotten when 10,000 others came since', async () => {
    const { locate } = bound(await openLocator({ geo: false }))
    const address = (index: number) => `1.${index >> 16}.${(index >> 8) & 255}.${index & 255}`
    const first = locate(address(0))
    for (let index = 1; index < 10_000; index += 1) locate(address(index))
    assert.equal(locate(address(0)), first)
    for (let index = 1; index <= 10_000; index += 1) locate(address(index))
    assert.notEqual(locate(address(0)), first)
    assert.deepEqual(locate(address(0)), first)
  })

  test('without an address is nobody', async (context) => {
    const { locate } = bound(await locator(context, [country('DE')], { country: 'fr' }))
    for (const text of [
      '',
      'unknown',
      '::ffff:',
      '::ffff:1.2.3',
      '::ffff:a.b.c.d',
      '::ffff:::1.2.3.4',
      '1.2.3.4:80',
    ]) {
      assert.deepEqual(locate(text), { address: '' }, text)
    }
    // IPv4-translated (RFC 2765): not mapped, and not supported.
    assert.deepEqual(locate('::ffff:0:93.184.216.34'), { address: '::ffff:0:5db8:d822' })
  })

  test('may be any text', async (context) => {
    const { locate } = bound(await locator(context, [country('DE')], { country: 'fr' }))
    const text = fc.oneof(
      fc.string(),
      fc.string({ unit: 'binary', maxLength: 300 }),
      fc.ipV4Extended(),
      fc.ipV6(),
      fc.stringMatching(/^::ffff:[0-9a-f:.%]{0,40}$/),
    )
    fc.assert(
      fc.property(text, (given) => {
        const client = locate(given)
        assert.equal(locate(given), client)
        assert.deepEqual(locate(client.address), client)
      }),
      { numRuns: 3000 },
    )
  })
})

describe('local addresses', () => {
  const LOCAL = [
    '127.0.0.1',
    '::1',
    '10.1.2.3',
    '172.16.0.1',
    '192.168.0.1',
    '169.254.0.1',
    '100.64.0.1',
    'fd00::1',
    'fe80::1',
    'fe80::1%eth0',
    '::ffff:192.168.0.1',
    '64:ff9b::a00:1',
  ]

  test('have no place, even where a database has one for them', async (context) => {
    const everywhere: DatabaseChoices = {
      networks: {
        '0.0.0.0/1': { country_code: 'DE' },
        '128.0.0.0/1': { country_code: 'DE' },
        '8000::/1': { asn: 5 },
      },
    }
    const { locate } = bound(await locator(context, [everywhere]))
    assert.equal(locate('9.1.2.3').country, 'de')
    for (const address of LOCAL) {
      const { address: _, ...place } = locate(address)
      assert.deepEqual(place, {}, address)
    }
  })

  test('are at home, where that is given, and only they', async (context) => {
    const { locate } = bound(await locator(context, [country('DE')], { country: 'at' }))
    for (const address of LOCAL) {
      const { address: _, ...place } = locate(address)
      const expected = {
        country: 'at',
        continent: 'eu',
        coordinates: [47.33333333, 13.33333333],
        approximate: true,
      }
      assert.deepEqual(place, expected, address)
    }
    assert.equal(locate('fe80::1%eth0').address, 'fe80::1')
    assert.equal(locate('::ffff:192.168.0.1').address, '192.168.0.1')
    assert.equal(locate('93.184.216.34').country, 'de')
    assert.deepEqual(locate('8.8.8.8'), { address: '8.8.8.8' })
  })

  test('are at home without a database too', async () => {
    const localPlace = { country: 'at', coordinates: [48.2, 16.37], asn: 64_500 } as const
    const { locate } = bound(await openLocator({ geo: false, localPlace }))
    assert.deepEqual(locate('10.0.0.1'), {
      address: '10.0.0.1',
      country: 'at',
      continent: 'eu',
      coordinates: [48.2, 16.37],
      asn: 64_500,
    })
  })
})

test('a file that cannot be used is refused at the start, by name and reason', async (context) => {
  const folder = temporaryFolder(context)
  const missing = join(folder, 'missing.mmdb')
  const empty = join(folder, 'empty.mmdb')
  writeFileSync(empty, '')
  await assert.rejects(openLocator({ geo: [missing] }), {
    code: 'ERR_GEO',
    message: `cannot use ${missing} as a geo database: ENOENT: no such file or directory, open '${missing}'; put it there, or name another by \`geo\``,
  })
  await assert.rejects(openLocator({ geo: [empty] }), {
    code: 'ERR_GEO',
    message: `cannot use ${empty} as a geo database: it is empty; download it again`,
  })
  await assert.rejects(openLocator({ geo: [folder] }), { code: 'ERR_GEO', message: /EISDIR/ })
})

/**
 * A database with an unreadable record, for 8.50.0.0/16. Opening a database does not test this
 * record.
 */
function partlyDamaged(): Buffer {
  const networks = Object.fromEntries(
    Array.from({ length: 4096 }, (_, index) => [
      `${1 + (index >> 8)}.${index & 255}.0.0/16`,
      { country_code: 'DE', name: `n${index}` },
    ]),
  )
  const bytes = mmdb({ networks, recordSize: 32 })
  // The byte before a text is its type: this type does not exist.
  bytes[bytes.indexOf('n1842') - 1] = 0
  return bytes
}

test('a record that cannot be read is nowhere, told once, and harms no other', async (context) => {
  const folder = temporaryFolder(context)
  const file = join(folder, 'damaged.mmdb')
  writeFileSync(file, partlyDamaged())
  const opened = await openLocator({ geo: [file] })
  const warnings: MirroredByError[] = []
  opened.start(false, (error) => warnings.push(error))
  const { locate } = bound(opened)
  assert.deepEqual(locate('8.50.0.1'), { address: '8.50.0.1' })
  assert.deepEqual(locate('8.50.0.2'), { address: '8.50.0.2' })
  assert.equal(locate('8.51.0.1').country, 'de')
  assert.equal(warnings.length, 1)
  assert.equal(warnings[0]?.code, 'ERR_GEO')
  assert.ok(
    warnings[0]?.message.startsWith(`${file} is damaged, and does not tell where some clients are: `),
    warnings[0]?.message,
  )
})

describe('a locator that follows its file', () => {
  interface Following {
    readonly file: string
    readonly locator: Locator
    readonly clock: FakeClock
    readonly warnings: MirroredByError[]
    country(): string | undefined
    /** Polls the file so often. */
    poll(times: number): Promise<void>
  }

  const bytesOf = (country: string) => mmdb({ networks: { '1.0.0.0/8': { country_code: country } } })

  async function following(context: TestContext, follow: boolean): Promise<Following> {
    const file = join(temporaryFolder(context), 'geo.mmdb')
    writeFileSync(file, bytesOf('DE'))
    const locator = await openLocator({ geo: [file] })
    context.after(() => locator.close())
    const clock = new FakeClock()
    const warnings: MirroredByError[] = []
    locator.start(follow, (error) => warnings.push(error), clock)
    return {
      file,
      locator,
      clock,
      warnings,
      country: () => locator.locate('1.2.3.4').country,
      poll: async (times) => {
        for (let count = 0; count < times; count += 1) {
          await clock.pass(1000)
          await until('the poll is complete', () => clock.plans === 1)
        }
      },
    }
  }

  test('takes a new database at the second poll, and locates clients in it', async (context) => {
    const followed = await following(context, true)
    assert.equal(followed.country(), 'de')
    writeFileSync(followed.file, bytesOf('FR'))
    await followed.poll(1)
    assert.equal(followed.country(), 'de')
    await followed.poll(1)
    assert.equal(followed.country(), 'fr')
    assert.deepEqual(followed.warnings, [])
  })

  test('warns once of a deleted file, and takes the one that comes back', async (context) => {
    const followed = await following(context, true)
    unlinkSync(followed.file)
    await followed.poll(2)
    assert.equal(followed.warnings.length, 1)
    assert.match(followed.warnings[0]?.message ?? '', /ENOENT.*; the one read before stays in force$/)
    await followed.poll(10)
    assert.equal(followed.warnings.length, 1)
    assert.equal(followed.country(), 'de')
    writeFileSync(followed.file, bytesOf('FR'))
    await followed.poll(2)
    assert.equal(followed.country(), 'fr')
    assert.equal(followed.warnings.length, 1)
  })

  test('follows nothing unless it is told to, nor after its end', async (context) => {
    const still = await following(context, false)
    assert.equal(still.clock.plans, 0)
    const closed = await following(context, true)
    assert.equal(closed.clock.plans, 1)
    await closed.locator.close()
    assert.equal(closed.clock.plans, 0)
  })
})

describe('the free database', () => {
  const path = '@ip-location-db/geo-whois-asn-country-mmdb/geo-whois-asn-country.mmdb'
  const missing = isInstalled(path) ? false : 'is not installed'

  test('is used where none is named', { skip: missing }, async () => {
    const { locate } = bound(await openLocator({}))
    for (const address of ['8.8.8.8', '::ffff:8.8.8.8', '2001:4860:4860::8888']) {
      const { country, continent, coordinates, approximate, asn } = locate(address)
      assert.deepEqual(
        [country, continent, coordinates, approximate, asn],
        ['us', 'na', [38, -97], true, undefined],
      )
    }
    assert.equal(locate('193.0.6.139').country, 'nl')
    assert.equal(locate('2001:67c:2e8:22::c100:68b').country, 'nl')
    assert.deepEqual(locate('10.0.0.1'), { address: '10.0.0.1' })
  })

  test('is told of when it cannot be used, and left out', async () => {
    const warnings: string[] = []
    const without = new Locator([], { country: 'de' }, new Error('it is empty'))
    without.start(true, (error) => warnings.push(`${error.code}: ${error.message}`))
    assert.equal(without.locate('10.0.0.1').country, 'de')
    await until('there is a warning', () => warnings.length > 0)
    assert.deepEqual(warnings, ['ERR_GEO: it is empty; it is left out'])
    await without.close()
  })

  test('is left alone where `geo` is false', async () => {
    assert.deepEqual((await openLocator({ geo: false })).locate('8.8.8.8'), { address: '8.8.8.8' })
  })
})

function isInstalled(path: string): boolean {
  try {
    return existsSync(createRequire(import.meta.url).resolve(path))
  } catch {
    return false
  }
}

function bound(locator: Locator): Pick<Locator, 'locate'> {
  return { locate: (address) => locator.locate(address) }
}
