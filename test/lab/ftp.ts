import { FtpSrv } from 'ftp-srv'
import type { Scope } from '../support/folder.js'
import { freePort } from '../support/port.js'

/** A silent log for ftp-srv, which by default writes to the test's output. */
const silent = (): unknown => {
  const log = { child: () => log, trace() {}, debug() {}, info() {}, warn() {}, error() {}, fatal() {} }
  return log
}

/** Starts a real FTP server, which supports LIST and not MLSD. */
export async function startFtpServer(
  scope: Scope,
  root: string,
  choices: {
    readonly host?: string
    readonly account?: { readonly user: string; readonly password: string }
  } = {},
): Promise<{ readonly url: string; readonly port: number }> {
  const { host = '127.0.0.1', account } = choices
  const port = await freePort(host)
  const server = new FtpSrv({
    url: `ftp://${host}:${port}`,
    anonymous: account === undefined,
    pasv_url: host,
    log: silent(),
  })
  server.on('login', ({ username, password }, resolve, reject) => {
    if (account !== undefined && (username !== account.user || password !== account.password))
      reject(new Error('Login incorrect'))
    else resolve({ root })
  })
  await server.listen()
  scope.after(() => server.close())
  return { url: `ftp://${host}:${port}/`, port }
}
