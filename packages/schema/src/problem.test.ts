import { expect, test } from 'vitest'
import { gatherProblems, type Problem } from './problem.ts'

const at = (line: number) => ({ file: 'r.xml', line, column: 1 })
const warnings = (code: string, count: number, about?: (n: number) => string): Problem[] =>
  Array.from({ length: count }, (_, n) => ({
    severity: 'warning',
    code,
    at: at(n + 1),
    message: `${code} ${n}`,
    ...(about === undefined ? {} : { about: about(n) }),
  }))
const error: Problem = { severity: 'error', code: 'A', at: at(99), message: 'wrong' }

const cases: [says: string, problems: Problem[], messages: string[]][] = [
  ['nothing stays nothing', [], []],
  ['three of a kind are told one by one', warnings('A', 3), ['A 0', 'A 1', 'A 2']],
  [
    'of four the first stands for all',
    warnings('A', 4),
    ['A 0 (4 warnings of this kind; dogwatch ruleset check shows them all)'],
  ],
  [
    'kinds are gathered apart, each where its first stood',
    [...warnings('B', 1), ...warnings('A', 5), ...warnings('B', 1)],
    ['B 0', 'A 0 (5 warnings of this kind; dogwatch ruleset check shows them all)', 'B 0'],
  ],
  [
    'what is amiss is named once each',
    warnings('A', 5, (n) => `list ${n % 2}`),
    ['A 0 (5 warnings of this kind, about list 0, list 1; dogwatch ruleset check shows them all)'],
  ],
  [
    'of many causes some are named',
    warnings('A', 12, (n) => `l${n}`),
    [
      'A 0 (12 warnings of this kind, about l0, l1, l2, l3, l4, l5, l6, l7, l8, l9 and 2 more; dogwatch ruleset check shows them all)',
    ],
  ],
  ['errors are all told', [error, error, error, error, error], ['wrong', 'wrong', 'wrong', 'wrong', 'wrong']],
]
for (const [says, problems, messages] of cases)
  test(says, () => expect(gatherProblems(problems).map(({ message }) => message)).toEqual(messages))
