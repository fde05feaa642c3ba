import { basename } from 'node:path'
import mime from 'mime-types'
import { fieldBlock } from '../fields/budget.js'
import { digestFields } from '../fields/digest.js'
import { METALINK4_TYPE } from '../fields/link.js'
import { reprDigestFields } from '../fields/repr-digest.js'
import { wantDigest, wantReprDigest } from '../fields/want.js'
import { sameIdentity } from '../identity.js'
import type { Candidate } from '../mirrors/ranking/candidate.js'
import type { Inventory } from '../mirrors/ranking/inventory.js'
import { urlFor } from '../mirrors/ranking/mirror-status.js'
import { type RankQuery, rank } from '../mirrors/ranking/rank.js'
import type { Snapshot } from '../mirrors/ranking/snapshot.js'
import type { Awaitable, Client, Field, Identity, IndexedFile, Mode, Pieces, Random } from '../model.js'
import { includesWholePath, type PathFilter } from '../paths.js'
import { onlyPiece } from '../pieces.js'
import type { Store } from '../store/store.js'
import { type CachedFile, type FileCache, METALINK4_SUFFIX } from './file-cache.js'
import type { Evidence } from './link-cache.js'
import { type RequestContext, requestContextOf } from './overrides.js'
import { type DocumentPlan, PASS, type Plan, type RejectPlan } from './plan.js'
import { metalink4 } from './representations/metalink4.js'
import { isLibzypp, prefersMetalink } from './representations/negotiation.js'
import { asksFor, parseTarget } from './target.js'
import type { RequestView } from './view.js'

export interface PlannerOptions {
  readonly mode: Mode
  /** Whether the origin sends the files itself. */
  readonly serve: boolean
  /** URL of the repository's root here, ending in `/`; without it the request's Host is taken. */
  readonly baseUrl?: string | undefined
  /** Whether requests may say where their client is. */
  readonly overrides: boolean
  /** Most duplicates in the fields of an answer. */
  readonly maxDuplicates: number
  /** Most bytes of all our fields in an answer. */
  readonly maxHeaderBytes: number
}

/** What the planner reads of the world. */
export interface PlannerDependencies {
  readonly files: FileCache
  readonly store: Pick<Store, 'pieces'>
  /** What belongs to the repository. */
  readonly includes: PathFilter
  readonly snapshot: () => Snapshot
  /** Who has an address, and where that is. */
  readonly locate: (address: string) => Client
  /** The identity that a path has on disk at this moment; undefined where there is no file. */
  readonly identify: (path: string) => Identity | undefined
  readonly absolute: (path: string) => string
  /** A file is not what the index says. */
  readonly invalidate: (path: string) => void
  /** A client says that mirrors are broken, by ids and hosts in lower case, as it asks for a file. */
  readonly reportBroken: (names: ReadonlySet<string>, path: string) => void
  /** Nobody has looked yet whether these mirrors, among the best for a client, hold a file. */
  readonly reportUnchecked: (file: IndexedFile, candidates: readonly Candidate[]) => void
  readonly random: Random
}

/** The repository's URL on this server, as a request names it. */
interface Base {
  readonly host: string | undefined
  readonly secure: boolean
  readonly mount: string
  readonly url: string | undefined
}

const NEGOTIATED: Field = ['Vary', 'Accept']
/** Documents are for scripts in browsers too, wherever those come from (the fetch standard's CORS protocol). */
const CORS: readonly Field[] = [
  ['Access-Control-Allow-Origin', '*'],
  ['Access-Control-Expose-Headers', 'Link, Digest, Repr-Digest, X-Mirrored-By, X-MD5, ETag'],
]
/** A host as a URL may hold it; anything else that a client sends for one is not repeated to it. */
const HOST = /^(?:[A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\])(?::\d{1,5})?$/

/** Request → policy → file → ranked mirrors → plan. Opens no file and no socket, and never waits for a mirror. */
export class Planner {
  readonly #options: PlannerOptions
  readonly #dependencies: PlannerDependencies
  /** What `rank` passed over, of the request at hand. */
  readonly #unchecked: Candidate[] = []
  /** Nearly all requests name the same host; by the same string links are found again sooner. */
  #lastBase: Base = { host: undefined, secure: false, mount: '', url: undefined }

