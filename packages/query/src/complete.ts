/** What could be typed next: in go a query that may be half written and the cursor's place, out comes what to look up there. */

/** What stands at the cursor, to be replaced from `from` to `to`, and what it may become. */
export interface Completion {
  readonly kind: 'field' | 'value'
  /** The field whose values are wanted; null for a field's name. */
  readonly field: string | null
  /** What has been typed of it. */
  readonly prefix: string
  readonly from: number
  readonly to: number
}

/** Reads up to the cursor only, so that what stands behind it may be anything. Never throws. */
export function completionAt(text: string, cursor: number): Completion {
  const end = Math.max(0, Math.min(cursor, text.length))
  const open: (string | null)[] = []
  let field: string | null = null
  let from = 0
  let at = 0
  const startWord = (place: number) => {
    from = place
  }
  while (at < end) {
    const character = text[at] ?? ''
    if (character === '"') {
      const close = closingQuote(text, at, end)
      if (close === -1) return answer(text, at + 1, end, field ?? open.at(-1) ?? null)
      at = close + 1
      field = null
      startWord(at)
    } else if (character === '(') {
      open.push(field)
      field = null
      at += 1
      startWord(at)
    } else if (character === ')') {
      open.pop()
      field = null
      at += 1
      startWord(at)
    } else if (character === ':' && field === null && (open.at(-1) ?? null) === null && at > from) {
      field = text.slice(from, at).trim().replace(/^[-!]/, '')
      at += 1
      startWord(at)
    } else if (/\s/.test(character)) {
      // Blanks right behind the colon still lead to the value.
      if (field !== null && text.slice(from, at).trim() !== '') field = null
      at += 1
      startWord(at)
    } else at += 1
  }
  return answer(text, from, end, field ?? open.at(-1) ?? null)
}

function answer(text: string, from: number, to: number, field: string | null): Completion {
  const prefix = text.slice(from, to)
  return { kind: field === null ? 'field' : 'value', field, prefix, from, to }
}

function closingQuote(text: string, open: number, end: number): number {
  for (let at = open + 1; at < end; at += 1) {
    if (text[at] === '\\') at += 1
    else if (text[at] === '"') return at
  }
  return -1
}
