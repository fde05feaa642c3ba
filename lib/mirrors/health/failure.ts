import { errorMessage, systemCode } from '../../errors.js'

/** Why a probe got no answer, in words that are the same each time. */
export interface Failure {
  readonly reason: string
  readonly refused: boolean
  /** Where it may be this machine that has no way there, rather than nobody who is there. */
  readonly doubt: 'unreachable' | 'silent' | undefined
}

/** By the codes of system, TLS and HTTP client. */
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
/** Characters of what others say. */
const MAX_MESSAGE_CHARACTERS = 100

export function failureOf(error: unknown): Failure {
  const code = codeOf(error)
  return {
    reason: REASONS[code] ?? otherReason(code, error),
    refused: code === 'ECONNREFUSED',
    doubt: UNREACHABLE.has(code) ? 'unreachable' : NO_REPLY.has(code) ? 'silent' : undefined,
  }
}

function otherReason(code: string, error: unknown): string {
  // The parser's errors have a name always, and a code most of the time.
  if (error instanceof Error && error.name === 'HTTPParserError') return 'the answer is not HTTP'
  if (code.startsWith('ERR_SSL_')) return 'TLS: no handshake'
  const said = errorMessage(error)
    .replace(/[^ -~]+/g, ' ')
    .trim()
  const short = said.length > MAX_MESSAGE_CHARACTERS ? `${said.slice(0, MAX_MESSAGE_CHARACTERS)}...` : said
  return short === '' ? code : short
}

/** The code of an error, or of what caused it. */
function codeOf(error: unknown): string {
  const own = systemCode(error)
  if (own !== undefined && own !== 'UND_ERR_SOCKET') return own
  const within = error instanceof Error && error.cause !== undefined ? systemCode(error.cause) : undefined
  return within ?? own ?? ''
}
