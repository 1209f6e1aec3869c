/** HTTP/2 over connections that are already TLS: the core stream API, which costs about half of the compatibility one. Streams become exchanges. */
import {
  constants,
  type IncomingHttpHeaders,
  performServerHandshake,
  type ServerHttp2Session,
  type ServerHttp2Stream,
} from 'node:http2'
import type { TLSSocket } from 'node:tls'
import type { Exchange } from './intake.ts'
import type { WebhookLimits } from './limits.ts'
import type { RefusalReason } from './refusal.ts'

export interface Http2 {
  accept(socket: TLSSocket): void
  /** Tells every sender to open no more streams; connections end with their last one. */
  stop(): void
}

export interface Http2Options {
  readonly limits: WebhookLimits
  readonly certificateNames: (socket: TLSSocket) => readonly string[]
  /** True when the sender has shown a credential: its connection then gets the large window. */
  readonly onExchange: (exchange: Exchange, socket: TLSSocket) => boolean
  readonly onBroken: (reason: RefusalReason, detail: string, socket: TLSSocket) => void
}

/** One stream may have so much on its way (a batch fits), one connection so much together once its sender is known. */
const streamWindowBytes = 4 * 1024 * 1024
const sessionWindowBytes = 16 * 1024 * 1024

export function createHttp2({ limits, certificateNames, onExchange, onBroken }: Http2Options): Http2 {
  const sessions = new Set<ServerHttp2Session>()

  const accept = (socket: TLSSocket): void => {
    const session = performServerHandshake(socket, {
      maxSessionMemory: 32,
      maxHeaderListPairs: 100,
      settings: {
        initialWindowSize: streamWindowBytes,
        maxConcurrentStreams: limits.streamsMax,
        maxHeaderListSize: 16_384,
        enablePush: false,
      },
    })
    sessions.add(session)
    let openStreams = 0
    let hasLargeWindow = false
    // Deadlines do not look at bytes: pings and slow header blocks keep nothing alive. The first stream is due within the headers' time.
    let isIdleSince = 0
    let deadline = setTimeout(() => {
      onBroken('timeout', '', socket)
      session.destroy(undefined, constants.NGHTTP2_NO_ERROR)
    }, limits.headersTimeoutMs)
    const goIdle = (): void => {
      isIdleSince = performance.now()
      clearTimeout(deadline)
      deadline = setTimeout(() => session.close(), limits.idleTimeoutMs)
    }

    session.on('stream', (stream: ServerHttp2Stream, headers: IncomingHttpHeaders) => {
      openStreams++
      if (isIdleSince >= 0) {
        clearTimeout(deadline)
        isIdleSince = -1
      }
      stream.once('close', () => {
        if (--openStreams === 0 && !session.closed && !session.destroyed) goIdle()
      })
      const isKnown = onExchange(exchangeOf(stream, headers, socket), socket)
      if (isKnown && !hasLargeWindow && !session.destroyed) {
        hasLargeWindow = true
        session.setLocalWindowSize(sessionWindowBytes)
      }
    })
    session.on('error', (error: NodeJS.ErrnoException) => {
      const isGone = error.code === 'ECONNRESET' || error.code === 'EPIPE'
      onBroken(isGone ? 'sender_gone' : 'malformed_http', isGone ? '' : (error.code ?? ''), socket)
    })
    session.on('close', () => {
      clearTimeout(deadline)
      sessions.delete(session)
    })
  }

  const exchangeOf = (stream: ServerHttp2Stream, headers: IncomingHttpHeaders, socket: TLSSocket): Exchange => ({
    method: String(headers[':method'] ?? ''),
    path: String(headers[':path'] ?? ''),
    authorization: headers.authorization,
    contentEncoding: headers['content-encoding'],
    contentLength: headers['content-length'],
    certificateNames: () => certificateNames(socket),
    peer: socket.remoteAddress ?? '',
    body: stream,
    // A sender that ended its side leaves ours open until the answer.
    isWhole: () => !stream.closed && !stream.destroyed,
    proceed() {
      if (headers.expect === '100-continue') stream.additionalHeaders({ ':status': 100 })
    },
    answer(status, more, text, isLast) {
      if (stream.destroyed || stream.closed || stream.headersSent) return
      stream.respond({ ':status': status, ...more })
      stream.end(text)
      if (!isLast || stream.endAfterHeaders) return
      // A whole answer and then a reset without error: the sender keeps the answer and stops the body (RFC 9113, 8.1).
      stream.removeAllListeners('data')
      stream.resume()
      stream.once('finish', () => stream.close(constants.NGHTTP2_NO_ERROR))
    },
  })

  return {
    accept,
    stop() {
      for (const session of sessions) session.close()
    },
  }
}
