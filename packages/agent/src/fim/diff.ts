/**
 * The difference of two texts in the form that `diff` prints by default (POSIX diff, "Diff Default Output Format"):
 * `1c1`, `< old`, `---`, `> new`. In go bytes, out comes a byte text. Bounded in time and memory: what lies between the
 * first and the last difference is told as one change where it is longer than `regionMax`, or differs in more than
 * `editsMax` lines; of such a long one only the beginning is told.
 */

/** Most changed lines that are looked for one by one: memory is its square, 4 bytes each. */
const editsMax = 1500
/** Longest part that is taken apart into lines, both texts together, in bytes. */
const regionMax = 1024 * 1024
/** How much of a longer part is told of each text, in bytes. */
const beginningMax = 64 * 1024
/** How much is compared at once, in bytes. */
const blockSize = 64 * 1024
const newline = 10

interface Hunk {
  /** Lines `[oldStart, oldEnd)` became lines `[newStart, newEnd)`; from 0. */
  oldStart: number
  oldEnd: number
  newStart: number
  newEnd: number
}

/** Empty when the texts are the same. */
export function textDiff(old: Buffer, fresh: Buffer): string {
  if (old.equals(fresh)) return ''
  const start = sharedStart(old, fresh)
  const end = sharedEnd(old.subarray(start), fresh.subarray(start))
  const before = old.subarray(start, old.length - end)
  const after = fresh.subarray(start, fresh.length - end)
  const linesBefore = newlineCount(old.subarray(0, start))
  if (before.length + after.length > regionMax) return longChange(before, after, linesBefore)
  const oldLines = linesOf(before.toString('latin1'))
  const freshLines = linesOf(after.toString('latin1'))
  return hunksOf(oldLines, freshLines)
    .map((hunk) => hunkText(hunk, oldLines, freshLines, linesBefore))
    .join('')
}

/** Bytes of whole lines that both begin with. */
function sharedStart(old: Buffer, fresh: Buffer): number {
  const lengthMax = Math.min(old.length, fresh.length)
  let at = 0
  while (at < lengthMax) {
    const to = Math.min(at + blockSize, lengthMax)
    if (old.compare(fresh, at, to, at, to) !== 0) break
    at = to
  }
  while (at < lengthMax && old[at] === fresh[at]) at++
  return at === 0 ? 0 : old.lastIndexOf(newline, at - 1) + 1
}

/** Bytes of whole lines that both end with. */
function sharedEnd(old: Buffer, fresh: Buffer): number {
  const lengthMax = Math.min(old.length, fresh.length)
  const [oldLength, freshLength] = [old.length, fresh.length]
  let length = 0
  while (length < lengthMax) {
    const next = Math.min(length + blockSize, lengthMax)
    if (old.compare(fresh, freshLength - next, freshLength - length, oldLength - next, oldLength - length) !== 0) break
    length = next
  }
  while (length < lengthMax && old[oldLength - 1 - length] === fresh[freshLength - 1 - length]) length++
  // The line in which they begin to be alike may begin differently.
  const firstEnd = old.indexOf(newline, oldLength - length)
  return length === 0 || firstEnd === -1 ? 0 : oldLength - firstEnd - 1
}

function newlineCount(text: Buffer): number {
  let count = 0
  for (let at = text.indexOf(newline); at !== -1; at = text.indexOf(newline, at + 1)) count++
  return count
}

/** One change from the first to the last line that differs, cut. */
function longChange(before: Buffer, after: Buffer, linesBefore: number): string {
  const countOf = (text: Buffer): number => newlineCount(text) + (text.length > 0 && text.at(-1) !== newline ? 1 : 0)
  const beginning = (text: Buffer, mark: string): string =>
    linesOf(text.toString('latin1', 0, beginningMax))
      .map((line) => `${mark} ${line}\n`)
      .join('')
  const hunk = { oldStart: 0, oldEnd: countOf(before), newStart: 0, newEnd: countOf(after) }
  const head = headText(hunk, linesBefore)
  return head + beginning(before, '<') + (kindOf(hunk) === 'c' ? '---\n' : '') + beginning(after, '>')
}

/** Lines without their newline; a last line that has none carries a mark, since it differs from the same line with one. */
function linesOf(text: string): string[] {
  if (text === '') return []
  const lines = text.split('\n')
  const last = lines.pop()
  if (last !== undefined && last !== '') lines.push(`${last}\n\\ No newline at end of file`)
  return lines
}

function kindOf({ oldStart, oldEnd, newStart, newEnd }: Hunk): 'a' | 'c' | 'd' {
  return oldStart === oldEnd ? 'a' : newStart === newEnd ? 'd' : 'c'
}

/** `2,3c2\n`; `linesBefore`: lines in front of what the hunk counts from. */
function headText(hunk: Hunk, linesBefore: number): string {
  const range = (start: number, end: number): string =>
    end - start > 1 ? `${linesBefore + start + 1},${linesBefore + end}` : String(linesBefore + end)
  return `${range(hunk.oldStart, hunk.oldEnd)}${kindOf(hunk)}${range(hunk.newStart, hunk.newEnd)}\n`
}

function hunkText(hunk: Hunk, old: readonly string[], fresh: readonly string[], linesBefore: number): string {
  let text = headText(hunk, linesBefore)
  for (const line of old.slice(hunk.oldStart, hunk.oldEnd)) text += `< ${line}\n`
  if (kindOf(hunk) === 'c') text += '---\n'
  for (const line of fresh.slice(hunk.newStart, hunk.newEnd)) text += `> ${line}\n`
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
