/**
 * Correlate: walks each event's candidates in event order with the state that rules share, and writes alerts and archives (spec: engine, parts 9 to 11, 13).
 * Time is the event's own. State can be snapshotted and restored; the same events after a restore give the same lines.
 */
import { Accumulator } from './accumulator.ts'
import {
  dropReasons,
  eventFlags,
  fullLogOpen,
  header,
  type MatchBatch,
  MatchWriter,
  nodeFlags,
  nodeWords,
} from './batch.ts'
import { Builtins } from './builtin/builtins.ts'
import { foldName } from './fields.ts'
import { jsonText } from './json-text.ts'
import { ownCopy } from './latin1.ts'
import { type DecodeState, Matcher, type MatcherOptions } from './matcher.ts'
import { Memory, type Queue, type Remembered, sameRef } from './memory.ts'
import { ByteSink, type OutputBuffers } from './output-buffers.ts'
import type { FieldRef, Rule } from './rule.ts'
import { arraysJson, type RuleOutput, type Ruleset } from './ruleset.ts'

export interface ConsumeOptions {
  /** 1 leaves an event out, as a duplicate. */
  readonly skip?: Uint8Array
  /** Lines of events up to these numbers exist already: state advances, nothing is written. */
  readonly alertsThrough?: number
  readonly archivesThrough?: number
}

export interface CorrelatorCounters {
  events: number
  /** Alerts written, by level. */
  readonly alerts: number[]
  /** Events dropped before the rules, by reason. */
  readonly dropped: Record<string, number>
}

/** Most first-time-seen keys kept; the oldest go. */
const firstSeenMax = 500_000
/** Most last logs kept for `check_diff`, their bytes, and the longest one's. */
const diffsMax = 20_000
const diffBytesMax = 64 * 2 ** 20
const diffLengthMax = 65_536
/** Previous lines that an alert shows at most. */
const lastEventsMax = 11
/** Keys that the `ids` category compares for a common prefix, and how many must share how much. */
const idsRecent = 32
const idsAgree = 3
const idsPrefix = 14

const months = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec']

/** What a rule asks of earlier events, in the order it is asked; `list` is a lookup behind the first two. */
export type StateCondition = 'difference' | 'first-time' | 'list' | 'correlation'

export class Correlator {
  readonly counters: CorrelatorCounters = { events: 0, alerts: Array<number>(17).fill(0), dropped: {} }
  readonly #ruleset: Ruleset
  readonly #options: MatcherOptions
  readonly #memory: Memory
  readonly #builtins = new Builtins()
  readonly #fired: Int32Array
  /** Second at which a rule's `ignore` window began; -1 when it is not open. */
  readonly #ignoredAt: Float64Array
  readonly #firstSeen = new Set<string>()
  #idsKeys: string[] = []
  readonly #diffs = new Map<string, string>()
  #diffBytes = 0
  readonly #accumulator = new Accumulator()
  /** Made when first wanted: a matcher takes time and memory, and most sessions never defer. */
  #deferredMatcher: Matcher | null = null
  readonly #deferredWriter = new MatchWriter()
  readonly #managerJson: string
  readonly isLogtest: boolean
  /** State that decoding needs, for a matcher on this thread. */
  readonly decodeState: DecodeState

  /** Told of each rule whose state was asked, what did not hold (null: all did), and how many earlier events a correlation counted. For explanations. */
  stateSeen: ((rule: Rule, failed: StateCondition | null, counted: number) => void) | null = null

  // The event at hand.
  #counted = 0
  #stateFailed: StateCondition = 'difference'
  #words: Int32Array = new Int32Array(0)
  #bytes: Buffer = Buffer.alloc(0)
  #at = 0
  #nodesAt = 0
  #nodeCount = 0
  #descriptionsAt = 0
  #values: Map<number, string> | null = null
  #lastEvents: string[] = []
  #previousLog: string | null = null
  #matchedLevel = 0
  #parent: Rule | null = null
  #parentNode = -1
  #resultNode = -1
  #firedTimes = 0

