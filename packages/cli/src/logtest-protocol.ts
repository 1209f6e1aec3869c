/**
 * The logtest protocol (spec: engine, part 15.1) without its socket: a request's text in, the answer's text out. Sessions are kept by token, bounded in
 * number and in idle time. Nothing a client sends throws; what is wrong with a request is in its answer.
 */
import {
  JsonReader,
  type JsonValue,
  type LogtestAnswer,
  LogtestSession,
  printCompact,
  type Ruleset,
} from '@dogwatch/engine'
import { processBounded } from './bounded-logtest.ts'

/** Most sessions; the one used least recently goes (spec: engine, part 17). */
export const sessionsMax = 64
/** A session that nobody used for so long is gone, in milliseconds. */
export const sessionIdleMs = 900_000
/** Longest request in bytes, the size of a message elsewhere (spec: engine, part 17). */
export const requestLengthMax = 65_536

/** `error` of an answer. */
export const protocolErrors = {
  ok: 0,
  notJson: 1,
  badMember: 2,
  unknownCommand: 3,
  badToken: 4,
  tooLarge: 5,
} as const

export interface LogtestProtocolOptions {
  /** The current ruleset, asked for by each new session; errors and warnings are one line each. */
  readonly load: () => {
    readonly ruleset: Ruleset | null
    readonly errors: readonly string[]
    readonly warnings: readonly string[]
  }
  /** Milliseconds since the epoch. */
  readonly now: () => number
  /** Eight lower-case hexadecimal digits that are hard to guess. */
  readonly newToken: () => string
}

interface Session {
  readonly logtest: LogtestSession
  usedMs: number
}

/** A request that is refused as a whole. */
class Refused {
  readonly error: number
  readonly message: string
  constructor(error: number, message: string) {
    this.error = error
    this.message = message
  }
}

type Members = { readonly [key: string]: unknown }

const tokenShape = /^[0-9a-f]{8}$/

export class LogtestProtocol {
  readonly #options: LogtestProtocolOptions
  /** In the order of use, the least recent first. */
  readonly #sessions = new Map<string, Session>()

  constructor(options: LogtestProtocolOptions) {
    this.#options = options
  }

  get sessionCount(): number {
    return this.#sessions.size
  }

