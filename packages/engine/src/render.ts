/** The parts of an alert that depend on the event alone, in the bytes that the reference writes (spec: engine, parts 13 and 14). */
import type { ByteText } from './byte-text.ts'
import type { Event } from './event.ts'
import { field, foldName, staticDataCount, staticFields, staticIndex } from './fields.ts'
import { jsonText } from './json-text.ts'
import { fieldJson } from './json-value.ts'

export interface AgentFacts {
  readonly ip?: string
  /** Labels by dotted key; hidden ones are left away by the caller. */
  readonly labels?: Readonly<Record<string, string>>
}

/** `"agent":{…}` or, for an agentless device, nothing (spec: engine, parts 13.3, 13.6). */
export function writeAgent(event: Event, managerName: string, facts: AgentFacts | undefined, into: ByteText): void {
  if (isAgentless(event)) return
  const { location } = event
  const name = agentName(event, managerName)
  into.text('"agent":{"id":')
  into.json(event.agentId)
  if (name !== null) {
    into.text(',"name":')
    into.json(name)
  }
  const ip = facts?.ip ?? addressInLocation(location)
  if (ip !== null) {
    into.text(',"ip":')
    into.json(ip)
  }
  if (facts?.labels !== undefined) {
    into.text(',"labels":')
    into.text(nestedJson(Object.entries(facts.labels), true))
  }
  into.text('}')
}

function agentName({ location, agentId }: Event, managerName: string): string | null {
  if (location.charCodeAt(0) === 40) {
    const close = location.indexOf(')')
    if (close !== -1) return location.slice(1, close)
  }
  return agentId === '000' ? managerName : null
}

function addressInLocation(location: string): string | null {
  if (location.charCodeAt(0) !== 40) return null
  const from = location.indexOf(') ')
  const to = location.indexOf('-', from)
  if (from === -1 || to === -1) return null
  const ip = location.slice(from + 2, to)
  return ip === 'any' || ip === '' ? null : ip
}

const agentlessShape = /^\(([^)]*)\) ([^@]*)@([^>]*)->/

function isAgentless(event: Event): boolean {
  return event.agentId === '000' && event.location.charCodeAt(0) === 40 && agentlessShape.test(event.location)
}

/** `"srcgeoip":…,"dstgeoip":…,` as far as they are known. */
export function writeGeo({ hasStatics, statics }: Event, into: ByteText): void {
  if (!hasStatics) return
  const source = statics[field.srcgeoip] ?? null
  const target = statics[field.dstgeoip] ?? null
  if (source !== null) into.text(`"srcgeoip":${jsonText(source)},`)
  if (target !== null) into.text(`"dstgeoip":${jsonText(target)},`)
}

/** Members between full_log and `previous_log`: syscheck, predecoder, decoder; each but the last with its trailing comma. */
export function writeMembersBefore(event: Event, into: ByteText): void {
  if (event.syscheck !== '') into.text(`"syscheck":${event.syscheck},`)
  const hostname = headerHost(event.fullLog)
  if (hostname === null || event.programName !== null || event.timestamp !== null)
    writePredecoder(event, hostname, into)
  into.text('"decoder":')
  into.text(event.decoder === null ? '{}' : event.decoder.json)
}

/** Members from `data` on, each with its leading comma. */
export function writeMembersAfter(event: Event, into: ByteText): void {
  writeData(event, into)
  const hostname = headerHost(event.fullLog)
  if (hostname !== null && event.programName === null && event.timestamp === null)
    into.text(`,"predecoder":{"hostname":${jsonText(hostname)}}`)
  into.text(',"location":')
  into.json(shownLocation(event.location))
  const agentless = isAgentless(event) ? agentlessShape.exec(event.location) : null
  if (agentless !== null)
    into.text(
      `,"agentless":{"script":${jsonText(agentless[1] ?? '')},"user":${jsonText(agentless[2] ?? '')},"host":${jsonText(agentless[3] ?? '')}}`,
    )
}

/** Text after the first `>` of an agent's location, else the location. */
export function shownLocation(location: string): string {
  if (location.charCodeAt(0) === 40) {
    const arrow = location.indexOf('>')
    if (arrow !== -1) return location.slice(arrow + 1, arrow + 1024)
  }
  return location.slice(0, 1023)
}

const hostShape = /^[A-Z][a-z][a-z] [ 0123][0-9] [0-9][0-9]:[0-9][0-9]:[0-9][0-9] ([^ ]+)/

/** The host name that alerts show: only a traditional syslog header has one (spec: engine, part 13.3). */
function headerHost(fullLog: string): string | null {
  const c = fullLog.charCodeAt(0)
  if (c < 65 || c > 90 || fullLog.charCodeAt(3) !== 32) return null
  return hostShape.exec(fullLog)?.[1] ?? null
}

function writePredecoder({ programName, timestamp }: Event, hostname: string | null, into: ByteText): void {
  if (programName === null && timestamp === null && hostname === null) return
  into.text('"predecoder":{')
  const start = into.byteLength
  const member = (name: string, value: string | null): void => {
    if (value === null) return
    if (into.byteLength > start) into.text(',')
    into.text(name)
    into.json(value)
  }
  member('"program_name":', programName)
  member('"timestamp":', timestamp)
  member('"hostname":', hostname)
  into.text('},')
}

const staticKeys = staticFields.map((name) => `"${name}":`)

