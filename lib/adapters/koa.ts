import type { Readable } from 'node:stream'
import Router from '@koa/router'
import type { Context, Middleware } from 'koa'
import { identityOf } from '../identity.js'
import type { Mirror } from '../model.js'
import type { Origin } from '../origin.js'
import { judgedDecoration } from '../request/decoration.js'
import type {
  DecoratePlan,
  DocumentBody,
  DocumentPlan,
  FilePlan,
  Plan,
  RedirectPlan,
  RejectPlan,
} from '../request/plan.js'
import { addressOf, ClientRequest, type Trust, trustIn } from './client-request.js'
import { EntityTags } from './entity-tags.js'
import { openFile } from './file.js'
import { Body, isToBeCoded, keepUncoded, originalOf } from './koa-body.js'
import {
  decorateWhenSent,
  keepWhileCut,
  keepWhileSame,
  readableOf,
  responseViewOf,
  setFields,
} from './response.js'

export { indexPages } from './index-pages.js'
export { sameBytes } from './koa-body.js'

type Next = () => Promise<unknown>

/**
 * Returns Koa middleware. Mount it above the middleware that sends the files (`koa-static`,
 * `koa-send`, …), at the root or by `koa-mount`. The address of the client is `ctx.ip`. Set
 * `app.proxy` only if a proxy of yours sets `X-Forwarded-*` or `Forwarded`: then they are believed
 * from every peer. The origin's `trustProxy` names the proxies instead.
 */
export function mirroredBy(origin: Origin): Middleware {
  const trust = trustIn(origin.options.trustProxy)
  const tags = new EntityTags(origin)
  return (ctx, next) => {
    const view = new KoaRequest(ctx, ctx.app.proxy ? trustAll : trust)
    const plan = origin.plan(view)
    return plan instanceof Promise
      ? plan.then((planned) => apply(origin, planned, tags, view, ctx, next))
      : apply(origin, plan, tags, view, ctx, next)
  }
}

/**
 * Returns routes that are not files, for `app.use(routes(origin).routes())`. No file of a
 * repository has their paths.
 *
 * - `GET /.mirrored-by/status`: progress of the index
 * - `GET /.mirrored-by/mirrors`: public properties of enabled mirrors that are not private
 */
export function routes(origin: Origin): Router {
  const router = new Router({ prefix: '/.mirrored-by' })
  router.get('/status', (ctx) => {
    const { seen, pending, hashed } = origin.progress
    ctx.body = { seen, pending, hashed, mirrors: publicMirrors(origin).length }
  })
  router.get('/mirrors', (ctx) => {
    // An allow-list: properties that mirrors gain later are not shown before they are added here.
    ctx.body = publicMirrors(origin).map(({ id, urls, location, coordinates, weight, sponsor }) => ({
      id,
      urls,
      location,
      coordinates,
      weight,
      sponsor,
    }))
  })
  return router
}

/** Returns the mirrors that anybody may know of: neither routes nor their counts tell of others. */
function publicMirrors(origin: Origin): readonly Mirror[] {
  return origin.mirrors().filter((mirror) => !mirror.private && mirror.enabled)
}

/** With `app.proxy`, Koa believes every peer. */
const trustAll: Trust = () => true

class KoaRequest extends ClientRequest {
  readonly #ctx: Context

  constructor(ctx: Context, trust: Trust | undefined) {
    super(ctx.req, trust)
    this.#ctx = ctx
  }

  protected override get originalTarget(): string {
    const original = super.originalTarget
    // `koa-mount` keeps the whole target here. Koa itself may be mounted below a path.
    return original === this.target ? this.#ctx.originalUrl : original
  }

  /** The application may have set `ctx.ip`, which precedes the fields of proxies. */
  override get address(): string {
    const { ip } = this.#ctx
    return ip === '' || ip === this.peer ? super.address : addressOf(ip)
  }
}

function apply(
  origin: Origin,
  plan: Plan,
  tags: EntityTags,
  view: ClientRequest,
  ctx: Context,
  next: Next,
): Promise<unknown> {
  switch (plan.kind) {
    case 'pass':
      tags.judge(view, ctx.req, undefined)
      return next()
    case 'decorate':
      return decorate(origin, plan, tags, view, ctx, next)
    case 'file':
      return sendFile(origin, plan, view, ctx, next)
    case 'redirect':
    case 'document':
    case 'reject':
      respond(plan, ctx)
      return DONE
  }
}

const DONE = Promise.resolve()

async function decorate(
  origin: Origin,
  plan: DecoratePlan,
  tags: EntityTags,
  view: ClientRequest,
  ctx: Context,
  next: Next,
): Promise<void> {
  keepUncoded(ctx)
  const body = new Body(ctx, plan.file)
  const judged = tags.judge(view, ctx.req, plan)
  decorateWhenSent(origin, plan, tags, judged, ctx.res, () => body.content)
  await next()
  await body.inspect()
  const { content } = body
  if (typeof content !== 'object' || judged === undefined) return
  // Decided now, before the head is written, so that a file that need not be sent is not read.
  if (judgedDecoration(plan, judged, responseViewOf(ctx.res), identityOf(content))?.notModified) {
    ctx.status = 304
    ctx.body = null
    ctx.remove('Content-Range')
  }
}

async function sendFile(
  origin: Origin,
  plan: FilePlan,
  view: ClientRequest,
  ctx: Context,
  next: Next,
): Promise<unknown> {
  const isCutAbove = view.header('range') !== undefined && ctx.res.hasHeader('Accept-Ranges')
  const opened = await openFile(origin, plan, isCutAbove ? withoutRange(view) : view).catch(
    (error: unknown) => origin.warn(error),
  )
  if (!opened) return next()
  keepUncoded(ctx)
  ctx.status = opened.status
  // Set for HEAD too, although Koa does not read it: layers above that change bodies then change
  // both responses alike.
  if (opened.body !== undefined) ctx.body = opened.body
  setFields(ctx.res, opened.fields)
  const isReplaced = () => ctx.body !== undefined && ctx.body !== null && originalOf(ctx.body) !== opened.body
  const isSame = () => !isToBeCoded(ctx) && !isReplaced()
  if (isCutAbove && opened.status === 200)
    keepWhileCut(ctx.res, opened.uncodedFields, view.header('if-range'), isSame)
  else keepWhileSame(ctx.res, opened.uncodedFields, isSame)
  return undefined
}

/**
 * Returns the view of a request for the whole file. A layer above that has declared `Accept-Ranges`
 * before us, such as koa-range, cuts the response itself, and would cut our range once more.
 */
function withoutRange(view: ClientRequest): Pick<ClientRequest, 'method' | 'header'> {
  return { method: view.method, header: (name) => (name === 'range' ? undefined : view.header(name)) }
}

function respond(plan: RedirectPlan | DocumentPlan | RejectPlan, ctx: Context): void {
  ctx.status = plan.status
  if (plan.kind === 'redirect') {
    ctx.res.setHeader('Location', plan.location)
    ctx.body = ''
  } else if (plan.kind === 'document') {
    ctx.body = plan.status === 304 ? null : koaBody(plan.body)
  } else {
    ctx.type = 'text/plain; charset=utf-8'
    ctx.body = `${plan.message}\n`
  }
  setFields(ctx.res, plan.fields)
}

/** Returns a body that Koa sends as bytes. It would send a `Uint8Array` or an iterable as JSON. */
function koaBody(body: DocumentBody): string | Buffer | Readable {
  if (typeof body === 'string') return body
  if (body instanceof Uint8Array) return Buffer.from(body.buffer, body.byteOffset, body.byteLength)
  return readableOf(body)
}
