/** The control socket of the running manager: `reload`, `status` and `agents`, for the same user only. A request is one short line; a sender that dawdles is cut off. */
import { chmodSync, rmSync } from 'node:fs'
import { createServer, type Server, type Socket } from 'node:net'
import {
  type ControlAnswers,
  type ControlRequest,
  type ControlRequests,
  controlRequestMax,
  controlSocketPath,
  parseRequest,
  withSocketPath,
} from './control-protocol.ts'

export type ControlHandlers = {
  readonly [C in keyof ControlAnswers]: (request: ControlRequests[C]) => Promise<ControlAnswers[C]> | ControlAnswers[C]
}

/** Time for a request to arrive, in milliseconds. */
const requestTimeMs = 5000
/** Most askers at once. */
const connectionsMax = 16

export interface ControlServer {
  close(): Promise<void>
}

/** Listens on the home's control socket; a stale one is replaced, since the home's lock is held. */
export async function startControl(home: string, handlers: ControlHandlers): Promise<ControlServer> {
  const path = controlSocketPath(home)
  rmSync(path, { force: true })
  const open = new Set<Socket>()
  const server = createServer((socket) => {
    open.add(socket)
    socket.once('close', () => open.delete(socket))
    serve(socket, handlers)
  })
  server.maxConnections = connectionsMax
  // The socket must never be there with wider rights, so the mask is set before it is made.
  const mask = process.umask(0o177)
  try {
    await withSocketPath(path, (short) => listen(server, short))
  } finally {
    process.umask(mask)
  }
  chmodSync(path, 0o600)
  return {
    close: () =>
      new Promise((resolve) => {
        server.close(() => {
          rmSync(path, { force: true })
          resolve()
        })
        for (const socket of open) socket.destroy()
      }),
  }
}

function listen(server: Server, path: string): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject)
    server.listen(path, () => {
      server.off('error', reject)
      resolve()
    })
  })
}

function serve(socket: Socket, handlers: ControlHandlers): void {
  let line = ''
  const timer = setTimeout(() => socket.destroy(), requestTimeMs)
  socket.setEncoding('utf8')
  socket.on('error', () => {}) // an asker that went away; `close` follows
  socket.once('close', () => clearTimeout(timer))
  socket.on('data', (chunk: string) => {
    line += chunk
    if (line.length > controlRequestMax) {
      socket.destroy()
      return
    }
    if (!line.includes('\n')) return
    clearTimeout(timer)
    socket.removeAllListeners('data')
    const request = parseRequest(line)
    if (request === null) {
      socket.end(`${JSON.stringify({ error: 'no such command' })}\n`)
      return
    }
    Promise.resolve(answerOf(handlers, request)).then(
      (said) => socket.end(`${JSON.stringify(said)}\n`),
      (error: unknown) => socket.end(`${JSON.stringify({ error: String(error) })}\n`),
    )
  })
}

function answerOf(
  handlers: ControlHandlers,
  request: ControlRequest,
): Promise<ControlAnswers[keyof ControlAnswers]> | ControlAnswers[keyof ControlAnswers] {
  if (request.command === 'agents') return handlers.agents(request)
  return request.command === 'reload' ? handlers.reload(request) : handlers.status(request)
}
