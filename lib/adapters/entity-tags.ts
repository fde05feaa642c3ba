import type { ServerResponse } from 'node:http'
import { MirroredByError } from '../errors.js'
import { hasPreferred } from '../fields/link.js'
import { identityAt, sameIdentity } from '../identity.js'
import type { Origin } from '../origin.js'
import {
  fieldsToHide,
  fieldsToHideUnindexed,
  type JudgedConditions,
  mayName,
  tagConditionsOf,
} from '../request/conditions.js'
import type { DecoratePlan } from '../request/plan.js'
import type { RequestView } from '../request/view.js'
import type { NodeRequest } from './client-request.js'

/**
 * Judges conditions that name our entity tags, because the layer below does not know these tags.
 * One for each mount.
 */
export class EntityTags {
  readonly #origin: Origin
  /** Whether the last response with a file of the index had a tag of its own. */
  #isTaggedBelow: boolean | undefined
  #hasWarned = false

  constructor(origin: Origin) {
    this.#origin = origin
  }

  /**
   * Judges the conditions of a request, and hides the judged ones from the layers below.
   *
   * @param plan undefined if the path is not in the index
   * @returns undefined if there are no such conditions
   */
  judge(
    view: RequestView,
    request: NodeRequest,
    plan: DecoratePlan | undefined,
  ): JudgedConditions | undefined {
    const conditions = tagConditionsOf(view)
    if (conditions === undefined || (view.method !== 'GET' && view.method !== 'HEAD')) return undefined
    const policy = this.#origin.options.etag
    const isTaggedBelow = this.#isTaggedBelow === true
    if (plan === undefined) {
      hide(request, fieldsToHideUnindexed(conditions, isTaggedBelow, policy))
      return undefined
    }
    const { etag, absolute, file } = plan
    if (etag === undefined) return undefined
    const present = mayName(conditions, etag) ? identityAt(absolute) : undefined
    const isPresent = present !== undefined && sameIdentity(present, file.identity)
    const hidden = fieldsToHide(conditions, isPresent ? etag : undefined, isTaggedBelow, policy)
    hide(request, hidden)
    return { conditions, hidden }
  }

  /**
   * Learns from a response with a file of the index. Warns once if its tag is not that of mirrors
   * which have ours.
   *
   * @param ownEtag tag that the layer below has sent
   */
  learn({ file, etag, fields }: DecoratePlan, ownEtag: string | undefined): void {
    this.#isTaggedBelow = ownEtag !== undefined
    if (ownEtag === undefined || this.#hasWarned || ownEtag === etag || !hasPreferred(fields)) return
    this.#hasWarned = true
    const message = `the application sends ${file.path} with its own ETag, ${ownEtag}, so links do not mark mirrors with our ETag by pref: turn the ETag of the application off, for example by express.static(root, { etag: false })`
    this.#origin.warn(new MirroredByError('ERR_ETAG', message))
  }
}

/** Hides fields from the layers below. `rawHeaders` keeps them. */
function hide({ headers }: NodeRequest, names: readonly string[]): void {
  for (const name of names) Reflect.deleteProperty(headers, name)
}

/** Body of a response, which is not sent if its head becomes that of a response without content. */
export class DroppableBody {
  isDropped = false
  /** False while a body is about to be sent whose length Node counts with the head. */
  canBeDropped = true

  constructor(response: ServerResponse) {
    const { write, end } = response
    // Node would write the head within these calls, and the first bytes after it in any case.
    response.write = (...args: readonly unknown[]) => {
      if (!response.headersSent) response.writeHead(response.statusCode)
      if (!this.isDropped) return Reflect.apply(write, response, args) === true
      const callback = callbackIn(args)
      if (callback !== undefined) process.nextTick(callback)
      return true
    }
    response.end = (...args: readonly unknown[]) => {
      const [chunk] = args
      const isLast = chunk !== undefined && chunk !== null && typeof chunk !== 'function'
      if (isLast && !response.headersSent) {
        if (response.hasHeader('content-length')) response.writeHead(response.statusCode)
        else this.canBeDropped = false
      }
      if (this.isDropped) Reflect.apply(end, response, [callbackIn(args)])
      else Reflect.apply(end, response, args)
      return response
    }
  }
}

function callbackIn(args: readonly unknown[]): (() => void) | undefined {
  const callback = args.find((value) => typeof value === 'function')
  return callback === undefined ? undefined : () => void Reflect.apply(callback, undefined, [])
}
