import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { contextDepthMax, depthOf, ruleProblem, rulesThatHold } from './context-rules.ts'

const context = {
  name: 'Rounds',
  level: ['operator', 'night'],
  auth: { name: 'Bo', office: ['20', '21', '30'], isOn: true, deep: { teams: ['web'], grade: 7 } },
}
const holding: [says: string, rule: unknown, isHeld: boolean][] = [
  ['a member at the root', { MATCH: { name: 'Rounds' } }, true],
  ['another value', { MATCH: { name: 'rounds' } }, false],
  ['no member of that name', { MATCH: { nick: 'Rounds' } }, false],
  ['one of a list', { MATCH: { level: 'night' } }, true],
  ['several of a list', { MATCH: { auth: { office: ['30', '20'] } } }, true],
  ['one that the list lacks', { MATCH: { auth: { office: ['30', '22'] } } }, false],
  ['at the root only', { MATCH: { office: '20' } }, false],
  ['anywhere', { FIND: { office: '20' } }, true],
  ['anywhere, as a structure', { FIND: { deep: { teams: 'web' } } }, true],
  ['members that stand in different objects', { FIND: { office: '20', teams: 'web' } }, false],
  ['a list in part, strictly', { MATCH$: { auth: { office: '20' } } }, false],
  ['a list as it is, strictly', { MATCH$: { auth: { office: ['20', '21', '30'] } } }, true],
  ['members beside, strictly', { FIND$: { name: 'Bo' } }, true],
  ['a number by its text', { FIND: { grade: '7' } }, true],
  ['a truth by its text', { FIND: { isOn: true } }, true],
  ['an expression for a value', { MATCH: { name: "r'^Ro[a-z]+$'" } }, true],
  ['an expression fits from the beginning', { MATCH: { name: "r'ounds'" } }, false],
  ['an expression for a name', { FIND: { "r'^au[a-z]+$'": { name: 'Bo' } } }, true],
  ['an expression for each of a list', { FIND: { office: "r'^[0-9]+$'" } }, true],
  ['all of several', { AND: [{ MATCH: { name: 'Rounds' } }, { FIND: { office: '20' } }] }, true],
  ['not all of several', { AND: [{ MATCH: { name: 'Rounds' } }, { FIND: { office: '99' } }] }, false],
  ['one of several', { OR: [{ MATCH: { name: 'x' } }, { FIND: { office: '20' } }] }, true],
  ['not', { NOT: { MATCH: { name: 'x' } } }, true],
  ['not what is there', { NOT: { FIND: { office: '20' } } }, false],
  ['a member of every object', { MATCH: { constructor: 'Object' } }, false],
  ['an object where a text is', { MATCH: { name: { a: 'b' } } }, false],
  ['a text where an object is', { MATCH: { auth: 'Bo' } }, false],
]
test.each(holding)('%s', (_, rule, isHeld) => {
  expect(ruleProblem(rule)).toBeNull()
  expect(rulesThatHold([{ MATCH: { no: 'thing' } }, rule], context)).toEqual(isHeld ? [1] : [])
})

const deep = (levels: number): unknown => (levels === 0 ? { MATCH: { a: 'b' } } : { NOT: deep(levels - 1) })
const wrong: [says: string, rule: unknown, problem: RegExp][] = [
  ['no operator', {}, /one operator/],
  ['two operators', { MATCH: { a: 'b' }, FIND: { a: 'b' } }, /one operator/],
  ['an operator that is none', { HAS: { a: 'b' } }, /HAS is no operator/],
  ['a list', [{ MATCH: { a: 'b' } }], /is an object/],
  ['a text', 'MATCH', /is an object/],
  ['nothing to join', { AND: [] }, /holds a list/],
  ['what is joined is wrong', { OR: [{ MATCH: { a: 'b' } }, { NOT: 5 }] }, /is an object/],
  ['nothing to look for', { FIND: {} }, /at least one member/],
  ['an expression that is none', { FIND: { a: "r'(['" } }, /no regular expression/],
  ['an expression that is none, as a name', { FIND: { "r'(['": 'a' } }, /no regular expression/],
  ['too many levels', deep(contextDepthMax + 1), /levels/],
  ['too long', { MATCH: { a: 'b'.repeat(9000) } }, /characters/],
]
test.each(wrong)('refuses %s', (_, rule, problem) => expect(ruleProblem(rule)).toMatch(problem))

describe('what comes from outside', () => {
  test('an empty context meets no rule, not even one of what is not', () => {
    expect(rulesThatHold([{ NOT: { MATCH: { a: 'b' } } }], {})).toEqual([])
  })

  test('an expression that runs away ends the question', () => {
    const rule = { MATCH: { a: "r'(a+)+$'" } }
    expect(rulesThatHold([rule], { a: `${'a'.repeat(40)}!` })).toBeNull()
  })

  test('depth is counted no further than asked', () => {
    expect([depthOf('a', 9), depthOf({ a: ['b'] }, 9)]).toEqual([1, 3])
    expect(depthOf(deep(100), 5)).toBeLessThanOrEqual(6)
  })

  test('no context breaks a rule that is right', () => {
    fc.assert(
      fc.property(fc.jsonValue(), fc.jsonValue(), (value, wanted) => {
        const rules = [{ MATCH: { a: wanted } }, { FIND$: { a: wanted } }].filter((rule) => ruleProblem(rule) === null)
        expect(rulesThatHold(rules, { a: value })).not.toBeNull()
      }),
    )
  })

  test('what is strictly there is there', () => {
    fc.assert(
      fc.property(fc.jsonValue(), (value) => {
        const of = { a: value }
        const held = rulesThatHold([{ MATCH$: of }, { MATCH: of }, { FIND: of }], of) ?? []
        if (held.includes(0)) expect(held).toEqual([0, 1, 2])
      }),
    )
  })
})
