import { createHash } from 'node:crypto'
import { fieldBlock } from '../fields/budget.js'
import { PRIVATE, privateCacheControl } from '../fields/cache-control.js'
import { digestFields } from '../fields/digest.js'
import { reprDigestFields } from '../fields/repr-digest.js'
import { wantDigest, wantReprDigest } from '../fields/want.js'
import { sameExceptCtime, sameIdentity } from '../identity.js'
import type { Candidate } from '../mirrors/ranking/candidate.js'
import type { Inventory } from '../mirrors/ranking/inventory.js'
import { urlFor } from '../mirrors/ranking/mirror-status.js'
import { ownMirrors } from '../mirrors/ranking/own-mirrors.js'
import { type RankQuery, rank } from '../mirrors/ranking/rank.js'
import type { Snapshot } from '../mirrors/ranking/snapshot.js'
import type { Awaitable, Client, Field, Identity, IndexedFile, Mode, Pieces, Random } from '../model.js'
import { includesWholePath, type PathFilter } from '../paths.js'
import { onlyPiece } from '../pieces.js'
import type { Store } from '../store/store.js'
import { isNotModified, meetsMatch, tagConditionsOf } from './conditions.js'
import type { CachedFile, FileCache } from './file-cache.js'
import type { Evidence } from './link-cache.js'
import { type RequestContext, requestContextOf } from './overrides.js'
import { type DocumentBody, type DocumentPlan, PASS, type Plan, type RejectPlan } from './plan.js'
import type { FileUrl, RenderInput, RenderNeed, Representation } from './representations/representation.js'
import type { NamedRepresentation } from './representations/representation-set.js'
import { parseTarget } from './target.js'
import type { RequestView } from './view.js'

export interface PlannerOptions {
  readonly mode: Mode
  /** Whether the origin sends the files itself. */
  readonly serve: boolean
  /**
   * URL of the repository's root on this server, ending in `/`. Default: made from the request's
   * Host.
   */
  readonly baseUrl?: string | undefined
  /** Whether a request can override the place of its client. */
  readonly overrides: boolean
  /** Duplicates in the fields of one response. */
  readonly maxDuplicates: number
  /** Bytes of all our fields in one response. */
  readonly maxHeaderBytes: number
  /** `Cache-Control` of redirects and of documents that depend on the client. */
  readonly cacheControl: string | false
  /** Whether scripts of any site may read files. */
  readonly cors: boolean
}

/** Everything outside the request flow that the planner reads or calls. */
export interface PlannerDependencies {
  readonly files: FileCache
  readonly store: Pick<Store, 'pieces'>
  /** Returns true for paths that belong to the repository. */
  readonly includes: PathFilter
  readonly snapshot: () => Snapshot
  /** Returns the client at an address, and its place. */
  readonly locate: (address: string) => Client
  /** Returns the identity that a path has on disk now. Undefined if there is no file. */
  readonly identify: (path: string) => Identity | undefined
  readonly absolute: (path: string) => string
  /** Called when a file on disk differs from the index. */
  readonly invalidate: (path: string) => void
  /** Called when a client reports mirrors of a file as broken, by ids and hosts in lower case. */
  readonly reportBroken: (names: ReadonlySet<string>, path: string) => void
  /** Called when a response left out mirrors only because their copy of the file is unchecked. */
  readonly reportUnchecked: (file: IndexedFile, candidates: readonly Candidate[]) => void
  /** The id of `loopFields`, by which this server recognises its own requests to mirrors. */
  readonly loopId?: string | undefined
  /** Called when mirrors are found whose URL is that of this server. May be called repeatedly. */
  readonly reportOwn?: (candidates: ReadonlySet<Candidate>, base: string) => void
  readonly random: Random
}

/** The mirrors whose URL is that of this server, for one of its names and one list of mirrors. */
interface OwnMirrors {
  readonly base: string | undefined
  readonly candidates: Snapshot['candidates'] | undefined
  readonly own: ReadonlySet<Candidate> | undefined
}

/** URL of the repository on this server, and the parts of a request that it was made from. */
interface Base {
  readonly host: string | undefined
  readonly secure: boolean
  readonly mount: string
  readonly url: string | undefined
}

