/** Asking the running manager of a home folder: one request, one answer. What can go wrong: it does not run, or does not answer in time. */
import { connect } from 'node:net'
import {
  answerParsers,
  type ControlAnswers,
  type ControlCommand,
  type ControlRequests,
  controlLineMax,
  controlSocketPath,
  withSocketPath,
} from './control-protocol.ts'

/** The manager is not there or does not answer; the message says what to do. */
export class ControlError extends Error {
  readonly code: 'MANAGER_ABSENT' | 'MANAGER_SILENT' | 'MANAGER_ANSWER'
  constructor(code: ControlError['code'], message: string, options?: ErrorOptions) {
    super(message, options)
    this.name = 'ControlError'
    this.code = code
  }
}

/** Sends one command and waits for its answer, at most `timeoutMs`. ControlError otherwise. */
export async function askManager<C extends ControlCommand>(
  home: string,
  request: ControlRequests[C] & { readonly command: C },
  timeoutMs: number,
): Promise<ControlAnswers[C]> {
  const path = controlSocketPath(home)
  let line: string
  try {
    line = await withSocketPath(path, (short) => exchange(short, `${JSON.stringify(request)}\n`, timeoutMs))
  } catch (cause) {
    if (cause instanceof ControlError) throw cause
    const code = cause instanceof Error && 'code' in cause ? cause.code : undefined
    if (code === 'EACCES') {
      throw new ControlError('MANAGER_ABSENT', `${path} belongs to another user; run this as the manager's user`, {
        cause,
      })
    }
    const message = `no manager is running with the home ${home}; start it, or name its home with --home`
    throw new ControlError('MANAGER_ABSENT', message, { cause })
  }
  const answer = answerParsers[request.command](line)
  if (answer !== null) return answer
  throw new ControlError(
    'MANAGER_ANSWER',
    `the manager's answer is not understood: ${line.slice(0, 200)}; is it of another version?`,
  )
}

function exchange(path: string, request: string, timeoutMs: number): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connect(path)
    const chunks: Buffer[] = []
    let length = 0
    const timer = setTimeout(() => {
      socket.destroy()
      reject(
        new ControlError('MANAGER_SILENT', `the manager has not answered within ${timeoutMs / 1000} s; see its log`),
      )
    }, timeoutMs)
    socket.once('connect', () => socket.write(request))
    socket.on('data', (chunk) => {
      chunks.push(chunk)
      length += chunk.length
      if (length > controlLineMax) socket.destroy()
    })
    socket.once('error', (error) => {
      clearTimeout(timer)
      reject(error)
    })
    socket.once('close', () => {
      clearTimeout(timer)
      resolve(Buffer.concat(chunks).toString('utf8').trim())
    })
  })
}
