import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type Scope, temporaryFolder } from '../support/folder.js'
import { freePort } from '../support/port.js'
import { startDaemon } from './daemon.js'

/** Starts a real lighttpd that lists a folder. */
export async function startLighttpd(
  scope: Scope,
  root: string,
  choices: { readonly host?: string; readonly zone?: string } = {},
): Promise<{ readonly url: string; readonly port: number }> {
  const { host = '127.0.0.1', zone } = choices
  const folder = temporaryFolder(scope)
  const port = await freePort(host)
  const configuration = join(folder, 'lighttpd.conf')
  const lines = [
    `server.document-root = ${JSON.stringify(root)}`,
    `server.bind = ${JSON.stringify(host)}`,
    `server.port = ${port}`,
    // lighttpd sends no Last-Modified for files without a media type.
    'mimetype.assign = ("" => "application/octet-stream")',
    'server.modules = ("mod_dirlisting")',
    'dir-listing.activate = "enable"',
  ]
  writeFileSync(configuration, `${lines.join('\n')}\n`)
  await startDaemon(scope, { program: 'lighttpd', args: ['-D', '-f', configuration], host, port, zone })
  return { url: `http://${host}:${port}/`, port }
}
