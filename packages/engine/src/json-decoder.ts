/**
 * The JSON plugin decoder (spec: engine, part 7.1): walks a document's leaves in order and stores each under its dotted path.
 *
 * Senders repeat the same documents with other values. The text between two leaves is therefore learnt: behind a leaf, the separators seen there
 * before are compared, by the compiled loops, and a hit tells the next leaf's path without reading a key. A miss falls back to the
 * plain walk, which teaches. What is learnt is bounded, since keys are the sender's choice. On the way the alert's `data` members are put together
 * from the same slices, as long as no key repeats or reopens an object; else they are rendered later from the fields.
 */
import type { Event } from './event.ts'
import { type FieldSlots, field, foldName, staticFields, staticIndex } from './fields.ts'
import { printPlainArray } from './json-array.ts'
import { numberText } from './json-number.ts'
import { jsonText } from './json-text.ts'
import { fieldJson, JsonReader, type JsonValue, printCompact, printFormatted } from './json-value.ts'
import { followEnd, type Kernels, textAt } from './kernels.ts'
import { ownCopy } from './latin1.ts'

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

/** The kinds as the compiled loops know them. */
const kindNumbers: Readonly<Record<StepKind, number>> = { string: 0, number: 1, array: 2, literal: 3, end: 4 }
/** Offsets of a leaf in memory: count of its steps, address of their list; and of a step: number, kind, leaf it leads to, length of its separator, bytes. */
const leafLength = 8
const stepHeadLength = 16
/** Room for the output text in front of a step's value, in bytes; a longer text is written anew each time. */
const joinLengthMax = 128
/** Entries of the first list of a leaf; each later one has twice as many. */
const firstListLength = 2

interface Step {
  readonly separator: string
  readonly kind: StepKind
  readonly literal: string
  readonly to: Leaf
  /** Output text between the leaf that was written last and this one, remembered for one such leaf: its address and length, 0 while there is none. */
  from: Leaf | null
  join: number
  joinLength: number
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
  /** Where the compiled loops find it; 0 when they do not. */
  readonly node: number
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
  readonly #kernels: Kernels | null
  /** By the number that the compiled loops give. */
  readonly #steps: Step[] = []
  #stamp = 0
  #last: Leaf | null = null
  /** First backslash that the text's arrays have not passed yet, -1 when there is no more, -2 when not looked for. */
  #slash = -2
  #isLinear = true

  /** Without kernels nothing is learnt. */
  constructor(slots: FieldSlots, options: JsonOptions, kernels: Kernels | null = null) {
    this.#slots = slots
    this.#options = options
    this.#kernels = kernels
    const node = kernels?.allocate(leafLength) ?? 0
    this.#start = { key: '', place: '', slot: -1, target: -1, parts: [], nodes: [], steps: [], node, close: '' }
    for (const name of staticFields) this.#root.children.set(name, { children: new Map(), stamp: 0 })
  }

