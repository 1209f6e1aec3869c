import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { groupConfigurationItems, groupConfigurationProblems } from './group-configuration.ts'

describe('agent.conf as JSON', () => {
  test.each([
    ['nothing is no part', '', []],
    ['a part for every agent', '<agent_config></agent_config>', [{ filters: {}, config: {} }]],
    [
      'filters and sections',
      '<agent_config os="Linux"><client_buffer><queue_size>5</queue_size></client_buffer></agent_config>',
      [{ filters: { os: 'Linux' }, config: { client_buffer: { queue_size: '5' } } }],
    ],
    [
      'one file that is read is a list all the same',
      '<agent_config><localfile><location>/ä</location></localfile></agent_config>',
      [{ filters: {}, config: { localfile: [{ location: '/ä' }] } }],
    ],
    [
      'attributes beside text',
      '<agent_config><syscheck><directories realtime="yes">/etc</directories></syscheck></agent_config>',
      [{ filters: {}, config: { syscheck: { directories: [{ realtime: 'yes', item: '/etc' }] } } }],
    ],
    ['what cannot be read', '<agent_config', null],
  ])('%s', (_, text, wanted) => {
    expect(groupConfigurationItems(text)).toEqual(wanted)
  })

  test('an element named __proto__ is a member like others', () => {
    const [part] = groupConfigurationItems('<agent_config><__proto__><a>1</a></__proto__></agent_config>') ?? []
    expect(Object.keys(part?.config ?? {})).toEqual(['__proto__'])
    expect(Object.getPrototypeOf(part?.config)).toBe(Object.prototype)
  })

  test('any text gives an answer, and problems when it cannot be read', () => {
    const pieces = fc.constantFrom(
      '<agent_config',
      '>',
      '</agent_config>',
      ' os="',
      '"',
      '<localfile>',
      'x',
      '<!--',
      'ä',
    )
    fc.assert(
      fc.property(fc.array(pieces, { maxLength: 30 }), (parts) => {
        const text = parts.join('')
        if (groupConfigurationItems(text) === null) expect(groupConfigurationProblems(text)[0]?.severity).toBe('error')
      }),
    )
  })
})

describe('agent.conf is examined', () => {
  test.each([
    ['good', '<agent_config>\n<labels></labels>\n</agent_config>', []],
    ['a section that no agent reads', '<agent_config>\n <sysheck></sysheck></agent_config>', [['warning', 2, 2]]],
    ['a filter that nobody knows', '<agent_config host="a"></agent_config>', [['warning', 1, 15]]],
    ['another root', '<ossec_config></ossec_config>', [['error', 1, 1]]],
  ])('%s', (_, text, wanted) => {
    const problems = groupConfigurationProblems(text)
    expect(problems.map(({ severity, at }) => [severity, at.line, at.column])).toEqual(wanted)
  })
})
