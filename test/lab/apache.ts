import { chmodSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type Scope, temporaryFolder } from '../support/folder.js'
import { freePort } from '../support/port.js'
import { startDaemon } from './daemon.js'

/** Folder of modules on Debian. */
const MODULES = '/usr/lib/apache2/modules'
const NEEDED = ['mpm_event', 'authz_core', 'autoindex', 'dir', 'mime']

/**
 * Starts a real Apache that lists a folder.
 *
 * @param indexOptions of mod_autoindex: `FancyIndexing`, `HTMLTable`, or `-FancyIndexing` for plain
 */
export async function startApache(
  scope: Scope,
  root: string,
  indexOptions: string,
  choices: { readonly host?: string; readonly zone?: string } = {},
): Promise<{ readonly url: string; readonly port: number }> {
  const { host = '127.0.0.1', zone } = choices
  const folder = temporaryFolder(scope)
  const port = await freePort(host)
  // Started by root, Apache changes to a user that cannot read the test's folders.
  for (const path of [folder, root]) chmodSync(path, 0o755)
  const configuration = join(folder, 'apache.conf')
  const lines = [
    `ServerRoot ${folder}`,
    'ServerName localhost',
    `PidFile ${join(folder, 'pid')}`,
    `ErrorLog ${join(folder, 'log')}`,
    ...NEEDED.map((name) => `LoadModule ${name}_module ${MODULES}/mod_${name}.so`),
    `Listen ${host}:${port}`,
    'TypesConfig /dev/null',
    'AddType text/html .html',
    'StartServers 1',
    `DocumentRoot "${root}"`,
    `<Directory "${root}">`,
    'Options Indexes FollowSymLinks',
    `IndexOptions ${indexOptions}`,
    '</Directory>',
  ]
  if (process.getuid?.() === 0) lines.push('User nobody', 'Group nogroup')
  writeFileSync(configuration, `${lines.join('\n')}\n`)
  const args = ['-d', folder, '-f', configuration, '-DFOREGROUND']
  await startDaemon(scope, { program: 'apache2', args, host, port, zone })
  return { url: `http://${host}:${port}/`, port }
}