  constructor(
    ruleset: Ruleset,
    options: MatcherOptions & {
      readonly isLogtest?: boolean
    },
  ) {
    this.#ruleset = ruleset
    this.#options = options
    this.isLogtest = options.isLogtest === true
    this.#memory = new Memory(ruleset)
    this.#fired = new Int32Array(ruleset.rules.length)
    this.#ignoredAt = new Float64Array(ruleset.rules.length).fill(-1)
    this.#managerJson = `"manager":{"name":${jsonText(options.managerName)}},"id":"`
    this.decodeState = {
      accumulate: (event) => this.#accumulator.run(event),
      builtins: this.#builtins.decoders,
    }
  }

  /** Judges the events of a batch, numbered from `firstNumber` on, and appends their lines. */
  consume(batch: MatchBatch, firstNumber: number, into: OutputBuffers, options: ConsumeOptions = {}): void {
    const { skip, alertsThrough = -1, archivesThrough = -1 } = options
    const words = new Int32Array(batch.words, 0, batch.wordCount)
    const bytes = Buffer.from(batch.bytes)
    let at = 0
    for (let n = 0; n < batch.count; n++) {
      const size = words[at] as number
      if (skip?.[n] !== 1) {
        const number = firstNumber + n
        this.#load(words, bytes, at)
        this.#event(number, into, number > alertsThrough, number > archivesThrough)
      }
      at += size
    }
  }