  constructor(options: PlannerOptions, parts: PlannerDependencies) {
    this.#options = options
    this.#dependencies = parts
  }

  /** A plan at once, unless the store has to be waited for. */
  plan(view: RequestView): Awaitable<Plan> {
    const { serve } = this.#options
    const target = parseTarget(view.target)
    if (target === undefined) return serve ? MALFORMED : PASS
    const { path, query } = target
    if (path === '' || path.endsWith('/')) return PASS
    const found = this.#dependencies.files.get(path)
    return found instanceof Promise
      ? found.then((entry) => this.#planPath(view, path, query, entry))
      : this.#planPath(view, path, query, found)
  }

  #planPath(view: RequestView, path: string, query: string, entry: CachedFile | undefined): Awaitable<Plan> {
    if (entry !== undefined) return this.#planFile(view, query, entry)
    // A real file of that name, indexed or not yet, wins over the derived one.
    const derived = path.endsWith(METALINK4_SUFFIX) && this.#dependencies.identify(path) === undefined
    if (!derived) return this.#unindexed(view, path)
    const found = this.#dependencies.files.get(path.slice(0, -METALINK4_SUFFIX.length))
    return found instanceof Promise
      ? found.then((described) => this.#planDerived(view, path, query, described))
      : this.#planDerived(view, path, query, found)
  }

  #unindexed(view: RequestView, path: string): Plan {
    const isRead = view.method === 'GET' || view.method === 'HEAD'
    if (!this.#options.serve || !isRead || !includesWholePath(this.#dependencies.includes, path)) return PASS
    return { kind: 'file', path }
  }

  #planDerived(
    view: RequestView,
    path: string,
    query: string,
    described: CachedFile | undefined,
  ): Awaitable<Plan> {
    if (described === undefined || described.representationLinks.length === 0)
      return this.#unindexed(view, path)
    return this.#metalink(view, query, described, false)
  }

