import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { type Scope, temporaryFolder } from './folder.js'

export interface Certificate {
  readonly key: string
  readonly cert: string
}

/**
 * Makes a key and a self-signed certificate for a loopback address. Clients must be told to trust
 * the certificate. Needs `openssl`.
 */
export function makeCertificate(scope: Scope, host = '127.0.0.1'): Certificate {
  const folder = temporaryFolder(scope)
  const key = join(folder, 'key.pem')
  const cert = join(folder, 'cert.pem')
  const kind = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes']
  const name = ['-subj', `/CN=${host}`, '-addext', `subjectAltName=IP:${host}`]
  const args = ['req', '-x509', ...kind, '-days', '2', ...name, '-keyout', key, '-out', cert]
  execFileSync('openssl', args, { stdio: 'pipe' })
  return { key: readFileSync(key, 'utf8'), cert: readFileSync(cert, 'utf8') }
}
