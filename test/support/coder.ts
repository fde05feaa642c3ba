import type { RequestListener } from 'node:http'
import { createGzip } from 'node:zlib'
import onHeaders from 'on-headers'

/**
 * Compresses responses of a listener as Express's `compression` does: above the listener, decided
 * by `on-headers` before the listener runs, for GET only, and not where `Cache-Control` forbids it.
 */
export function coding(listener: RequestListener): RequestListener {
  return (request, response) => {
    const write = response.write.bind(response)
    const end = response.end.bind(response)
    const coder = createGzip()
    let isCoded = false
    onHeaders(response, () => {
      const kept = /no-transform/.test(String(response.getHeader('Cache-Control')))
      isCoded = request.method === 'GET' && !kept && request.headers['accept-encoding'] === 'gzip'
      if (!isCoded) return
      response.setHeader('Content-Encoding', 'gzip')
      response.removeHeader('Content-Length')
      coder.on('data', (chunk: Buffer) => write(chunk)).on('end', () => end())
    })
    response.write = (chunk: Buffer | string) => {
      if (!response.headersSent) response.writeHead(response.statusCode)
      return isCoded ? coder.write(chunk) : write(chunk)
    }
    response.end = (chunk?: unknown) => {
      if (!response.headersSent) response.writeHead(response.statusCode)
      if (isCoded) coder.end(chunk)
      else end(chunk)
      return response
    }
    listener(request, response)
  }
}
