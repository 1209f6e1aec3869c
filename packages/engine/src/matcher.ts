/**
 * Match: decodes an event and finds the rules whose stateless conditions hold (spec: design, 2). Pure: the same event gives the same bytes, whatever came
 * before. What is left open, the conditions that need state, is for the correlator, which walks the candidates in the order written here.
 */
import {
  type DropReason,
  dropReasons,
  eventFlags,
  fullLogOpen,
  header,
  lineClose,
  type MatchWriter,
  nodeFlags,
  nodeWords,
} from './batch.ts'
import { pureBuiltins, statefulQueues } from './builtin/builtins.ts'
import { EventDecoder } from './decode.ts'
import { expandDescription } from './description.ts'
import { Event } from './event.ts'
import { category, field } from './fields.ts'
import { Kernels } from './kernels.ts'
import './latin1.ts'
import { predecode } from './predecode.ts'
import {
  type AgentFacts,
  place,
  textTail,
  writeAgent,
  writeGeo,
  writeMembersAfter,
  writeMembersBefore,
} from './render.ts'
import type { Rule } from './rule.ts'
import { RuleFilter } from './rule-filter.ts'
import type { Ruleset } from './ruleset.ts'

export interface EventInput {
  /** Char code of the queue byte (spec: engine, part 2); 49 is a local or agent log. */
  readonly queue: number
  /** Unescaped origin, `[001] (name) ip->source` for an agent's; latin1. */
  readonly location: string
  /** The message, latin1. */
  readonly body: string
  /** Arrival, milliseconds since the epoch. */
  readonly timeMs: number
}

export interface MatcherOptions {
  readonly managerName: string
  /** Which outputs will be written: what nobody writes is not rendered. */
  readonly outputs: {
    readonly alertsJson: boolean
    readonly alertsText: boolean
    readonly archivesJson: boolean
    readonly archivesText: boolean
  }
  readonly agents?: (id: string) => AgentFacts | undefined
  /** Where an address is, as text for `srcgeoip` and `dstgeoip`; null when unknown. Absent when no database is configured. */
  readonly geoip?: (address: string) => string | null
  /** Firewall events that lack a part are dropped before the rules (spec: engine, part 14.4); on in production, off in logtest. */
  readonly dropIncompleteFirewall?: boolean
}

/** Decodes messages of the queues that are not plain logs: false says that it makes no event. */
export type BuiltinDecoder = (event: Event, decoder: EventDecoder) => boolean

/** What the decoders of stateful queues keep between events; plain data goes in and out of snapshots. */
export interface BuiltinState {
  readonly decoders: ReadonlyMap<number, BuiltinDecoder>
  snapshot(): unknown
  restore(data: unknown): void
}

/** State that decoding itself needs, held by the correlator; absent in a pure matcher. */
export interface DecodeState {
  accumulate(event: Event): void
  /** Decoders of queues whose answer depends on what came before. */
  readonly builtins: ReadonlyMap<number, BuiltinDecoder>
}

/** Shorter logs are escaped as soon without the compiled loops. */
const kernelLengthMin = 64

const queueLocal = 49
const queueSyslog = 50

/** Splits `<q>:<location>:<body>`; null when it is too short or has no location (spec: engine, part 2). */
export function parseQueueMessage(message: string): Pick<EventInput, 'queue' | 'location' | 'body'> | null {
  if (message.length < 4) return null
  const queue = message.charCodeAt(0)
  const bar = message.indexOf('|')
  const colon = message.indexOf(':', 2)
  if (colon === -1) return null
  if (bar === -1 || bar > colon) return { queue, location: message.slice(2, colon), body: message.slice(colon + 1) }
  let location = ''
  for (let at = 2; at < message.length; at++) {
    const c = message[at] as string
    if (c === ':') return { queue, location, body: message.slice(at + 1) }
    const next = message[at + 1]
    if (c === '|' && (next === '|' || next === ':')) {
      location += next
      at++
    } else location += c
  }
  return null
}

let lastPlace = ''

/**
 * The same in place: where a message's body begins, without making a text of it. Null where `parseQueueMessage` would say so, and for a location with
 * escapes, which the caller reads the other way.
 */
export function queueMessageAt(
  bytes: Buffer,
  start: number,
  end: number,
): { readonly queue: number; readonly location: string; readonly bodyAt: number } | null {
  if (end - start < 4) return null
  const colon = bytes.indexOf(58, start + 2)
  if (colon === -1 || colon >= end) return null
  const location = bytes.latin1Slice(start + 2, colon)
  if (location.includes('|')) return null
  // The same few places come again and again: one text serves them all.
  if (location !== lastPlace) lastPlace = location
  return { queue: bytes[start] as number, location: lastPlace, bodyAt: colon + 1 }
}

