/**
 * Lines to events, by format. In go lines with their place in the file, out come events; `heldFrom` says from which place
 * on lines are held back for more, so that a restart reads them again. Text is bytes (latin1). Bound: `eventLengthMax`.
 */

import type { PodFacts } from '../fim/message.ts'
import { eventLengthMax, type Label, type LogFormat } from './config.ts'
import { compactJson, mergeLabels } from './json-line.ts'

/** Puts lines of one file together. */
export interface Assembler {
  /** Events that are complete with this line, which begins at `offset` of its file. */
  push(line: string, offset: number): string[]
  /** Events out of what is held, since nothing came for a while. */
  flush(): string[]
  /** Events out of everything that is held: the file has ended. Nothing is held afterwards. */
  finish(): string[]
  /** Where the first line that is held begins; null when none is. */
  readonly heldFrom: number | null
  /** Silence after which to flush, in milliseconds. */
  readonly timeoutMs: number
  /** Are lines above the bound cut (or dropped)? */
  readonly cutsLongLines: boolean
}

/** Events dropped, by reason. */
export interface LogDrops {
  invalidJson: number
  tooLong: number
  binary: number
  invalidCri: number
}

export const noDrops = (): LogDrops => ({ invalidJson: 0, tooLong: 0, binary: 0, invalidCri: 0 })

const silenceMs = 2000

export function makeAssembler(
  format: LogFormat,
  labels: readonly Label[],
  drops: LogDrops,
  pod: Omit<PodFacts, 'podUid'> | null = null,
): Assembler {
  switch (format.kind) {
    case 'line':
      return lineByLine((line) => line, true)
    case 'json':
      return lineByLine((line) => jsonEvent(line, labels, drops), false)
    case 'audit':
      return new GroupAssembler(' ', silenceMs, drops, false, auditGrouping())
    case 'lines':
      return new GroupAssembler(' ', silenceMs, drops, true, countGrouping(format.count), false)
    case 'regex':
      return new GroupAssembler(format.joint, format.timeoutMs, drops, true, regexGrouping(format))
    case 'cri':
      return new CriAssembler(labels, drops, pod)
  }
}

function lineByLine(event: (line: string) => string | null, cutsLongLines: boolean): Assembler {
  return {
    push: (line) => {
      const made = line === '' ? null : event(line)
      return made === null ? [] : [made]
    },
    flush: () => [],
    finish: () => [],
    heldFrom: null,
    timeoutMs: silenceMs,
    cutsLongLines,
  }
}

function jsonEvent(line: string, labels: readonly Label[], drops: LogDrops): string | null {
  const compact = compactJson(line)
  if (compact === null) {
    drops.invalidJson++
    return null
  }
  return labels.length === 0 ? compact : mergeLabels(compact, labels)
}

/** Where groups end: before a line (it begins a new one), and after it. */
interface Grouping {
  readonly endsBefore: (line: string, held: readonly string[]) => boolean
  readonly endsAfter: (held: readonly string[]) => boolean
}

function auditGrouping(): Grouping {
  const idOf = (line: string): string => /msg=audit\(([^)]*)\)/.exec(line)?.[1] ?? ''
  return {
    endsBefore: (line, held) => idOf(line) === '' || idOf(line) !== idOf(held[0] ?? ''),
    endsAfter: (held) => idOf(held[0] ?? '') === '',
  }
}

function countGrouping(count: number): Grouping {
  return { endsBefore: () => false, endsAfter: (held) => held.length >= count }
}

function regexGrouping({ pattern, match, joint }: LogFormat & { kind: 'regex' }): Grouping {
  if (match === 'start') return { endsBefore: (line) => pattern.test(line), endsAfter: () => false }
  if (match === 'end') return { endsBefore: () => false, endsAfter: (held) => pattern.test(held.at(-1) ?? '') }
  return { endsBefore: () => false, endsAfter: (held) => pattern.test(held.join(joint)) }
}

class GroupAssembler implements Assembler {
  readonly timeoutMs: number
  readonly cutsLongLines: boolean
  heldFrom: number | null = null
  readonly #joint: string
  readonly #drops: LogDrops
  readonly #grouping: Grouping
  readonly #flushesOnSilence: boolean
  #held: string[] = []
  #length = 0