const NEGOTIATED: Field = ['Vary', 'Accept']
/** No document is smaller than such a file. */
const MIN_NEGOTIATED_BYTES = 512
/** Lets scripts of any site read responses (CORS protocol of the Fetch standard). */
const ANY_SITE: Field = ['Access-Control-Allow-Origin', '*']
const EXPOSE = 'Access-Control-Expose-Headers'
/**
 * A host that a URL can hold, at most as long as names in DNS (RFC 1035 §2.3.4). Any other value of
 * the Host field is not sent back.
 */
const HOST = /^(?:[A-Za-z0-9._-]{1,255}|\[[0-9A-Fa-f:.]{2,45}\])(?::\d{1,5})?$/
/** A path that a URL can hold. */
const MOUNT = /^(?:\/(?:[A-Za-z0-9._~!$&'()*+,;=:@-]|%[0-9A-Fa-f]{2})+)*$/
const MAX_MOUNT_BYTES = 1024

/** Turns requests into plans. Opens no file and no socket, and never waits for a mirror. */
export class Planner {
  readonly #options: PlannerOptions
  readonly #dependencies: PlannerDependencies
  /** `Vary` of responses with a file. */
  readonly #vary: readonly Field[]
  /**
   * Unchecked mirrors of the current `rank` call. One array is reused for all requests, because
   * most requests leave it empty: a new array each time would be allocated in vain.
   */
  readonly #unchecked: Candidate[] = []
  /**
   * Base URL of the last request. Most requests name the same host, so this saves building the URL.
   * The identical string is also found faster in the cache of links.
   */
  #lastBase: Base = { host: undefined, secure: false, mount: '', url: undefined }
  /** Result of the last look-up, which holds for most requests. */
  #lastOwn: OwnMirrors = { base: undefined, candidates: undefined, own: undefined }

  constructor(options: PlannerOptions, dependencies: PlannerDependencies) {
    this.#options = options
    this.#dependencies = dependencies
    this.#vary = dependencies.files.representations.isNegotiated ? [NEGOTIATED] : []
  }

  /** Plans a request. Synchronous unless the store answers by promise. */
  plan(view: RequestView): Awaitable<Plan> {
    const { serve } = this.#options
    const target = parseTarget(view.target)
    if (target === undefined) return serve ? MALFORMED : PASS
    const { path, query } = target
    if (path === '' || path.endsWith('/')) return PASS
    const file = this.#dependencies.files.get(path)
    return file instanceof Promise
      ? file.then((cached) => this.#planPath(view, path, query, cached))
      : this.#planPath(view, path, query, file)
  }

  #planPath(view: RequestView, path: string, query: string, cached: CachedFile | undefined): Awaitable<Plan> {
    if (cached !== undefined) return this.#planFile(view, query, cached)
    const { files, identify } = this.#dependencies
    const named = files.representations.bySuffix(path)
    // A real file wins over a document of its path, even if it is not indexed yet.
    if (named.length === 0 || identify(path) !== undefined) return this.#planUnindexed(view, path)
    return this.#planSuffixed(view, path, query, named)
  }

  #planUnindexed(view: RequestView, path: string): Plan {
    if (!this.#options.serve || !isRead(view) || !includesWholePath(this.#dependencies.includes, path))
      return PASS
    return { kind: 'file', path }
  }

  /** Plans the first of the named documents whose file exists. */
  #planSuffixed(
    view: RequestView,
    path: string,
    query: string,
    [named, ...others]: readonly NamedRepresentation[],
  ): Awaitable<Plan> {
    if (named === undefined) return this.#planUnindexed(view, path)
    const { representation } = named
    const planWith = (cached: CachedFile | undefined): Awaitable<Plan> =>
      cached !== undefined && representation.available(cached.file)
        ? this.#represent(view, query, cached, representation, false)
        : this.#planSuffixed(view, path, query, others)
    const file = this.#dependencies.files.get(named.path)
    return file instanceof Promise ? file.then(planWith) : planWith(file)
  }

  #planFile(view: RequestView, query: string, cached: CachedFile): Awaitable<Plan> {
    if (!isRead(view)) return this.#options.serve ? NOT_ALLOWED : PASS
    const { representations } = this.#dependencies.files
    const named = representations.byQuery(query, cached.file)
    if (named !== undefined) return this.#represent(view, query, cached, named, false)
    const preferred = representations.byAccept(view, cached.file)
    if (preferred === undefined || cached.file.identity.size < MIN_NEGOTIATED_BYTES)
      return this.#planBytes(view, query, cached)
    const orFile = (plan: Plan) => (isLarger(plan, cached) ? this.#planBytes(view, query, cached) : plan)
    const document = this.#represent(view, query, cached, preferred, true)
    return document instanceof Promise ? document.then(orFile) : orFile(document)
  }

  /** Plans a response with the file itself, or a redirect to it. */
  #planBytes(view: RequestView, query: string, cached: CachedFile): Plan {
    const { serve, mode } = this.#options
    const context = this.#context(view, query, cached)
    if (mode === 'redirect') {
      if (this.#isOwnRequest(view)) return LOOP
      const redirect = this.#redirect(view, cached, context)
      if (redirect !== undefined) return redirect
    }
    const duplicates = this.#rankForList(view, cached, context, this.#options.maxDuplicates)
    const caching = duplicates.some(isForFew) ? [PRIVATE] : NO_FIELDS
    const fields = this.#fields(view, cached, context, duplicates, true, caching)
    if (serve) return { kind: 'file', path: cached.file.path, indexed: { file: cached.file, fields } }
    const absolute = this.#dependencies.absolute(cached.file.path)
    return { kind: 'decorate', file: cached.file, absolute, fields, etag: cached.etag }
  }

  /** Returns undefined if no mirror can be redirected to, or the file has changed. */
  #redirect(view: RequestView, cached: CachedFile, context: RequestContext): Plan | undefined {
    const { client, secure, isWithoutTls = false } = context
    // A mirror that ignores Range would send the whole file to a client that resumes a download.
    const needsRange = view.header('range') !== undefined
    const query = this.#rankQuery(view, cached, context, 'redirect', needsRange)
    const { maxDuplicates } = this.#options
    const snapshot = this.#dependencies.snapshot()
    // At least one mirror, even if the fields list none: the target of the redirect.
    const ranked = rank(snapshot, query, client, Math.max(1, maxDuplicates), this.#dependencies.random)
    this.#reportUnchecked(cached)
    const [first] = ranked
    const base = first && urlFor(snapshot.statuses, first, secure, isWithoutTls)
    if (first === undefined || base === undefined) return undefined
    // This server can be reached, so it sends the file itself.
    if (!snapshot.isUsable(first, client, secure)) return undefined
    // Mirrors hold the indexed bytes, which may differ from the bytes on disk now.
    if (!this.#isPresent(cached, sameExceptCtime)) return undefined
    const listed = ranked
      .filter(({ index }) => snapshot.statuses[index]?.ignoresRange !== true)
      .slice(0, maxDuplicates)
    const etag: Field[] = cached.etag === undefined ? [] : [['ETag', cached.etag]]
    const caching = this.#caching(ranked)
    const fields = this.#fields(view, cached, context, listed, isAscii(cached.file.path), caching, etag)
    return { kind: 'redirect', status: 302, location: base + cached.urlPath, fields }
  }

  /** Whether this server itself has sent a request, to a mirror that leads back here. */
  #isOwnRequest(view: RequestView): boolean {
    const { loopId } = this.#dependencies
    return loopId !== undefined && view.header('cdn-loop')?.includes(loopId) === true
  }

  /** @param isNegotiated whether `Accept` selected the representation */
  #represent(
    view: RequestView,
    query: string,
    cached: CachedFile,
    representation: Representation,
    isNegotiated: boolean,
  ): Awaitable<Plan> {
    if (!isRead(view)) return this.#options.serve ? NOT_ALLOWED : PASS
    const context = this.#context(view, query, cached)
    // Files are sent in spite of a mistake. A document is requested for its mirrors, so the client
    // is told.
    if (context.invalidOverride !== undefined) return reject(400, context.invalidOverride)
    if (!this.#isPresent(cached)) return CHANGING
    const needs = (need: RenderNeed) => representation.needs.includes(need)
    const pieces = needs('pieces') ? this.#pieces(cached.file) : undefined
    const path = needs('url') ? this.#dependencies.files.documentPath(cached, representation) : undefined
    const document = (knownPieces: Pieces | undefined, knownPath: string | undefined): Plan => {
      const base = this.#base(view)
      const maxMirrors = needs('mirrors') ? this.#dependencies.snapshot().mirrors.length : 0
      const mirrors = maxMirrors === 0 ? [] : this.#rankForList(view, cached, context, maxMirrors)
      const urls = needs('mirrors') ? this.#urls(cached, context, base, mirrors) : []
      const caching = needs('mirrors') ? this.#caching(mirrors) : [REVALIDATED]
      const url = base === undefined || knownPath === undefined ? undefined : base + knownPath
      const header = (name: string) => view.header(name)
      const input = { file: cached.file, urls, pieces: knownPieces, url, header }
      return documentPlan(representation, input, isNegotiated, caching, view)
    }
    return pieces instanceof Promise || path instanceof Promise
      ? Promise.all([pieces, path]).then(([storedPieces, foundPath]) => document(storedPieces, foundPath))
      : document(pieces, path)
  }

  #pieces({ path, identity, digests }: IndexedFile): Awaitable<Pieces | undefined> {
    return onlyPiece(identity.size, digests) ?? this.#dependencies.store.pieces(path)
  }

  /** Returns the URLs of a file on all mirrors that fit, and on this server. */
  #urls(
    cached: CachedFile,
    { secure, isWithoutTls }: RequestContext,
    base: string | undefined,
    mirrors: readonly Candidate[],
  ): readonly FileUrl[] {
    const { statuses } = this.#dependencies.snapshot()
    const urls = mirrors.map(
      (candidate): FileUrl => ({
        url: (urlFor(statuses, candidate, secure, isWithoutTls) ?? '') + cached.urlPath,
        location: candidate.mirror.location,
      }),
    )
    // This server comes last: a client that has only the document gets the file even if every
    // mirror is down.
    return base === undefined ? urls : [...urls, { url: base + cached.urlPath, location: undefined }]
  }

  #rankForList(
    view: RequestView,
    cached: CachedFile,
    context: RequestContext,
    limit: number,
  ): readonly Candidate[] {
    // Clients take parts of a file from several mirrors of a list.
    const query = this.#rankQuery(view, cached, context, 'list', true)
    const ranked = rank(this.#dependencies.snapshot(), query, context.client, limit)
    this.#reportUnchecked(cached)
    return ranked
  }

  #rankQuery(
    view: RequestView,
    { file: { path, number }, changed }: CachedFile,
    { secure, isWithoutTls = false, avoid }: RequestContext,
    use: 'redirect' | 'list',
    needsRange: boolean,
  ): RankQuery {
    this.#unchecked.length = 0
    const redirectable = use === 'redirect'
    const unchecked = this.#unchecked
    const own = this.#ownMirrors(view)
    return { path, changed, secure, isWithoutTls, redirectable, needsRange, own, avoid, number, unchecked }
  }

  /** Returns the mirrors whose URL is that by which the client has come. */
  #ownMirrors(view: RequestView): ReadonlySet<Candidate> | undefined {
    const base = this.#base(view)
    if (base === undefined) return undefined
    const { candidates } = this.#dependencies.snapshot()
    const last = this.#lastOwn
    if (base === last.base && candidates === last.candidates) return last.own
    const own = ownMirrors(candidates, base)
    if (own !== undefined) this.#dependencies.reportOwn?.(own, base)
    this.#lastOwn = { base, candidates, own }
    return own
  }

  /**
   * Requests checks of mirrors that were left out only because they are unchecked. Does not wait
   * for the checks.
   */
  #reportUnchecked(cached: CachedFile): void {
    if (this.#unchecked.length > 0) this.#dependencies.reportUnchecked(cached.file, this.#unchecked)
  }

  /** @param isDescribed whether to link to documents about the file */
  #fields(
    view: RequestView,
    cached: CachedFile,
    { secure, isWithoutTls }: RequestContext,
    ranked: readonly Candidate[],
    isDescribed: boolean,
    caching: readonly Field[],
    etag: readonly Field[] = NO_FIELDS,
  ): Field[] {
    const base = this.#base(view)
    const describedBy = base === undefined || !isDescribed ? [] : cached.links.describedBy(base)
    const { statuses, inventories } = this.#dependencies.snapshot()
    const { digests, number } = cached.file
    const duplicates = ranked.map((candidate, index) => {
      const evidence = evidenceOf(inventories[candidate.index], number)
      const mirrorUrl = urlFor(statuses, candidate, secure, isWithoutTls) ?? ''
      return cached.links.duplicate(mirrorUrl, index + 1, candidate, evidence)
    })
    const want = wantDigest(view.header('want-digest'))
    const wantRepr = wantReprDigest(view.header('want-repr-digest'))
    const digest =
      want === undefined ? cached.digests : orDefault(digestFields(digests, want), cached.digests)
    const reprDigest =
      wantRepr === undefined
        ? cached.reprDigest
        : orDefault(reprDigestFields(digests, wantRepr), cached.reprDigest)
    const cors = this.#options.cors ? corsOf(cached) : NO_FIELDS
    const rest = [...reprDigest, ...cached.xMd5, ...caching, ...cors, ...etag, ...this.#vary]
    return fieldBlock(describedBy, duplicates, digest, rest, this.#options.maxHeaderBytes)
  }

  /** Returns the `Cache-Control` of a response that depends on the client by these mirrors. */
  #caching(mirrors: readonly Candidate[]): readonly Field[] {
    const { cacheControl } = this.#options
    if (mirrors.some(isForFew)) return [['Cache-Control', privateCacheControl(cacheControl || undefined)]]
    return cacheControl === false ? NO_FIELDS : [['Cache-Control', cacheControl]]
  }

  /** Reads who the request is for, and passes on reports of broken mirrors. */
  #context(view: RequestView, query: string, { file }: CachedFile): RequestContext {
    const { locate, reportBroken } = this.#dependencies
    const context = requestContextOf(view, query, locate, this.#options.overrides)
    if (context.reportedBroken !== undefined) reportBroken(context.reportedBroken, file.path)
    return context
  }

  /** Returns the repository's URL on this server. Undefined if the request names no valid host. */
  #base(view: RequestView): string | undefined {
    if (this.#options.baseUrl !== undefined) return this.#options.baseUrl
    const { host, secure, mount } = view
    const last = this.#lastBase
    if (host === last.host && secure === last.secure && mount === last.mount) return last.url
    if (host === undefined || !HOST.test(host) || !isMount(mount)) return undefined
    const url = `${secure ? 'https' : 'http'}://${host}${mount}/`
    this.#lastBase = { host, secure, mount, url }
    return url
  }

  /**
   * Returns true if the file on disk is the indexed one. Has any other file indexed again.
   *
   * @param isSame whether another identity still counts as the indexed file
   */
  #isPresent({ file }: CachedFile, isSame = sameIdentity): boolean {
    const present = this.#dependencies.identify(file.path)
    if (present !== undefined && sameIdentity(present, file.identity)) return true
    this.#dependencies.invalidate(file.path)
    return present !== undefined && isSame(present, file.identity)
  }
}

