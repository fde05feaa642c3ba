import type { IncomingMessage, RequestListener, ServerResponse } from 'node:http'
import type { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { systemCode } from '../errors.js'
import type { Field } from '../model.js'
import type { Origin } from '../origin.js'
import type { DocumentBody, DocumentPlan, FilePlan, Plan, RedirectPlan, RejectPlan } from '../request/plan.js'
import type { RequestView } from '../request/view.js'
import { ClientRequest, trustIn } from './client-request.js'
import { EntityTags } from './entity-tags.js'
import { openFile } from './file.js'
import { decorateWhenSent, keepWhileSame, readableOf, setFields, writeHead } from './response.js'

/** Passes a request on to the next layer of Express or connect. */
export type Next = (error?: unknown) => void

/** Listener of `node:http` and `node:http2`, and middleware of Express and connect. */
export type Listener = (request: IncomingMessage, response: ServerResponse, next?: Next) => void

/**
 * Returns a listener for `http.createServer`, which is also middleware for Express and connect:
 * `app.use(mirroredBy(origin))`. The origin's `trustProxy` names the proxies whose `X-Forwarded-*`
 * and `Forwarded` are believed.
 *
 * @param handler handles requests that are passed on, and sends files unless the option `serve` is
 * on. Default: `next` of Express or connect; without one, sends a 404
 */
export function mirroredBy(origin: Origin, handler?: RequestListener): Listener {
  const trust = trustIn(origin.options.trustProxy)
  const tags = new EntityTags(origin)
  return (request, response, next) => {
    const view = new ClientRequest(request, trust)
    const plan = origin.plan(view)
    const pass = handler ?? (typeof next === 'function' ? () => next() : notFound)
    if (plan instanceof Promise)
      void plan.then((planned) => apply(origin, planned, tags, view, request, response, pass))
    else apply(origin, plan, tags, view, request, response, pass)
  }
}

function apply(
  origin: Origin,
  plan: Plan,
  tags: EntityTags,
  view: RequestView,
  request: IncomingMessage,
  response: ServerResponse,
  handler: RequestListener,
): void {
  switch (plan.kind) {
    case 'pass':
      tags.judge(view, request, undefined)
      handler(request, response)
      return
    case 'decorate':
      decorateWhenSent(origin, plan, tags, tags.judge(view, request, plan), response, () => 'path')
      handler(request, response)
      return
    case 'file':
      void sendFile(origin, plan, view, response, () => handler(request, response))
      return
    case 'redirect':
    case 'document':
    case 'reject':
      respond(origin, plan, view, response)
  }
}

async function sendFile(
  origin: Origin,
  plan: FilePlan,
  view: RequestView,
  response: ServerResponse,
  pass: () => void,
): Promise<void> {
  const opened = await openFile(origin, plan, view).catch((error: unknown) => origin.warn(error))
  if (!opened) {
    pass()
    return
  }
  response.statusCode = opened.status
  setFields(response, opened.fields)
  keepWhileSame(response, opened.uncodedFields, () => true)
  await sendBody(origin, view, response, opened.body)
}

/** Sends a stream, or destroys it unread for a HEAD. */
async function sendBody(
  origin: Origin,
  view: RequestView,
  response: ServerResponse,
  body: Readable | undefined,
): Promise<void> {
  if (view.method === 'HEAD' || body === undefined) {
    body?.destroy()
    response.end()
    return
  }
  try {
    await pipeline(body, response)
  } catch (error) {
    // A client that goes away is no fault of this server.
    if (systemCode(error) !== 'ERR_STREAM_PREMATURE_CLOSE') origin.warn(error)
  }
}

function respond(
  origin: Origin,
  plan: RedirectPlan | DocumentPlan | RejectPlan,
  view: RequestView,
  response: ServerResponse,
): void {
  const [head, body] = headAndBody(plan)
  writeHead(response, plan.status, [...head, ...plan.fields])
  if (typeof body === 'string' || body instanceof Uint8Array)
    response.end(view.method === 'HEAD' ? undefined : body)
  else void sendBody(origin, view, response, readableOf(body))
}

function headAndBody(
  plan: RedirectPlan | DocumentPlan | RejectPlan,
): readonly [head: readonly Field[], body: DocumentBody] {
  switch (plan.kind) {
    case 'redirect':
      return [
        [
          ['Location', plan.location],
          ['Content-Length', '0'],
        ],
        '',
      ]
    case 'document':
      return [[], plan.body]
    case 'reject': {
      const body = `${plan.message}\n`
      return [
        [
          ['Content-Type', 'text/plain; charset=utf-8'],
          ['Content-Length', String(Buffer.byteLength(body))],
        ],
        body,
      ]
    }
  }
}

function notFound(_request: IncomingMessage, response: ServerResponse): void {
  const body = 'there is no such file\n'
  response.writeHead(404, {
    'Content-Type': 'text/plain; charset=utf-8',
    'Content-Length': String(body.length),
  })
  response.end(body)
}
