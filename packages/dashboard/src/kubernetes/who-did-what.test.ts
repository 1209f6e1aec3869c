import { expect, test } from 'vitest'
import { deedsOf } from './who-did-what.ts'

const event = (id: string, time_ms: number, kubernetes: object, level = 3) => ({
  id,
  time_ms,
  place: '',
  source: { rule: { level }, data: { kubernetes } },
})
const read = { actor: 'jane', verb: 'get', resource: 'secrets', namespace: 'shop', name: 'key' }

test('the same deed of the same actor is one line, with its times, refusals and highest level', () => {
  const deeds = deedsOf([
    event('1', 30, { ...read, allowed: 'false' }),
    event('2', 10, { ...read, allowed: 'true' }, 12),
    event('3', 20, { ...read, actor: 'bob' }),
  ])
  expect(
    deeds.map(({ actor, count, refused, firstMs, lastMs, level }) => [actor, count, refused, firstMs, lastMs, level]),
  ).toEqual([
    ['jane', 2, 1, 10, 30, 12],
    ['bob', 1, 0, 20, 20, 3],
  ])
})

test('parts that hold each other’s separators stay apart', () => {
  expect(
    deedsOf([event('1', 1, { actor: 'a","b', verb: 'c' }), event('2', 2, { actor: 'a', verb: 'b","c' })]),
  ).toHaveLength(2)
})
