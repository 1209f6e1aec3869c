/**
 * Health and metrics over plain HTTP, on 127.0.0.1 unless configured otherwise: `/healthz` (the process turns), `/readyz` (it takes events and
 * analyses them; else 503 and why), `/metrics` (Prometheus text). GET and HEAD only, no request bodies.
 */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'

export interface MetricsPages {
  /** What is not ready, one line each; empty when all is. */
  readonly notReady: () => readonly string[]
  readonly metrics: () => Promise<{ readonly contentType: string; readonly text: string }>
}

export interface MetricsServer {
  readonly port: number
  close(): Promise<void>
}

/** Connections at once; a scraper needs one. */
const connectionsMax = 32
/** From the first byte of a request to the end of its headers, in milliseconds. */
const headersTimeoutMs = 5000

/** Listens; errors of listening are thrown as they come. */
export async function startMetricsServer(bind: string, port: number, pages: MetricsPages): Promise<MetricsServer> {
  const server = createServer(
    { headersTimeout: headersTimeoutMs, requestTimeout: headersTimeoutMs, maxHeaderSize: 8192 },
    (request, response) => {
      answer(request, response, pages).catch((error: unknown) => {
        if (!response.headersSent) response.writeHead(500, plain)
        response.end(`${String(error)}\n`)
      })
    },
  )
  server.maxConnections = connectionsMax
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen(port, bind, () => {
      server.off('error', reject)
      resolve()
    })
  })
  return {
    port: portOf(server.address(), port),
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve())
        server.closeAllConnections()
      }),
  }
}

const plain = { 'content-type': 'text/plain; charset=utf-8', 'cache-control': 'no-store' }

async function answer(request: IncomingMessage, response: ServerResponse, pages: MetricsPages): Promise<void> {
  if (request.method !== 'GET' && request.method !== 'HEAD') {
    response.writeHead(405, { ...plain, allow: 'GET, HEAD', connection: 'close' }).end('only GET\n')
    return
  }
  const path = (request.url ?? '').split('?')[0]
  if (path === '/healthz') response.writeHead(200, plain).end('ok\n')
  else if (path === '/readyz') {
    const notReady = pages.notReady()
    if (notReady.length === 0) response.writeHead(200, plain).end('ready\n')
    else response.writeHead(503, plain).end(`${notReady.join('\n')}\n`)
  } else if (path === '/metrics') {
    const { contentType, text } = await pages.metrics()
    response.writeHead(200, { ...plain, 'content-type': contentType }).end(text)
  } else response.writeHead(404, plain).end('there are /healthz, /readyz and /metrics\n')
}

function portOf(address: AddressInfo | string | null, fallback: number): number {
  return typeof address === 'object' && address !== null ? address.port : fallback
}
