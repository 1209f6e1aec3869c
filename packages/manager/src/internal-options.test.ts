import { expect, test } from 'vitest'
import { readInternalOptions } from './internal-options.ts'

const cases: readonly [says: string, text: string, minutes: number, problems?: readonly RegExp[]][] = [
  ['no file', '', 0],
  ['the option', 'monitord.delete_old_agents=60\n', 60],
  ['blanks, comments and options of other parts', '# mine\nremoted.x=1\n monitord.delete_old_agents = 5 \n', 5],
  ['the last one', 'monitord.delete_old_agents=5\nmonitord.delete_old_agents=7', 7],
  ['no number', '\nmonitord.delete_old_agents=1d\n', 0, [/^line 2: monitord.delete_old_agents is .* 0 to 9600/]],
  ['too much', 'monitord.delete_old_agents=9601', 0, [/^line 1: /]],
  ['a name of every object', '__proto__=1\nconstructor=1', 0],
]
test.each(cases)('reads %s', (_says, text, minutes, problems = []) => {
  const read = readInternalOptions(text)
  expect(read.options).toEqual({ deleteOldAgentsMin: minutes })
  expect(read.problems).toEqual(problems.map((problem) => expect.stringMatching(problem)))
})
