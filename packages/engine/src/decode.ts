/** Decoding: finds the decoder that claims an event and fills its fields (spec: engine, part 5.3). Pure but for caches. */
import { noMatch, type Pattern } from '@dogwatch/pattern'
import { nextOffset } from './after-match.ts'
import type { Child, Decoder, DecoderSet } from './decoder.ts'
import type { Event } from './event.ts'
import { category, type FieldSlots } from './fields.ts'
import { JsonDecoder } from './json-decoder.ts'
import type { Kernels } from './kernels.ts'
import { ownCopy } from './latin1.ts'
import { LiteralScanner } from './literal-scanner.ts'
import { ossecAlert, packetFilter, sonicWall, symantecWebSecurity } from './plugins.ts'
import { Prefilter } from './prefilter.ts'

/** Chains with fewer links that need a literal are tried as they are. */
const linksMin = 8
/** Most program names whose decoders are remembered; senders choose the names. */
const programsMax = 4_000

/** Tells an observer what was tried, for explanations. */
export interface DecodeTrace {
  tried(
    decoder: Decoder,
    what: 'program_name' | 'prematch' | 'regex',
    pattern: Pattern,
    subject: string,
    matched: boolean,
  ): void
  ran(decoder: Decoder): void
}

export class EventDecoder {
  readonly #set: DecoderSet
  readonly #json = new Map<string, JsonDecoder>()
  readonly #slots: FieldSlots
  readonly #kernels: Kernels | null
  readonly #isRule: (id: number) => boolean
  readonly #builtins = new Map<string, Decoder>()
  readonly #byProgram = new Map<string, readonly Decoder[]>()
  readonly #prefilter: Prefilter<Decoder>
  readonly #links = new Map<readonly Child[], LiteralScanner | null>()
  readonly #groups: string[] = []
  /** Set for an explanation: nothing is filtered then, and every try is told. */
  trace: DecodeTrace | null = null