  /** Answers one request; `bytes` is its JSON without the length in front. */
  handle(bytes: Uint8Array): string {
    if (bytes.length > requestLengthMax) return tooLarge()
    let request: unknown
    try {
      request = JSON.parse(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString())
    } catch {
      return refusal(new Refused(protocolErrors.notJson, 'the request is not JSON'))
    }
    this.#dropIdle()
    const readEvent = (): string =>
      eventText(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).latin1Slice(), ['parameters', 'event'])
    const answer = this.#answer(request, readEvent)
    return answer instanceof Refused ? refusal(answer) : `{"error":0,"data":${answer}}`
  }

  #dropIdle(): void {
    const oldest = this.#options.now() - sessionIdleMs
    for (const [token, { usedMs }] of this.#sessions) if (usedMs < oldest) this.#sessions.delete(token)
  }

  #answer(request: unknown, readEvent: () => string): string | Refused {
    if (!isMembers(request)) return new Refused(protocolErrors.badMember, 'the request is not an object')
    const { version, origin, command, parameters } = request
    if (version !== 1) return missing('version', 'must be the number 1')
    if (!isMembers(origin) || typeof origin.name !== 'string' || typeof origin.module !== 'string')
      return missing('origin', 'must be an object with the texts name and module')
    if (typeof command !== 'string') return missing('command', 'must be a text')
    if (command !== 'log_processing' && command !== 'remove_session')
      return new Refused(protocolErrors.unknownCommand, `there is no command '${command.slice(0, 64)}'`)
    if (!isMembers(parameters)) return missing('parameters', 'must be an object')
    return command === 'log_processing' ? this.#process(parameters, readEvent) : this.#remove(parameters)
  }

  #process(
    { location, log_format: format, event, token, options }: Members,
    readEvent: () => string,
  ): string | Refused {
    if (typeof location !== 'string' || location === '') return missing('location', 'must be a text that is not empty')
    if (typeof format !== 'string' || format === '') return missing('log_format', 'must be a text that is not empty')
    const text = typeof event === 'string' || (isMembers(event) && Object.keys(event).length > 0) ? readEvent() : ''
    if (text === '') return missing('event', 'must be a text or an object that is not empty')
    const messages: string[] = []
    let hasWarnings = false
    const warn = (message: string): void => {
      messages.push(`WARNING: ${message}`)
      hasWarnings = true
    }
    let key = typeof token === 'string' && tokenShape.test(token) ? token : null
    if (token !== undefined && key === null) warn('(7309): the token is malformed; a new session is begun')
    let session = key === null ? undefined : this.#sessions.get(key)
    if (key !== null && session === undefined) warn(`(7003): there is no session '${key}'; a new one is begun`)
    if (session === undefined) {
      const { ruleset, errors, warnings } = this.#options.load()
      for (const line of warnings) warn(line)
      if (ruleset === null) {
        for (const line of errors) messages.push(`ERROR: ${line}`)
        return `{"messages":${JSON.stringify(messages)},"codemsg":-1}`
      }
      key = this.#options.newToken()
      session = { logtest: new LogtestSession(ruleset), usedMs: 0 }
      messages.push(`INFO: (7202): session '${key}' is begun`)
      if (this.#sessions.size >= sessionsMax) this.#sessions.delete(this.#sessions.keys().next().value ?? '')
    }
    const used = key as string
    session.usedMs = this.#options.now()
    this.#sessions.delete(used)
    this.#sessions.set(used, session)
    const rulesDebug = isMembers(options) && options.rules_debug === true
    const result = processBounded(
      session.logtest,
      { event: text, location: latin1(location), timeMs: session.usedMs },
      { rulesDebug },
    )
    const { answer } = result
    if (result.failure !== undefined) {
      messages.push(`ERROR: ${result.failure}`)
      if (result.isSpoilt) this.#sessions.delete(used)
    }
    const code = answer === null ? -1 : hasWarnings ? 1 : 0
    return `{${[
      ...(messages.length === 0 ? [] : [`"messages":${JSON.stringify(messages)}`]),
      `"token":"${used}"`,
      ...(answer === null ? [] : answerMembers(answer)),
      `"codemsg":${code}`,
    ].join(',')}}`
  }

  #remove({ token }: Members): string | Refused {
    if (typeof token !== 'string' || !tokenShape.test(token))
      return new Refused(protocolErrors.badToken, 'token must be eight hexadecimal digits')
    const isKnown = this.#sessions.delete(token)
    const message = isKnown
      ? `INFO: (7206): session '${token}' is removed`
      : `ERROR: (7004): there is no session '${token}'`
    return `{"messages":${JSON.stringify([message])},"codemsg":${isKnown ? 0 : -1}}`
  }
}

/** The answer to a request that was not even read. */
export function tooLarge(): string {
  return refusal(new Refused(protocolErrors.tooLarge, `the request has more than ${requestLengthMax} bytes`))
}

/** Members of an answer in their order, as JSON. */
export function answerMembers({ output, alert, rulesDebug }: LogtestAnswer): string[] {
  return [
    `"output":${utf8(output)}`,
    ...(rulesDebug === undefined ? [] : [`"rules_debug":${JSON.stringify(rulesDebug.map(utf8))}`]),
    `"alert":${alert}`,
  ]
}

/** Text to the engine's form, one code unit per byte, and back. */
export const latin1 = (text: string): string => Buffer.from(text, 'utf8').toString('latin1')
export const utf8 = (text: string): string => Buffer.from(text, 'latin1').toString('utf8')

/**
 * The event of a request, one code unit per byte as the request is: a text as it is, an object printed compactly. Read by the engine's reader, since the
 * language's own would reorder and merge keys, and print numbers otherwise. Empty where that reader finds none.
 */
export function eventText(request: string, path: readonly string[]): string {
  const reader = new JsonReader(request)
  reader.blanks()
  const event = path.reduce(last, reader.value())
  return event === null ? '' : event.kind === 'string' ? event.text : printCompact(event)
}

/** The last member of a name, which is the one that the checks have seen. */
function last(value: JsonValue | null, name: string): JsonValue | null {
  return value?.kind === 'object' ? (value.members.findLast(([key]) => key === name)?.[1] ?? null) : null
}

function isMembers(value: unknown): value is Members {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function missing(name: string, wish: string): Refused {
  return new Refused(protocolErrors.badMember, `${name} ${wish}`)
}

function refusal({ error, message }: Refused): string {
  return `{"message":${JSON.stringify(message)},"error":${error},"data":{"codemsg":-2}}`
}
