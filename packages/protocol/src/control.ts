/**
 * Control messages, the payloads that start with `#!-` (spec: agent-protocol, parts 6 and 7).
 *
 * In: payload bytes, or what is to be said. Out: what they mean, or bytes. Wrong: nothing; what is no known form is a keep-alive to a manager and
 * `other` to an agent, as the protocol has it.
 */

/** Every control message begins so. */
export const controlMark = '#!-'

/** What an agent may say. */
export type AgentControl =
  /** `version` is null where the agent's JSON names none, and empty where it sends no JSON at all, as OSSEC and Wazuh before 4.6 do. */
  | { readonly kind: 'startup'; readonly version: string | null; readonly spool: string | null }
  | { readonly kind: 'numbered'; readonly sequence: number; readonly event: Buffer }
  | { readonly kind: 'shutdown' }
  | { readonly kind: 'response'; readonly request: string; readonly data: Buffer }
  | { readonly kind: 'keep-alive'; readonly text: Buffer }

/** What a manager may say. */
export type ManagerControl =
  | { readonly kind: 'ack' }
  | { readonly kind: 'durable'; readonly spool: string; readonly sequence: number }
  | { readonly kind: 'error'; readonly message: string }
  | { readonly kind: 'request'; readonly request: string; readonly target: string; readonly command: Buffer }
  | { readonly kind: 'execute'; readonly data: Buffer }
  | { readonly kind: 'reconnect' }
  | { readonly kind: 'scan' }
  | { readonly kind: 'file-begin'; readonly md5: string; readonly name: string }
  /** A piece of the file that was announced: the one message without a mark in front (part 8). */
  | { readonly kind: 'file-piece'; readonly bytes: Buffer }
  | { readonly kind: 'file-end' }
  | { readonly kind: 'sync'; readonly component: string; readonly command: string; readonly data: Buffer }
  | { readonly kind: 'other'; readonly text: Buffer }

/** Says that all before it has arrived; the blank at the end is part of it. */
export const ackPayload: Buffer = Buffer.from('#!-agent ack ', 'latin1')
export const shutdownPayload: Buffer = Buffer.from('#!-agent shutdown ', 'latin1')
export const reconnectPayload: Buffer = Buffer.from('#!-force_reconnect', 'latin1')
export const scanPayload: Buffer = Buffer.from('#!-syscheck restart', 'latin1')
export const fileEndPayload: Buffer = Buffer.from('#!-close file ', 'latin1')

/** Longest JSON of a start-up message that is looked at, bytes. */
const startupLengthMax = 4096
const startup = '#!-agent startup '
const request = '#!-req '

/** Whether a payload is a control message; all others are events. */
export function isControl(payload: Uint8Array): boolean {
  return payload[0] === 0x23 && payload[1] === 0x21 && payload[2] === 0x2d
}

/** Reads what an agent says. `payload` is a control message. */
export function parseAgentControl(payload: Buffer): AgentControl {
  if (startsWith(payload, startup)) {
    const json = payload.subarray(startup.length)
    if (!json.includes(0x7b)) return { kind: 'startup', version: '', spool: null }
    const spool = jsonMember(json, 'spool')
    return { kind: 'startup', version: versionOf(json), spool: spool !== null && isSpool(spool) ? spool : null }
  }
  const numbered = /^#!-seq (\d{1,15}) /.exec(payload.toString('latin1', 0, 32))
  if (numbered !== null)
    return { kind: 'numbered', sequence: Number(numbered[1]), event: payload.subarray(numbered[0].length) }
  if (startsWith(payload, '#!-agent shutdown')) return { kind: 'shutdown' }
  if (startsWith(payload, request)) {
    const end = payload.indexOf(0x20, request.length)
    if (end > request.length)
      return {
        kind: 'response',
        request: payload.toString('latin1', request.length, Math.min(end, request.length + 64)),
        data: payload.subarray(end + 1),
      }
  }
  return { kind: 'keep-alive', text: payload.subarray(controlMark.length) }
}

