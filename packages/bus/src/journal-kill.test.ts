import { spawn } from 'node:child_process'
import fs from 'node:fs'
import os from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { crc32 } from 'node:zlib'
import { expect, test } from 'vitest'
import { allRefs } from './bus-suite.ts'
import { openJournal } from './journal.ts'

const child = fileURLToPath(new URL('./journal-kill.child.ts', import.meta.url))

/** Runs the appending process until it has acknowledged `count` records, and kills it. Returns what it acknowledged. */
async function killAfter(folder: string, seed: number, count: number): Promise<string[]> {
  const appending = spawn(process.execPath, [child, folder, String(seed)], { stdio: ['ignore', 'pipe', 'inherit'] })
  let output = ''
  let lines = 0
  for await (const chunk of appending.stdout) {
    output += String(chunk)
    lines += String(chunk).split('\n').length - 1
    if (lines >= count) appending.kill('SIGKILL')
  }
  // The last line may be cut by the death of its writer.
  return output.split('\n').slice(0, -1)
}

test('a process killed at any moment has lost nothing that it acknowledged, and its lock with it', async () => {
  const folder = fs.mkdtempSync(join(os.tmpdir(), 'dogwatch-kill-'))
  try {
    const acknowledged: string[] = []
    for (const [round, count] of [1, 40, 7, 300, 111, 650].entries()) {
      const lines = await killAfter(folder, round * 1000, count)
      expect(lines.length).toBeGreaterThanOrEqual(count)
      acknowledged.push(...lines)
    }
    const journal = await openJournal({ folder, retainMs: 3_600_000 })
    const found = new Set<string>()
    const sequences: number[] = []
    for (const ref of await allRefs(journal)) {
      const record = await journal.read(ref)
      expect(record).not.toBeNull()
      if (record !== null) found.add(`${record.sequence} ${record.body.length} ${crc32(record.body)}`)
      sequences.push(ref.sequence)
    }
    expect(acknowledged.filter((line) => !found.has(line))).toEqual([])
    expect(new Set(acknowledged).size).toBe(acknowledged.length)
    expect(new Set(sequences).size).toBe(sequences.length)
    expect(sequences).toEqual([...sequences].sort((a, b) => a - b))
    const consumer = await journal.consumer('match')
    expect(consumer.position).toBeGreaterThan(1)
    expect(consumer.position).toBeLessThanOrEqual(journal.end)
    await journal.close()
  } finally {
    fs.rmSync(folder, { recursive: true, force: true })
  }
}, 60_000)
