import { type ChildProcess, spawn } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'

let home = ''
beforeAll(() => {
  home = mkdtempSync(join(tmpdir(), 'dogwatch-crash-'))
})
afterAll(() => rmSync(home, { recursive: true, force: true }))

const kills = 6

function run(
  firstId: number,
  count: number,
): { readonly child: ChildProcess; readonly lines: string[]; readonly gone: Promise<number | null> } {
  const child = spawn(
    process.execPath,
    [join(import.meta.dirname, 'crash-fixture.ts'), home, String(firstId), String(count)],
    {
      stdio: ['ignore', 'pipe', 'inherit'],
    },
  )
  const lines: string[] = []
  let rest = ''
  child.stdout?.on('data', (chunk: Buffer) => {
    const parts = (rest + chunk.toString()).split('\n')
    rest = parts.pop() ?? ''
    lines.push(...parts)
  })
  return { child, lines, gone: new Promise((resolve) => child.on('exit', (code) => resolve(code))) }
}

test(`every acknowledged event stands in the files once after ${kills} kills`, { timeout: 120_000 }, async () => {
  const acknowledged = new Set<number>()
  for (let n = 0; n < kills; n += 1) {
    const { child, lines, gone } = run(n * 100_000, 50_000)
    while (!lines.includes('ready') || lines.length < 20) await new Promise((resolve) => setTimeout(resolve, 20))
    await new Promise((resolve) => setTimeout(resolve, Math.random() * 800))
    child.kill('SIGKILL')
    await gone
    for (const line of lines) if (/^\d+$/.test(line)) acknowledged.add(Number(line))
  }
  const last = run(0, 0)
  expect(await last.gone).toBe(0)

  const archives = readFileSync(join(home, 'logs/archives/archives.json'), 'utf8').split('\n')
  const seen = new Map<string, number>()
  const numbers: number[] = []
  for (const line of archives) {
    let entry: { id: string; data: { auditID: string } }
    try {
      entry = JSON.parse(line)
    } catch {
      continue // a line torn by a kill
    }
    seen.set(entry.data.auditID, (seen.get(entry.data.auditID) ?? 0) + 1)
    numbers.push(Number(entry.id.split('.')[1]))
  }
  const missing = [...acknowledged]
    .flatMap((id) => [0, 1, 2, 3, 4].map((n) => `a-${id}-${n}`))
    .filter((id) => !seen.has(id))
  expect(missing).toEqual([])
  expect([...seen].filter(([, count]) => count !== 1)).toEqual([])
  expect(numbers.every((number, n) => n === 0 || number > (numbers[n - 1] ?? 0))).toBe(true)

  const alerts =
    readFileSync(join(home, 'logs/alerts/alerts.json'), 'utf8').match(/"description":"made a-\d+-0"/g) ?? []
  expect(new Set(alerts).size).toBe(alerts.length)
  expect(alerts.length).toBe([...seen.keys()].filter((id) => id.endsWith('-0')).length)
  const heads =
    readFileSync(join(home, 'logs/alerts/alerts.log'), 'utf8').match(/^Rule: 200001 .*made a-\d+-0'$/gm) ?? []
  expect(new Set(heads).size).toBe(heads.length)
  expect(heads.length).toBe(alerts.length)
  const lines = readFileSync(join(home, 'logs/archives/archives.log'), 'utf8').match(/"auditID": "a-\d+-\d"/g) ?? []
  expect(new Set(lines).size).toBe(lines.length)
  expect(lines.length).toBe(seen.size)
})
