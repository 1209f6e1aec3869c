/** The control socket of the running manager: `reload`, `status` and `agents`, for the same user only. A request is one short line; a sender that dawdles is cut off. */
import { chmodSync } from 'node:fs'
import type { Socket } from 'node:net'
import {
  type ControlAnswers,
  type ControlRequest,
  type ControlRequests,
  controlRequestMax,
  controlSocketPath,
  parseRequest,
} from './control-protocol.ts'
import { listenLocally } from './local-socket.ts'

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
  const onSocket = (socket: Socket): void => serve(socket, handlers)
  const close = await listenLocally(path, { umask: 0o177, connectionsMax, onSocket })
  chmodSync(path, 0o600)
  return { close }
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
