import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { commands } from './commands/index.ts'
import { cliReference } from './reference.ts'

test('docs/cli.md is what the help texts make; otherwise run write-reference.ts', async () => {
  const page = readFileSync(join(import.meta.dirname, '../../../docs/cli.md'), 'utf8')
  expect(page).toBe(await cliReference(commands))
})

test('each command has an example', async () => {
  const page = await cliReference(commands)
  expect(page.split('\nExamples:\n').length - 1).toBe(commands.length)
})
