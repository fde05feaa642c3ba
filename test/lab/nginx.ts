import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type Scope, temporaryFolder } from '../support/folder.js'
import { freePort } from '../support/port.js'
import { type Kill, startDaemon } from './daemon.js'

/**
 * Writes the configuration of an nginx that runs in the foreground, and returns its arguments.
 *
 * @param folder for the configuration and temporary files
 * @param location directives for everything below `/`
 * @param http further directives for the server
 */
export function configureNginx(
  folder: string,
  address: string,
  location: readonly string[],
  http: readonly string[] = [],
): readonly string[] {
  const configuration = [
    'daemon off;',
    'master_process off;',
    'pid nginx.pid;',
    'error_log stderr;',
    'events {}',
    'http {',
    '  access_log off;',
    ...http,
    ...['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map((kind) => `  ${kind}_temp_path ${kind};`),
    `  server { listen ${address}; location / { ${location.join(' ')} } }`,
    '}',
  ]
  writeFileSync(join(folder, 'nginx.conf'), configuration.join('\n'))
  return ['-p', folder, '-c', 'nginx.conf', '-e', 'stderr']
}

/**
 * Starts a real nginx with a minimal configuration.
 *
 * @param location directives for everything below `/`
 */
export async function startNginx(
  scope: Scope,
  location: readonly string[],
  choices: { readonly host?: string; readonly port?: number; readonly zone?: string } = {},
): Promise<{ readonly url: string; readonly port: number; readonly kill: Kill }> {
  const { host = '127.0.0.1', zone } = choices
  const folder = temporaryFolder(scope)
  const port = choices.port ?? (await freePort(host))
  const args = configureNginx(folder, `${host}:${port}`, location)
  const kill = await startDaemon(scope, { program: 'nginx', args, host, port, zone })
  return { url: `http://${host}:${port}/`, port, kill }
}
