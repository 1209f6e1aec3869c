import { readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { type Counts, countsOf, countText, outputMax, runTool } from './tools.ts'

const endings: [says: string, output: string, counts: Counts | null][] = [
  ['reads the last line', 'a\n3 passed, 1 failed\n', { passed: 3, failed: 1, skipped: 0 }],
  ['reads what was skipped', '3 passed, 0 failed, 2 skipped', { passed: 3, failed: 0, skipped: 2 }],
  ['passes over blank lines at the end', '3 passed, 0 failed\n\n', { passed: 3, failed: 0, skipped: 0 }],
  ['does not take an earlier line', '3 passed, 0 failed\nand then it crashed\n', null],
  ['does not take a part of a line', 'all 3 passed, 0 failed of them\n', null],
  ['does not take nothing', '', null],
]
test.each(endings)('countsOf %s', (_says, output, counts) => expect(countsOf(output)).toEqual(counts))

test('countText is read by countsOf', () => {
  for (const counts of [
    { passed: 1, failed: 0, skipped: 0 },
    { passed: 0, failed: 2, skipped: 3 },
  ]) {
    expect(countsOf(countText(counts))).toEqual(counts)
  }
})

describe('runTool', () => {
  const node = (script: string, secondsMax = 20) => runTool(process.execPath, ['-e', script], secondsMax)

  test('gives both streams and the status', async () => {
    const { status, output } = await node('console.log(1); console.error(2); process.exitCode = 3')
    expect([status, output.trim().split('\n').sort()]).toEqual([3, ['1', '2']])
  })
  test('says which signal ended it', async () => {
    expect(await node('process.kill(process.pid, "SIGKILL")')).toMatchObject({ status: null, signal: 'SIGKILL' })
  })
  test('cuts off what does not end', async () => {
    expect(await node('setInterval(() => {}, 1000)', 0.3)).toMatchObject({ status: null, wasCutOff: true })
  })
  test('ends what a tool leaves running', async () => {
    const script = `console.log(require('child_process').spawn('sleep', ['60'], { stdio: 'ignore' }).pid); process.exit(0)`
    const pid = Number((await node(script)).output)
    // Gone, or a zombie that nobody has waited for yet: a signal may still find it, but it runs no more.
    await expect.poll(() => isRunning(pid)).toBe(false)
  })
  test('keeps the end of a long output', async () => {
    const { output } = await node(`process.stdout.write('x'.repeat(${outputMax}) + 'end')`)
    expect(output.length).toBe(outputMax)
    expect(output.endsWith('xend')).toBe(true)
  })
  test('does not throw for a program that is not there', async () => {
    const { status, output } = await runTool('/nonexistent/program', [], 5)
    expect([status, output]).toEqual([null, expect.stringContaining('ENOENT')])
  })
})

function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return readState(pid) !== 'Z'
  } catch {
    return false
  }
}

function readState(pid: number): string {
  return readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ').at(-1)?.[0] ?? ''
}