  /** The whole state, as bytes for a file. It names rules and fields by what people call them, so it can be restored under a changed ruleset. */
  snapshot(): Uint8Array {
    const { rules, fieldRefs } = this.#ruleset
    const pairs = (values: { readonly [index: number]: number }, unset: number): [number, number][] =>
      rules.filter(({ index }) => values[index] !== unset).map(({ id, index }) => [id, values[index] as number])
    const snapshot: Snapshot = {
      version: snapshotVersion,
      fired: pairs(this.#fired, 0),
      ignored: pairs(this.#ignoredAt, -1),
      firstSeen: [...this.#firstSeen],
      idsKeys: this.#idsKeys,
      diffs: [...this.#diffs],
      accumulated: [...this.#accumulator.records].map(([key, { time, values }]) => [key, time, [...values]]),
      remembered: [...this.#memory.entries()].map((event) =>
        typeof event === 'number'
          ? event
          : {
              rule: event.rule,
              time: event.time,
              agent: event.agentId,
              matched: event.matched,
              full: event.fullLog,
              log: event.log,
              category: event.category,
              dynamic: event.hasDynamic,
              values: [...event.values].map(([number, value]) => [refKey(fieldRefs[number] as FieldRef), value]),
            },
      ),
      builtins: this.#builtins.snapshot(),
    }
    return Buffer.from(JSON.stringify(snapshot))
  }

  /** Takes over a snapshot; false, and an empty state, when its form is not known. Rules that are gone are left away. */
  restore(bytes: Uint8Array): boolean {
    let snapshot: Snapshot
    try {
      snapshot = JSON.parse(Buffer.from(bytes).toString()) as Snapshot
    } catch {
      return false
    }
    if (snapshot?.version !== snapshotVersion) return false
    const { byId, fieldRefs } = this.#ruleset
    for (const [id, times] of snapshot.fired) {
      const rule = byId.get(id)
      if (rule !== undefined) this.#fired[rule.index] = times
    }
    for (const [id, since] of snapshot.ignored) {
      const rule = byId.get(id)
      if (rule !== undefined) this.#ignoredAt[rule.index] = since
    }
    for (const key of snapshot.firstSeen) this.#firstSeen.add(key)
    this.#idsKeys = snapshot.idsKeys
    for (const [key, log] of snapshot.diffs) this.#keepDiff(key, log)
    for (const [key, time, values] of snapshot.accumulated)
      this.#accumulator.records.set(key, { time, values: new Map(values) })
    const numbers = new Map(fieldRefs.map((ref, number) => [refKey(ref), number]))
    for (const event of snapshot.remembered) {
      const rule = typeof event === 'number' ? undefined : byId.get(event.rule)
      if (typeof event === 'number' || rule === undefined) {
        this.#memory.pass(typeof event === 'number' ? event : event.time)
        continue
      }
      const values = new Map<number, string>()
      for (const [key, value] of event.values) {
        const number = numbers.get(key)
        if (number !== undefined) values.set(number, value)
      }
      this.#memory.remember(
        rule,
        {
          rule: rule.id,
          time: event.time,
          agentId: event.agent,
          matched: event.matched,
          fullLog: event.full,
          log: event.log,
          category: event.category,
          hasDynamic: event.dynamic,
          values,
          queues: [],
        },
        event.time,
      )
    }
    this.#builtins.restore(snapshot.builtins)
    return true
  }

  #load(words: Int32Array, bytes: Buffer, at: number): void {
    this.#words = words
    this.#bytes = bytes
    this.#at = at
    const valueCount = words[at + header.valueCount] as number
    this.#nodeCount = words[at + header.nodeCount] as number
    this.#nodesAt = at + header.length + valueCount * 2
    this.#descriptionsAt = -1
    this.#values = null
    if (this.#lastEvents.length > 0) this.#lastEvents = []
    this.#previousLog = null
    this.#matchedLevel = 0
    this.#parent = null
    this.#parentNode = -1
    this.#resultNode = -1
  }

  #event(number: number, into: OutputBuffers, writesAlert: boolean, writesArchive: boolean): void {
    const flags = this.#words[this.#at + header.flags] as number
    if ((flags & eventFlags.deferred) !== 0) {
      this.#deferred(number, into, writesAlert, writesArchive)
      return
    }
    this.counters.events++
    if ((flags & eventFlags.dropped) !== 0) {
      const reason = dropReasons[this.#words[this.#at + header.preset] as number] ?? 'format'
      this.counters.dropped[reason] = (this.counters.dropped[reason] ?? 0) + 1
      return
    }
    const { rule, isAlert } = this.judge()
    const alertAt = into.alertsJson.byteLength
    if (isAlert && rule !== null) {
      this.counters.alerts[rule.level] = (this.counters.alerts[rule.level] ?? 0) + 1
      if (writesAlert) this.#writeAlert(rule, number, into)
    }
    if (!writesArchive || (flags & eventFlags.keepAlive) !== 0) return
    const { outputs } = this.#options
    if (outputs.archivesJson) {
      // An alert's line is the archives' line too, unless the rule leaves the log out of it.
      const { alertsJson } = into
      if (alertsJson.byteLength > alertAt && rule?.noFullLog !== true)
        into.archivesJson.append(alertsJson.bytes, alertAt, alertsJson.byteLength)
      else this.#writeJson(into.archivesJson, rule, number, true)
    }
    if (outputs.archivesText) {
      const sink = into.archivesText
      sink.text(`${this.#dateText()} `)
      this.#copy(sink, header.place)
      sink.text(' ')
      this.#copy(sink, header.raw)
      sink.text('\n')
    }
  }

  /** Matches an event whose decoding needs state, then judges it. */
  #deferred(number: number, into: OutputBuffers, writesAlert: boolean, writesArchive: boolean): void {
    const words = this.#words
    const at = this.#at
    const start = words[at + header.bytesAt] as number
    const bodyAt = start + (words[at + header.place] as number)
    const timeMs = this.#timeMs()
    const writer = this.#deferredWriter
    writer.clear()
    this.#deferredMatcher ??= new Matcher(this.#ruleset, this.#options, this.decodeState)
    this.#deferredMatcher.match(
      {
        queue: words[at + header.category] as number,
        location: this.#bytes.latin1Slice(start, bodyAt),
        body: this.#bytes.latin1Slice(bodyAt, bodyAt + (words[at + header.raw] as number)),
        timeMs,
      },
      writer,
    )
    const { words: array, bytes } = writer
    this.#load(array, bytes, 0)
    this.#event(number, into, writesAlert, writesArchive)
  }

  /**
   * Judges the first event of a batch as logtest does: the JSON object that an alert would be, with the rule even at level 0 (then `level` comes last),
   * and whether an alert would be written. Null when the event never reached the rules.
   */
  logtest(batch: MatchBatch, number: number): (Judgement & { readonly json: string }) | null {
    this.#load(new Int32Array(batch.words, 0, batch.wordCount), Buffer.from(batch.bytes), 0)
    const words = this.#words
    const flags = words[header.flags] as number
    if ((flags & eventFlags.dropped) !== 0) return null
    const judgement = this.judge()
    const sink = new ByteSink()
    this.#writeJson(sink, judgement.rule, number, false)
    return { ...judgement, json: sink.take().latin1Slice() }
  }

  /** The result of the event at hand: the walk, then everything of part 11. */
  judge(): Judgement {
    const preset = this.#words[this.#at + header.preset] as number
    let rule: Rule | null = null
    if (preset >= 0) {
      rule = this.#ruleset.rules[preset] ?? null
      this.#firedTimes = 0
    } else {
      const end = this.#nodesAt + this.#nodeCount * nodeWords
      for (let node = this.#nodesAt; node < end && rule === null; node = this.#nodeEnd(node))
        rule = this.#evaluate(node)
    }
    if (rule === null) return nothing
    if (rule.level === 0) return { rule: this.isLogtest ? rule : null, isAlert: false }
    const seconds = this.#seconds()
    if (rule.ignoreSeconds > 0) {
      const since = this.#ignoredAt[rule.index] as number
      if (since < 0) this.#ignoredAt[rule.index] = seconds
      else if (seconds - since < rule.ignoreSeconds) {
        if (this.isLogtest) return { rule, isAlert: false }
        this.#lastEvents = []
        if (this.#parent === null) return nothing
        rule = this.#parent
        this.#resultNode = this.#parentNode
      } else this.#ignoredAt[rule.index] = this.isLogtest ? -1 : seconds
    }
    const output = this.#ruleset.outputs[rule.index] as RuleOutput
    if (rule.level > 0) {
      if (output.isRemembered) this.#remember(rule, seconds)
      else this.#memory.pass(seconds)
    }
    return { rule, isAlert: this.isLogtest ? rule.level >= this.#ruleset.logAlertLevel : rule.log }
  }

  #nodeEnd(node: number): number {
    return this.#nodesAt + (this.#words[node + 2] as number)
  }

  #evaluate(node: number): Rule | null {
    const words = this.#words
    const rule = this.#ruleset.rules[words[node] as number] as Rule
    const flags = words[node + 1] as number
    if (flags !== 0) {
      const held = this.#stateHolds(rule)
      const isOut = !held || (flags & nodeFlags.failsAfterState) !== 0
      const correlated = !isOut && (rule.correlation === null || this.#correlates(rule))
      if (this.stateSeen !== null) {
        const failed = held ? (isOut ? 'list' : correlated ? null : 'correlation') : this.#stateFailed
        this.stateSeen(rule, failed, this.#counted)
      }
      if (!correlated) return null
    }
    const end = this.#nodeEnd(node)
    for (let child = node + nodeWords; child < end; child = this.#nodeEnd(child)) {
      const result = this.#evaluate(child)
      if (result !== null) {
        if (this.#parent === null) {
          this.#parent = rule
          this.#parentNode = node
        }
        return result
      }
    }
    if (rule.noalert) return null
    this.#firedTimes = (this.#fired[rule.index] as number) + 1
    this.#fired[rule.index] = this.#firedTimes
    this.#resultNode = node
    return rule
  }

  /** Conditions 23 and 24: content change, first time seen. */
  #stateHolds(rule: Rule): boolean {
    this.#stateFailed = 'difference'
    if (rule.checkDiff && !this.#differs(rule)) return false
    this.#stateFailed = 'first-time'
    return !rule.firstTimeSeen || this.#isFirstSeen()
  }

  #differs(rule: Rule): boolean {
    const log = this.#text(header.log)
    if (log.length >= diffLengthMax) return false
    const key = `${rule.id} ${this.#text(header.host)}`
    const before = this.#diffs.get(key)
    if (before === log) return false
    this.#keepDiff(key, log)
    if (before === undefined) return false
    this.#previousLog = before
    this.#lastEvents = ['Previous output:', before]
    return true
  }

  /** The oldest go for a new one that has no room. */
  #keepDiff(key: string, log: string): void {
    this.#diffBytes += log.length - (this.#diffs.get(key)?.length ?? 0)
    this.#diffs.set(key, log)
    for (const [oldest, text] of this.#diffs) {
      if (oldest === key || (this.#diffs.size <= diffsMax && this.#diffBytes <= diffBytesMax)) break
      this.#diffs.delete(oldest)
      this.#diffBytes -= text.length
    }
  }

  #isFirstSeen(): boolean {
    if ((this.#words[this.#at + header.firstSeen] as number) < 0) return true
    let key = this.#text(header.firstSeen)
    if (this.#firstSeen.has(key)) return false
    if ((this.#words[this.#at + header.category] as number) === 2) {
      const whole = key
      if (this.#idsKeys.filter((other) => commonPrefix(other, whole) > idsPrefix).length >= idsAgree)
        key = ownCopy(whole.slice(0, idsPrefix))
      this.#idsKeys = [key, ...this.#idsKeys.slice(0, idsRecent - 1)]
      if (this.#firstSeen.has(key)) return false
    }
    if (this.#firstSeen.size >= firstSeenMax) this.#firstSeen.delete(this.#firstSeen.values().next().value as string)
    this.#firstSeen.add(key)
    return true
  }

  /** The search of part 10.2, newest first. */
  #correlates(rule: Rule): boolean {
    const { correlation } = rule
    if (correlation === null) return true
    this.#counted = 0
    const values = this.#correlationValues()
    const queue: Queue | undefined = this.#memory.candidates(rule, this.#text(header.agentId), values)
    this.#lastEvents = []
    if (queue === undefined) return false
    const now = this.#seconds()
    const hasDynamic = ((this.#words[this.#at + header.flags] as number) & eventFlags.hasDynamic) !== 0
    const category = this.#words[this.#at + header.category] as number
    let counted = 0
    let first: Remembered | null = null
    for (let n = queue.items.length - 1; n >= queue.head; n--) {
      const candidate = queue.items[n] as Remembered
      if (now - candidate.time > rule.timeframe) break
      if (
        correlation.source === 'all' &&
        (candidate.category !== category || correlation.regex?.test(candidate.log) !== true)
      )
        continue
      if (correlation.different.length > 0 && !this.#allDiffer(rule, candidate, values, hasDynamic)) continue
      if (candidate.matched >= rule.level) break
      const completes = counted >= rule.frequency
      if (this.#lastEvents.length < lastEventsMax && (!completes || correlation.source !== 'all'))
        this.#lastEvents.push(candidate.fullLog)
      this.#counted++
      if (!completes) {
        counted++
        first ??= candidate
        continue
      }
      this.#matchedLevel = rule.level
      if (first !== null) first.matched = rule.level
      return true
    }
    this.#lastEvents = []
    return false
  }

  #allDiffer(rule: Rule, candidate: Remembered, values: ReadonlyMap<number, string>, hasDynamic: boolean): boolean {
    const { correlation } = rule
    if (correlation === null) return true
    if (correlation.differentDynamic && !hasDynamic && !candidate.hasDynamic) return false
    for (const number of this.#differentOf(rule)) {
      const mine = values.get(number)
      if (mine !== undefined && candidate.values.get(number) === mine) return false
    }
    return true
  }

  readonly #differentNumbers = new Map<Rule, readonly number[]>()
  #differentOf(rule: Rule): readonly number[] {
    let numbers = this.#differentNumbers.get(rule)
    if (numbers === undefined) {
      const { fieldRefs } = this.#ruleset
      numbers = (rule.correlation?.different ?? []).map((ref) => fieldRefs.findIndex((other) => sameRef(ref, other)))
      this.#differentNumbers.set(rule, numbers)
    }
    return numbers
  }

  #remember(rule: Rule, seconds: number): void {
    const values = this.#correlationValues()
    const wanted = (this.#ruleset.outputs[rule.index] as RuleOutput).fields
    const kept = new Map<number, string>()
    for (const number of wanted) {
      const value = values.get(number)
      if (value !== undefined) kept.set(number, value)
    }
    this.#memory.remember(
      rule,
      {
        rule: rule.id,
        time: seconds,
        agentId: this.#text(header.agentId),
        matched: this.#matchedLevel,
        fullLog: this.#text(header.raw),
        log: this.#ruleset.hasGlobalSearch ? this.#text(header.log) : '',
        category: this.#words[this.#at + header.category] as number,
        hasDynamic: ((this.#words[this.#at + header.flags] as number) & eventFlags.hasDynamic) !== 0,
        values: kept,
        queues: [],
      },
      seconds,
    )
  }

  #correlationValues(): ReadonlyMap<number, string> {
    if (this.#values !== null) return this.#values
    const values = new Map<number, string>()
    const words = this.#words
    let from = this.#start(header.log) + Math.max(0, words[this.#at + header.log] as number)
    const count = words[this.#at + header.valueCount] as number
    for (let n = 0, word = this.#at + header.length; n < count; n++, word += 2) {
      const length = words[word + 1] as number
      values.set(words[word] as number, this.#bytes.latin1Slice(from, from + length))
      from += length
    }
    this.#values = values
    return values
  }

  #seconds(): number {
    return (this.#words[this.#at + header.seconds] as number) >>> 0
  }

  #timeMs(): number {
    return this.#seconds() * 1000 + (this.#words[this.#at + header.millis] as number)
  }

  /** Byte offset at which a piece begins; pieces stand in header order. */
  #start(slot: number): number {
    const words = this.#words
    let at = words[this.#at + header.bytesAt] as number
    for (let n = header.agent; n < slot; n++) {
      const length = words[this.#at + n] as number
      if (length > 0) at += length
    }
    return at
  }

  #text(slot: number): string {
    const length = this.#words[this.#at + slot] as number
    if (length <= 0) return ''
    const from = this.#start(slot)
    return this.#bytes.latin1Slice(from, from + length)
  }

  #copy(sink: ByteSink, slot: number): void {
    const length = this.#words[this.#at + slot] as number
    if (length <= 0) return
    const from = this.#start(slot)
    sink.copy(this.#bytes, from, from + length)
  }

  /** The result's description as JSON and as text. */
  #description(rule: Rule): string {
    const words = this.#words
    const output = this.#ruleset.outputs[rule.index] as RuleOutput
    if (this.#resultNode < 0 || (words[this.#resultNode + 3] as number) < 0) return output.description
    if (this.#descriptionsAt < 0) {
      let from = this.#start(header.log) + Math.max(0, words[this.#at + header.log] as number)
      const count = words[this.#at + header.valueCount] as number
      for (let n = 0, word = this.#at + header.length; n < count; n++, word += 2) from += words[word + 1] as number
      this.#descriptionsAt = from
    }
    let from = this.#descriptionsAt
    for (let node = this.#nodesAt; node < this.#resultNode; node += nodeWords)
      from += Math.max(0, words[node + 3] as number)
    return this.#bytes.latin1Slice(from, from + (words[this.#resultNode + 3] as number))
  }

  #writeAlert(rule: Rule, number: number, into: OutputBuffers): void {
    const { outputs } = this.#options
    const start = into.alertsJson.byteLength
    if (outputs.alertsJson) this.#writeJson(into.alertsJson, rule, number, false)
    if (outputs.alertsText) this.#writeText(into.alertsText, rule, number)
    into.alerts.push({
      id: `${this.#seconds()}.${number}`,
      number,
      timeMs: this.#timeMs(),
      level: rule.level,
      ruleId: rule.id,
      start,
      end: into.alertsJson.byteLength,
    })
  }

  #writeJson(sink: ByteSink, rule: Rule | null, number: number, isArchive: boolean): void {
    const words = this.#words
    const at = this.#at
    let from = words[at + header.bytesAt] as number
    const agent = words[at + header.agent] as number
    const geo = words[at + header.geo] as number
    const fullLog = words[at + header.fullLog] as number
    const before = words[at + header.before] as number
    const after = words[at + header.after] as number
    let text = `{"timestamp":"${timestamps.at(this.#seconds(), words[at + header.millis] as number)}",`
    if (rule !== null) text += `${this.#ruleJson(rule)},`
    if (agent > 0) {
      sink.text(text)
      sink.copy(this.#bytes, from, from + agent)
      text = ','
      from += agent
    }
    text += `${this.#managerJson}${this.#seconds()}.${number}",`
    if (rule !== null && this.#lastEvents.length > 1 && this.#lastEvents[1] !== '')
      text += `"previous_output":${jsonText(this.#lastEvents.join('\n'))},`
    sink.text(text)
    const end = from + geo + fullLog + before + after
    // Nearly always the rest stands there in one piece.
    if (!isArchive && rule?.noFullLog === true) {
      sink.copy(this.#bytes, from, from + geo)
      from += geo + fullLog
    }
    if (this.#previousLog !== null && rule !== null) {
      sink.copy(this.#bytes, from, end - after)
      sink.text(`,"previous_log":${jsonText(this.#previousLog)}`)
      from = end - after
    }
    sink.copy(this.#bytes, from, end)
  }

  /** `"rule":{…}` */
  #ruleJson(rule: Rule): string {
    const output = this.#ruleset.outputs[rule.index] as RuleOutput
    const hasOwn = this.#resultNode >= 0 && (this.#words[this.#resultNode + 3] as number) >= 0
    const description = hasOwn ? jsonText(this.#description(rule)) : output.descriptionJson
    const fired = rule.noCounter ? '' : `,"firedtimes":${this.#firedTimes}`
    const level = rule.level === 0 && this.isLogtest ? ',"level":0' : ''
    return `${output.head}${description}${output.middle}${fired}${this.#tail(output, rule)}${level}}`
  }

  /** The rule's arrays, with what the event adds to them (spec: engine, part 13.2). */
  #tail(output: RuleOutput, rule: Rule): string {
    const extra = output.isRootcheck ? braceCompliance(this.#fullLog().slice(0, 1023)) : this.#ownCompliance()
    if (extra.length === 0) return output.tail
    const arrays = output.arrays.map(([name, values]) => [name, [...values]] as [string, string[]])
    for (const [name, values] of extra) {
      const known = arrays.find(([other]) => other === name)
      if (known === undefined) arrays.push([name, values])
      else known[1].push(...values)
    }
    return `,"mail":${rule.mail},${arraysJson(arrays)}`
  }

  #fullLog(): string {
    if ((this.#words[this.#at + header.raw] as number) >= 0) return this.#text(header.raw)
    const member = this.#text(header.fullLog)
    return member === '' ? '' : (JSON.parse(member.slice(fullLogOpen.length, -1)) as string)
  }

  /** Compliance of an SCA check: such events are always matched here, so the matcher still holds the event. */
  #ownCompliance(): [string, string[]][] {
    return this.#bytes === this.#deferredWriter.bytes ? (this.#deferredMatcher?.event.compliance ?? []) : []
  }

  #writeText(sink: ByteSink, rule: Rule, number: number): void {
    const { groupText } = rule
    sink.text(`** Alert ${this.#seconds()}.${number}:${rule.mail ? ' mail ' : ''} - ${groupText}\n${this.#dateText()} `)
    this.#copy(sink, header.place)
    const labels = this.#options.agents?.(this.#text(header.agentId))?.labels
    for (const key in labels) sink.text(`\n${key}: ${labels[key]}`)
    sink.text(`\nRule: ${rule.id} (level ${rule.level}) -> '${this.#description(rule)}'\n`)
    this.#copy(sink, header.textTail)
    sink.text(this.#lastEvents.length === 0 ? '\n' : `${this.#lastEvents.join('\n')}\n\n`)
  }

  /** `2026 Nov 24 06:10:00`, local time. */
  #dateText(): string {
    return dates.at(this.#seconds())
  }
}

/** Version of the snapshot's form; another one is not read. */
const snapshotVersion = 1

interface Snapshot {
  readonly version: number
  readonly fired: [id: number, times: number][]
  readonly ignored: [id: number, since: number][]
  readonly firstSeen: string[]
  readonly idsKeys: string[]
  readonly diffs: [string, string][]
  readonly accumulated: [string, number, [number, string][]][]
  /**
   * Remembered events, oldest first: values by the field's kind and name, so that they fit another ruleset too. One that no rule looks back at is its second
   * alone.
   */
  readonly remembered: (RememberedRecord | number)[]
  readonly builtins: unknown
}

interface RememberedRecord {
  readonly rule: number
  readonly time: number
  readonly agent: string
  readonly matched: number
  readonly full: string
  readonly log: string
  readonly category: number
  readonly dynamic: boolean
  readonly values: [string, string][]
}

export interface Judgement {
  readonly rule: Rule | null
  /** Whether an alert is to be written. */
  readonly isAlert: boolean
}

const refKey = (ref: FieldRef): string => `${ref.kind} ${foldName(ref.name)}`

const nothing: Judgement = { rule: null, isAlert: false }

/** `{key: v1, v2}` in a rootcheck text: arrays by lower-case key. */
function braceCompliance(text: string): [string, string[]][] {
  const found: [string, string[]][] = []
  for (const [, key = '', values = ''] of text.matchAll(/\{([A-Za-z0-9_]+): ([A-Za-z0-9_., ]*)\}/g)) {
    found.push([
      key.toLowerCase(),
      values
        .split(',')
        .map((value) => value.trim())
        .filter((value) => value !== ''),
    ])
  }
  return found
}

function commonPrefix(a: string, b: string): number {
  let n = 0
  while (n < a.length && n < b.length && a[n] === b[n]) n++
  return n
}

const two = (n: number): string => (n < 10 ? `0${n}` : String(n))

/** Local date texts; one second's is remembered. */
class SecondText {
  #seconds = -1
  #text = ''
  readonly #format: (date: Date) => string

  constructor(format: (date: Date) => string) {
    this.#format = format
  }

  at(seconds: number): string {
    if (seconds !== this.#seconds) {
      this.#seconds = seconds
      this.#text = this.#format(new Date(seconds * 1000))
    }
    return this.#text
  }
}

const dates = new SecondText(
  (d) =>
    `${d.getFullYear()} ${months[d.getMonth()]} ${two(d.getDate())} ${two(d.getHours())}:${two(d.getMinutes())}:${two(d.getSeconds())}`,
)
const heads = new SecondText(
  (d) =>
    `${d.getFullYear()}-${two(d.getMonth() + 1)}-${two(d.getDate())}T${two(d.getHours())}:${two(d.getMinutes())}:${two(d.getSeconds())}.`,
)
const zones = new SecondText((d) => {
  const minutes = -d.getTimezoneOffset()
  const size = Math.abs(minutes)
  return `${minutes < 0 ? '-' : '+'}${two(Math.floor(size / 60))}${two(size % 60)}`
})

/** `2026-11-24T06:10:00.123+0000`, local time. */
export const timestamps = {
  at(seconds: number, millis: number): string {
    return `${heads.at(seconds)}${millis < 10 ? '00' : millis < 100 ? '0' : ''}${millis}${zones.at(seconds)}`
  },
}
