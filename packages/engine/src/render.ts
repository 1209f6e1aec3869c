/** The parts of an alert that depend on the event alone, in the bytes that the reference writes (spec: engine, parts 13 and 14). */
import type { Event } from './event.ts'
import { field, foldName, staticDataCount, staticFields } from './fields.ts'
import { jsonText } from './json-text.ts'
import { fieldJson } from './json-value.ts'

export interface AgentFacts {
  readonly ip?: string
  /** Labels by dotted key; hidden ones are left away by the caller. */
  readonly labels?: Readonly<Record<string, string>>
}

/** `"agent":{…}` or, for an agentless device, nothing (spec: engine, parts 13.3, 13.6). */
export function agentJson(event: Event, managerName: string, facts: AgentFacts | undefined): string {
  if (isAgentless(event)) return ''
  const { location } = event
  const name = agentName(event, managerName)
  let out = `"agent":{"id":${jsonText(event.agentId)}`
  if (name !== null) out += `,"name":${jsonText(name)}`
  const ip = facts?.ip ?? addressInLocation(location)
  if (ip !== null) out += `,"ip":${jsonText(ip)}`
  if (facts?.labels !== undefined) out += `,"labels":${nestedJson(Object.entries(facts.labels), true)}`
  return `${out}}`
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
export function geoMembers({ hasStatics, statics }: Event): string {
  if (!hasStatics) return ''
  const source = statics[field.srcgeoip] ?? null
  const target = statics[field.dstgeoip] ?? null
  return `${source === null ? '' : `"srcgeoip":${jsonText(source)},`}${target === null ? '' : `"dstgeoip":${jsonText(target)},`}`
}

/** Members between full_log and `previous_log`: syscheck, predecoder, decoder; each with its trailing comma. */
export function membersBefore(event: Event): string {
  const hostname = headerHost(event.fullLog)
  const isHostOnly = hostname !== null && event.programName === null && event.timestamp === null
  return `${event.syscheck === '' ? '' : `"syscheck":${event.syscheck},`}${isHostOnly ? '' : predecoderJson(event, hostname)}"decoder":${event.decoder === null ? '{}' : event.decoder.json}`
}

/** Members from `data` on, each with its leading comma. */
export function membersAfter(event: Event): string {
  const data = dataJson(event)
  let out = data === '' ? '' : `,"data":{${data}}`
  const hostname = headerHost(event.fullLog)
  if (hostname !== null && event.programName === null && event.timestamp === null)
    out += `,"predecoder":{"hostname":${jsonText(hostname)}}`
  out += `,"location":${jsonText(shownLocation(event.location))}`
  const agentless = isAgentless(event) ? agentlessShape.exec(event.location) : null
  if (agentless !== null)
    out += `,"agentless":{"script":${jsonText(agentless[1] ?? '')},"user":${jsonText(agentless[2] ?? '')},"host":${jsonText(agentless[3] ?? '')}}`
  return out
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

function predecoderJson(event: Event, hostname: string | null): string {
  if (event.programName === null && event.timestamp === null && hostname === null) return ''
  const members: string[] = []
  if (event.programName !== null) members.push(`"program_name":${jsonText(event.programName)}`)
  if (event.timestamp !== null) members.push(`"timestamp":${jsonText(event.timestamp)}`)
  if (hostname !== null) members.push(`"hostname":${jsonText(hostname)}`)
  return `"predecoder":{${members.join(',')}},`
}

/** Members of `data`, without the braces; empty when there are none (spec: engine, part 13.4). */
export function dataJson(event: Event): string {
  let statics = ''
  if (event.hasStatics) {
    for (let n = 0; n < staticDataCount; n++) {
      const value = event.statics[n]
      if (value != null) statics += `${statics === '' ? '' : ','}"${staticFields[n]}":${jsonText(value)}`
    }
  }
  if (event.renderedData !== null)
    return statics === '' || event.renderedData === ''
      ? statics + event.renderedData
      : `${statics},${event.renderedData}`
  if (event.dynamicCount === 0 || event.syscheck !== '') return statics
  let isFlat = true
  const { keys, values, dynamicCount } = event
  if (dynamicCount > 40) isFlat = false
  for (let n = 0; n < dynamicCount && isFlat; n++) {
    const key = keys[n] as string
    if (key.includes('.') || (event.hasStatics && isStaticData(key, event))) isFlat = false
    for (let m = 0; m < n && isFlat; m++) if (sameName(key, keys[m] as string)) isFlat = false
  }
  if (!isFlat) return nestedData(event)
  let out = statics
  for (let n = 0; n < dynamicCount; n++) {
    const value = values[n] as string
    if (value !== '') out += `${out === '' ? '' : ','}${jsonText(keys[n] as string)}:${fieldJson(value)}`
  }
  return out
}

function isStaticData(key: string, event: Event): boolean {
  const index = (staticFields as readonly string[]).indexOf(foldName(key))
  return index >= 0 && index < staticDataCount && event.statics[index] != null
}

function sameName(a: string, b: string): boolean {
  return a.length === b.length && (a === b || foldName(a) === foldName(b))
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

function branchJson(branch: Branch): string {
  const members: string[] = []
  for (const { name, value } of branch.members.values())
    members.push(`${jsonText(name)}:${typeof value === 'string' ? value : branchJson(value)}`)
  return `{${members.join(',')}}`
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
