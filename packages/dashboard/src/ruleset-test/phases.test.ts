import { expect, test } from 'vitest'
import { logtestPhases } from './phases.ts'

test('each field stands in its phase', () => {
  const phases = logtestPhases([
    { name: 'full_log', values: ['x'] },
    { name: 'predecoder.program_name', values: ['sshd'] },
    { name: 'decoder.name', values: ['sshd'] },
    { name: 'data.srcip', values: ['192.0.2.7'] },
    { name: 'rule.groups', values: ['a', 'b'] },
    { name: 'location', values: ['stdin'] },
  ])
  expect(phases.map(({ facts }) => facts)).toEqual([
    [
      ['full_log', 'x'],
      ['program_name', 'sshd'],
    ],
    [
      ['decoder.name', 'sshd'],
      ['srcip', '192.0.2.7'],
    ],
    [['groups', 'a, b']],
  ])
})
