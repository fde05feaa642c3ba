import { errorMessage, systemCode } from '../../errors.js'

/** Why a probe received no response, in words that do not vary from probe to probe. */
export interface Failure {
  readonly reason: string
  readonly refused: boolean
  /** Set when the cause may be on our side (no route or no reply at all), not on the mirror's. */
  readonly localFault: 'unreachable' | 'silent' | undefined
}

/** By error code of the system, of TLS, or of undici. */
const REASONS: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'connection refused',
  ECONNRESET: 'connection reset',
  EPIPE: 'connection reset',
  UND_ERR_SOCKET: 'connection closed before the answer was complete',
  UND_ERR_RES_CONTENT_LENGTH_MISMATCH: 'connection closed before the answer was complete',
  ETIMEDOUT: 'no connection',
  ERR_SOCKET_CONNECTION_TIMEOUT: 'no connection',
  ENETUNREACH: 'network unreachable',
  EHOSTUNREACH: 'host unreachable',
  EADDRNOTAVAIL: 'network unreachable',
  EAFNOSUPPORT: 'network unreachable',
  UND_ERR_HEADERS_OVERFLOW: 'the head of the answer is too long',
  EPROTO: 'TLS: no handshake',
  DEPTH_ZERO_SELF_SIGNED_CERT: 'TLS: the certificate is self-signed',
  SELF_SIGNED_CERT_IN_CHAIN: 'TLS: the certificate is signed by an authority that is not known here',
  UNABLE_TO_GET_ISSUER_CERT: 'TLS: the certificate is signed by an authority that is not known here',
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: 'TLS: the certificate is signed by an authority that is not known here',
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: 'TLS: the certificate comes without those that vouch for it',
  CERT_HAS_EXPIRED: 'TLS: the certificate has expired',
  CERT_NOT_YET_VALID: 'TLS: the certificate is not valid yet',
  CERT_REVOKED: 'TLS: the certificate is revoked',
  ERR_TLS_CERT_ALTNAME_INVALID: 'TLS: the certificate is for another name',
}
const UNREACHABLE: ReadonlySet<string> = new Set([
  'ENETUNREACH',
  'EHOSTUNREACH',
  'EADDRNOTAVAIL',
  'EAFNOSUPPORT',
])
const NO_REPLY: ReadonlySet<string> = new Set(['ETIMEDOUT', 'ERR_SOCKET_CONNECTION_TIMEOUT'])
/** Length at which other error messages are cut. */
const MAX_MESSAGE_CHARACTERS = 100

export function failureOf(error: unknown): Failure {
  const code = codeOf(error)
  return {
    reason: REASONS[code] ?? otherReason(code, error),
    refused: code === 'ECONNREFUSED',
    localFault: UNREACHABLE.has(code) ? 'unreachable' : NO_REPLY.has(code) ? 'silent' : undefined,
  }
}

function otherReason(code: string, error: unknown): string {
  // Errors of undici's parser always have this name, but not always a code.
  if (error instanceof Error && error.name === 'HTTPParserError')
    return error.message.includes('Missing expected CR')
      ? 'lines of the head end in LF without CR'
      : 'the answer is not HTTP'
  if (code.startsWith('ERR_SSL_')) return 'TLS: no handshake'
  const message = errorMessage(error)
    .replace(/[^ -~]+/g, ' ')
    .trim()
  const short =
    message.length > MAX_MESSAGE_CHARACTERS ? `${message.slice(0, MAX_MESSAGE_CHARACTERS)}...` : message
  return short === '' ? code : short
}

/** Returns the code of an error, or of its cause if that is more precise. */
function codeOf(error: unknown): string {
  const code = systemCode(error)
  if (code !== undefined && code !== 'UND_ERR_SOCKET') return code
  const causeCode = error instanceof Error && error.cause !== undefined ? systemCode(error.cause) : undefined
  return causeCode ?? code ?? ''
}
