import { expect, test } from 'vitest'
import { ownName } from './own-name.ts'

const names: readonly [says: string, host: string, name: string | null][] = [
  ['a name that managers take', 'web-1.example', 'web-1.example'],
  ['what is not allowed is left out', 'büro pc(1)', 'bropc1'],
  ['a dot is no beginning', '..web', 'web'],
  ['a long one is cut', 'x'.repeat(200), 'x'.repeat(128)],
  ['a host that was never named', 'localhost', null],
  ['one character', 'x', null],
  ['nothing that is allowed', '…', null],
]
test.each(names)('%s', (_says, host, name) => {
  if (name === null) expect(() => ownName(host)).toThrow(/is no name of an agent; give one with --name/)
  else expect(ownName(host)).toBe(name)
})
