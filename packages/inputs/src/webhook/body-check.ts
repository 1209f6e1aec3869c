/**
 * Judging a webhook body while it arrives: chunk by chunk, nothing parsed, nothing kept. In go bytes, out comes whether the body is JSON and
 * whether it is anything that carries audit events.
 *
 * What makes a body broken (the sender gets 400): grammar outside strings that is not RFC 8259's (brackets, commas, colons, numbers, literals,
 * white space), an end too early, anything but white space behind the last value. Exactly JSON.parse's verdict, with these differences, all
 * on purpose:
 * - several values in a row are one body when a line feed stands between them (one event a line, as other shippers send);
 * - what stands inside a string is not judged (control characters, NUL, invalid UTF-8, unknown escapes), nor how deep an item nests. Such an
 *   item is strange, not the list around it: the splitter behind the journal sets it aside and the rest goes on (spec: contracts, part 3).
 * Names that repeat and numbers of any length are JSON, so they pass.
 */

/** Most bytes of a top-level name or kind that are looked at; longer ones are none that we know. */
const wordLengthMax = 24

/** Kinds that carry audit events (audit.k8s.io). */
const kinds: ReadonlySet<string> = new Set(['Event', 'EventList'])
/** Members that tell other shapes of a body without `kind`: lists, bare items, EKS, GKE, AKS and their carriers (spec: kubernetes, part 5). */
const shapeMembers = [
  ...['items', 'auditID', 'stage', 'requestURI', 'logEvents', 'awslogs', 'message', 'protoPayload'],
  ...['records', 'data', 'properties', 'log_s', 'AuditId'],
]
/** The same and `kind`, by their lengths, so that most names are told from them without a string being made. */
const wordsByLength: readonly (readonly Uint8Array[])[] = Array.from({ length: wordLengthMax + 1 }, (_, length) =>
  ['kind', ...shapeMembers].filter((word) => word.length === length).map((word) => Uint8Array.from(Buffer.from(word))),
)

export type BodyVerdict =
  | { readonly ok: true; readonly values: number }
  | { readonly ok: false; readonly reason: 'not_json' | 'wrong_kind'; readonly message: string }

// States of the scan. After a token: what is allowed next. Constants, not an object: the switch below becomes a jump table.
const value = 0
const firstValue = 1
const firstKey = 2
const key = 3
const colon = 4
const after = 5
const done = 6
const string = 7
const escaped = 8
const literal = 9
const minus = 10
const zero = 11
const digits = 12
const dot = 13
const fraction = 14
const exponent = 15
const exponentSign = 16
const exponentDigits = 17
const broken = 18

const expected: readonly string[] = [
  'a value',
  'a value or "]"',
  'a name in quotes or "}"',
  'a name in quotes',
  '":"',
  '"," or the end of the object or list',
  'nothing more, or a line feed and the next value',
  'the end of a string',
  'the end of a string',
  'true, false or null',
  'a digit',
  'the end of a number',
  'the end of a number',
  'a digit',
  'the end of a number',
  'a digit',
  'a digit',
  'the end of a number',
  '',
]

const literalTrue = Uint8Array.from(Buffer.from('true'))
const literalFalse = Uint8Array.from(Buffer.from('false'))
const literalNull = Uint8Array.from(Buffer.from('null'))

/** Bytes of a string that are looked at one by one before the native search takes over: most strings are shorter. */
const shortString = 40

/** One body's check. `push` every chunk in order, then ask `end`. */
export class BodyCheck {
  #state = value
  #depth = 0
  /** One bit a level, 1 = object: levels below 32 in a number, deeper ones in bytes that grow to an eighth of the body at most. */
  #shallow = 0
  #deep: Uint8Array | null = null
  #inObject = false
  #isKey = false
  #literal: Uint8Array = literalNull
  #literalAt = 0
  /** Bytes before the present chunk. */
  #base = 0
  #lineFeed = true
  #values = 0
  #goodValues = 0
  #problem = ''
  /** Whether the string being read is a top-level name, or the value of `kind`; its bytes so far when a chunk or an escape cut it. */
  #isWord = false
  #word: Uint8Array | null = null
  #wordLength = 0
  #memberIsKind = false
  /** The kinds named at the top: whether one is ours, else the first. Where `kind` repeats, one of ours is enough. */
  #hasKind = false
  #otherKind: string | null = null
  #hasShape = false
  #wrongKind = ''