  #planFile(view: RequestView, query: string, entry: CachedFile): Awaitable<Plan> {
    const { serve, mode } = this.#options
    const { method } = view
    if (method !== 'GET' && method !== 'HEAD') return serve ? NOT_ALLOWED : PASS
    if (entry.representationLinks.length > 0) {
      if (asksFor(query, 'meta4')) return this.#metalink(view, query, entry, false)
      const accept = view.header('accept')
      const fileType = () => mime.lookup(entry.file.path) || 'application/octet-stream'
      if (prefersMetalink(accept, view.header('user-agent'), fileType))
        return this.#metalink(view, query, entry, true)
    }
    const circumstances = this.#context(view, query, entry)
    if (mode === 'redirect') {
      const redirect = this.#redirect(view, entry, circumstances)
      if (redirect !== undefined) return redirect
    }
    const { secure } = circumstances
    const fields = this.#fields(view, entry, secure, this.#lists(entry, circumstances), true)
    if (serve) return { kind: 'file', path: entry.file.path, indexed: { file: entry.file, fields } }
    const absolute = this.#dependencies.absolute(entry.file.path)
    return { kind: 'decorate', file: entry.file, absolute, fields, etag: entry.etag }
  }

  #redirect(
    view: RequestView,
    entry: CachedFile,
    { client, secure, avoid }: RequestContext,
  ): Plan | undefined {
    const wanted = this.#wanted(entry, secure, avoid, 'redirect')
    const limit = this.#options.maxDuplicates
    const snapshot = this.#dependencies.snapshot()
    // At least one, however few are to be listed: it is the answer.
    const ranked = rank(snapshot, wanted, client, Math.max(1, limit), this.#dependencies.random)
    this.#reportUnchecked(entry)
    const [first] = ranked
    const base = first && urlFor(snapshot.statuses, first, secure)
    if (first === undefined || base === undefined) return undefined
    // The mirrors hold the bytes that were indexed, not those that are there now.
    if (!this.#isPresent(entry)) return undefined
    const listed = ranked
      .filter(({ index }) => snapshot.statuses[index]?.ignoresRange !== true)
      .slice(0, limit)
    const etag: Field[] = entry.etag === undefined ? [] : [['ETag', entry.etag]]
    const fields = this.#fields(view, entry, secure, listed, isAscii(entry.file.path), etag)
    return { kind: 'redirect', status: 302, location: base + entry.urlPath, fields }
  }

  #metalink(view: RequestView, query: string, entry: CachedFile, negotiated: boolean): Awaitable<Plan> {
    if (view.method !== 'GET' && view.method !== 'HEAD') return this.#options.serve ? NOT_ALLOWED : PASS
    const circumstances = this.#context(view, query, entry)
    // Whoever asks for mirrors elsewhere is told of a slip; a file is given in any case.
    if (circumstances.invalidOverride !== undefined) return reject(400, circumstances.invalidOverride)
    if (!this.#isPresent(entry)) return CHANGING
    const { identity, digests, path } = entry.file
    const only = onlyPiece(identity.size, digests)
    const pieces = only ?? this.#dependencies.store.pieces(path)
    return pieces instanceof Promise
      ? pieces.then((stored) => this.#document(view, entry, circumstances, stored, negotiated))
      : this.#document(view, entry, circumstances, pieces, negotiated)
  }

  #document(
    view: RequestView,
    entry: CachedFile,
    { client, secure, avoid }: RequestContext,
    pieces: Pieces | undefined,
    negotiated: boolean,
  ): DocumentPlan {
    const { path, identity, digests } = entry.file
    const base = this.#base(view)
    const snapshot = this.#dependencies.snapshot()
    const wanted = this.#wanted(entry, secure, avoid, 'list')
    const ranked = rank(snapshot, wanted, client, snapshot.mirrors.length)
    this.#reportUnchecked(entry)
    const urls = ranked.map((one) => ({
      url: (urlFor(snapshot.statuses, one, secure) ?? '') + entry.urlPath,
      location: one.mirror.location,
    }))
    // The origin comes last: a client that has only this document still gets the file when every mirror is down.
    if (base !== undefined) urls.push({ url: base + entry.urlPath, location: undefined })
    const description = entry.representationLinks[0]
    const body = metalink4({
      name: savedName(basename(path)),
      size: identity.size,
      digests,
      pieces,
      pieceAlgorithm: isLibzypp(view.header('user-agent')) ? 'sha-1' : 'sha-256',
      urls,
      origin: base === undefined || description === undefined ? undefined : base + description.urlPath,
    })
    const fields: Field[] = [
      ['Content-Type', METALINK4_TYPE],
      ['Content-Length', String(Buffer.byteLength(body))],
      // The kind of piece digests goes by the user agent, under every name of the document.
      ['Vary', negotiated ? 'Accept, User-Agent' : 'User-Agent'],
      ...CORS,
    ]
    return { kind: 'document', status: 200, fields, body }
  }

  #lists(entry: CachedFile, { client, secure, avoid }: RequestContext): readonly Candidate[] {
    const wanted = this.#wanted(entry, secure, avoid, 'list')
    const ranked = rank(this.#dependencies.snapshot(), wanted, client, this.#options.maxDuplicates)
    this.#reportUnchecked(entry)
    return ranked
  }

  #wanted(
    { file: { path, number }, changed }: CachedFile,
    secure: boolean,
    avoid: ReadonlySet<string> | undefined,
    use: 'redirect' | 'list',
  ): RankQuery {
    this.#unchecked.length = 0
    const isList = use === 'list'
    const unchecked = this.#unchecked
    return { path, changed, secure, redirectable: !isList, several: isList, avoid, number, unchecked }
  }

  /** Has somebody look, so that the next client profits. */
  #reportUnchecked(entry: CachedFile): void {
    if (this.#unchecked.length > 0) this.#dependencies.reportUnchecked(entry.file, this.#unchecked)
  }

  /** @param described whether to name the documents that describe the file */
  #fields(
    view: RequestView,
    entry: CachedFile,
    secure: boolean,
    ranked: readonly Candidate[],
    described: boolean,
    etag: readonly Field[] = [],
  ): Field[] {
    const base = this.#base(view)
    const descriptions = base === undefined || !described ? [] : entry.links.describedBy(base)
    const { statuses, inventories } = this.#dependencies.snapshot()
    const { digests, number } = entry.file
    const duplicates = ranked.map((one, index) => {
      const evidence = evidenceOf(inventories[one.index], number)
      return entry.links.duplicate(urlFor(statuses, one, secure) ?? '', index + 1, one, evidence)
    })
    const want = wantDigest(view.header('want-digest'))
    const wantRepr = wantReprDigest(view.header('want-repr-digest'))
    const digest = want === undefined ? entry.digests : orDefault(digestFields(digests, want), entry.digests)
    const reprDigest =
      wantRepr === undefined
        ? entry.reprDigest
        : orDefault(reprDigestFields(digests, wantRepr), entry.reprDigest)
    const rest = [...reprDigest, ...entry.xMd5, ...etag, NEGOTIATED]
    return fieldBlock(descriptions, duplicates, digest, rest, this.#options.maxHeaderBytes)
  }

  #context(view: RequestView, query: string, { file }: CachedFile): RequestContext {
    const circumstances = requestContextOf(view, query, this.#dependencies.locate, this.#options.overrides)
    if (circumstances.reportedBroken !== undefined)
      this.#dependencies.reportBroken(circumstances.reportedBroken, file.path)
    return circumstances
  }

  #base(view: RequestView): string | undefined {
    if (this.#options.baseUrl !== undefined) return this.#options.baseUrl
    const { host, secure, mount } = view
    const last = this.#lastBase
    if (host === last.host && secure === last.secure && mount === last.mount) return last.url
    const url =
      host === undefined || !HOST.test(host) ? undefined : `${secure ? 'https' : 'http'}://${host}${mount}/`
    this.#lastBase = { host, secure, mount, url }
    return url
  }

  #isPresent({ file }: CachedFile): boolean {
    const present = this.#dependencies.identify(file.path)
    if (present !== undefined && sameIdentity(present, file.identity)) return true
    this.#dependencies.invalidate(file.path)
    return false
  }
}

