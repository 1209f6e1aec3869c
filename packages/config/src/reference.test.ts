import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { readConfiguration } from './configuration.ts'
import { configurationReference } from './reference.ts'

test('docs/configuration.md is what the table makes; otherwise run write-reference.ts', () => {
  const page = readFileSync(join(import.meta.dirname, '../../../docs/configuration.md'), 'utf8')
  expect(page).toBe(configurationReference())
})

test('the example on the page is a sound file', () => {
  const example = /```xml\n([\s\S]+?)```/.exec(configurationReference())?.[1] ?? ''
  expect(readConfiguration('example', example).problems).toEqual([])
})
