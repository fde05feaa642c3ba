import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { leaveServerFiles, mirroredBy, serving, withOwnCache } from '../support/command.js'
import { type Scope, temporaryFolder, writeFiles } from '../support/folder.js'
import { mmdb } from '../support/mmdb-writer.js'
import { until } from '../support/until.js'

const scope: Scope = { after: (hook) => after(hook as () => void) }
withOwnCache(scope)
const folder = temporaryFolder(scope)
const NETWORK = '93.184.216.0/24'
writeFiles(folder, {
  'root/a': 'content',
  'mirrors.yaml': 'mirrors: [{ id: a, url: "https://a.example/" }]\n',
  'country.mmdb': mmdb({
    networks: { [NETWORK]: { country_code: 'DE' }, '8.8.8.0/24': { continent: 'NA' } },
  }),
  'etc/city.mmdb': mmdb({ networks: { [NETWORK]: { latitude: -33.456, longitude: -70.6 } } }),
  'etc/asn.mmdb': mmdb({ networks: { [NETWORK]: { asn: 'AS64500' } } }),
  'etc/config.yaml': 'geo: [city.mmdb, ../country.mmdb, asn.mmdb]\nlocalPlace: at\n',
  'etc/one.yaml':
    'geo: ../country.mmdb\nlocalPlace: { country: at, coordinates: [48.2, 16.37], asn: 64501 }\n',
  'etc/none.yaml': 'geo: false\n',
  'etc/bad.yaml': 'root: ../root\ngeo: nowhere.mmdb\n',
})

const ROOT = ['--root', join(folder, 'root'), '--mirrors', join(folder, 'mirrors.yaml')]
before(() => leaveServerFiles(join(folder, 'root')))

async function firstLine(args: readonly string[], cwd?: string): Promise<string | undefined> {
  const { status, stdout, stderr } = await mirroredBy(['rank', 'a', ...ROOT, ...args], cwd)
  assert.equal(stderr, '')
  assert.equal(status, 0)
  return stdout.split('\n')[0]
}

test('rank says where the client is, as far as the databases know', async () => {
  const country = join(folder, 'country.mmdb')
  const asn = join(folder, 'etc', 'asn.mmdb')
  const ip = ['--ip', '93.184.216.34']
  assert.equal(await firstLine([...ip, '--geo', country]), 'a for 93.184.216.34 (de, about 51 north 9 east)')
  assert.equal(
    await firstLine([...ip, '--geo', country, asn]),
    'a for 93.184.216.34 (de, about 51 north 9 east, AS64500)',
  )
  assert.equal(await firstLine([...ip, '--geo', asn]), 'a for 93.184.216.34 (AS64500)')
  assert.equal(await firstLine(['--ip', '8.8.8.8', '--geo', country]), 'a for 8.8.8.8 (continent na)')
  assert.equal(await firstLine(['--ip', '9.9.9.9', '--geo', country]), 'a for 9.9.9.9 (place unknown)')
  assert.equal(
    await firstLine(['--ip', '::ffff:93.184.216.34', '--geo', asn]),
    'a for 93.184.216.34 (AS64500)',
  )
})

test('paths of databases in a configuration are relative to its folder', async () => {
  const config = ['--config', join(folder, 'etc', 'config.yaml')]
  assert.equal(
    await firstLine(['--ip', '93.184.216.34', ...config], '/'),
    'a for 93.184.216.34 (de, 33.46 south 70.6 west, AS64500)',
  )
  const one = ['--config', join(folder, 'etc', 'one.yaml')]
  assert.equal(
    await firstLine(['--ip', '93.184.216.34', ...one], '/'),
    'a for 93.184.216.34 (de, about 51 north 9 east)',
  )
  // Flags override the configuration, and are relative to the working directory.
  assert.equal(
    await firstLine(['--ip', '93.184.216.34', ...config, '--geo', 'asn.mmdb'], join(folder, 'etc')),
    'a for 93.184.216.34 (AS64500)',
  )
})

test('local addresses are at home', async () => {
  for (const [file, place] of [
    ['config', 'at, about 47.33 north 13.33 east'],
    ['one', 'at, 48.2 north 16.37 east, AS64501'],
    ['none', 'place unknown'],
  ]) {
    const config = ['--config', join(folder, 'etc', `${file}.yaml`)]
    assert.equal(await firstLine(['--ip', '10.0.0.1', ...config]), `a for 10.0.0.1 (${place})`)
  }
})

test('with --json the place is data', async () => {
  const { stdout } = await mirroredBy([
    'rank',
    'a',
    ...ROOT,
    '--ip',
    '93.184.216.34',
    '--json',
    '--config',
    join(folder, 'etc', 'config.yaml'),
  ])
  assert.deepEqual(JSON.parse(stdout).client, {
    address: '93.184.216.34',
    country: 'de',
    continent: 'eu',
    coordinates: [-33.456, -70.6],
    asn: 64_500,
  })
})

test('a server warns of a database that becomes a bad one, and goes on', async (context) => {
  const file = join(temporaryFolder(context), 'geo.mmdb')
  writeFileSync(file, mmdb({ networks: { [NETWORK]: { country_code: 'DE' } } }))
  const { url, stderr } = await serving(context, [join(folder, 'root'), '--geo', file])
  writeFileSync(file, 'garbage')
  await until('there is a warning', () =>
    stderr().includes(`warning: cannot use ${file} as a geo database: it is no MMDB database`),
  )
  assert.equal((await fetch(`${url}/a`)).status, 200)
})

test('the index needs no database', async () => {
  const { status, stderr } = await mirroredBy(['index', '--config', join(folder, 'etc', 'bad.yaml')])
  assert.equal(stderr, '')
  assert.equal(status, 0)
})