/**
 * wget2 alone follows a description on a redirect, and reads the escaped URLs in it as ISO 8859-1: of a name beyond ASCII
 * it would ask the mirrors in vain, for ever. Without the description it follows the redirect.
 */
function isAscii(path: string): boolean {
  return /^[ -~]*$/.test(path)
}

/**
 * Control characters are written as in a URL: aria2 refuses a metalink that names them, with exit status 0 and no file,
 * and saves such a file under this very name where it has only its URL.
 */
function savedName(name: string): string {
  return [...name]
    .map((character) => (isControl(character) ? encodeURIComponent(character) : character))
    .join('')
}

function isControl(character: string): boolean {
  return character < ' ' || character === '\u007f'
}

function evidenceOf(inventory: Inventory | undefined, number: number): Evidence {
  if (inventory === undefined) return 'assumed'
  return inventory.hasOurEtag(number) ? 'preferred' : 'verified'
}

/** What was asked for, unless there is none of it: a wish that cannot be met is not there (RFC 9530 §4). */
function orDefault(asked: readonly Field[], otherwise: readonly Field[]): readonly Field[] {
  return asked.length > 0 ? asked : otherwise
}

function reject(status: RejectPlan['status'], message: string, fields: readonly Field[] = []): RejectPlan {
  return { kind: 'reject', status, message, fields }
}

const MALFORMED = reject(400, 'the request target is malformed, or leaves the repository')
const NOT_ALLOWED = reject(405, 'files are read by GET and HEAD only', [['Allow', 'GET, HEAD']])
const CHANGING = reject(503, 'the file has just changed and is being hashed: try again in a moment', [
  ['Retry-After', '2'],
])
