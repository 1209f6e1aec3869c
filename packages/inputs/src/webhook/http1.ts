/** HTTP/1.1 (and 1.0) over connections that are already TLS: the server that Node has, fed with sockets; requests become exchanges. */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { TLSSocket } from 'node:tls'
import type { Exchange } from './intake.ts'
import type { WebhookLimits } from './limits.ts'
import type { RefusalReason } from './refusal.ts'

export interface Http1 {
  /** Takes over a connection. */
  accept(socket: TLSSocket): void
  /** Ends idle connections now, and each other one after its present request. */
  stop(): void
}

export interface Http1Options {
  readonly limits: WebhookLimits
  readonly certificateNames: (socket: TLSSocket) => readonly string[]
  readonly onExchange: (exchange: Exchange, socket: TLSSocket) => void
  /** Bytes that are no request. True when a request under way on this socket has answered. */
  readonly onBroken: (reason: RefusalReason, detail: string, socket: TLSSocket) => boolean
  readonly isStopping: () => boolean
}

const brokenReasons: Readonly<Record<string, RefusalReason>> = {
  HPE_HEADER_OVERFLOW: 'headers_too_big',
  ERR_HTTP_REQUEST_TIMEOUT: 'timeout',
  ECONNRESET: 'sender_gone',
  EPIPE: 'sender_gone',
  HPE_INVALID_EOF_STATE: 'sender_gone',
}
const brokenStatus: Readonly<Partial<Record<RefusalReason, string>>> = {
  headers_too_big: '431 Request Header Fields Too Large',
  timeout: '408 Request Timeout',
  malformed_http: '400 Bad Request',
}

export function createHttp1({ limits, certificateNames, onExchange, onBroken, isStopping }: Http1Options): Http1 {
  const sockets = new WeakMap<object, TLSSocket>()
  const serve = (request: IncomingMessage, response: ServerResponse, wantsContinue: boolean): void => {
    const socket = sockets.get(request.socket)
    if (!socket) return void response.destroy()
    onExchange(exchangeOf(request, response, wantsContinue, socket), socket)
  }
  const exchangeOf = (
    request: IncomingMessage,
    response: ServerResponse,
    wantsContinue: boolean,
    socket: TLSSocket,
  ): Exchange => ({
    method: request.method ?? '',
    path: request.url ?? '',
    authorization: request.headers.authorization,
    contentEncoding: request.headers['content-encoding'],
    contentLength: request.headers['content-length'],
    certificateNames: () => certificateNames(socket),
    peer: socket.remoteAddress ?? '',
    body: request,
    isWhole: () => request.complete,
    proceed() {
      if (wantsContinue) response.writeContinue()
    },
    answer(status, headers, text, isLast) {
      if (response.destroyed || response.headersSent) return
      // A sender that still waits for `100 Continue` has no body under way: it may stay, but Node would wait for one.
      if (isLast || isStopping()) response.setHeader('connection', 'close')
      response.writeHead(status, headers)
      if (!isLast) return void response.end(text)
      // Closing while bytes are on their way resets the connection, and the sender may never see the answer: take them first, within bounds.
      response.write(text)
      discardRest(request, limits, () => response.end())
    },
  })

  const server: Server = createServer({
    headersTimeout: limits.headersTimeoutMs,
    // Each request has its own deadline for the body; this one is behind it.
    requestTimeout: limits.requestTimeoutMs + limits.lingerMs + 1000,
    keepAliveTimeout: limits.idleTimeoutMs,
    connectionsCheckingInterval: Math.max(50, Math.min(1000, limits.headersTimeoutMs / 4)),
    maxHeaderSize: 16_384,
  })
  server.maxHeadersCount = 100
  server.on('request', (request, response) => serve(request, response, false))
  server.on('checkContinue', (request, response) => serve(request, response, true))
  server.on('clientError', (error: NodeJS.ErrnoException, socket) => {
    const tls = sockets.get(socket)
    const reason = brokenReasons[error.code ?? ''] ?? 'malformed_http'
    if (!tls || onBroken(reason, reason === 'malformed_http' ? (error.code ?? '') : '', tls)) return
    const status = brokenStatus[reason]
    if (status !== undefined && socket.writable) {
      socket.end(
        `HTTP/1.1 ${status}\r\nConnection: close\r\nContent-Type: text/plain\r\nContent-Length: ${status.length + 1}\r\n\r\n${status}\n`,
      )
    } else socket.destroy()
  })
  // Node starts its checks of timeouts on this event; this server never listens itself, since its sockets come from the TLS server.
  server.emit('listening')

  return {
    accept(socket) {
      sockets.set(socket, socket)
      server.emit('connection', socket)
    },
    stop() {
      // Ends idle connections and the checks. The callback hears that the server was not listening, which is so.
      server.close(() => undefined)
    },
  }
}

function discardRest(request: IncomingMessage, limits: WebhookLimits, done: () => void): void {
  let left = limits.lingerBytes
  let isDone = false
  const finish = (): void => {
    if (isDone) return
    isDone = true
    clearTimeout(timer)
    done()
  }
  const timer = setTimeout(finish, limits.lingerMs)
  request.removeAllListeners('data')
  request.on('data', (chunk: Buffer) => {
    left -= chunk.length
    if (left < 0) finish()
  })
  request.once('end', finish).once('close', finish)
  request.resume()
}
