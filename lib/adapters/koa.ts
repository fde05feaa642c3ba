import type { Readable } from 'node:stream'
import Router from '@koa/router'
import type { Context, Middleware } from 'koa'
import { identityOf } from '../identity.js'
import type { Origin } from '../origin.js'
import { decoration } from '../request/decoration.js'
import type {
  DecoratePlan,
  DocumentBody,
  DocumentPlan,
  FilePlan,
  Plan,
  RedirectPlan,
  RejectPlan,
} from '../request/plan.js'
import type { RequestView } from '../request/view.js'
import { openFile } from './file.js'
import { Body, isToBeCoded, keepUncoded, originalOf } from './koa-body.js'
import { NodeRequestView } from './request.js'
import { decorateWhenSent, keepWhileSame, readableOf, responseViewOf, setFields } from './response.js'

export { sameBytes } from './koa-body.js'

type Next = () => Promise<unknown>

/**
 * Koa middleware. Mount it above whatever sends the files (`koa-static`, `koa-send`, …), at the root or by `koa-mount`.
 * The client's address is `ctx.ip`: set `app.proxy` only where a proxy of yours sets X-Forwarded-For.
 */
export function mirroredBy(origin: Origin): Middleware {
  return (ctx, next) => {
    const view = new KoaRequestView(ctx)
    const plan = origin.plan(view)
    return plan instanceof Promise
      ? plan.then((planned) => apply(origin, planned, view, ctx, next))
      : apply(origin, plan, view, ctx, next)
  }
}

/**
 * Routes that are not files, for `app.use(routes(origin).routes())`, below names that no file of a repository has:
 *
 * - `GET /.mirrored-by/status`: how far the index is
 * - `GET /.mirrored-by/mirrors`: the mirrors, without what is not for everyone
 */
export function routes(origin: Origin): Router {
  const router = new Router({ prefix: '/.mirrored-by' })
  router.get('/status', (ctx) => {
    const { seen, pending, hashed } = origin.progress
    ctx.body = { seen, pending, hashed, mirrors: origin.mirrors().length }
  })
  router.get('/mirrors', (ctx) => {
    // An allow-list: what a mirror gains later is not shown until it is named here.
    ctx.body = origin
      .mirrors()
      .filter((mirror) => !mirror.private && mirror.enabled)
      .map(({ id, urls, location, coordinates, weight, sponsor }) => ({
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

class KoaRequestView extends NodeRequestView {
  readonly #ctx: Context

  constructor(ctx: Context) {
    super(ctx.req)
    this.#ctx = ctx
  }

  // Past the delegates of `ctx` where they only pass on: each costs a tenth of a plan.
  get target(): string {
    return this.request.url ?? '/'
  }

  /** What `koa-mount` has taken from the front of the path. */
  get mount(): string {
    const { originalUrl } = this.#ctx
    const { target } = this
    return originalUrl.endsWith(target) ? originalUrl.slice(0, originalUrl.length - target.length) : ''
  }

  get host(): string | undefined {
    return this.#ctx.app.proxy ? this.#ctx.host : this.#ctx.req.headers.host
  }

  get address(): string {
    return this.#ctx.ip
  }

  get secure(): boolean {
    return this.#ctx.secure
  }
}

function apply(origin: Origin, plan: Plan, view: RequestView, ctx: Context, next: Next): Promise<unknown> {
  switch (plan.kind) {
    case 'pass':
      return next()
    case 'decorate':
      return decorate(origin, plan, view, ctx, next)
    case 'file':
      return sendFile(origin, plan, view, ctx, next)
    case 'redirect':
    case 'document':
    case 'reject':
      answerWith(plan, ctx)
      return DONE
  }
}

const DONE = Promise.resolve()

async function decorate(
  origin: Origin,
  plan: DecoratePlan,
  view: RequestView,
  ctx: Context,
  next: Next,
): Promise<void> {
  keepUncoded(ctx)
  const body = new Body(ctx, plan.file)
  decorateWhenSent(origin, plan, view, ctx.res, () => body.content)
  await next()
  await body.look()
  const { content } = body
  if (typeof content !== 'object' || view.header('if-none-match') === undefined) return
  // Now rather than when the head is written: a file that is not to be sent need not be read.
  if (decoration(plan, view, responseViewOf(ctx.res), identityOf(content))?.notModified) {
    ctx.status = 304
    ctx.body = null
  }
}

async function sendFile(
  origin: Origin,
  plan: FilePlan,
  view: RequestView,
  ctx: Context,
  next: Next,
): Promise<unknown> {
  const answer = await openFile(origin, plan, view).catch((error: unknown) => origin.warn(error))
  if (!answer) return next()
  keepUncoded(ctx)
  ctx.status = answer.status
  // On a HEAD too, where Koa does not read it: layers above that change bodies then change that answer as well.
  if (answer.body !== undefined) ctx.body = answer.body
  setFields(ctx.res, answer.fields)
  const isReplaced = () => ctx.body !== undefined && ctx.body !== null && originalOf(ctx.body) !== answer.body
  keepWhileSame(ctx.res, answer.ofBytes, () => !isToBeCoded(ctx) && !isReplaced())
  return undefined
}

function answerWith(plan: RedirectPlan | DocumentPlan | RejectPlan, ctx: Context): void {
  ctx.status = plan.status
  if (plan.kind === 'redirect') {
    ctx.res.setHeader('Location', plan.location)
    ctx.body = ''
  } else if (plan.kind === 'document') {
    ctx.body = koaBody(plan.body)
  } else {
    ctx.type = 'text/plain; charset=utf-8'
    ctx.body = `${plan.message}\n`
  }
  setFields(ctx.res, plan.fields)
}

/** Koa sends a `Buffer` or a `Stream` as it is, but would send other bytes and iterables as JSON. */
function koaBody(body: DocumentBody): string | Buffer | Readable {
  if (typeof body === 'string') return body
  if (body instanceof Uint8Array) return Buffer.from(body.buffer, body.byteOffset, body.byteLength)
  return readableOf(body)
}