  /** Decodes a text into the event's fields; nothing is stored when it is no JSON. */
  decode(event: Event, text: string): void {
    const canRender = event.dynamicCount === 0 && !event.hasStatics
    this.#stamp++
    this.#last = null
    // What an earlier decoder of this event wrote may still be wanted.
    if (canRender) this.#kernels?.clearPieces()
    this.#isLinear = canRender && this.#kernels !== null
    const dynamicBefore = event.dynamicCount
    const statics = event.hasStatics ? [...event.statics] : null
    if (!this.#follow(event, text)) {
      // Take back what the learnt way stored before it ended, then walk.
      event.truncateDynamic(dynamicBefore)
      if (statics === null) event.clearStatics()
      else for (let n = 0; n < statics.length; n++) event.statics[n] = statics[n] ?? null
      this.#stamp++
      this.#last = null
      if (canRender) this.#kernels?.clearPieces()
      this.#isLinear = canRender && this.#kernels !== null
      if (!this.#walk(event, text)) return
    }
    const kernels = this.#kernels
    event.rendered = null
    if (!this.#isLinear || kernels === null) return
    const last: Leaf | null = this.#last
    if (last !== null) kernels.textPiece((last as Leaf).close)
    event.rendered = kernels.gather()
  }

  /** The learnt way; false when it leads nowhere (what was stored must then be taken back). */
  #follow(event: Event, text: string): boolean {
    const kernels = this.#kernels
    let leaf = this.#start.node
    if (kernels === null || leaf === 0 || event.dynamicCount > 0 || !kernels.place(text)) return false
    const { length } = text
    if (kernels.hasControl(length)) return false
    const { bytes, words, foundWord } = kernels
    const steps = this.#steps
    this.#slash = -2
    let at = 0
    for (;;) {
      const why = kernels.follow(leaf, at, length)
      const count = kernels.followedCount
      const plain = why === followEnd.special ? count - 1 : count
      let word = foundWord
      for (let n = 0; n < plain; n++, word += 3) {
        const step = steps[words[word] as number] as Step
        const start = words[word + 1] as number
        const end = words[word + 2] as number
        if (step.kind === 'literal') {
          this.#store(event, step, step.to, step.literal, `"${step.literal}"`)
          continue
        }
        const value = text.slice(start - textAt, end - textAt)
        if (step.kind === 'string') {
          if (bytes[start] === 91) this.#store(event, step, step.to, value, fieldJson(value))
          else if (this.#opens(event, step, step.to, value)) kernels.piece(start - 1, end - start + 2)
        } else if (step.kind === 'number') this.#storeNumber(event, step, value)
        else if (this.#options.jsonArray === 'array')
          this.#store(event, step, step.to, value.replaceAll('","', '", "'), value.replaceAll('", "', '","'))
        else if (this.#storeArray(event, step, text, start - textAt) === -1) return false
      }
      if (why === followEnd.done) return true
      if (why === followEnd.lost) return false
      at = kernels.followedTo
      leaf = kernels.followedLeaf
      if (why !== followEnd.special) continue
      at = this.#special(event, text, steps[words[word] as number] as Step, (words[word + 1] as number) - textAt)
      if (at === -1) return false
    }
  }

  /** A value that is not plain; the offset behind it, -1 when it cannot be read. */
  #special(event: Event, text: string, step: Step, at: number): number {
    switch (step.kind) {
      case 'string': {
        const reader = new JsonReader(text, at - 1)
        const value = reader.string()
        if (value === null) return -1
        this.#store(event, step, step.to, value, value.charCodeAt(0) === 91 ? fieldJson(value) : jsonText(value))
        return reader.at
      }
      case 'number': {
        const reader = new JsonReader(text, at)
        const value = reader.number()
        if (value === null || value.kind !== 'number') return -1
        this.#storeNumber(event, step, value.literal)
        return reader.at
      }
      case 'array':
        return this.#storeArray(event, step, text, at)
      default:
        return -1
    }
  }

  #storeNumber(event: Event, step: Step, literal: string): void {
    const shown = numberText(literal)
    this.#store(event, step, step.to, shown, `"${shown}"`)
  }

  /** The offset behind the array, -1 when it cannot be read. */
  #storeArray(event: Event, step: Step, text: string, at: number): number {
    const isPrinted = this.#options.jsonArray === 'array'
    // Once for all arrays before it: each of many would look through the whole text.
    if (this.#slash !== -1 && this.#slash < at) this.#slash = text.indexOf('\\', at)
    const plain = isPrinted ? printPlainArray(text, at, this.#slash) : null
    if (plain !== null) {
      this.#store(event, step, step.to, plain.formatted, plain.compact)
      return plain.end
    }
    const reader = new JsonReader(text, at)
    const value = reader.value()
    if (value === null || value.kind !== 'array') return -1
    if (isPrinted) this.#store(event, step, step.to, printFormatted(value), printCompact(value))
    else {
      const joined = csv(value.items)
      if (joined !== '') this.#store(event, step, step.to, joined, fieldJson(joined))
    }
    return reader.at
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
      node: keep ? (this.#kernels?.allocate(leafLength) ?? 0) : 0,
      close: keep ? '}'.repeat(parts.length - 1) : '',
    }
    if (keep) this.#leaves.set(leaf.place, leaf)
    return leaf
  }

  #learn(from: Leaf | null, separator: string, kind: StepKind, literal: string, to: Leaf): Step | null {
    if (from === null || (from !== this.#start && !this.#leaves.has(from.place))) return null
    const known = from.steps.find((step) => step.separator === separator && step.kind === kind)
    if (known !== undefined) return known.to === to ? known : null
    if (separator.length > separatorLengthMax || from.steps.length >= stepsOfLeafMax || this.#steps.length >= stepsMax)
      return null
    if (to !== this.#start && !this.#leaves.has(to.place)) return null
    if (!this.#teach(from, separator, kind, to)) return null
    const step: Step = {
      separator: ownCopy(separator),
      kind,
      literal,
      to,
      from: null,
      join: 0,
      joinLength: 0,
      opened: [],
    }
    from.steps.push(step)
    this.#steps.push(step)
    return step
  }

  /** Adds a step, by the number it is about to get, to what the compiled loops know; false when there is no room. */
  #teach(from: Leaf, separator: string, kind: StepKind, to: Leaf): boolean {
    const kernels = this.#kernels
    if (kernels === null || from.node === 0 || to.node === 0) return false
    const at = kernels.allocate(stepHeadLength + separator.length)
    if (at === 0) return false
    const { words } = kernels
    const count = from.steps.length
    let list = words[(from.node >> 2) + 1] as number
    if (count === 0 || (count >= firstListLength && (count & (count - 1)) === 0)) {
      const larger = kernels.allocate(4 * Math.max(firstListLength, count * 2))
      if (larger === 0) return false
      for (let n = 0; n < count; n++) words[(larger >> 2) + n] = words[(list >> 2) + n] as number
      list = larger
      words[(from.node >> 2) + 1] = list
    }
    words[at >> 2] = this.#steps.length
    words[(at >> 2) + 1] = kindNumbers[kind]
    words[(at >> 2) + 2] = to.node
    words[(at >> 2) + 3] = separator.length
    kernels.bytes.latin1Write(separator, at + stepHeadLength)
    words[(list >> 2) + count] = at
    words[from.node >> 2] = count + 1
    return true
  }

  #store(event: Event, step: Step | null, leaf: Leaf, value: string, json: string): void {
    if (this.#opens(event, step, leaf, value)) this.#kernels?.textPiece(json)
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
    const kernels = this.#kernels
    if (kernels === null) return false
    const last = this.#last
    let opened: readonly PathNode[]
    let text: string | null = null
    if (step !== null && step.from === last && step.join !== 0) opened = step.opened
    else {
      const shared = last === null ? 0 : sharedParts(last, leaf)
      opened = leaf.nodes.slice(shared)
      text = joinText(last, leaf, shared)
      // Each step has room for one text, taken once: what stands between two leaves is nearly always the same.
      if (step !== null && text.length <= joinLengthMax) {
        if (step.join === 0) step.join = kernels.allocate(joinLengthMax)
        if (step.join !== 0) {
          kernels.bytes.latin1Write(text, step.join)
          step.joinLength = text.length
          step.from = last
          step.opened = opened
          text = null
        }
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
    if (text !== null) kernels.textPiece(text)
    else if (step !== null) kernels.piece(step.join, step.joinLength)
    return true
  }
}

/** The place of a member: each key behind its length, so that dots in keys are no doubt. */
function placeOf(around: string, key: string): string {
  return `${around}${key.length} ${key}`
}

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