  /** `isRule` says whether a rule of this id is loaded. */
  constructor(set: DecoderSet, slots: FieldSlots, isRule: (id: number) => boolean, kernels: Kernels | null) {
    this.#set = set
    this.#kernels = kernels
    this.#isRule = isRule
    this.#slots = slots
    this.#prefilter = new Prefilter(
      set.withoutProgram.map((decoder) => ({ item: decoder, pattern: decoder.prematch as Pattern })),
      kernels,
    )
  }

  decode(event: Event): void {
    const { trace } = this
    const program = event.programName
    if (program !== null) {
      const decoders = trace === null ? this.#ofProgram(program) : this.#set.withProgram
      for (const decoder of decoders) {
        if (trace !== null && decoder.programName !== null) {
          const matched = decoder.programName.test(program)
          trace.tried(decoder, 'program_name', decoder.programName, program, matched)
          if (!matched) continue
        }
        if (this.#claims(event, decoder, 0)) return
      }
      return
    }
    if (trace !== null) {
      for (const decoder of this.#set.withoutProgram) if (this.#claims(event, decoder, -1)) return
      return
    }
    const take = (decoder: Decoder): boolean => this.#claims(event, decoder, -1)
    if (event.logStart >= 0) this.#prefilter.find(event.fullLog, event.logStart, take)
    else this.#prefilter.find(event.log, 0, take)
  }

  #ofProgram(program: string): readonly Decoder[] {
    const known = this.#byProgram.get(program)
    if (known !== undefined) return known
    const decoders = this.#set.withProgram.filter((decoder) => decoder.programName?.test(program) === true)
    if (this.#byProgram.size >= programsMax) this.#byProgram.clear()
    if (program.length <= 64) this.#byProgram.set(ownCopy(program), decoders)
    return decoders
  }

  #claims(event: Event, top: Decoder, start: number): boolean {
    const { trace } = this
    const { log } = event
    let parentEnd = start
    if (top.prematch !== null) {
      const end = top.prematch.end(log)
      trace?.tried(top, 'prematch', top.prematch, log, end !== noMatch)
      if (end === noMatch) return false
      parentEnd = nextOffset(log.length, end)
    }
    event.decoder = top
    event.decoderId = top.id
    event.category = top.category
    trace?.ran(top)
    const { children } = top
    if (children.length === 0) {
      this.#run(event, top, null, 0, parentEnd, -1)
      return true
    }
    for (let n = 0; n < children.length; n++) {
      const child = children[n] as Child
      const { decoder } = child
      if (decoder.prematch === null) {
        this.#run(event, decoder, children, n, parentEnd, parentEnd)
        return true
      }
      const from = decoder.prematchOffset === 'after_parent' ? Math.max(parentEnd, 0) : 0
      const subject = from === 0 ? log : log.slice(from)
      const end = decoder.prematch.end(subject)
      trace?.tried(decoder, 'prematch', decoder.prematch, subject, end !== noMatch)
      if (end !== noMatch) {
        event.decoder = decoder
        event.decoderId = decoder.id
        event.category = decoder.category
        trace?.ran(decoder)
        this.#run(event, decoder, children, n, parentEnd, from + nextOffset(subject.length, end))
        return true
      }
      // The whole chain falls with its first link.
      if (child.next) while ((children[n] as Child).next) n++
    }
    return true
  }

  /** Runs the regex or plugin of a decoder and of the links behind it. Offsets are in `log`; -1 stands for undefined. */
  #run(
    event: Event,
    first: Decoder,
    children: readonly Child[] | null,
    place: number,
    parentEnd: number,
    childEnd: number,
  ): void {
    let decoder = first
    let n = place
    let regexEnd = childEnd
    const links =
      children === null || children.length < linksMin || this.trace !== null ? null : this.#linksOf(children)
    let stamp = 0
    for (;;) {
      const next = children?.[n]?.next === true
      if (decoder.plugin !== null) this.#plugin(event, decoder, parentEnd, childEnd)
      else if (decoder.regex !== null) {
        if (stamp === 0 && next && links !== null)
          stamp = event.logStart >= 0 ? links.scan(event.fullLog, event.logStart) : links.scan(event.log, 0)
        const isOut = stamp !== 0 && links?.needy[n] === 1 && links.seen[n] !== stamp
        const end = isOut ? noMatch : this.#extract(event, decoder, parentEnd, childEnd, regexEnd)
        if (end !== noMatch) regexEnd = end
      } else return
      if (!next || children === null) return
      n++
      decoder = (children[n] as Child).decoder
    }
  }

  /** Finds at once which links of long chains have their literal in the log; null where few are worth it. */
  #linksOf(children: readonly Child[]): LiteralScanner | null {
    let links = this.#links.get(children)
    if (links === undefined) {
      const scanner = new LiteralScanner(
        children.map(({ decoder }) => decoder.regex?.needs ?? null),
        this.#kernels,
      )
      links = scanner.needy.reduce((sum, needy) => sum + needy, 0) < linksMin ? null : scanner
      this.#links.set(children, links)
    }
    return links
  }

  /** The offset behind the match, noMatch when the regex does not match. */
  #extract(event: Event, decoder: Decoder, parentEnd: number, childEnd: number, regexEnd: number): number {
    const from =
      decoder.regexOffset === 'none'
        ? 0
        : decoder.regexOffset === 'after_parent'
          ? parentEnd
          : decoder.regexOffset === 'after_prematch'
            ? childEnd
            : regexEnd
    const regex = decoder.regex as Pattern
    if (from < 0) return noMatch
    const subject = from === 0 ? event.log : event.log.slice(from)
    const groups = this.#groups
    const end = regex.exec(subject, groups)
    this.trace?.tried(decoder, 'regex', regex, subject, end !== noMatch)
    if (end === noMatch) return noMatch
    const { order } = decoder
    const count = Math.min(groups.length, order.length)
    event.rendered = null
    for (let n = 0; n < count; n++) {
      const target = order[n]
      const value = groups[n] as string
      if (target?.kind === 'static') event.setStatic(target.index, value)
      else if (target !== undefined && !event.addDynamic(target.key, target.slot, value)) break
    }
    return from + nextOffset(subject.length, end)
  }

  #plugin(event: Event, decoder: Decoder, parentEnd: number, childEnd: number): void {
    const object = event.decoder as Decoder
    switch (decoder.plugin) {
      case 'JSON_Decoder': {
        const offset = object.pluginOffset
        const from =
          offset === 'after_parent'
            ? parentEnd
            : offset === 'after_prematch'
              ? childEnd < 0
                ? parentEnd
                : childEnd
              : 0
        this.json(object).decode(event, from <= 0 ? event.log : event.log.slice(from))
        return
      }
      case 'PF_Decoder':
        packetFilter(event)
        return
      case 'SymantecWS_Decoder':
        symantecWebSecurity(event)
        return
      case 'SonicWall_Decoder':
        sonicWall(event)
        return
      case 'OSSECAlert_Decoder':
        ossecAlert(event, this.#isRule)
        return
    }
  }

  /** Makes a built-in decoder the event's; all of them are of the category `ossec`. */
  claimBuiltin(event: Event, name: string): void {
    let decoder = this.#builtins.get(name)
    if (decoder === undefined) {
      decoder = builtinDecoder(name, this.#set.ids.get(name) ?? 0)
      this.#builtins.set(name, decoder)
    }
    event.decoder = decoder
    event.decoderId = decoder.id
    event.category = category.ossec
  }

  json(options: { readonly jsonNull: 'string' | 'discard'; readonly jsonArray: 'array' | 'csv' }): JsonDecoder {
    const key = `${options.jsonNull} ${options.jsonArray}`
    let decoder = this.#json.get(key)
    if (decoder === undefined) {
      decoder = new JsonDecoder(this.#slots, options, this.#kernels)
      this.#json.set(key, decoder)
    }
    return decoder
  }
}

function builtinDecoder(name: string, id: number): Decoder {
  return {
    name,
    id,
    ownName: name,
    parent: null,
    programName: null,
    prematch: null,
    prematchOffset: 'none',
    regex: null,
    regexOffset: 'none',
    order: [],
    plugin: null,
    pluginOffset: 'none',
    category: category.ossec,
    fts: null,
    ftscomment: null,
    accumulate: false,
    jsonNull: 'string',
    jsonArray: 'array',
    useOwnName: false,
    at: { file: 'built-in', line: 0, column: 0 },
    children: [],
    json: `{"name":"${name}"}`,
  }
}