function documentPlan(
  representation: Representation,
  input: RenderInput,
  isNegotiated: boolean,
  caching: readonly Field[],
  view: RequestView,
): DocumentPlan | RejectPlan {
  const { type, vary = [] } = representation
  const body = representation.render(input)
  const bytes = bytesOf(body) ?? representation.streamBytes?.(input)
  const etag = etagOfDocument(body)
  const varying = isNegotiated ? ['Accept', ...vary] : vary
  const common: readonly Field[] = [
    ...caching,
    ANY_SITE,
    ...(etag === undefined ? [] : [[EXPOSE, 'ETag'] as const, ['ETag', etag] as const]),
    ...(varying.length === 0 ? [] : [['Vary', varying.join(', ')] as const]),
  ]
  const conditions = tagConditionsOf(view)
  if (etag !== undefined && conditions !== undefined) {
    const { ifMatch } = conditions
    // The tag is weak, and If-Match needs a strong one.
    if (ifMatch !== undefined && !meetsMatch(ifMatch, undefined)) return CHANGED_DOCUMENT
    if (isNotModified(conditions, etag)) return { kind: 'document', status: 304, fields: common, body: '' }
  }
  const fields: readonly Field[] = [
    ['Content-Type', type],
    ...(bytes === undefined ? [] : [['Content-Length', String(bytes)] as const]),
    ...common,
  ]
  return { kind: 'document', status: 200, fields, body }
}

