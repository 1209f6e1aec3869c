/**
 * The difference of two texts in the form that `diff` prints by default (POSIX diff, "Diff Default Output Format"):
 * `1c1`, `< old`, `---`, `> new`. Texts are byte texts. Bounded: texts that differ in more than `editsMax` lines are
 * told as one change from the first to the last line that differs.
 */

/** Most changed lines that are looked for one by one: memory is its square, 4 bytes each. */
const editsMax = 1500

interface Hunk {
  /** Lines `[oldStart, oldEnd)` became lines `[newStart, newEnd)`; from 0. */
  oldStart: number
  oldEnd: number
  newStart: number
  newEnd: number
}

/** Empty when the texts are the same. */
export function textDiff(oldText: string, newText: string): string {
  if (oldText === newText) return ''
  const old = linesOf(oldText)
  const fresh = linesOf(newText)
  return hunksOf(old, fresh)
    .map((hunk) => hunkText(hunk, old, fresh))
    .join('')
}

/** Lines without their newline; a last line that has none carries a mark, since it differs from the same line with one. */
function linesOf(text: string): string[] {
  if (text === '') return []
  const lines = text.split('\n')
  const last = lines.pop()
  if (last !== undefined && last !== '') lines.push(`${last}\n\\ No newline at end of file`)
  return lines
}

function hunkText(
  { oldStart, oldEnd, newStart, newEnd }: Hunk,
  old: readonly string[],
  fresh: readonly string[],
): string {
  const range = (start: number, end: number): string => (end - start > 1 ? `${start + 1},${end}` : String(end))
  const kind = oldStart === oldEnd ? 'a' : newStart === newEnd ? 'd' : 'c'
  let text = `${range(oldStart, oldEnd)}${kind}${range(newStart, newEnd)}\n`
  for (const line of old.slice(oldStart, oldEnd)) text += `< ${line}\n`
  if (kind === 'c') text += '---\n'
  for (const line of fresh.slice(newStart, newEnd)) text += `> ${line}\n`
  return text
}

function hunksOf(old: readonly string[], fresh: readonly string[]): Hunk[] {
  let start = 0
  while (start < old.length && start < fresh.length && old[start] === fresh[start]) start++
  let tail = 0
  while (tail < old.length - start && tail < fresh.length - start && old.at(-1 - tail) === fresh.at(-1 - tail)) tail++
  const a = old.slice(start, old.length - tail)
  const b = fresh.slice(start, fresh.length - tail)
  const whole: Hunk = { oldStart: start, oldEnd: start + a.length, newStart: start, newEnd: start + b.length }
  if (a.length === 0 || b.length === 0) return [whole]
  const trace = shortestEdit(a, b)
  return trace === null ? [whole] : joinSteps(trace, a.length, b.length, start)
}

/** Myers' greedy search (An O(ND) Difference Algorithm, 1986): the furthest points of each number of edits; null when there are too many. */
function shortestEdit(a: readonly string[], b: readonly string[]): Int32Array[] | null {
  const max = Math.min(editsMax, a.length + b.length)
  const furthest = new Int32Array(2 * max + 3)
  const trace: Int32Array[] = []
  for (let edits = 0; edits <= max; edits++) {
    // Only diagonals up to the last round are needed to walk back.
    trace.push(furthest.slice(max + 1 - edits, max + 2 + edits))
    for (let k = -edits; k <= edits; k += 2) {
      const at = max + 1 + k
      const down = k === -edits || (k !== edits && (furthest[at - 1] ?? 0) < (furthest[at + 1] ?? 0))
      let x = down ? (furthest[at + 1] ?? 0) : (furthest[at - 1] ?? 0) + 1
      while (x < a.length && x - k < b.length && a[x] === b[x - k]) x++
      furthest[at] = x
      if (x >= a.length && x - k >= b.length) return trace
    }
  }
  return null
}

function joinSteps(trace: readonly Int32Array[], aLength: number, bLength: number, offset: number): Hunk[] {
  const hunks: Hunk[] = []
  let x = aLength
  let y = bLength
  for (let edits = trace.length - 1; edits > 0; edits--) {
    const round = trace[edits]
    const of = (k: number): number => round?.[edits + k] ?? 0
    const k = x - y
    const down = k === -edits || (k !== edits && of(k - 1) < of(k + 1))
    const before = down ? k + 1 : k - 1
    const fromX = of(before)
    const fromY = fromX - before
    // One line inserted (down) or deleted, at (fromX, fromY).
    const [toX, toY] = down ? [fromX, fromY + 1] : [fromX + 1, fromY]
    const last = hunks.at(-1)
    if (last !== undefined && last.oldStart === toX + offset && last.newStart === toY + offset) {
      last.oldStart = fromX + offset
      last.newStart = fromY + offset
    } else
      hunks.push({ oldStart: fromX + offset, oldEnd: toX + offset, newStart: fromY + offset, newEnd: toY + offset })
    x = fromX
    y = fromY
  }
  return hunks.reverse()
}
