import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { afterAll, describe, expect, test } from 'vitest'
import { BulkFile } from './bulk-file.ts'

const folder = mkdtempSync(join(tmpdir(), 'dogwatch-bulk-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

const sizes = fc.oneof(
  fc.nat(5000),
  fc.constantFrom(0, 4095, 4096, 4097, (1 << 20) - 1, 1 << 20, (1 << 20) + 1, 3_000_000),
)

describe('a file written in bulk', () => {
  for (const isDirect of [true, false])
    test(`holds what was appended, ${isDirect ? 'past' : 'through'} the page cache`, () => {
      const path = join(folder, `pieces-${isDirect}`)
      fc.assert(
        fc.property(fc.array(sizes, { maxLength: 6 }), (lengths) => {
          writeFileSync(path, 'what stood there before '.repeat(2000))
          const file = new BulkFile(path, isDirect)
          const pieces = lengths.map((length, n) => Buffer.alloc(length, `${n} piece`))
          for (const piece of pieces) file.append(piece)
          file.close()
          expect(readFileSync(path).equals(Buffer.concat(pieces))).toBe(true)
        }),
        { numRuns: 25 },
      )
    })

  test('a file system without direct writes takes it all the same', () => {
    const file = new BulkFile('/dev/null')
    file.append(Buffer.alloc(3_000_001, 'x'))
    file.close()
  })

  test('a full disk is told with the path', () => {
    const file = new BulkFile('/dev/full')
    expect(() => {
      file.append(Buffer.alloc(3_000_001, 'x'))
      file.close()
    }).toThrow(/\/dev\/full: ENOSPC/)
  })
})
