/**
 * The JSON plugin decoder (spec: engine, part 7.1): walks a document's leaves in order and stores each under its dotted path.
 *
 * Senders repeat the same documents with other values. The text between two leaves is therefore learnt: behind a leaf, the separators seen there
 * before are tried with `startsWith`, and a hit tells the next leaf's path without looking at a single byte of the keys. A miss falls back to the
 * plain walk, which teaches. What is learnt is bounded, since keys are the sender's choice. On the way the alert's `data` members are put together
 * from the same slices, as long as no key repeats or reopens an object; else they are rendered later from the fields.
 */
import { ByteText } from './byte-text.ts'
import type { Event } from './event.ts'
import { type FieldSlots, field, foldName, staticFields, staticIndex } from './fields.ts'
import { printPlainArray } from './json-array.ts'
import { numberText } from './json-number.ts'
import { jsonText } from './json-text.ts'
import { fieldJson, JsonReader, type JsonValue, printCompact, printFormatted } from './json-value.ts'
import { ownCopy, scratchBytes } from './latin1.ts'

export interface JsonOptions {
  readonly jsonNull: 'string' | 'discard'
  readonly jsonArray: 'array' | 'csv'
}

/** Longest text of an array in csv form, in bytes. */
const csvLengthMax = 65_536
/** Bounds of what is learnt: leaves, separators in all, separators behind one leaf, bytes of one separator. */
const leavesMax = 8_000
/** Longer places, and deeper ones, are not remembered: names may be as long as an event, and come from whoever writes a log. */
const placeLengthMax = 512
const partsMax = 24
const stepsMax = 24_000
const stepsOfLeafMax = 48
const separatorLengthMax = 600

const staticKeys = new Map<string, number>(
  [
    'srcip',
    'dstip',
    'srcport',
    'dstport',
    'protocol',
    'action',
    'srcuser',
    'dstuser',
    'id',
    'status',
    'url',
    'data',
    'extra_data',
  ].map((name) => [name, staticIndex.get(name) as number]),
)
staticKeys.set('systemname', field.system_name)

/** Values of a leaf: text between quotes, a number, an array, or a literal that is part of the separator. */
type StepKind = 'string' | 'number' | 'array' | 'literal' | 'end'

interface Step {
  readonly separator: string
  /** The same as bytes. */
  readonly bytes: Uint8Array
  readonly kind: StepKind
  readonly literal: string
  readonly to: Leaf
  /** Output text between the leaf that was written last and this one, remembered for one such leaf. */
  from: Leaf | null
  join: Uint8Array
  opened: readonly PathNode[]
}

/** A part of the output's tree, by folded name: it may be opened once only in an event. */
interface PathNode {
  readonly children: Map<string, PathNode>
  stamp: number
}

interface Leaf {
  readonly key: string
  /** Where it stands in the document, as `placeOf` writes it: what may follow depends on how deep that is, which the dotted path does not tell. */
  readonly place: string
  readonly slot: number
  /** Static field it goes to; -1 for a dynamic one, -2 for `user`, which depends on dstuser. */
  readonly target: number
  /** Path in the output, dots of keys split too, as spelt and as nodes. */
  readonly parts: readonly string[]
  readonly nodes: readonly PathNode[]
  readonly steps: Step[]
  /** Closing braces behind this leaf in the output. */
  readonly close: string
}

interface Found {
  readonly path: string
  readonly place: string
  readonly kind: StepKind
  readonly text: string
  /** Where the value begins and ends in the document: a string's text without quotes. */
  readonly start: number
  readonly end: number
}

export class JsonDecoder {
  readonly #slots: FieldSlots
  readonly #options: JsonOptions
  readonly #root: PathNode = { children: new Map(), stamp: 0 }
  readonly #leaves = new Map<string, Leaf>()
  readonly #start: Leaf
  #stepCount = 0
  #stamp = 0
  #last: Leaf | null = null
  readonly #out = new ByteText()
  #isLinear = true

  constructor(slots: FieldSlots, options: JsonOptions) {
    this.#slots = slots
    this.#options = options
    this.#start = { key: '', place: '', slot: -1, target: -1, parts: [], nodes: [], steps: [], close: '' }
    for (const name of staticFields) this.#root.children.set(name, { children: new Map(), stamp: 0 })
  }

