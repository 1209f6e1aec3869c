/**
 * Questions to agents that wait for an answer (spec: agent-protocol, part 7). In: agent, target, command. Out: the answer's bytes. Wrong: no answer in time, or the
 * agent went away: a RequestFailure.
 */
import { randomBytes } from 'node:crypto'

/** Most questions under way at once. */
const pendingMax = 1024
/** Over UDP: pause before a question is sent again, milliseconds, and how often it is (part 7). */
const repeatMs = 1000
const repeatsMax = 4

export class RequestFailure extends Error {
  readonly code: 'AGENT_ABSENT' | 'AGENT_SILENT' | 'TOO_MANY_REQUESTS'
  constructor(code: RequestFailure['code'], message: string) {
    super(message)
    this.name = 'RequestFailure'
    this.code = code
  }
}

interface Pending {
  readonly agentId: string
  readonly resolve: (answer: Buffer) => void
  readonly reject: (error: RequestFailure) => void
  readonly timer: NodeJS.Timeout
  /** Asks again until there is a sign of life; null where nothing gets lost. */
  repeat: NodeJS.Timeout | null
}

export class PendingRequests {
  readonly #pending = new Map<string, Pending>()

  /** Asks; `send` is given the question's id, again and again when the way there loses messages. */
  ask(agentId: string, timeoutMs: number, isLossy: boolean, send: (id: string) => boolean): Promise<Buffer> {
    if (this.#pending.size >= pendingMax)
      return Promise.reject(new RequestFailure('TOO_MANY_REQUESTS', 'too many questions to agents are under way'))
    const id = this.#freeId()
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => {
        this.#end(id)
        reject(new RequestFailure('AGENT_SILENT', `agent ${agentId} has not answered within ${timeoutMs / 1000} s`))
      }, timeoutMs)
      let repeats = 0
      const again = (): void => {
        if (++repeats >= repeatsMax) this.#quiet(id)
        send(id)
      }
      const repeat = isLossy ? setInterval(again, repeatMs) : null
      this.#pending.set(id, { agentId, resolve, reject, timer, repeat })
      if (!send(id)) this.#fail(id, `agent ${agentId} is not connected`)
    })
  }

  /** An answer; false when nobody of this agent waits for it. An `ack` over UDP is only a sign of life. */
  settle(agentId: string, id: string, data: Buffer): boolean {
    const pending = this.#pending.get(id)
    if (pending === undefined || pending.agentId !== agentId) return false
    if (isSignOfLife(data)) {
      this.#quiet(id)
      return true
    }
    this.#end(id)
    pending.resolve(Buffer.from(data))
    return true
  }

  /** The agent is gone. */
  forget(agentId: string): void {
    for (const [id, pending] of this.#pending)
      if (pending.agentId === agentId) this.#fail(id, `agent ${agentId} went away`)
  }

  close(): void {
    for (const id of this.#pending.keys()) this.#fail(id, 'the manager is stopping')
  }

  #fail(id: string, message: string): void {
    const pending = this.#pending.get(id)
    if (pending === undefined) return
    this.#end(id)
    pending.reject(new RequestFailure('AGENT_ABSENT', message))
  }

  #end(id: string): void {
    clearTimeout(this.#pending.get(id)?.timer)
    this.#quiet(id)
    this.#pending.delete(id)
  }

  /** Asks no more. */
  #quiet(id: string): void {
    const pending = this.#pending.get(id)
    if (pending === undefined || pending.repeat === null) return
    clearInterval(pending.repeat)
    pending.repeat = null
  }

  #freeId(): string {
    for (;;) {
      const id = newRequestId()
      if (!this.#pending.has(id)) return id
    }
  }
}

/** Over UDP, says that a message of a request has come, and is no answer yet. */
export const signOfLife: Buffer = Buffer.from('ack', 'latin1')

export function isSignOfLife(data: Buffer): boolean {
  return data.equals(signOfLife)
}

/** Lower-case hex of a random 32-bit number. */
export function newRequestId(): string {
  return randomBytes(4).readUInt32LE(0).toString(16)
}
