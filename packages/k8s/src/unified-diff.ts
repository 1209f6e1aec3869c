/** A unified diff (POSIX diff -u) of two short texts, to be shown before files are changed. */

/** Lines shown around each change. */
const contextLines = 3

interface Step {
  readonly sign: ' ' | '-' | '+'
  readonly line: string
}

/** The diff, or an empty text when nothing differs. For texts of up to a few thousand lines: time grows with the product of both. */
export function unifiedDiff(before: string, after: string, nameBefore: string, nameAfter: string): string {
  if (before === after) return ''
  const steps = compare(linesOf(before), linesOf(after))
  const hunks: string[] = []
  let from = 0
  while (from < steps.length) {
    const change = steps.findIndex((step, n) => n >= from && step.sign !== ' ')
    if (change < 0) break
    let last = change
    for (let n = change; n < steps.length && n <= last + contextLines * 2; n++) if (steps[n]?.sign !== ' ') last = n
    const start = Math.max(from, change - contextLines)
    const end = Math.min(steps.length, last + contextLines + 1)
    hunks.push(hunk(steps, start, end))
    from = end
  }
  return `--- ${nameBefore}\n+++ ${nameAfter}\n${hunks.join('')}`
}

function linesOf(text: string): string[] {
  return text === '' ? [] : text.split(/(?<=\n)/)
}

function hunk(steps: readonly Step[], start: number, end: number): string {
  const count = (upTo: number, from: number, other: '-' | '+') =>
    steps.slice(from, upTo).filter(({ sign }) => sign !== other).length
  const range = (other: '-' | '+') => {
    const length = count(end, start, other)
    return `${count(start, 0, other) + (length === 0 ? 0 : 1)}${length === 1 ? '' : `,${length}`}`
  }
  const body = steps
    .slice(start, end)
    .map(({ sign, line }) => sign + (line.endsWith('\n') ? line : `${line}\n\\ No newline at end of file\n`))
  return `@@ -${range('+')} +${range('-')} @@\n${body.join('')}`
}

/** Longest common subsequence, by table. */
function compare(a: readonly string[], b: readonly string[]): Step[] {
  const width = b.length + 1
  const table = new Uint32Array((a.length + 1) * width)
  for (let i = a.length - 1; i >= 0; i--) {
    for (let j = b.length - 1; j >= 0; j--) {
      const same = a[i] === b[j]
      const down = table[(i + 1) * width + j] ?? 0
      const right = table[i * width + j + 1] ?? 0
      table[i * width + j] = same ? (table[(i + 1) * width + j + 1] ?? 0) + 1 : Math.max(down, right)
    }
  }
  const steps: Step[] = []
  let i = 0
  let j = 0
  while (i < a.length || j < b.length) {
    if (i < a.length && j < b.length && a[i] === b[j]) {
      steps.push({ sign: ' ', line: a[i++] ?? '' })
      j++
    } else if (
      j >= b.length ||
      (i < a.length && (table[(i + 1) * width + j] ?? 0) >= (table[i * width + j + 1] ?? 0))
    ) {
      steps.push({ sign: '-', line: a[i++] ?? '' })
    } else {
      steps.push({ sign: '+', line: b[j++] ?? '' })
    }
  }
  return steps
}
