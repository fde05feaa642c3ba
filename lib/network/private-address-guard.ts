import { isIP, type LookupFunction } from 'node:net'
import type { Agent, Dispatcher } from 'undici'
import { errorMessage } from '../errors.js'
import { FAMILIES } from '../model.js'
import { type HostAddresses, type HostResolver, isLiteral, isPrivate } from './addresses.js'
import { loadUndici } from './undici.js'

export interface PrivateAddressGuardOptions {
  /** Whether host names may resolve to private addresses. Default: false. */
  readonly allowsPrivate?: boolean
  /** Maximum number of concurrent connections to one origin. Default: 4. */
  readonly connections?: number
  /** Time without a byte, or until a connection is made. Default: one minute. */
  readonly idleMs?: number
  /** Fields that are added to every request. Default: none. */
  readonly fields?: Readonly<Record<string, string>> | undefined
}

/** Time until the next of several addresses is tried too. */
const ATTEMPT_TIMEOUT_MS = 1000
const DEFAULT_CONNECTIONS = 4
const DEFAULT_IDLE_MS = 60_000

/**
 * Creates an HTTP agent that keeps its connections and connects to public addresses only. It guards
 * against SSRF: a mirror's operator could change a host name to lead into our own network.
 *
 * Each new connection resolves the host and uses one of the addresses that were checked, without a
 * second query in between. Hosts written as addresses or `localhost` are not checked: code that
 * follows redirects must check them. The caller closes the agent.
 */
export async function guardedAgent(
  resolver: Pick<HostResolver, 'find'>,
  options: PrivateAddressGuardOptions = {},
): Promise<Dispatcher> {
  const {
    allowsPrivate = false,
    connections = DEFAULT_CONNECTIONS,
    idleMs = DEFAULT_IDLE_MS,
    fields,
  } = options
  const undici = await loadUndici()
  const agent = new undici.Agent({
    connections,
    headersTimeout: idleMs,
    bodyTimeout: idleMs,
    connect: {
      timeout: idleMs,
      lookup: guardedLookup(resolver, allowsPrivate),
      autoSelectFamily: true,
      autoSelectFamilyAttemptTimeout: ATTEMPT_TIMEOUT_MS,
    },
  })
  return fields === undefined ? agent : withFields(agent, fields)
}

function withFields(agent: Agent, fields: Readonly<Record<string, string>>): Dispatcher {
  return agent.compose((dispatch) => (options, handler) => {
    const { headers } = options
    // Only objects can be extended. All requests of this library have objects.
    if (headers && Symbol.iterator in headers) return dispatch(options, handler)
    return dispatch({ ...options, headers: { ...headers, ...fields } }, handler)
  })
}

function guardedLookup(resolver: Pick<HostResolver, 'find'>, allowsPrivate: boolean): LookupFunction {
  const lookUp = async (host: string): Promise<readonly string[]> => {
    const allowed = allowedAddresses(host, await resolver.find(host), allowsPrivate)
    if (typeof allowed === 'string') throw new Error(allowed)
    return allowed
  }
  return (host, { all }, done) => {
    lookUp(host).then(
      (addresses) => {
        const [first = ''] = addresses
        if (all)
          done(
            null,
            addresses.map((address) => ({ address, family: isIP(address) })),
          )
        else done(null, first, isIP(first))
      },
      (error: unknown) => done(error instanceof Error ? error : new Error(errorMessage(error)), '', 0),
    )
  }
}

/**
 * Returns the addresses of a host that may be connected to; or the reason if all are refused.
 *
 * @param host without brackets
 */
export function allowedAddresses(
  host: string,
  addresses: HostAddresses,
  allowsPrivate: boolean,
): readonly string[] | string {
  const all = FAMILIES.flatMap((family) => addresses[family] ?? [])
  const [first] = all
  if (first === undefined) {
    const isCertain = FAMILIES.every((family) => addresses[family] !== undefined)
    return isCertain ? `its host ${host} has no address` : 'name servers are silent'
  }
  if (allowsPrivate || isLiteral(host)) return all
  const open = all.filter((address) => !isPrivate(address))
  return open.length > 0 ? open : `its host ${host} has the private address ${first}`
}

/**
 * Checks a host for programs that resolve it themselves, such as rsync: refuses the host if any of
 * its addresses is private, except for a literal host. Unlike `guardedAgent`, this cannot rule out
 * that a name server returns other addresses a moment later.
 *
 * @param host without brackets
 * @returns why the host is refused; undefined if it is allowed
 */
export async function checkHost(
  host: string,
  resolver: Pick<HostResolver, 'find'>,
  allowsPrivate: boolean,
): Promise<string | undefined> {
  if (allowsPrivate || isLiteral(host)) return undefined
  const addresses = await resolver.find(host)
  const allowed = allowedAddresses(host, addresses, false)
  if (typeof allowed === 'string') return allowed
  const privateAddress = FAMILIES.flatMap((family) => addresses[family] ?? []).find(isPrivate)
  return privateAddress === undefined
    ? undefined
    : `its host ${host} has the private address ${privateAddress}`
}
