/**
 * The search bar's language, as people type it in the bars of Wazuh and OpenSearch (docs/search.md).
 *
 * In: text. Out: a tree, or the mistake with its place. Never throws, and takes time in proportion to the text.
 *
 *     rule.level >= 7 and not agent.name:"web 1"        data.verb:(create or delete)
 *     rule.level:[5 TO 10}    data.srcip:192.0.2.*      data.apiVersion: exists        free text
 *
 * NOT binds closest, then AND, then OR; two conditions side by side are joined by AND. Words are operators in any case.
 */
import {
  type Bound,
  type Query,
  type QueryProblem,
  queryDepthMax,
  queryLengthMax,
  queryTermsMax,
  type WildcardPart,
} from './query.ts'

/** A tree, or null with what is wrong. */
export interface QueryReading {
  readonly query: Query | null
  readonly problems: readonly QueryProblem[]
}

/** See the head of this file. Empty text asks for everything. */
export function parseQuery(text: string): QueryReading {
  if (text.length > queryLengthMax) {
    const message = `the query has ${text.length} characters; at most ${queryLengthMax} are read`
    return { query: null, problems: [{ message, from: queryLengthMax, to: text.length }] }
  }
  const parser = new Parser(text)
  try {
    return { query: parser.whole(), problems: [] }
  } catch (error) {
    if (!(error instanceof Mistake)) throw error
    return { query: null, problems: [{ message: error.message, from: error.from, to: error.to }] }
  }
}

class Mistake extends Error {
  readonly from: number
  readonly to: number
  constructor(message: string, from: number, to: number) {
    super(message)
    this.from = from
    this.to = to
  }
}

/** A word or a quoted text. */
interface Word {
  readonly from: number
  readonly to: number
  readonly isQuoted: boolean
  readonly pattern: readonly WildcardPart[]
}

const fieldLengthMax = 256
const comparison = /^(?:>=|<=|>|<)/

class Parser {
  readonly #text: string
  #at = 0
  #depth = 0
  #terms = 0

  constructor(text: string) {
    this.#text = text
  }

