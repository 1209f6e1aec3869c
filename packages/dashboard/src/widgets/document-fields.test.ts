import { describe, expect, test } from 'vitest'
import { fieldNumber, fieldText, flatFields } from './document-fields.ts'
import { bytesText, shortCount } from './number-text.ts'

const source = {
  rule: { id: '5710', level: 5, groups: ['a', 'b'] },
  data: { items: [{ name: 'x' }, { name: 'y' }], 'dotted.name': 1, empty: null, nested: [['z']] },
}

describe('fields of an event', () => {
  test('are flat, in order, lists together', () => {
    expect(flatFields(source)).toEqual([
      { name: 'rule.id', values: ['5710'] },
      { name: 'rule.level', values: ['5'] },
      { name: 'rule.groups', values: ['a', 'b'] },
      { name: 'data.items.name', values: ['x', 'y'] },
      { name: 'data.dotted.name', values: ['1'] },
      { name: 'data.empty', values: ['null'] },
      { name: 'data.nested', values: ['z'] },
    ])
  })
  test.each([
    ['a value', 'rule.id', '5710'],
    ['a list', 'rule.groups', 'a, b'],
    ['a name in a list of objects', 'data.items.name', 'x, y'],
    ['a name that has dots', 'data.dotted.name', '1'],
    ['nothing', 'data.nowhere', ''],
    ['nothing of an inherited name', 'constructor.name', ''],
    ['an object as JSON', 'data.items', '{"name":"x"}, {"name":"y"}'],
  ])('give %s', (_says, name, text) => expect(fieldText(source, name)).toBe(text))
  test('are numbers where they are', () => {
    expect([fieldNumber(source, 'rule.level'), fieldNumber(source, 'rule.groups'), fieldNumber(source, 'x')]).toEqual([
      5,
      null,
      null,
    ])
  })
})

test.each([
  [999, '999'],
  [12_345, '12.3 k'],
  [1_500_000, '1.5 M'],
])('%d is short as %s', (n, text) => expect(shortCount(n)).toBe(text))
test.each([
  [0, '0 B'],
  [1536, '1.5 KiB'],
  [5 << 20, '5.0 MiB'],
])('%d bytes are %s', (n, text) => expect(bytesText(n)).toBe(text))
