/**
 * From the PCRE2 tree to sources that other engines take: V8's RegExp, and RE2 (re2js) for the patterns that are
 * unsafe in a backtracking engine. Case is already folded into the sets, so V8's `i` flag is used only where its
 * folding of the bytes above 0x7f cannot show.
 */
import { type ByteSet, onlyFolded, setOf, setSource } from './byte-set.ts'
import { mergeSets, type Node } from './pcre2-syntax.ts'

/**
 * A source for V8. `groups[n]` are the numbers that V8 gives to group n of the pattern: several for one that a branch
 * reset has in several branches, none for one that can never be set. At most one of them is set by a match.
 */
export interface V8Source {
  readonly source: string
  readonly flags: string
  readonly groups: readonly (readonly number[])[]
}

/** Emits the source for V8; null when V8 cannot express the tree (an atomic group inside a lookbehind). */
export function emitV8(root: Node): V8Source | null {
  const folding = foldsEverywhere(root)
  const emitter = new V8Emitter(folding)
  const source = emitter.emit(root, false)
  return emitter.impossible ? null : { source, flags: folding ? 'i' : '', groups: emitter.groups }
}

/**
 * May V8's `i` flag be used? Every set must be closed under V8's folding, which takes each latin1 letter with its
 * other case, and there must be a letter for it to be of use. (The sharp s, the micro sign and the y with diaeresis
 * have no other case within latin1.)
 */
function foldsEverywhere(root: Node): boolean {
  let letters = 0
  let closed = true
  visit(root, (node) => {
    if (node.type === 'backreference' && !node.fold) closed = false
    if (node.type !== 'set') return
    if (!isClosed(node.set)) closed = false
    else if (onlyFolded(node.set) >= 0x61) letters++
  })
  return closed && letters > 0
}

const highPairs: readonly number[] = Array.from({ length: 31 }, (_, at) => 0xc0 + at).filter((byte) => byte !== 0xd7)

function isClosed(set: ByteSet): boolean {
  for (let byte = 0x41; byte <= 0x5a; byte++) if (set[byte] !== set[byte + 0x20]) return false
  return highPairs.every((byte) => set[byte] === set[byte + 0x20])
}

/** Calls `see` for the node and everything in it. */
export function visit(node: Node, see: (node: Node) => void): void {
  see(node)
  if (node.type === 'sequence' || node.type === 'alternation') for (const item of node.items) visit(item, see)
  else if ('item' in node) visit(node.item, see)
}

class V8Emitter {
  readonly folding: boolean
  readonly groups: number[][] = []
  count = 0
  impossible = false

  constructor(folding: boolean) {
    this.folding = folding
  }

  emit(node: Node, behind: boolean): string {
    switch (node.type) {
      case 'set':
        return setSource(this.folding ? oneCase(node.set) : node.set)
      case 'sequence':
        return node.items
          .map((item) => (item.type === 'alternation' ? `(?:${this.emit(item, behind)})` : this.emit(item, behind)))
          .join('')
      case 'alternation':
        return mergeSets(node.items)
          .map((item) => this.emit(item, behind))
          .join('|')
      case 'group': {
        const numbers = this.groups[node.index]
        if (numbers === undefined) this.groups[node.index] = [++this.count]
        else numbers.push(++this.count)
        return `(${this.emit(node.item, behind)})`
      }
      case 'repeat': {
        if (node.mode !== 'possessive') return this.repeat(node.item, node.min, node.max, node.mode === 'lazy', behind)
        return this.atomic(() => this.repeat(node.item, node.min, node.max, false, behind), behind)
      }
      case 'atomic':
        return this.atomic(() => this.emit(node.item, behind), behind)
      case 'look':
        return `(?${node.behind ? '<' : ''}${node.negative ? '!' : '='}${this.emit(node.item, node.behind)})`
      case 'place':
        return places[node.place]
      case 'backreference': {
        // Case-insensitive references need the flag; the flag must not reach sensitive ones (see foldsEverywhere).
        if (node.fold && !this.folding) this.impossible = true
        // Those that are not set match nothing, the one that is matches itself.
        return `(?:${(this.groups[node.index] ?? []).map((number) => `\\${number}`).join('')})`
      }
    }
  }

  /**
   * V8 refuses a round that matches nothing once the smallest count is reached, PCRE2 accepts one and goes on; as an
   * alternation an optional item behaves as in PCRE2.
   */
  repeat(item: Node, min: number, max: number, lazy: boolean, behind: boolean): string {
    const unit = this.unit(item, behind)
    if (min === 0 && max === 1 && canBeEmpty(item)) return lazy ? `(?:|${unit})` : `(?:${unit}|)`
    return unit + quantifier(min, max, lazy)
  }

