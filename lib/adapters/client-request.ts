import type { IncomingMessage } from 'node:http'
import type { Http2ServerRequest } from 'node:http2'
import { isIP } from 'node:net'
import proxyAddr from 'proxy-addr'
import { type ForwardedElement, parseForwarded } from '../fields/forwarded.js'
import type { RequestView } from '../request/view.js'

/** Request of `node:http`, or of the compatibility API of `node:http2`. */
export type NodeRequest = IncomingMessage | Http2ServerRequest

/** Returns true for proxies whose statements about their clients are believed. */
export type Trust = (address: string, hop: number) => boolean

/** Address of a peer that is connected by a Unix socket. No field can name it. */
const UNIX_SOCKET = 'unix socket'
/** Names of proxies that include peers at Unix sockets: both are processes of this machine. */
const LOCAL_NAMES = ['loopback', 'unix']

/**
 * Returns the trust in proxies by their addresses, subnets and names.
 *
 * @returns undefined if there are no proxies
 */
export function trustIn(proxies: readonly string[]): Trust | undefined {
  if (proxies.length === 0) return undefined
  const isUnixTrusted = proxies.some((name) => LOCAL_NAMES.includes(name))
  const trust = proxyAddr.compile(proxies.filter((name) => name !== 'unix'))
  return (address, hop) => (address === UNIX_SOCKET ? isUnixTrusted : trust(address, hop))
}

/**
 * A request as its client made it: scheme, host, port, path and address. It may have come through
 * proxies, a Unix socket, HTTP/2, or a framework that has taken a prefix off the path. Fields of
 * proxies count only if the proxies are trusted.
 *
 * Every property is read when planning needs it, because most requests need few.
 */
export class ClientRequest implements RequestView {
  protected readonly request: NodeRequest
  readonly #trust: Trust | undefined
  #peer: string | undefined
  #isProxied: boolean | undefined
  #hops: Hops | undefined

  constructor(request: NodeRequest, trust: Trust | undefined) {
    this.request = request
    this.#trust = trust
  }

  get method(): string {
    return this.request.method ?? ''
  }

  header(name: string): string | undefined {
    const value = this.request.headers[name]
    return typeof value === 'string' ? value : value?.join(', ')
  }

  get target(): string {
    return this.request.url ?? '/'
  }

  /** Prefix of the path that Express, connect or `koa-mount` has removed. */
  get mount(): string {
    const { target } = this
    const original = this.originalTarget
    if (original === target) return ''
    const whole = withoutAuthority(original)
    const rest = withoutAuthority(target)
    if (whole.endsWith(rest)) return whole.slice(0, whole.length - rest.length)
    // The rest of the path was rewritten. Express still names the prefix.
    const { request } = this
    return 'baseUrl' in request && typeof request.baseUrl === 'string' ? request.baseUrl : ''
  }

  /** Host, with the port unless it is the default one of the scheme. */
  get host(): string | undefined {
    if (!this.isProxied) return this.#withLocalPort(this.#authority)
    const host = firstOf(this.header('x-forwarded-host')) ?? this.#hopsBehind.host ?? this.#authority
    const port = firstOf(this.header('x-forwarded-port'))
    if (host === undefined || port === undefined || !/^\d{1,5}$/.test(port)) return host
    // Some proxies send 80 with https. No server uses 80 or 443 for the other scheme.
    return port === '80' || port === '443' || hasPort(host) ? host : `${host}:${port}`
  }

  get secure(): boolean {
    if (this.isProxied) {
      const scheme = firstOf(this.header('x-forwarded-proto')) ?? this.#hopsBehind.proto
      if (scheme !== undefined) return scheme.toLowerCase() === 'https'
    }
    return this.isEncrypted || /^https:/i.test(this.originalTarget)
  }

  /** Address of the client. Empty if unknown. */
  get address(): string {
    if (!this.isProxied) return this.peer === UNIX_SOCKET ? '' : this.peer
    return this.#hopsBehind.address
  }

  /** Request target before any framework has taken a prefix off. */
  protected get originalTarget(): string {
    const { request } = this
    return 'originalUrl' in request && typeof request.originalUrl === 'string'
      ? request.originalUrl
      : this.target
  }

  /** Address at the other end of the connection. Empty if the connection is gone. */
  protected get peer(): string {
    this.#peer ??= peerOf(this.request)
    return this.#peer
  }

  /** Whether the peer is a proxy that is trusted, and tells something of its client. */
  protected get isProxied(): boolean {
    this.#isProxied ??= isForwarded(this.request) && (this.#trust?.(this.peer, 0) ?? false)
    return this.#isProxied
  }

  /** Whether the connection itself uses TLS. */
  protected get isEncrypted(): boolean {
    try {
      const { socket } = this.request
      return 'encrypted' in socket && socket.encrypted === true
    } catch {
      return false // The HTTP/2 session is gone.
    }
  }

