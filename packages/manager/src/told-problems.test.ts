import type { Problem } from '@dogwatch/schema'
import { expect, test } from 'vitest'
import { tellOnce } from './told-problems.ts'

const problem = (severity: Problem['severity'], code: string, line: number): Problem => ({
  severity,
  code,
  at: { file: 'r.xml', line, column: 1 },
  message: code,
})
const one = problem('warning', 'ONE', 1)
const two = problem('warning', 'TWO', 2)
const error = problem('error', 'WRONG', 3)
const many = [1, 2, 3, 4, 5].map((line) => problem('warning', 'MANY', line))

const cases: [says: string, before: Problem[], now: Problem[], errors: number, warnings: string[], again: number][] = [
  ['a warning is told', [], [one], 0, ['r.xml:1:1: warning: ONE'], 0],
  ['it is not told again while it holds', [one], [one, two], 0, ['r.xml:2:1: warning: TWO'], 1],
  ['it is told again when it comes back', [two], [one, two], 0, ['r.xml:1:1: warning: ONE'], 1],
  ['errors are told each time', [error], [error], 1, [], 0],
  [
    'many of a kind are one line',
    [],
    many,
    0,
    ['r.xml:1:1: warning: MANY (5 warnings of this kind; dogwatch ruleset check shows them all)'],
    0,
  ],
]
for (const [says, before, now, errorCount, warnings, againCount] of cases)
  test(says, () => {
    const got = tellOnce(now, tellOnce(before, new Set()).holding)
    expect([got.errors.length, got.warnings, got.againCount]).toEqual([errorCount, warnings, againCount])
  })
