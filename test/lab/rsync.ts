import { chmodSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type Scope, temporaryFolder } from '../support/folder.js'
import { freePort } from '../support/port.js'
import { startDaemon } from './daemon.js'

export interface RsyncDaemonChoices {
  readonly host?: string
  /** Default: no account is needed. */
  readonly account?: { readonly user: string; readonly password: string }
  /** Message of the day. */
  readonly greeting?: string
  /** Additional lines for the module. */
  readonly settings?: readonly string[]
}

/**
 * Writes the configuration of an rsync daemon, and returns its arguments.
 *
 * @param folder for the configuration
 */
export function configureRsync(
  folder: string,
  root: string,
  host: string,
  port: number,
  choices: Omit<RsyncDaemonChoices, 'host'> = {},
): readonly string[] {
  const { account, greeting, settings = [] } = choices
  const lines = [
    'use chroot = no',
    'reverse lookup = no',
    '[repo]',
    `path = ${root}`,
    'read only = yes',
    ...settings,
  ]
  // Started by root, rsync changes to a user that cannot read the test's folders.
  if (process.getuid?.() === 0) lines.push('uid = 0', 'gid = 0')
  if (greeting !== undefined) {
    writeFileSync(join(folder, 'motd'), greeting)
    lines.unshift(`motd file = ${join(folder, 'motd')}`)
  }
  if (account !== undefined) {
    const secrets = join(folder, 'secrets')
    writeFileSync(secrets, `${account.user}:${account.password}\n`)
    chmodSync(secrets, 0o600)
    lines.push(`auth users = ${account.user}`, `secrets file = ${secrets}`)
  }
  const configuration = join(folder, 'rsyncd.conf')
  writeFileSync(configuration, `${lines.join('\n')}\n`)
  return ['--daemon', '--no-detach', `--config=${configuration}`, `--address=${host}`, `--port=${port}`]
}

/** Starts a real rsync daemon with a folder as its module `repo`. */
export async function startRsyncDaemon(
  scope: Scope,
  root: string,
  { host = '127.0.0.1', ...choices }: RsyncDaemonChoices = {},
): Promise<{ readonly url: string; readonly port: number }> {
  const port = await freePort(host)
  const args = configureRsync(temporaryFolder(scope), root, host, port, choices)
  await startDaemon(scope, { program: 'rsync', args, host, port })
  return { url: `rsync://${host}:${port}/repo/`, port }
}
