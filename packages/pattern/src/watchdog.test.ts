import { describe, expect, test } from 'vitest'
import { compilePcre2 } from './pcre2.ts'
import { withDeadline } from './watchdog.ts'

describe('withDeadline', () => {
  test('work that ends gives its value', () => {
    expect(withDeadline(1000, () => 42)).toEqual({ done: true, value: 42 })
  })

  test('an undefined value is a value', () => {
    expect(withDeadline(1000, () => undefined)).toEqual({ done: true, value: undefined })
  })

  test('an exception of the work passes through', () => {
    expect(() =>
      withDeadline(1000, () => {
        throw new RangeError('mine')
      }),
    ).toThrow('mine')
  })

  test('a regular expression is stopped in the middle', () => {
    const expression = /^(a+)+$/
    const result = withDeadline(30, () => expression.test(`${'a'.repeat(60)}!`))
    expect(result).toEqual({ done: false, running: null })
  })

  test('the pattern at work is named, and the next run starts clean', () => {
    const { pattern } = compilePcre2('(?=x|a)^(a+)+$')
    const result = withDeadline(30, () => pattern?.test(`${'a'.repeat(60)}!`))
    expect(result).toEqual({ done: false, running: pattern })
    expect(withDeadline(1000, () => 1)).toEqual({ done: true, value: 1 })
  })
})
