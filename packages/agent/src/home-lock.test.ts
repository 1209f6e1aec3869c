import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { lockHome } from './home-lock.ts'

let home: string
beforeEach(() => {
  home = mkdtempSync(join(tmpdir(), 'dogwatch-lock-'))
  mkdirSync(join(home, 'queue/sockets'), { recursive: true })
})
afterEach(() => rmSync(home, { recursive: true, force: true }))

test('a home has one agent at a time', async () => {
  const lock = await lockHome(home)
  await expect(lockHome(home)).rejects.toThrow(/another agent is running with the home/)
  lock.close()
  ;(await lockHome(home)).close()
})

test('what an agent that was killed left behind is no hindrance', async () => {
  writeFileSync(join(home, 'queue/sockets/agent'), '')
  ;(await lockHome(home)).close()
})

test('a path that is too long for a socket is said', async () => {
  await expect(lockHome(join(home, 'x'.repeat(200)))).rejects.toThrow(/too long/)
})