/**
 * Returns true if a document is larger than its file. `Accept` then selects the file: libzypp
 * refuses such documents.
 */
function isLarger(plan: Plan, { file }: CachedFile): boolean {
  if (plan.kind !== 'document') return false
  const length = plan.fields.find(([name]) => name === 'Content-Length')?.[1]
  return length !== undefined && Number(length) > file.identity.size
}

/**
 * Returns the entity tag of a document; undefined for a stream. The tag is weak, because layers
 * above may code the document.
 */
function etagOfDocument(body: DocumentBody): string | undefined {
  if (typeof body !== 'string' && !(body instanceof Uint8Array)) return undefined
  return `W/"${createHash('sha256').update(body).digest('base64url')}"`
}

/** Lets scripts of any site read the fields of a file. */
function corsOf({ xMd5, reprDigest, etag }: CachedFile): readonly Field[] {
  const names = ['Link', 'Digest', 'X-Mirrored-By']
  if (reprDigest.length > 0) names.push('Repr-Digest')
  if (xMd5.length > 0) names.push('X-MD5')
  if (etag !== undefined) names.push('ETag')
  return [ANY_SITE, [EXPOSE, names.join(', ')]]
}

/**
 * Returns true for mirrors that are given to few clients only: then the response depends on the
 * client by more than its country.
 */
