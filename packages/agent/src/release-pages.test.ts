import { execFileSync } from 'node:child_process'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { cleanMappings } from './release-pages.ts'

const mapping = (rights: string, name: string, more: Record<string, number> = {}): string => {
  const sizes = { Size: 9000, Rss: 8000, Private_Dirty: 0, Anonymous: 0, Swap: 0, ...more }
  const lines = Object.entries(sizes).map(([key, size]) => `${`${key}:`.padEnd(16)}${String(size).padStart(8)} kB\n`)
  return `00400000-00c00000 ${rights} 00000000 fe:00 ${name === '' ? 0 : 77}                 ${name}\n${lines.join('')}VmFlags: rd ex mr mw me sd \n`
}

const cases: [says: string, text: string, count: number][] = [
  ['a program’s code', mapping('r-xp', '/usr/bin/node'), 1],
  ['a program’s constants', mapping('r--p', '/usr/bin/node'), 1],
  ['a name with blanks', mapping('r-xp', '/opt/my node (deleted)'), 1],
  ['what can be written', mapping('rw-p', '/usr/bin/node'), 0],
  ['machine code of V8', mapping('rwxp', ''), 0],
  ['what others share and may write', mapping('r--s', '/usr/bin/node'), 0],
  ['what was changed when it was loaded', mapping('r--p', '/usr/lib/libc.so.6', { Anonymous: 12 }), 0],
  ['what was written and is in swap', mapping('r--p', '/usr/lib/libc.so.6', { Swap: 4 }), 0],
  ['memory without a file', mapping('r--p', ''), 0],
  ['something small', mapping('r-xp', '/usr/lib/libm.so.6', { Rss: 300 }), 0],
  ['text that is cut', mapping('r-xp', '/usr/bin/node').slice(0, 90), 0],
  ['nothing', '', 0],
]
test.each(cases)('%s', (_says, text, count) => {
  expect(cleanMappings(text).length).toBe(count)
  expect(cleanMappings(text + mapping('r-xp', '/usr/bin/other')).length).toBe(count + 1)
})

test('where a mapping begins, and how long it is', () => {
  expect(cleanMappings(mapping('r-xp', '/usr/bin/node'))).toEqual([{ start: 0x400000n, length: 0x800000 }])
})

test('a process that gave its pages back goes on, with less', () => {
  const script = `
    const { releasePages } = await import(${JSON.stringify(join(import.meta.dirname, 'release-pages.ts'))})
    const { readFileSync } = await import('node:fs')
    const { createHash } = await import('node:crypto')
    const file = () => Number(/RssFile:\\s+(\\d+)/.exec(readFileSync('/proc/self/status', 'utf8'))[1])
    const work = () => [JSON.stringify([1, { a: 'ü' }]), createHash('sha256').update('x').digest('hex'), /a+b/.test('aab')].join()
    const before = [file(), work()]
    const count = releasePages()
    const after = file()
    console.log(JSON.stringify({ count, less: after < before[0] / 2, same: work() === before[1] }))`
  const out = execFileSync(process.execPath, ['--input-type=module', '-e', script], {
    encoding: 'utf8',
    timeout: 20_000,
  })
  expect(JSON.parse(out)).toEqual({ count: expect.any(Number), less: true, same: true })
})
