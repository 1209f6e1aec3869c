import { expect, test } from 'vitest'
import { changesOf, readRule } from './mapping.ts'

test.each([
  ['{"FIND": {"a": "b"}}', { value: { FIND: { a: 'b' } }, problem: null }],
  ['{"FIND": ', { value: null, problem: 'This is no JSON yet' }],
  ['[1]', { value: null, problem: expect.stringContaining('object') }],
  ['null', { value: null, problem: expect.stringContaining('object') }],
])('%s', (text, read) => expect(readRule(text)).toEqual(read))

test('what is new is added, and what is gone removed', () => {
  expect(changesOf([1, 2], [2, 3])).toEqual({ added: [3], removed: [1] })
})