export class Matcher {
  readonly event: Event
  readonly decoder: EventDecoder
  readonly #ruleset: Ruleset
  readonly #options: MatcherOptions
  readonly #state: DecodeState | null
  readonly #filter: RuleFilter
  readonly #kernels = Kernels.make()
  readonly #shortName: string
  #nodes = new Int32Array(1024)
  #nodeEnd = 0
  #descriptions: string[] = []
  #needsLog = false
  #needsFirstSeen = false
  #needsHost = false
  #isAlertCandidate = false
  #isRemembered = false
  readonly #fields: number[] = []

  constructor(ruleset: Ruleset, options: MatcherOptions, state: DecodeState | null = null) {
    this.#ruleset = ruleset
    this.#options = options
    this.#state = state
    this.event = new Event(ruleset.slots)
    this.decoder = new EventDecoder(ruleset.decoders, ruleset.slots, (id) => ruleset.byId.has(id), this.#kernels)
    this.#filter = new RuleFilter(ruleset, this.#kernels)
    this.#shortName = options.managerName.split('.')[0] as string
  }

  match(input: EventInput, into: MatchWriter): void {
    const { event } = this
    const dropped = this.prepare(input)
    if (dropped !== null) {
      this.#drop(input, dropped, into)
      return
    }
    if (this.#state === null && this.#needsState(input)) {
      this.#defer(input, into)
      return
    }
    if (
      event.category === category.firewall &&
      this.#options.dropIncompleteFirewall !== false &&
      !isCompleteFirewall(event)
    ) {
      this.#drop(input, 'firewall-incomplete', into)
      return
    }
    this.candidates()
    this.#encode(input, into)
  }

  /** Frames, pre-decodes and decodes into `event`; a reason when there is no event. */
  prepare({ queue, location, body, timeMs }: EventInput): DropReason | null {
    const { event } = this
    event.reset()
    event.timeMs = timeMs
    event.fullLog = body
    event.hostname = ''
    event.agentId = '000'
    event.location = location
    let agentHost: string | null = null
    if (location.charCodeAt(0) === 91) {
      const close = location.indexOf(']')
      if (close === -1) return 'format'
      event.agentId = location.slice(1, close)
      event.location = location.slice(location.charCodeAt(close + 1) === 32 ? close + 2 : close + 1)
      const open = event.location.indexOf('(')
      const end = open === -1 ? -1 : event.location.indexOf(')', open)
      agentHost = end === -1 ? '' : event.location.slice(open + 1, end)
    }
    const builtin = pureBuiltins.get(queue) ?? this.#state?.builtins.get(queue)
    const isDeferred = builtin === undefined && statefulQueues.has(queue)
    if (builtin === undefined && !isDeferred) {
      if (queue === 53 || queue === 117) return 'no-event'
      predecode(event)
    } else {
      event.log = body
      event.logStart = 0
    }
    if (agentHost !== null) event.hostname = agentHost
    else if (!event.hasHost) event.hostname = this.#shortName
    if (isDeferred) return null
    if (builtin !== undefined) return builtin(event, this.decoder) ? null : 'no-event'
    this.decoder.decode(event)
    if (event.decoder?.accumulate === true) this.#state?.accumulate(event)
    if (this.#options.geoip !== undefined && event.hasStatics) locate(event, this.#options.geoip)
    return null
  }

  #needsState({ queue }: Pick<EventInput, 'queue'>): boolean {
    if (queue === queueLocal || queue === queueSyslog) return this.event.decoder?.accumulate === true
    return statefulQueues.has(queue)
  }

  /** Walks the rule tree over the decoded event and fills the candidate nodes. */
  candidates(): void {
    this.#nodeEnd = 0
    this.#descriptions.length = 0
    this.#needsLog = false
    this.#needsFirstSeen = false
    this.#needsHost = false
    this.#isAlertCandidate = false
    this.#isRemembered = false
    this.#fields.length = 0
    const { event } = this
    this.#filter.begin(event)
    if (event.category === category['ossec-alert']) return
    for (const root of this.#ruleset.roots) {
      if (root.category === event.category && this.#walk(root)) break
    }
  }

  /** True when the rule is sure to give a result, so that no later sibling is reached. */
  #walk(rule: Rule): boolean {
    const { event } = this
    if (rule.decodedAs !== 0 && rule.decodedAs !== event.decoderId) return false
    const { conditions } = rule
    for (let n = 0; n < conditions.length; n++)
      if (!(conditions[n] as { test(event: Event): boolean }).test(event)) return false
    let flags = 0
    if (rule.firstTimeSeen || rule.checkDiff || rule.correlation !== null) {
      flags = nodeFlags.stateful
      if (rule.firstTimeSeen && event.decoder?.fts == null && !event.isNewEntry) {
        // The log is kept for the next comparison all the same.
        if (!rule.checkDiff) return false
        flags |= nodeFlags.failsAfterState
      }
    }
    const { lists } = rule
    for (let n = 0; n < lists.length; n++) {
      if ((lists[n] as { test(event: Event): boolean }).test(event)) continue
      if (!rule.firstTimeSeen && !rule.checkDiff) return false
      flags |= nodeFlags.failsAfterState
      break
    }
    const at = this.#nodeEnd
    if (at + nodeWords > this.#nodes.length) this.#growNodes()
    this.#nodeEnd = at + nodeWords
    const descriptionPlace = this.#descriptions.length
    let isCertain = false
    if ((flags & nodeFlags.failsAfterState) === 0) {
      const filter = this.#filter
      const children = filter.children(rule)
      for (let n = filter.next(children, 0); n < children.length; n = filter.next(children, n + 1)) {
        if (this.#walk(filter.rules[children[n] as number] as Rule)) {
          isCertain = true
          break
        }
      }
      if (rule.noalert && flags === 0 && this.#nodeEnd === at + nodeWords) {
        this.#nodeEnd = at
        return false
      }
    }
    const output = this.#ruleset.outputs[rule.home]
    const nodes = this.#nodes
    nodes[at] = rule.home
    nodes[at + 1] = flags
    nodes[at + 2] = this.#nodeEnd
    nodes[at + 3] = -1
    if (output?.descriptionParts != null) {
      const text = expandDescription(rule.description, output.descriptionParts, event)
      nodes[at + 3] = text.length
      this.#descriptions.splice(descriptionPlace, 0, text)
    }
    if (rule.level > 0) {
      this.#isAlertCandidate = true
      if (output?.isRemembered === true) this.#isRemembered = true
    }
    if (output !== undefined)
      for (const number of output.fields) if (!this.#fields.includes(number)) this.#fields.push(number)
    if (rule.firstTimeSeen) this.#needsFirstSeen = true
    if (rule.checkDiff) {
      this.#needsHost = true
      this.#needsLog = true
    }
    return flags === 0 && (isCertain || !rule.noalert)
  }

  #growNodes(): void {
    const larger = new Int32Array(this.#nodes.length * 2)
    larger.set(this.#nodes)
    this.#nodes = larger
  }

  #head(input: EventInput, into: MatchWriter, flags: number): number {
    into.reserveWords(header.length)
    const at = into.wordCount
    const { words } = into
    words.fill(0, at, at + header.length)
    const seconds = Math.floor(input.timeMs / 1000)
    words[at + header.flags] = flags
    words[at + header.seconds] = seconds
    words[at + header.millis] = Math.floor(input.timeMs - seconds * 1000)
    words[at + header.bytesAt] = into.byteLength
    words[at + header.raw] = -1
    words[at + header.firstSeen] = -1
    words[at + header.host] = -1
    words[at + header.log] = -1
    words[at + header.preset] = -1
    words[at + header.size] = header.length
    into.wordCount = at + header.length
    into.count++
    return at
  }

  #drop(input: EventInput, reason: DropReason, into: MatchWriter): void {
    const at = this.#head(input, into, eventFlags.dropped)
    into.words[at + header.preset] = dropReasons.indexOf(reason)
  }

  /** Hands the event on as it came: its queue byte stands in `category`. */
  #defer(input: EventInput, into: MatchWriter): void {
    const at = this.#head(input, into, eventFlags.deferred)
    into.words[at + header.category] = input.queue
    into.words[at + header.place] = input.location.length
    into.words[at + header.raw] = input.body.length
    into.text(input.location)
    into.text(input.body)
  }

  #encode(input: EventInput, into: MatchWriter): void {
    const { event } = this
    const { outputs } = this.#options
    const isPreset = event.presetRule >= 0
    const isAlert = this.#isAlertCandidate || isPreset
    let flags = event.dynamicCount > 0 ? eventFlags.hasDynamic : 0
    if (
      event.location.endsWith('ossec-keepalive') &&
      (event.location === 'ossec-keepalive' || event.location.endsWith('->ossec-keepalive'))
    )
      flags |= eventFlags.keepAlive
    const at = this.#head(input, into, flags)
    into.reserveWords(this.#fields.length * 2 + this.#nodeEnd)
    const { words } = into
    words[at + header.category] = event.category
    words[at + header.preset] = isPreset ? (this.#ruleset.byId.get(event.presetRule)?.index ?? -1) : -1
    const put = (slot: number, piece: string): void => {
      words[at + slot] = piece.length
      into.text(piece)
    }
    if ((outputs.archivesJson && (flags & eventFlags.keepAlive) === 0) || (isAlert && outputs.alertsJson)) {
      let from = into.byteLength
      const end = (slot: number): void => {
        words[at + slot] = into.byteLength - from
        from = into.byteLength
      }
      writeAgent(event, this.#options.managerName, this.#options.agents?.(event.agentId), into)
      end(header.agent)
      writeGeo(event, into)
      end(header.geo)
      into.text(fullLogOpen)
      this.#writeLog(event.fullLog, into)
      into.text(',')
      end(header.fullLog)
      writeMembersBefore(event, into)
      end(header.before)
      writeMembersAfter(event, into)
      into.text(lineClose)
      end(header.after)
    }
    const wantsRaw = (isAlert && this.#isRemembered) || outputs.archivesText
    if (wantsRaw) put(header.raw, event.fullLog)
    put(header.agentId, event.agentId)
    if ((isAlert && outputs.alertsText) || outputs.archivesText) put(header.place, place(event))
    if (isAlert && outputs.alertsText) put(header.textTail, textTail(event))
    if (this.#needsFirstSeen && event.decoder?.fts != null) put(header.firstSeen, firstSeenKey(event))
    if (this.#needsHost) put(header.host, event.hostname)
    if (this.#needsLog || (this.#isRemembered && this.#ruleset.hasGlobalSearch)) put(header.log, event.log)
    let count = 0
    let word = into.wordCount
    for (const number of this.#fields) {
      const value = this.#value(number)
      if (value === null) continue
      words[word++] = number
      words[word++] = value.length
      into.text(value)
      count++
    }
    words[at + header.valueCount] = count
    words[at + header.nodeCount] = this.#nodeEnd / nodeWords
    const nodes = this.#nodes
    for (let n = 0; n < this.#nodeEnd; n++) words[word++] = nodes[n] as number
    for (const description of this.#descriptions) into.text(description)
    words[at + header.size] = word - at
    into.wordCount = word
  }

  #writeLog(log: string, into: MatchWriter): void {
    const kernels = this.#kernels
    if (kernels === null || log.length < kernelLengthMin || !kernels.place(log)) {
      into.json(log)
      return
    }
    into.text('"')
    if (kernels.escapeInto(log.length, into)) into.text('"')
    else {
      into.byteLength--
      into.json(log)
    }
  }

  /** Value of a correlation field; null when the event has none. */
  #value(number: number): string | null {
    const ref = this.#ruleset.fieldRefs[number]
    switch (ref?.kind) {
      case 'static':
        return this.event.statics[ref.index] ?? null
      case 'dynamic':
        return this.event.dynamic(ref.slot) ?? null
      case 'location':
        return this.event.location
      default:
        return null
    }
  }
}

function isCompleteFirewall({ statics }: Event): boolean {
  return [field.action, field.srcip, field.dstip, field.srcport, field.dstport, field.protocol].every(
    (index) => statics[index] != null,
  )
}

function locate({ statics }: Event, geoip: (address: string) => string | null): void {
  const source = statics[field.srcip] ?? null
  const target = statics[field.dstip] ?? null
  if (source !== null) statics[field.srcgeoip] = geoip(source)
  if (target !== null) statics[field.dstgeoip] = geoip(target)
}

/** The first-time-seen key, cut at 255 bytes (spec: engine, part 5.6). */
function firstSeenKey(event: Event): string {
  const { decoder, statics } = event
  const fts = decoder?.fts
  if (decoder == null || fts == null) return ''
  const value = (index: number): string => (fts.statics.has(index) ? (statics[index] ?? '') : '')
  const parts = [
    decoder.name,
    fts.name ? decoder.name : '',
    ...[field.id, field.dstuser, field.srcuser, field.srcip, field.dstip, field.data, field.system_name].map(value),
    fts.location ? event.location : '',
    ...fts.dynamic.map((slot) => event.dynamic(slot) ?? ''),
  ]
  return parts.join(' ').slice(0, 255)
}
