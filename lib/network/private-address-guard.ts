import { isIP, type LookupFunction } from 'node:net'
import type { Agent } from 'undici'
import { errorMessage } from '../errors.js'
import { FAMILIES } from '../model.js'
import { type HostAddresses, type HostResolver, isLiteral, isPrivate } from './addresses.js'
import { loadUndici } from './undici.js'

export interface PrivateAddressGuardOptions {
  /** Whether hosts may have private addresses that their URLs do not name. Default: not. */
  readonly allowsPrivate?: boolean
  /** Connections to one origin at a time. Default: 4. */
  readonly connections?: number
  /** Milliseconds without a byte, or until there is a connection. Default: a minute. */
  readonly idleMs?: number
}

/** Milliseconds that one of several addresses has before the next is tried. */
const ATTEMPT_TIMEOUT_MS = 1000
const DEFAULT_CONNECTIONS = 4
const DEFAULT_IDLE_MS = 60_000

/**
 * An agent of HTTP that keeps its connections, and connects to public addresses only: a name that a mirror's operator can
 * change leads to nothing within our own network. Each new connection asks for the addresses, and goes to one of those that
 * were looked at; no name server is asked in between. Hosts that are written as addresses, or as `localhost`, are connected
 * to as they are: whoever follows redirects looks at those. The caller closes it.
 */
export async function guardedAgent(
  resolver: Pick<HostResolver, 'find'>,
  options: PrivateAddressGuardOptions = {},
): Promise<Agent> {
  const { allowsPrivate = false, connections = DEFAULT_CONNECTIONS, idleMs = DEFAULT_IDLE_MS } = options
  const undici = await loadUndici()
  return new undici.Agent({
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
}

function guardedLookup(resolver: Pick<HostResolver, 'find'>, allowsPrivate: boolean): LookupFunction {
  const lookUp = async (host: string): Promise<readonly string[]> => {
    const allowed = allowedAddresses(host, await resolver.find(host), allowsPrivate)
    if (typeof allowed === 'string') throw new Error(allowed)
    return allowed
  }
  return (host, { all }, done) => {
    lookUp(host).then(
      (found) => {
        const [first = ''] = found
        if (all)
          done(
            null,
            found.map((address) => ({ address, family: isIP(address) })),
          )
        else done(null, first, isIP(first))
      },
      (error: unknown) => done(error instanceof Error ? error : new Error(errorMessage(error)), '', 0),
    )
  }
}

/**
 * Those of a host's addresses that may be connected to, or why there are none.
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
 * Looks at a host before something asks it that chooses its address by itself, such as rsync: not one of its addresses may be
 * private, unless its URL names it. A name server may give another answer a moment later, which only `guardedAgent` rules
 * out.
 *
 * @param host without brackets
 * @returns why it is not to be asked; undefined where it may be
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