/** Reads what a manager says. */
export function parseManagerControl(payload: Buffer): ManagerControl {
  if (!isControl(payload)) return { kind: 'file-piece', bytes: payload }
  if (payload.equals(ackPayload)) return { kind: 'ack' }
  const durable = /^#!-durable ([0-9a-f]{16}) (\d{1,15})$/.exec(payload.toString('latin1', 0, 48))
  if (durable !== null) return { kind: 'durable', spool: durable[1] ?? '', sequence: Number(durable[2]) }
  if (startsWith(payload, '#!-err ')) return { kind: 'error', message: messageOf(payload.subarray(7)) }
  if (payload.equals(reconnectPayload)) return { kind: 'reconnect' }
  if (payload.equals(scanPayload)) return { kind: 'scan' }
  if (startsWith(payload, '#!-execd ')) return { kind: 'execute', data: payload.subarray(9) }
  if (startsWith(payload, '#!-close file')) return { kind: 'file-end' }
  const fileBegin = /^#!-up file ([0-9a-f]{32}) ([^\n\0]{1,512})\n?$/.exec(payload.toString('latin1', 0, 600))
  if (fileBegin !== null) {
    const [, md5 = '', name = ''] = fileBegin
    return { kind: 'file-begin', md5, name: Buffer.from(name, 'latin1').toString('utf8') }
  }
  const head = payload.toString('latin1', 0, 256)
  const asked = /^#!-req ([^ ]{1,64}) ([^ ]{1,128}) /.exec(head)
  if (asked !== null) {
    const [all, id = '', target = ''] = asked
    return { kind: 'request', request: id, target, command: payload.subarray(all.length) }
  }
  const sync = /^#!-((?:fim|syscollector)_[a-z_]{1,64}) dbsync ([a-z_]{1,64}) /.exec(head)
  if (sync !== null) {
    const [all, component = '', command = ''] = sync
    return { kind: 'sync', component, command, data: payload.subarray(all.length) }
  }
  return { kind: 'other', text: payload.subarray(controlMark.length) }
}

/**
 * The first message on each connection of an agent. An agent of ours names its spool, 16 lower-case hex digits chosen when the spool was made: a manager of ours then says
 * `durablePayload` before each acknowledgement, and takes each number of `numberedPayload` once (spec: contracts, part 3). Others ignore the member, and say nothing
 * about the spool: then events go without numbers.
 */
export function startupPayload(version: string, spool?: string): Buffer {
  return Buffer.from(startup + JSON.stringify(spool === undefined ? { version } : { version, spool }), 'utf8')
}

/** An event with its number in the agent's spool, from 1; only for a manager that has named the spool. */
export function numberedPayload(sequence: number, event: Uint8Array): Buffer {
  return Buffer.concat([Buffer.from(`#!-seq ${sequence} `, 'latin1'), event])
}

/** Says to an agent of ours that its events up to this number are on disk. */
export function durablePayload(spool: string, sequence: number): Buffer {
  return Buffer.from(`#!-durable ${spool} ${sequence}`, 'latin1')
}

/** Whether text names a spool. */
export function isSpool(text: string): boolean {
  return /^[0-9a-f]{16}$/.test(text)
}

/** Instead of the answer to a start-up message. */
export function errorPayload(message: string): Buffer {
  return Buffer.from(`#!-err ${JSON.stringify({ message })}`, 'utf8')
}

/** A question to a component of an agent; `id` is lower-case hex. */
export function requestPayload(id: string, target: string, command: Uint8Array): Buffer {
  return Buffer.concat([Buffer.from(`${request}${id} ${target} `, 'utf8'), command])
}

/** An agent's answer, or `ack` over UDP. */
export function responsePayload(id: string, data: Uint8Array): Buffer {
  return Buffer.concat([Buffer.from(`${request}${id} `, 'utf8'), data])
}

/** Announces a file; chunks and `fileEndPayload` follow (part 8). */
export function fileBeginPayload(md5: string, name: string): Buffer {
  return Buffer.from(`#!-up file ${md5} ${name}\n`, 'utf8')
}

/** A keep-alive's payload from its text. */
export function keepAlivePayload(text: string): Buffer {
  return Buffer.from(controlMark + text, 'utf8')
}

/** Compares `4.14` of two versions such as `v4.14.7`: whether the first is newer. Null when either is none. */
export function isNewerVersion(version: string, than: string): boolean | null {
  const [mine, other] = [version, than].map((text) => /^(?:Wazuh )?v?(\d{1,4})\.(\d{1,4})/.exec(text))
  if (!mine || !other) return null
  const [major, minor] = [Number(mine[1]) - Number(other[1]), Number(mine[2]) - Number(other[2])]
  return major > 0 || (major === 0 && minor > 0)
}

function startsWith(payload: Buffer, text: string): boolean {
  return payload.toString('latin1', 0, text.length) === text
}

function versionOf(json: Buffer): string | null {
  const value = jsonMember(json, 'version')
  return value !== null && value.length <= 64 ? value : null
}

function messageOf(json: Buffer): string {
  return jsonMember(json, 'message') ?? json.toString('utf8')
}

function jsonMember(json: Buffer, name: string): string | null {
  if (json.length > startupLengthMax) return null
  try {
    const parsed: unknown = JSON.parse(json.toString('utf8'))
    if (typeof parsed !== 'object' || parsed === null) return null
    const member = Object.entries(parsed).find(([key]) => key === name)?.[1]
    return typeof member === 'string' ? member : null
  } catch {
    return null
  }
}
