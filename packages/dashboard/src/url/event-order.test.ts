import { expect, test } from 'vitest'
import { nextOrder, readOrder, searchOrder } from './event-order.ts'

test.each([
  ['newest', { order: 'newest' }],
  ['oldest', { order: 'oldest' }],
  ['', { order: 'newest' }],
  ['rule.level', { order: 'newest', sort: 'rule.level', descending: false }],
  ['-agent.name', { order: 'newest', sort: 'agent.name', descending: true }],
  ['-data.user', { order: 'newest' }],
  ['--rule.id', { order: 'newest' }],
  ['constructor', { order: 'newest' }],
])('%j asks for %j', (text, asked) => expect(searchOrder(readOrder(text))).toEqual(asked))

test.each([
  ['newest', 'rule.level', ['-rule.level', 'rule.level', 'newest']],
  ['oldest', 'agent.name', ['agent.name', '-agent.name', 'newest']],
  ['-rule.level', 'rule.id', ['rule.id', '-rule.id', 'newest']],
] as const)('from %s, clicks on %s lead to %j', (from, field, wanted) => {
  let now: string = from
  expect(wanted.map(() => (now = nextOrder(now, field)))).toEqual(wanted)
})