/** `,"data":{…}`; nothing when it would be empty (spec: engine, part 13.4). */
export function writeData(event: Event, into: ByteText): void {
  const before = into.byteLength
  into.text(',"data":{')
  const start = into.byteLength
  if (event.rendered === null && event.dynamicCount > 0 && event.syscheck === '' && !isFlat(event)) {
    into.text(nestedData(event))
  } else {
    if (event.hasStatics) writeStatics(event, into, start)
    if (event.rendered !== null) {
      const { bytes, start: from, end } = event.rendered
      if (into.byteLength > start && end > from) into.text(',')
      into.copy(bytes, from, end)
    } else if (event.syscheck === '') {
      const { keys, values, dynamicCount } = event
      for (let n = 0; n < dynamicCount; n++) {
        const value = values[n] as string
        if (value === '') continue
        if (into.byteLength > start) into.text(',')
        into.json(keys[n] as string)
        into.text(':')
        if (value.charCodeAt(0) === 91) into.text(fieldJson(value))
        else into.json(value)
      }
    }
  }
  if (into.byteLength === start) into.byteLength = before
  else into.text('}')
}

function writeStatics({ statics }: Event, into: ByteText, start: number): void {
  for (let n = 0; n < staticDataCount; n++) {
    const value = statics[n]
    if (value == null) continue
    if (into.byteLength > start) into.text(',')
    into.text(staticKeys[n] as string)
    into.json(value)
  }
}

/** Whether the dynamic fields stand side by side: no dots, no name twice. */
function isFlat(event: Event): boolean {
  const { keys, dynamicCount } = event
  if (dynamicCount > 40) return false
  for (let n = 0; n < dynamicCount; n++) {
    const key = keys[n] as string
    if (key.includes('.') || (event.hasStatics && isStaticData(key, event))) return false
    for (let m = 0; m < n; m++) if (sameName(key, keys[m] as string)) return false
  }
  return true
}

function isStaticData(key: string, event: Event): boolean {
  const index = staticIndex.get(foldName(key)) ?? staticDataCount
  return index < staticDataCount && event.statics[index] != null
}

function sameName(a: string, b: string): boolean {
  if (a.length !== b.length) return false
  for (let n = 0; n < a.length; n++) if (foldCode(a.charCodeAt(n)) !== foldCode(b.charCodeAt(n))) return false
  return true
}

/** A code unit, an upper-case ASCII letter as its lower-case one. */
function foldCode(c: number): number {
  return c >= 65 && c <= 90 ? c + 32 : c
}

interface Branch {
  readonly members: Map<string, { readonly name: string; readonly value: string | Branch }>
}

/** Dotted keys nest; an existing key is never replaced, and a field below something that is no object is dropped. */
function nestedData(event: Event): string {
  const root: Branch = { members: new Map() }
  for (let n = 0; n < staticDataCount; n++) {
    const value = event.statics[n]
    const name = staticFields[n] as string
    if (value != null) root.members.set(name, { name, value: jsonText(value) })
  }
  for (let n = 0; n < event.dynamicCount; n++) {
    const value = event.values[n] as string
    if (value !== '') insert(root, event.keys[n] as string, fieldJson(value))
  }
  return branchJson(root).slice(1, -1)
}

export function nestedJson(entries: readonly (readonly [string, string])[], keepEmpty: boolean): string {
  const root: Branch = { members: new Map() }
  for (const [key, value] of entries) if (keepEmpty || value !== '') insert(root, key, jsonText(value))
  return branchJson(root)
}

function insert(root: Branch, key: string, json: string): void {
  const parts = key.split('.')
  const last = parts.pop() as string
  let branch = root
  for (const part of parts) {
    const folded = foldName(part)
    const member = branch.members.get(folded)
    if (member === undefined) {
      const value: Branch = { members: new Map() }
      branch.members.set(folded, { name: part, value })
      branch = value
    } else if (typeof member.value === 'string') return
    else branch = member.value
  }
  const folded = foldName(last)
  if (!branch.members.has(folded)) branch.members.set(folded, { name: last, value: json })
}

/** Without recursion: a name may have as many dots as an event has bytes. */
function branchJson(root: Branch): string {
  const open = [root.members.values()]
  let out = '{'
  let isFirst = true
  for (let members = open.at(-1); members !== undefined; members = open.at(-1)) {
    const next = members.next()
    if (next.done === true) {
      open.pop()
      out += '}'
      isFirst = false
      continue
    }
    const { name, value } = next.value
    out += `${isFirst ? '' : ','}${jsonText(name)}:`
    isFirst = typeof value !== 'string'
    if (typeof value === 'string') out += value
    else {
      out += '{'
      open.push(value.members.values())
    }
  }
  return out
}

/** `<where>` of the text files: the location if it is an agent's, else host and location. */
export function place(event: Event): string {
  return event.location.charCodeAt(0) === 40 ? event.location : `${event.hostname}->${event.location}`
}

/** Lines of a text alert from behind `Rule:` to before the remembered events (spec: engine, part 14.1). */
export function textTail(event: Event): string {
  const { statics } = event
  let out = ''
  const line = (label: string, value: string | null | undefined): void => {
    if (value != null) out += `${label}: ${value}\n`
  }
  line('Src IP', statics[field.srcip])
  line('Src Location', statics[field.srcgeoip])
  line('Src Port', statics[field.srcport])
  line('Dst IP', statics[field.dstip])
  line('Dst Location', statics[field.dstgeoip])
  line('Dst Port', statics[field.dstport])
  line('User', statics[field.dstuser])
  out += `${event.fullLog}\n`
  if (event.syscheck !== '') return out + event.syscheckText
  for (let n = 0; n < event.dynamicCount; n++) {
    const value = event.values[n] as string
    if (value !== '') out += `${event.keys[n]}: ${value}\n`
  }
  return out
}