function isForFew({ mirror }: Candidate): boolean {
  return mirror.private || mirror.serves === 'subnet' || mirror.serves === 'asn'
}

function isMount(mount: string): boolean {
  return mount.length <= MAX_MOUNT_BYTES && MOUNT.test(mount)
}

/** Returns undefined for a stream. */
function bytesOf(body: DocumentBody): number | undefined {
  if (typeof body === 'string') return Buffer.byteLength(body)
  return body instanceof Uint8Array ? body.byteLength : undefined
}

function isRead({ method }: RequestView): boolean {
  return method === 'GET' || method === 'HEAD'
}

/**
 * Returns true if a redirect may link to documents of the path. Only wget2 follows `describedby` on
 * a redirect, and it reads escaped URLs in the document as ISO 8859-1: for other names it would ask
 * the mirrors in vain, for ever. Without the link it follows the redirect.
 */
function isAscii(path: string): boolean {
  return /^[ -~]*$/.test(path)
}

function evidenceOf(inventory: Inventory | undefined, number: number): Evidence {
  if (inventory === undefined) return 'assumed'
  return inventory.hasOurEtag(number) ? 'preferred' : 'verified'
}

/**
 * Returns the fields for the wanted algorithms. A wish that cannot be met counts as absent (RFC
 * 9530 §4).
 */
function orDefault(wanted: readonly Field[], defaults: readonly Field[]): readonly Field[] {
  return wanted.length > 0 ? wanted : defaults
}

function reject(status: RejectPlan['status'], message: string, fields: readonly Field[] = []): RejectPlan {
  return { kind: 'reject', status, message, fields }
}

const NO_FIELDS: readonly Field[] = []
/** For documents that do not depend on the client. */
const REVALIDATED: Field = ['Cache-Control', 'no-cache']
const CHANGED_DOCUMENT = reject(412, 'the document has no strong entity tag that If-Match could name')
const MALFORMED = reject(400, 'the request target is malformed, or leaves the repository')
const LOOP = reject(508, 'a mirror leads back to the server that redirects to it')
const NOT_ALLOWED = reject(405, 'files are read by GET and HEAD only', [['Allow', 'GET, HEAD']])
const CHANGING = reject(503, 'the file has just changed and is being hashed: try again in a moment', [
  ['Retry-After', '2'],
])
