import { expect, test } from 'vitest'
import { isOwn, problemsOf } from './ruleset-files.ts'

test('problems of the file that is edited go into the editor, others are told', () => {
  const told = problemsOf(
    [
      { at: { file: '/home/etc/rules/local.xml', line: 3, column: 5 }, message: 'no such rule', severity: 'error' },
      { at: { file: '/home/etc/rules/other-local.xml', line: 1, column: 1 }, message: 'odd', severity: 'warning' },
      'no problem',
    ],
    'local.xml',
  )
  expect(told.here).toEqual([{ line: 3, column: 5, message: 'no such rule', severity: 'error' }])
  expect(told.elsewhere).toEqual(['/home/etc/rules/other-local.xml:1 odd'])
})

test('only files of etc are one’s own', () => {
  expect(isOwn({ filename: 'a.xml', relative_dirname: 'etc/rules' })).toBe(true)
  expect(isOwn({ filename: 'a.xml', relative_dirname: 'ruleset/rules' })).toBe(false)
})