  get #hopsBehind(): Hops {
    this.#hops ??= hopsBehind(
      this.peer === UNIX_SOCKET ? '' : this.peer,
      this.header('x-forwarded-for'),
      this.header('forwarded'),
      this.#trust ?? (() => false),
    )
    return this.#hops
  }

  /**
   * Adds the port of a server on this machine: wget2 sends `Host` without it. Through a forwarded
   * port the client would have named another machine.
   */
  #withLocalPort(host: string | undefined): string | undefined {
    if (host === undefined || !LOOPBACK_HOST.test(host)) return host
    const port = localPortOf(this.request)
    return port === undefined || port === (this.isEncrypted ? 443 : 80) ? host : `${host}:${port}`
  }

  /** Host and port that the request itself names. */
  get #authority(): string | undefined {
    const { headers, rawHeaders } = this.request
    const host = headers[':authority'] ?? headers.host
    if (typeof host === 'object' || hasSeveralHosts(rawHeaders)) return undefined
    const target = this.originalTarget
    if (target.startsWith('/')) return host
    // RFC 9112 §3.2.2: the authority of an absolute-form target replaces Host.
    const [, authority] = ABSOLUTE_FORM.exec(target) ?? []
    return authority ?? host
  }
}

/** Fields by which proxies tell of their clients. */
const PROXY_FIELDS = [
  'x-forwarded-for',
  'x-forwarded-proto',
  'x-forwarded-host',
  'x-forwarded-port',
  'forwarded',
]

/** What trusted proxies say of the client. */
interface Hops {
  readonly address: string
  readonly host: string | undefined
  readonly proto: string | undefined
}

/**
 * Follows the statements of proxies from the peer towards the client. The first proxy that is not
 * trusted is the client.
 *
 * @param peer address of the peer, which is trusted; empty at a Unix socket
 */
function hopsBehind(
  peer: string,
  forwardedFor: string | undefined,
  forwarded: string | undefined,
  trust: Trust,
): Hops {
  const elements = forwarded === undefined ? [] : (parseForwarded(forwarded) ?? [])
  const ends = elements.map((element) => element.for)
  const believed = elements.slice(elements.length - follow(peer, ends, trust).hops)
  // Proxies that append to X-Forwarded-For often pass on a Forwarded of the client.
  const { address } = follow(peer, forwardedFor?.split(',') ?? ends, trust)
  return { address, host: firstIn(believed, 'host'), proto: firstIn(believed, 'proto') }
}

/**
 * @param nodes as proxies have appended them
 * @returns address of the client, and the number of nodes that a trusted proxy has named
 */
function follow(
  peer: string,
  nodes: readonly (string | undefined)[],
  trust: Trust,
): { readonly address: string; readonly hops: number } {
  let address = peer
  let hops = 0
  while (hops < nodes.length && (hops === 0 || trust(address, hops))) {
    hops += 1
    address = addressOf(nodes[nodes.length - hops] ?? '')
  }
  return { address, hops }
}

function firstIn(elements: readonly ForwardedElement[], name: 'host' | 'proto'): string | undefined {
  return elements.find((element) => element[name] !== undefined)?.[name]
}

/**
 * Returns the address of a node of `X-Forwarded-For` or `Forwarded` (RFC 7239 §6): without port,
 * brackets and quotes. Empty for `unknown` and other names.
 */
export function addressOf(node: string): string {
  const text = node.trim().replace(/^"(.*)"$/, '$1')
  if (isIP(text) !== 0) return text
  const [, bracketed, plain] = NODE_WITH_PORT.exec(text) ?? []
  const address = bracketed ?? plain ?? ''
  return isIP(address) === 0 ? '' : address
}

/** Matches `[2001:db8::1]`, `[2001:db8::1]:443` and `192.0.2.1:443`. Ports may be obfuscated. */
const NODE_WITH_PORT = /^(?:\[([^\]]*)\]|([\d.]+))(?::[\w.-]+)?$/
/** Matches the start of an absolute-form target (RFC 9112 §3.2.2), and its host and port. */
const ABSOLUTE_FORM = /^https?:\/\/(?:[^/?#@]*@)?([^/?#]*)/i

function withoutAuthority(target: string): string {
  return target.startsWith('/') ? target : target.replace(ABSOLUTE_FORM, '')
}

/** Returns the first value of a list. Undefined if it is empty. */
function firstOf(list: string | undefined): string | undefined {
  if (list === undefined) return undefined
  const comma = list.indexOf(',')
  return (comma === -1 ? list : list.slice(0, comma)).trim() || undefined
}

function hasPort(host: string): boolean {
  return /:\d*$/.test(host)
}

function isForwarded({ headers }: NodeRequest): boolean {
  return PROXY_FIELDS.some((name) => headers[name] !== undefined)
}

/**
 * RFC 9112 §3.2: a request with two Host lines is not to be answered as one with either. Requests
 * that test tools make up have no lines.
 */
function hasSeveralHosts(rawHeaders: readonly string[] = []): boolean {
  let hosts = 0
  for (let index = 0; index < rawHeaders.length; index += 2) {
    const name = rawHeaders[index]
    if (name?.length === 4 && name.toLowerCase() === 'host') hosts += 1
  }
  return hosts > 1
}

/** A host that leads to this machine only, without a port. */
const LOOPBACK_HOST = /^(?:localhost|127\.[\d.]+|\[::1\])$/i

function localPortOf({ socket }: NodeRequest): number | undefined {
  try {
    return socket.localPort
  } catch {
    return undefined // The HTTP/2 session is gone.
  }
}

function peerOf({ socket }: NodeRequest): string {
  try {
    if (socket.remoteAddress !== undefined) return socket.remoteAddress
    // A connection that is gone, or was just reset by its peer, has no remote address either.
    return socket.destroyed || socket.localAddress !== undefined ? '' : UNIX_SOCKET
  } catch {
    return '' // The HTTP/2 session is gone.
  }
}
