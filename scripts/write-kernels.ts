/**
 * Compiles the engine's loops (`packages/engine/kernels/kernels.ts`, AssemblyScript) and writes the result into `packages/engine/src/kernel-bytes.ts`, where
 * the engine finds it without a compiler. A test says when the two differ.
 */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import asc from 'assemblyscript/asc'

const root = resolve(import.meta.dirname, '..')
const source = 'packages/engine/kernels/kernels.ts'

/** Where the compiled loops are kept. */
export const kernelsFile = join(root, 'packages/engine/src/kernel-bytes.ts')

/** The text of that file as the source compiles now. */
export async function compiledKernels(): Promise<string> {
  const folder = mkdtempSync(join(tmpdir(), 'dogwatch-kernels-'))
  try {
    const out = join(folder, 'kernels.wasm')
    const flags = ['--runtime', 'stub', '--enable', 'simd', '--importMemory', '--noExportMemory']
    const { error, stderr } = await asc.main(
      [source, ...flags, '--optimizeLevel', '3', '--noAssert', '--baseDir', root, '--outFile', out],
      {},
    )
    if (error !== null) throw new Error(`${source} does not compile:\n${stderr.toString()}`)
    return fileText(readFileSync(out))
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

function fileText(code: Buffer): string {
  const lines = code.toString('base64').match(/.{1,100}/g) ?? []
  return `/** Made from \`kernels/kernels.ts\` by \`node scripts/write-kernels.ts\`: WebAssembly in base64. */
export const kernelBytes = [
${lines.map((line) => `  '${line}',`).join('\n')}
].join('')
`
}

if (import.meta.main) writeFileSync(kernelsFile, await compiledKernels())