  /** Decodes a text into the event's fields; nothing is stored when it is no JSON. */
  decode(event: Event, text: string): void {
    const canRender = event.dynamicCount === 0 && !event.hasStatics
    this.#stamp++
    this.#last = null
    // What an earlier decoder of this event wrote may still be wanted.
    if (canRender) this.#out.byteLength = 0
    this.#isLinear = canRender
    const dynamicBefore = event.dynamicCount
    const statics = event.hasStatics ? [...event.statics] : null
    if (!this.#follow(event, text)) {
      // Take back what the learnt way stored before it ended, then walk.
      event.truncateDynamic(dynamicBefore)
      if (statics === null) event.clearStatics()
      else for (let n = 0; n < statics.length; n++) event.statics[n] = statics[n] ?? null
      this.#stamp++
      this.#last = null
      if (canRender) this.#out.byteLength = 0
      this.#isLinear = canRender
      if (!this.#walk(event, text)) return
    }
    if (!this.#isLinear || !canRender) {
      event.rendered = null
      return
    }
    this.#out.text((this.#last as Leaf | null)?.close ?? '')
    event.rendered = this.#out
  }

  /** The learnt way; false when it leads nowhere (what was stored must then be taken back). */
  #follow(event: Event, text: string): boolean {
    if (event.dynamicCount > 0 || controlBytes.test(text)) return false
    const bytes = scratchBytes(text)
    const { length } = text
    bytes[length] = quote
    let leaf = this.#start
    let at = 0
    /** First backslash that is not passed yet; -1 when there is no more. */
    let nextSlash = text.indexOf('\\')
    for (;;) {
      const { steps } = leaf
      let step: Step | undefined
      for (let n = 0; n < steps.length; n++) {
        const candidate = steps[n] as Step
        if (!standsAt(candidate.bytes, bytes, at, length)) continue
        if (candidate.kind === 'number') {
          const c = bytes[at + candidate.bytes.length] as number
          if (c !== 45 && !(c >= 48 && c <= 57)) continue
        } else if (candidate.kind === 'array' && bytes[at + candidate.bytes.length] !== 91) continue
        step = candidate
        if (n > 0) {
          steps[n] = steps[n - 1] as Step
          steps[n - 1] = candidate
        }
        break
      }
      if (step === undefined) return false
      at += step.bytes.length
      switch (step.kind) {
        case 'end':
          return true
        case 'literal':
          this.#store(event, step, step.to, step.literal, `"${step.literal}"`)
          break
        case 'string': {
          const from = at
          let c = bytes[at] as number
          while (c !== quote && c !== backslash) c = bytes[++at] as number
          if (at >= length) return false
          if (c === backslash) {
            const reader = new JsonReader(text, from - 1)
            const value = reader.string()
            if (value === null) return false
            at = reader.at
            this.#store(event, step, step.to, value, value.charCodeAt(0) === 91 ? fieldJson(value) : jsonText(value))
          } else {
            const value = text.slice(from, at)
            at++
            if (bytes[from] === 91) this.#store(event, step, step.to, value, fieldJson(value))
            else if (this.#opens(event, step, step.to, value)) this.#out.copy(bytes, from - 1, at)
          }
          break
        }
        case 'number': {
          const reader = new JsonReader(text, at)
          const value = reader.number()
          if (value === null || value.kind !== 'number') return false
          at = reader.at
          const shown = numberText(value.literal)
          this.#store(event, step, step.to, shown, `"${shown}"`)
          break
        }
        case 'array': {
          stringArray.lastIndex = at
          if (this.#options.jsonArray === 'array' && stringArray.test(text)) {
            const raw = text.slice(at, stringArray.lastIndex)
            at = stringArray.lastIndex
            this.#store(event, step, step.to, raw.replaceAll('","', '", "'), raw.replaceAll('", "', '","'))
            break
          }
          // Once for all arrays before it: each of many would look through the whole text.
          if (nextSlash !== -1 && nextSlash < at) nextSlash = text.indexOf('\\', at)
          const plain = this.#options.jsonArray === 'array' ? printPlainArray(text, at, nextSlash) : null
          if (plain !== null) {
            at = plain.end
            this.#store(event, step, step.to, plain.formatted, plain.compact)
            break
          }
          const reader = new JsonReader(text, at)
          const value = reader.value()
          if (value === null || value.kind !== 'array') return false
          at = reader.at
          if (this.#options.jsonArray === 'array')
            this.#store(event, step, step.to, printFormatted(value), printCompact(value))
          else {
            const joined = csv(value.items)
            if (joined !== '') this.#store(event, step, step.to, joined, fieldJson(joined))
          }
          break
        }
      }
      leaf = step.to
    }
  }

  /** The plain walk; false when the text is no JSON. */
  #walk(event: Event, text: string): boolean {
    const reader = new JsonReader(text, text.startsWith('\xef\xbb\xbf') ? 3 : 0)
    reader.blanks()
    const isObject = text.charCodeAt(reader.at) === 123
    const found: Found[] = []
    if (isObject ? !this.#object(reader, '', '', found, 1) : reader.value() === null) return false
    if (!isObject) return true
    const end = reader.at
    let leaf: Leaf | null = this.#start
    let from = 0
    for (const { path, place, kind, text: value, start, end: valueEnd } of found) {
      const to: Leaf = this.#leaf(path, place)
      const isStored = !(kind === 'array' && value === '' && this.#options.jsonArray === 'csv')
      const step = this.#learn(
        leaf,
        text.slice(from, kind === 'literal' ? valueEnd : start),
        kind,
        kind === 'literal' ? value : '',
        to,
      )
      if (isStored) this.#store(event, step, to, value, fieldJson(value))
      leaf = step === null ? null : to
      from = kind === 'string' ? valueEnd + 1 : valueEnd
    }
    this.#learn(leaf, text.slice(from, end), 'end', '', this.#start)
    return true
  }

  #object(reader: JsonReader, prefix: string, around: string, found: Found[], depth: number): boolean {
    const { text } = reader
    if (depth > 1000) return false
    reader.at++
    reader.blanks()
    if (text.charCodeAt(reader.at) === 125) {
      reader.at++
      return true
    }
    for (;;) {
      reader.blanks()
      if (text.charCodeAt(reader.at) !== 34) return false
      const key = reader.string()
      if (key === null) return false
      reader.blanks()
      if (text.charCodeAt(reader.at++) !== 58) return false
      reader.blanks()
      // A key may be empty, so the path does not tell where the document's top is.
      const path = around === '' ? key : `${prefix}.${key}`
      const place = placeOf(around, key)
      const start = reader.at
      if (text.charCodeAt(start) === 123) {
        if (!this.#object(reader, path, place, found, depth + 1)) return false
      } else {
        const value = reader.value(depth)
        if (value === null) return false
        this.#leafValue({ path, place, start, end: reader.at }, value, found)
      }
      reader.blanks()
      const c = text.charCodeAt(reader.at++)
      if (c === 125) return true
      if (c !== 44) return false
    }
  }

  #leafValue(at: Omit<Found, 'kind' | 'text'>, value: JsonValue, found: Found[]): void {
    switch (value.kind) {
      case 'string':
        found.push({ ...at, kind: 'string', text: value.text, start: at.start + 1, end: at.end - 1 })
        return
      case 'number':
        found.push({ ...at, kind: 'number', text: numberText(value.literal) })
        return
      case 'literal':
        if (value.text !== 'null' || this.#options.jsonNull === 'string')
          found.push({ ...at, kind: 'literal', text: value.text })
        return
      case 'array': {
        const text = this.#options.jsonArray === 'array' ? printFormatted(value) : csv(value.items)
        found.push({ ...at, kind: 'array', text })
        return
      }
      case 'object':
        return
    }
  }

  #leaf(path: string, place: string): Leaf {
    const known = this.#leaves.get(place)
    if (known !== undefined) return known
    const key = ownCopy(path)
    const parts = place.length > placeLengthMax ? [] : key.split('.')
    const keep = this.#leaves.size < leavesMax && parts.length > 0 && parts.length <= partsMax
    // What is not remembered is rendered from the fields.
    if (!keep) this.#isLinear = false
    let node = this.#root
    const nodes: PathNode[] = []
    for (const part of keep ? parts : []) {
      const name = foldName(part)
      let next = node.children.get(name)
      if (next === undefined) {
        next = { children: new Map(), stamp: 0 }
        node.children.set(name, next)
      }
      node = next
      nodes.push(next)
    }
    const leaf: Leaf = {
      key,
      place: ownCopy(place),
      slot: this.#slots.of(path),
      target: path === 'user' ? -2 : (staticKeys.get(path) ?? -1),
      parts,
      nodes,
      steps: [],
      close: keep ? '}'.repeat(parts.length - 1) : '',
    }
    if (keep) this.#leaves.set(leaf.place, leaf)
    return leaf
  }

  #learn(from: Leaf | null, separator: string, kind: StepKind, literal: string, to: Leaf): Step | null {
    if (from === null || (from !== this.#start && !this.#leaves.has(from.place))) return null
    const known = from.steps.find((step) => step.separator === separator && step.kind === kind)
    if (known !== undefined) return known.to === to ? known : null
    if (separator.length > separatorLengthMax || from.steps.length >= stepsOfLeafMax || this.#stepCount >= stepsMax)
      return null
    if (to !== this.#start && !this.#leaves.has(to.place)) return null
    const own = ownCopy(separator)
    const step: Step = {
      separator: own,
      bytes: Buffer.from(own, 'latin1'),
      kind,
      literal,
      to,
      from: null,
      join: noBytes,
      opened: [],
    }
    from.steps.push(step)
    this.#stepCount++
    return step
  }

  #store(event: Event, step: Step | null, leaf: Leaf, value: string, json: string): void {
    if (this.#opens(event, step, leaf, value)) this.#out.text(json)
  }

  /** Stores a value; true when its JSON is to be written next. */
  #opens(event: Event, step: Step | null, leaf: Leaf, value: string): boolean {
    if (leaf.target !== -1) {
      const dstuser = event.statics[field.dstuser] ?? ''
      const target = leaf.target === -2 ? (dstuser === '' ? field.dstuser : -1) : leaf.target
      if (target >= 0) {
        event.setStatic(target, value)
        // A later object of this name must not be joined blindly: the static value stands there already.
        const node = this.#root.children.get(staticFields[target] as string) as PathNode
        if (node.stamp === this.#stamp) this.#isLinear = false
        node.stamp = this.#stamp
        return false
      }
    }
    if (!event.addDynamic(leaf.key, leaf.slot, value) || value === '' || !this.#isLinear) return false
    const last = this.#last
    let join: Uint8Array
    let opened: readonly PathNode[]
    if (step !== null && step.from === last && step.join.length > 0) {
      join = step.join
      opened = step.opened
    } else {
      const shared = last === null ? 0 : sharedParts(last, leaf)
      opened = leaf.nodes.slice(shared)
      join = Buffer.from(joinText(last, leaf, shared), 'latin1')
      if (step !== null) {
        step.from = last
        step.join = join
        step.opened = opened
      }
    }
    for (let n = 0; n < opened.length; n++) {
      const node = opened[n] as PathNode
      if (node.stamp === this.#stamp) {
        this.#isLinear = false
        return false
      }
      node.stamp = this.#stamp
    }
    if (opened.length === 0) {
      this.#isLinear = false
      return false
    }
    this.#last = leaf
    this.#out.copy(join, 0, join.length)
    return true
  }
}

const quote = 34
const backslash = 92
const noBytes = new Uint8Array(0)

/** Whether `part` stands in a text of `length` bytes at an offset. */
function standsAt(part: Uint8Array, bytes: Uint8Array, at: number, length: number): boolean {
  const { length: partLength } = part
  if (at + partLength > length) return false
  for (let n = 0; n < partLength; n++) if (part[n] !== bytes[at + n]) return false
  return true
}

/** The place of a member: each key behind its length, so that dots in keys are no doubt. */
function placeOf(around: string, key: string): string {
  return `${around}${key.length} ${key}`
}

const controlBytes = /[\x00-\x1f]/
const stringArray = /\[(?:"[^"\\\x00-\x1f]*"(?:, ?"[^"\\\x00-\x1f]*")*)?\]/y

/** How many leading parts two leaves share in the output; the last part never counts, since a leaf is no object. */
function sharedParts(a: Leaf, b: Leaf): number {
  const most = Math.min(a.nodes.length, b.nodes.length) - 1
  let n = 0
  while (n < most && a.nodes[n] === b.nodes[n]) n++
  return n
}

function joinText(last: Leaf | null, leaf: Leaf, shared: number): string {
  const close = last === null ? '' : `${'}'.repeat(last.parts.length - 1 - shared)},`
  const open = leaf.parts
    .slice(shared)
    .map((part) => jsonText(part))
    .join(':{')
  return `${close}${open}:`
}

/** Scalars joined with commas; a separator stands behind each scalar that has a successor (spec: engine, part 7.1). */
function csv(items: readonly JsonValue[]): string {
  let out = ''
  for (const [n, item] of items.entries()) {
    if (item.kind === 'array' || item.kind === 'object') continue
    const text = item.kind === 'string' ? item.text : item.kind === 'number' ? numberText(item.literal) : item.text
    if (out.length + text.length + 1 >= csvLengthMax) break
    out += n + 1 < items.length ? `${text},` : text
  }
  return out
}
