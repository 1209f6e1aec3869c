import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { textDiff } from './diff.ts'

const hasDiff = spawnSync('diff', ['--version'], { timeout: 5000 }).status === 0

const diffOf = (old: string, fresh: string): string => textDiff(Buffer.from(old), Buffer.from(fresh))

/** Applies a difference in the default form; for tests. */
function apply(old: string, diff: string): string {
  const lines = old === '' ? [] : old.replace(/\n$/, '').split('\n')
  if (old !== '' && !old.endsWith('\n')) lines.push(`${lines.pop()}\n\\ No newline at end of file`)
  const result: string[] = []
  let at = 0
  const words = diff.split('\n')
  for (let n = 0; n < words.length; n++) {
    const head = /^(\d+)(?:,(\d+))?([acd])(\d+)/.exec(words[n] ?? '')
    if (head !== null) {
      const start = Number(head[1])
      const end = Number(head[2] ?? head[1])
      const upTo = head[3] === 'a' ? start : start - 1
      result.push(...lines.slice(at, upTo))
      at = head[3] === 'a' ? upTo : end
    } else if (words[n]?.startsWith('> ')) {
      const isUnended = words[n + 1] === '\\ No newline at end of file'
      result.push(isUnended ? `${words[n]?.slice(2)}\n\\ No newline at end of file` : (words[n]?.slice(2) ?? ''))
    }
  }
  result.push(...lines.slice(at))
  return result.map((line) => (line.includes('\n\\ No') ? line.split('\n')[0] : `${line}\n`)).join('')
}

const textArbitrary = fc
  .array(fc.constantFrom('a', 'b', 'c', '', 'dd'), { maxLength: 30 })
  .chain((lines) => fc.boolean().map((ends) => lines.join('\n') + (ends && lines.length > 0 ? '\n' : '')))

test('a difference leads from the old text to the new one', () => {
  fc.assert(
    fc.property(textArbitrary, textArbitrary, (old, fresh) => {
      expect(apply(old, diffOf(old, fresh))).toBe(fresh)
    }),
    { numRuns: 500 },
  )
})

test.skipIf(!hasDiff)('is as short as that of diff', () => {
  const dir = mkdtempSync(join(tmpdir(), 'dogwatch-diff-'))
  try {
    fc.assert(
      fc.property(textArbitrary, textArbitrary, (old, fresh) => {
        writeFileSync(join(dir, 'a'), old)
        writeFileSync(join(dir, 'b'), fresh)
        const theirs = spawnSync('diff', ['--minimal', join(dir, 'a'), join(dir, 'b')], {
          timeout: 5000,
        }).stdout.toString()
        const changed = (diff: string) => diff.split('\n').filter((line) => /^[<>] /.test(line)).length
        expect(changed(diffOf(old, fresh))).toBe(changed(theirs))
      }),
      { numRuns: 60 },
    )
  } finally {
    rmSync(dir, { recursive: true, force: true })
  }
})

test('texts that have little in common are one change', () => {
  const old = Array.from({ length: 4000 }, (_, n) => `old ${n}\n`).join('')
  const fresh = Array.from({ length: 4000 }, (_, n) => `new ${n}\n`).join('')
  expect(diffOf(`same\n${old}`, `same\n${fresh}`)).toMatch(/^2,4001c2,4001\n/)
})

const many = (count: number, word: string): string => `${word}\n`.repeat(count)
const long: [says: string, old: string, fresh: string, diff: RegExp][] = [
  [
    'one line in the middle of millions',
    `${many(3e6, 'x')}a\n${many(3e6, 'x')}`,
    `${many(3e6, 'x')}b\n${many(3e6, 'x')}`,
    /^3000001c3000001\n< a\n---\n> b\n$/,
  ],
  ['a line more at the end of millions', many(3e6, 'x'), `${many(3e6, 'x')}y\n`, /^3000000a3000001\n> y\n$/],
  ['millions of lines for millions of others', many(3e6, 'a'), many(2e6, 'b'), /^1,3000000c1,2000000\n< a\n/],
  ['millions of lines more', 'z\n', `z\n${many(3e6, 'b')}`, /^1a2,3000001\n> b\n/],
  ['a text that is one long line', 'a'.repeat(3e6), 'b'.repeat(3e6), /^1c1\n< a/],
  ['all of it gone', many(3e6, 'a'), '', /^1,3000000d0\n< a\n/],
]
test.each(long)('bounded in time and length: %s', (_says, old, fresh, diff) => {
  const text = diffOf(old, fresh)
  expect(text.length).toBeLessThan(600_000)
  expect(text).toMatch(diff)
})