  /** False once the body is known to be broken; further chunks are then not looked at. */
  push(bytes: Uint8Array): boolean {
    const length = bytes.length
    let state = this.#state
    let inObject = this.#inObject
    let isKey = this.#isKey
    let nextQuote = -1
    let nextBackslash = -1
    let i = 0
    while (i < length) {
      if (state === string) {
        const start = i
        const near = Math.min(i + shortString, length)
        let c = 0
        while (i < near && (c = bytes[i] ?? 0) !== 0x22 && c !== 0x5c) i++
        if (i === near && i < length) {
          // Both places are remembered, so a chunk is searched once for each however many strings it holds.
          if (nextQuote < i && (nextQuote = bytes.indexOf(0x22, i)) < 0) nextQuote = length
          if (nextBackslash < i && (nextBackslash = bytes.indexOf(0x5c, i)) < 0) nextBackslash = length
          i = Math.min(nextQuote, nextBackslash)
          c = i < length ? (bytes[i] ?? 0) : 0
        }
        if (i === length) {
          if (this.#isWord) this.#keepWord(bytes, start, i)
          break
        }
        i++
        if (c === 0x5c) {
          if (this.#isWord) this.#keepWord(bytes, start, i)
          state = escaped
          continue
        }
        if (this.#isWord) this.#endWord(isKey, bytes, start, i - 1)
        if (isKey) {
          isKey = false
          state = colon
          // Compact JSON goes on with `:"`, so take both at once.
          if (i < length && bytes[i] === 0x3a) {
            i++
            state = value
            if (i < length && bytes[i] === 0x22) {
              i++
              state = string
              if (this.#memberIsKind && this.#depth === 1) this.#startWord()
            }
          }
        } else if (this.#depth === 0) {
          state = done
          this.#endValue()
        } else {
          state = after
          if (i < length && bytes[i] === 0x2c) {
            i++
            state = inObject ? key : value
            if (i < length && bytes[i] === 0x22) {
              i++
              isKey = inObject
              state = string
              if (isKey && this.#depth === 1) this.#startWord()
            }
          }
        }
        continue
      }
      const c = bytes[i] ?? 0
      switch (state) {
        case escaped:
          // Which escape it is, is the splitter's matter; here only that the next byte does not end the string.
          state = string
          i++
          continue
        case literal:
          if (c !== this.#literal[this.#literalAt]) return this.#fail(i, literal)
          i++
          if (++this.#literalAt === this.#literal.length) {
            state = this.#depth === 0 ? done : after
            if (state === done) this.#endValue()
          }
          continue
        case minus:
          if (c === 0x30) state = zero
          else if (c >= 0x31 && c <= 0x39) state = digits
          else return this.#fail(i, minus)
          i++
          continue
        case digits:
        case fraction:
        case exponentDigits:
          if (c >= 0x30 && c <= 0x39) {
            i++
            continue
          }
          if (state === digits && c === 0x2e) state = dot
          else if (state !== exponentDigits && (c === 0x65 || c === 0x45)) state = exponent
          else {
            // The byte belongs to what follows: not consumed.
            state = this.#depth === 0 ? done : after
            if (state === done) this.#endValue()
            continue
          }
          i++
          continue
        case zero:
          if (c === 0x2e) state = dot
          else if (c === 0x65 || c === 0x45) state = exponent
          else {
            state = this.#depth === 0 ? done : after
            if (state === done) this.#endValue()
            continue
          }
          i++
          continue
        case dot:
          if (c < 0x30 || c > 0x39) return this.#fail(i, dot)
          state = fraction
          i++
          continue
        case exponent:
          if (c === 0x2b || c === 0x2d) state = exponentSign
          else if (c >= 0x30 && c <= 0x39) state = exponentDigits
          else return this.#fail(i, exponent)
          i++
          continue
        case exponentSign:
          if (c < 0x30 || c > 0x39) return this.#fail(i, exponentSign)
          state = exponentDigits
          i++
          continue
        case broken:
          return false
      }
      if (c === 0x20 || c === 0x0a || c === 0x0d || c === 0x09) {
        if (c === 0x0a) this.#lineFeed = true
        i++
        continue
      }
      switch (state) {
        case done:
          if (!this.#lineFeed) return this.#fail(i, done)
          state = value
          continue
        case colon:
          if (c !== 0x3a) return this.#fail(i, colon)
          state = value
          i++
          continue
        case after:
          if (c === 0x2c) {
            state = inObject ? key : value
            i++
            continue
          }
          if (c !== (inObject ? 0x7d : 0x5d)) return this.#fail(i, after)
          inObject = this.#close()
          state = this.#depth === 0 ? done : after
          i++
          continue
        case firstKey:
        case key:
          if (c === 0x22) {
            isKey = true
            state = string
            if (this.#depth === 1) this.#startWord()
          } else if (c === 0x7d && state === firstKey) {
            inObject = this.#close()
            state = this.#depth === 0 ? done : after
          } else return this.#fail(i, state)
          i++
          continue
        default:
          // A value, or the end of an empty list.
          if (c === 0x22) {
            state = string
            if (this.#memberIsKind && this.#depth === 1) this.#startWord()
          } else if (c === 0x7b) {
            this.#open(true)
            inObject = true
            state = firstKey
          } else if (c === 0x5b) {
            this.#open(false)
            inObject = false
            state = firstValue
          } else if (c >= 0x31 && c <= 0x39) state = digits
          else if (c === 0x2d) state = minus
          else if (c === 0x30) state = zero
          else if (c === 0x74 || c === 0x66 || c === 0x6e) {
            this.#literal = c === 0x74 ? literalTrue : c === 0x66 ? literalFalse : literalNull
            this.#literalAt = 1
            state = literal
          } else if (c === 0x5d && state === firstValue) {
            // An empty list of events is one.
            if (this.#depth === 1) this.#hasShape = true
            inObject = this.#close()
            state = this.#depth === 0 ? done : after
          } else return this.#fail(i, state)
          i++
      }
    }
    this.#state = state
    this.#inObject = inObject
    this.#isKey = isKey
    this.#base += length
    return state !== broken
  }

  /** The verdict on everything pushed so far, taken as the whole body. */
  end(): BodyVerdict {
    const state = this.#state
    if (state === broken) return { ok: false, reason: 'not_json', message: this.#problem }
    if (this.#depth === 0 && (state === zero || state === digits || state === fraction || state === exponentDigits))
      this.#endValue()
    else if (state !== done) {
      const message =
        this.#base === 0 || (this.#values === 0 && state === value && this.#depth === 0)
          ? 'the body is empty'
          : `the body ends at byte ${this.#base} where ${expected[state]} is expected`
      return { ok: false, reason: 'not_json', message }
    }
    if (this.#goodValues > 0) return { ok: true, values: this.#values }
    const found = this.#wrongKind === '' ? 'the body' : this.#wrongKind
    return {
      ok: false,
      reason: 'wrong_kind',
      message: `${found} is no audit Event, EventList or cloud entry that holds them`,
    }
  }

  #fail(at: number, state: number): false {
    this.#problem = `at byte ${this.#base + at}: expected ${expected[state]}`
    this.#state = broken
    return false
  }

  #open(isObject: boolean): void {
    const depth = ++this.#depth
    if (depth === 1) {
      this.#memberIsKind = false
    } else if (depth === 2 && isObject && !this.#inTopObject()) {
      // A list of objects: each is judged by itself behind the journal.
      this.#hasShape = true
    }
    if (depth < 32) {
      this.#shallow = isObject ? this.#shallow | (1 << depth) : this.#shallow & ~(1 << depth)
      return
    }
    const at = depth >> 3
    let deep = (this.#deep ??= new Uint8Array(64))
    if (at >= deep.length) {
      this.#deep = new Uint8Array(deep.length * 2)
      this.#deep.set(deep)
      deep = this.#deep
    }
    const bit = 1 << (depth & 7)
    const bits = deep[at] ?? 0
    deep[at] = isObject ? bits | bit : bits & ~bit
  }

  /** Leaves a level; says whether the one around it is an object. */
  #close(): boolean {
    const depth = --this.#depth
    if (depth === 0) {
      this.#endValue()
      return false
    }
    if (depth < 32) return ((this.#shallow >>> depth) & 1) === 1
    return (((this.#deep?.[depth >> 3] ?? 0) >> (depth & 7)) & 1) === 1
  }

  #inTopObject(): boolean {
    return (this.#shallow & 2) !== 0
  }

  #startWord(): void {
    this.#isWord = true
    this.#wordLength = 0
  }

  #keepWord(bytes: Uint8Array, start: number, end: number): void {
    this.#word ??= new Uint8Array(wordLengthMax)
    // Counted in full, kept up to the bound: a longer word then equals none that we know.
    const room = Math.max(0, wordLengthMax - this.#wordLength)
    this.#word.set(bytes.subarray(start, Math.min(end, start + room)), wordLengthMax - room)
    this.#wordLength += end - start
  }

  #endWord(isKey: boolean, bytes: Uint8Array, start: number, end: number): void {
    this.#isWord = false
    if (this.#wordLength > 0) {
      this.#keepWord(bytes, start, end)
      this.#judgeWord(isKey, this.#word ?? bytes, 0, this.#wordLength)
    } else this.#judgeWord(isKey, bytes, start, end)
  }

  #judgeWord(isKey: boolean, bytes: Uint8Array, start: number, end: number): void {
    if (!isKey) {
      const kind = Buffer.from(bytes.subarray(start, Math.min(end, start + wordLengthMax))).toString('latin1')
      if (kinds.has(kind)) this.#hasKind = true
      else this.#otherKind ??= kind
      return
    }
    const known = wordsByLength[end - start]?.find((word) => word.every((byte, n) => byte === bytes[start + n]))
    this.#memberIsKind = known?.[0] === 0x6b
    if (known && !this.#memberIsKind) this.#hasShape = true
  }

  #endValue(): void {
    this.#values++
    this.#lineFeed = false
    if (this.#hasKind || (this.#otherKind === null && this.#hasShape)) this.#goodValues++
    else if (this.#otherKind !== null) this.#wrongKind = `kind "${this.#otherKind.replace(/[^\x20-\x7e]/g, '?')}"`
    this.#hasKind = false
    this.#otherKind = null
    this.#hasShape = false
  }
}