  /** Something that a quantifier can stand behind. */
  unit(node: Node, behind: boolean): string {
    const source = this.emit(node, behind)
    return node.type === 'set' || node.type === 'group' ? source : `(?:${source})`
  }

  /** No giving back: what a lookahead matched is fixed, and the back reference takes it. */
  atomic(inner: () => string, behind: boolean): string {
    if (behind) this.impossible = true
    const own = ++this.count
    return `(?=(${inner()}))(?:\\${own})`
  }
}

/** Can the node match nothing? */
export function canBeEmpty(node: Node): boolean {
  switch (node.type) {
    case 'set':
      return false
    case 'sequence':
      return node.items.every(canBeEmpty)
    case 'alternation':
      return node.items.some(canBeEmpty)
    case 'repeat':
      return node.min === 0 || canBeEmpty(node.item)
    case 'group':
    case 'atomic':
      return canBeEmpty(node.item)
    default:
      return true
  }
}

/** Under the `i` flag one case is enough; both would only make the source longer. */
function oneCase(set: ByteSet): ByteSet {
  const byte = onlyFolded(set)
  return byte < 0 ? set : setOf(byte, false)
}

const places = {
  start: '^',
  end: '$',
  finalEnd: '(?![^\\n]|\\n[^])',
  lineStart: '(?:^|(?<=\\n)(?!$))',
  lineEnd: '(?=\\n|$)',
  wordBoundary: '\\b',
  notWordBoundary: '\\B',
} as const

function quantifier(min: number, max: number, lazy: boolean): string {
  const end = lazy ? '?' : ''
  if (max === Number.POSITIVE_INFINITY) return (min === 0 ? '*' : min === 1 ? '+' : `{${min},}`) + end
  if (min === 0 && max === 1) return `?${end}`
  return (min === max ? `{${min}}` : `{${min},${max}}`) + end
}

/** A source for RE2. The end of the match proper is where the group number `endGroup` stands. */
export interface Re2Source {
  readonly source: string
  readonly endGroup: number
}

/**
 * Emits the source for RE2; null when it has no way to say it (look-around, back references, atomic groups, branch resets,
 * big counts). A `$` is possible only as the pattern's last item, where the newline that it may stand before is matched
 * behind the end group.
 */
export function emitRe2(root: Node, groupCount: number): Re2Source | null {
  let groups = 0
  let isNumberedAlike = true
  visit(root, (node) => {
    if (node.type === 'group' && node.index !== ++groups) isNumberedAlike = false
  })
  if (!isNumberedAlike || groups !== groupCount) return null
  const items = root.type === 'sequence' ? root.items : [root]
  const last = items.at(-1)
  const final = last?.type === 'place' && last.place === 'finalEnd'
  const body: Node = final ? { type: 'sequence', items: items.slice(0, -1) } : root
  const state = { impossible: false }
  const source = re2(body, state)
  if (state.impossible) return null
  return { source: `(?:${source})()${final ? '\\n?\\z' : ''}`, endGroup: groupCount + 1 }
}

function re2(node: Node, state: { impossible: boolean }): string {
  switch (node.type) {
    case 'set':
      return setSource(node.set)
    case 'sequence':
      return node.items
        .map((item) => (item.type === 'alternation' ? `(?:${re2(item, state)})` : re2(item, state)))
        .join('')
    case 'alternation':
      return mergeSets(node.items)
        .map((item) => re2(item, state))
        .join('|')
    case 'group':
      return `(${re2(node.item, state)})`
    case 'repeat': {
      const large = node.min > 200 || (node.max > 200 && node.max !== Number.POSITIVE_INFINITY)
      if (large || node.mode === 'possessive') state.impossible = true
      const inner = re2(node.item, state)
      const unit = node.item.type === 'set' || node.item.type === 'group' ? inner : `(?:${inner})`
      return state.impossible ? '' : unit + quantifier(node.min, node.max, node.mode === 'lazy')
    }
    case 'place':
      if (node.place === 'start') return '\\A'
      if (node.place === 'end') return '\\z'
      if (node.place === 'wordBoundary') return '\\b'
      if (node.place === 'notWordBoundary') return '\\B'
      state.impossible = true
      return ''
    default:
      state.impossible = true
      return ''
  }
}