  constructor(
    joint: string,
    timeoutMs: number,
    drops: LogDrops,
    cutsLongLines: boolean,
    grouping: Grouping,
    flushesOnSilence = true,
  ) {
    this.#joint = joint
    this.timeoutMs = timeoutMs
    this.#drops = drops
    this.cutsLongLines = cutsLongLines
    this.#grouping = grouping
    this.#flushesOnSilence = flushesOnSilence
  }

  push(line: string, offset: number): string[] {
    const events: string[] = []
    if (this.#held.length > 0 && this.#grouping.endsBefore(line, this.#held)) events.push(...this.#end())
    if (this.#length + line.length + this.#joint.length > eventLengthMax) {
      // What is held is told; the event goes on in the next one.
      this.#drops.tooLong++
      events.push(...this.#end())
    }
    this.heldFrom ??= offset
    this.#length += line.length + (this.#held.length > 0 ? this.#joint.length : 0)
    this.#held.push(line)
    if (this.#grouping.endsAfter(this.#held)) events.push(...this.#end())
    return events
  }

  flush(): string[] {
    return this.#flushesOnSilence ? this.#end() : []
  }

  finish(): string[] {
    return this.#end()
  }

  #end(): string[] {
    const event = this.#held.join(this.#joint)
    this.#held = []
    this.#length = 0
    this.heldFrom = null
    return event === '' ? [] : [event]
  }
}

/** A line of the container runtime interface’s log format: time, stream, tags, text. */
const criLine = /^(\S+) (stdout|stderr) (P|F)(?::\S*)? ?(.*)$/s

class CriAssembler implements Assembler {
  readonly timeoutMs = 30_000
  readonly cutsLongLines = true
  readonly #labels: readonly Label[]
  readonly #drops: LogDrops
  readonly #pod: Omit<PodFacts, 'podUid'> | null
  readonly #held = new Map<string, { text: string; time: string; from: number; isCut: boolean }>()

  constructor(labels: readonly Label[], drops: LogDrops, pod: Omit<PodFacts, 'podUid'> | null) {
    this.#labels = labels
    this.#drops = drops
    this.#pod = pod
  }

  get heldFrom(): number | null {
    const starts = [...this.#held.values()].map(({ from }) => from)
    return starts.length === 0 ? null : Math.min(...starts)
  }

  push(line: string, offset: number): string[] {
    const found = criLine.exec(line)
    if (found === null) {
      if (line !== '') this.#drops.invalidCri++
      return []
    }
    const [, time = '', stream = '', tag, text = ''] = found
    const held = this.#held.get(stream) ?? { text: '', time, from: offset, isCut: false }
    const room = eventLengthMax - held.text.length
    if (text.length > room && !held.isCut) {
      held.isCut = true
      this.#drops.tooLong++
    }
    held.text += text.slice(0, room)
    if (tag === 'P') {
      this.#held.set(stream, held)
      return []
    }
    this.#held.delete(stream)
    return held.text === '' ? [] : [this.#event(held.text, stream, held.time)]
  }

  flush(): string[] {
    const events = [...this.#held].map(([stream, { text, time }]) => this.#event(text, stream, time))
    this.#held.clear()
    return events
  }

  finish(): string[] {
    return this.flush()
  }

  /**
   * A JSON object keeps its members; any other text becomes the member `log`. `kubernetes` says where it comes from: an
   * object that has a member of that name is text, so that no program gets to say where it runs.
   */
  #event(text: string, stream: string, time: string): string {
    const own = text.startsWith('{') ? compactJson(text, 'kubernetes') : null
    const pod = this.#pod
    const origin = JSON.stringify({
      ...(pod === null
        ? {}
        : {
            namespace: pod.namespace,
            pod: { name: pod.pod },
            container: { name: pod.container, id: pod.containerId },
          }),
      stream,
      time,
    })
    const body = own ?? `{"log":${byteJson(text)}}`
    const joint = body === '{}' ? '' : ','
    const whole = `${body.slice(0, -1)}${joint}"kubernetes":${Buffer.from(origin).toString('latin1')}}`
    return this.#labels.length === 0 ? whole : mergeLabels(whole, this.#labels)
  }
}

/** A byte text as a JSON string of bytes; what is not UTF-8 becomes replacement characters. */
function byteJson(text: string): string {
  return Buffer.from(JSON.stringify(Buffer.from(text, 'latin1').toString('utf8'))).toString('latin1')
}