  whole(): Query {
    this.#blanks()
    if (this.#at === this.#text.length) return { kind: 'all' }
    const query = this.#or(null)
    if (this.#at < this.#text.length) this.#fail('this parenthesis closes nothing', this.#at, this.#at + 1)
    return query
  }

  /** `field` is set inside `field:( … )`, where words are values of it. */
  #or(field: string | null): Query {
    const parts = [this.#and(field)]
    while (this.#operator('or')) parts.push(this.#and(field))
    return joined('or', parts)
  }

  #and(field: string | null): Query {
    const parts = [this.#unary(field)]
    for (;;) {
      if (!this.#operator('and') && (this.#isAtEnd() || this.#isOperator('or'))) return joined('and', parts)
      parts.push(this.#unary(field))
    }
  }

  #unary(field: string | null): Query {
    if (!this.#operator('not') && !this.#sign()) return this.#primary(field)
    return this.#nested(() => ({ kind: 'not', part: this.#unary(field) }))
  }

  #primary(field: string | null): Query {
    if (this.#text[this.#at] === '(') return this.#parenthesis(field)
    for (const word of ['and', 'or']) {
      if (this.#isOperator(word)) {
        this.#fail(`there is no condition before ${word.toUpperCase()}`, this.#at, this.#at + word.length)
      }
    }
    if (this.#isAtEnd()) this.#fail('a condition is missing here', this.#at, this.#at + 1)
    this.#terms += 1
    if (this.#terms > queryTermsMax) {
      this.#fail(`more than ${queryTermsMax} conditions`, this.#at, this.#text.length)
    }
    if (field !== null) return this.#value(field)
    const word = this.#word(true)
    const start = this.#at
    this.#blanks()
    if (this.#text[this.#at] === ':') {
      this.#at += 1
      this.#blanks()
      return this.#afterColon(this.#fieldName(word))
    }
    if (comparison.test(this.#text.slice(this.#at, this.#at + 2))) return this.#comparison(this.#fieldName(word))
    this.#at = start
    this.#blanks()
    return { kind: 'text', pattern: word.pattern }
  }

  #afterColon(field: string): Query {
    if (this.#text[this.#at] === '(') return this.#parenthesis(field)
    return this.#value(field)
  }

  #parenthesis(field: string | null): Query {
    const open = this.#at
    return this.#nested(() => {
      this.#at += 1
      this.#blanks()
      if (this.#text[this.#at] === ')') this.#fail('there is nothing between the parentheses', open, this.#at + 1)
      const query = this.#or(field)
      if (this.#text[this.#at] !== ')') this.#fail('this parenthesis is not closed', open, open + 1)
      this.#at += 1
      this.#blanks()
      return query
    })
  }

  #value(field: string): Query {
    const first = this.#text[this.#at]
    if (first === '[' || first === '{') return this.#range(field)
    if (comparison.test(this.#text.slice(this.#at, this.#at + 2))) return this.#comparison(field)
    if (this.#isAtEnd()) this.#fail(`a value for ${field} is missing`, this.#at, this.#at + 1)
    const word = this.#word(false)
    this.#blanks()
    const [part] = word.pattern
    if (!word.isQuoted && word.pattern.length === 1 && part !== undefined) {
      if ('any' in part ? part.any === 'text' : part.text.toLowerCase() === 'exists') return { kind: 'exists', field }
    }
    if (field === '_exists_') return { kind: 'exists', field: this.#fieldName(word) }
    return word.pattern.every((piece) => 'text' in piece)
      ? { kind: 'equals', field, value: textOf(word) }
      : { kind: 'wildcard', field, pattern: word.pattern }
  }

  #comparison(field: string): Query {
    const sign = comparison.exec(this.#text.slice(this.#at, this.#at + 2))?.[0] ?? ''
    const from = this.#at
    this.#at += sign.length
    this.#blanks()
    if (this.#isAtEnd()) this.#fail(`a value is missing behind ${sign}`, from, this.#at)
    const bound: Bound = { value: textOf(this.#plain(this.#word(false))), isInclusive: sign.length === 2 }
    this.#blanks()
    return sign.startsWith('>')
      ? { kind: 'range', field, from: bound, to: null }
      : { kind: 'range', field, from: null, to: bound }
  }

  #range(field: string): Query {
    const open = this.#at
    const isFromInclusive = this.#text[open] === '['
    this.#at += 1
    this.#blanks()
    const low = this.#end(open)
    if (!this.#operator('to')) this.#fail('a range is written [low TO high]', open, Math.max(open + 1, this.#at))
    const high = this.#end(open)
    const close = this.#text[this.#at]
    if (close !== ']' && close !== '}') this.#fail('this range is not closed', open, open + 1)
    this.#at += 1
    this.#blanks()
    return {
      kind: 'range',
      field,
      from: low === null ? null : { value: low, isInclusive: isFromInclusive },
      to: high === null ? null : { value: high, isInclusive: close === ']' },
    }
  }

  /** One end of a range; null for `*`. */
  #end(open: number): string | null {
    if (this.#at >= this.#text.length) this.#fail('this range is not closed', open, open + 1)
    const word = this.#word(false, true)
    this.#blanks()
    const [part] = word.pattern
    if (word.pattern.length === 1 && part !== undefined && 'any' in part && part.any === 'text') return null
    return textOf(this.#plain(word))
  }

  #plain(word: Word): Word {
    if (word.pattern.some((part) => 'any' in part)) this.#fail('no wildcard can stand here', word.from, word.to)
    return word
  }

  #fieldName(word: Word): string {
    const name = textOf(this.#plain(word))
    if (name.length > fieldLengthMax) this.#fail('no field has so long a name', word.from, word.to)
    if (name === '' || name.includes('\0')) this.#fail('this is no name of a field', word.from, word.to)
    return name
  }

  /** A word ends at a blank, a quote or a parenthesis; where a field may stand also at a colon or a comparison. */
  #word(mayBeField: boolean, isInRange = false): Word {
    if (this.#text[this.#at] === '"') return this.#quotedText()
    const from = this.#at
    const ends = isInRange ? /[\s()"[\]{}]/ : mayBeField ? /[\s()":<>]/ : /[\s()"]/
    const pattern = new PatternBuilder()
    while (this.#at < this.#text.length) {
      const character = this.#text[this.#at] ?? ''
      if (ends.test(character)) break
      this.#at += 1
      if (character === '\\' && this.#at < this.#text.length) {
        pattern.text(this.#text[this.#at] ?? '')
        this.#at += 1
      } else if (character === '*') pattern.any('text')
      else if (character === '?') pattern.any('character')
      else pattern.text(character)
    }
    if (this.#at === from) this.#fail(`${this.#text[from] ?? 'the end'} was not expected here`, from, from + 1)
    return { from, to: this.#at, isQuoted: false, pattern: pattern.parts }
  }

  #quotedText(): Word {
    const from = this.#at
    let text = ''
    this.#at += 1
    while (this.#text[this.#at] !== '"') {
      if (this.#at >= this.#text.length) this.#fail('this quote is not closed', from, from + 1)
      if (this.#text[this.#at] === '\\' && this.#at + 1 < this.#text.length) this.#at += 1
      text += this.#text[this.#at] ?? ''
      this.#at += 1
    }
    this.#at += 1
    return { from, to: this.#at, isQuoted: true, pattern: [{ text }] }
  }

  #operator(word: string): boolean {
    if (!this.#isOperator(word)) return false
    this.#at += this.#text.startsWith('&&', this.#at) || this.#text.startsWith('||', this.#at) ? 2 : word.length
    this.#blanks()
    return true
  }

  #isOperator(word: string): boolean {
    if (word === 'and' && this.#text.startsWith('&&', this.#at)) return true
    if (word === 'or' && this.#text.startsWith('||', this.#at)) return true
    const end = this.#at + word.length
    if (this.#text.slice(this.#at, end).toLowerCase() !== word) return false
    return end === this.#text.length || /[\s()"]/.test(this.#text[end] ?? '')
  }

  /** `-` or `!` right before a condition says NOT. */
  #sign(): boolean {
    if (!/^[-!][^\s)]/.test(this.#text.slice(this.#at, this.#at + 2))) return false
    this.#at += 1
    return true
  }

  #isAtEnd(): boolean {
    return this.#at >= this.#text.length || this.#text[this.#at] === ')'
  }

  #blanks(): void {
    while (/\s/.test(this.#text[this.#at] ?? '')) this.#at += 1
  }

  #nested(read: () => Query): Query {
    this.#depth += 1
    if (this.#depth > queryDepthMax) this.#fail(`nested deeper than ${queryDepthMax}`, this.#at, this.#at + 1)
    const query = read()
    this.#depth -= 1
    return query
  }

  #fail(message: string, from: number, to: number): never {
    const end = Math.min(Math.max(to, 1), this.#text.length)
    throw new Mistake(message, Math.max(0, Math.min(from, end - 1)), end)
  }
}

class PatternBuilder {
  readonly parts: WildcardPart[] = []

  text(text: string): void {
    const last = this.parts.at(-1)
    if (last !== undefined && 'text' in last) this.parts[this.parts.length - 1] = { text: last.text + text }
    else this.parts.push({ text })
  }

  any(any: 'text' | 'character'): void {
    const last = this.parts.at(-1)
    const repeats = any === 'text' && last !== undefined && 'any' in last && last.any === 'text'
    if (!repeats) this.parts.push({ any })
  }
}

function textOf({ pattern }: Word): string {
  return pattern.map((part) => ('text' in part ? part.text : '')).join('')
}

function joined(kind: 'and' | 'or', parts: readonly Query[]): Query {
  const [first] = parts
  return parts.length === 1 && first !== undefined ? first : { kind, parts }
}
