import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { compiledKernels, kernelsFile } from './write-kernels.ts'

test('the compiled loops are those of the source (else: node scripts/write-kernels.ts)', async () => {
  expect(readFileSync(kernelsFile, 'utf8')).toBe(await compiledKernels())
}, 60_000)
