/**
 * Builds the page into `dist`: `node packages/dashboard/src/build.ts`. In: the sources. Out: files named by their content, each with what brotli and gzip
 * make of it beside. The page itself is written last and at once, so that whoever serves the folder never sees half of it.
 */
import { mkdirSync, readdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { brotliCompressSync, constants, gzipSync } from 'node:zlib'
import { build } from 'vite'

const room = dirname(import.meta.dirname)
const target = join(room, 'dist')
const fresh = join(room, `dist-${process.pid}`)
/** Files below this size gain nothing by being compressed. */
const compressedLengthMin = 1024
/** Of a former build; pages that are open may still ask for its parts. */
const keptMs = 24 * 3600 * 1000

try {
  await build({
    root: room,
    base: '/app/',
    configFile: false,
    logLevel: 'error',
    build: {
      outDir: fresh,
      emptyOutDir: true,
      target: 'es2022',
      modulePreload: { polyfill: false },
      // Nothing inlined: the policy of the page lets no data: scripts or styles in.
      assetsInlineLimit: 0,
      chunkSizeWarningLimit: 1200,
      reportCompressedSize: false,
    },
  })
  compressAll(fresh)
  replaceTarget()
} finally {
  rmSync(fresh, { recursive: true, force: true })
}

function compressAll(folder: string): void {
  for (const path of filesOf(folder)) {
    if (!/\.(?:js|css|svg|json)$/.test(path)) continue
    const bytes = readFileSync(path)
    if (bytes.length < compressedLengthMin) continue
    writeFileSync(`${path}.gz`, gzipSync(bytes, { level: 9 }))
    writeFileSync(`${path}.br`, brotliCompressSync(bytes, { params: { [constants.BROTLI_PARAM_QUALITY]: 10 } }))
  }
}

/** Puts the new files beside the old ones, the page last, and drops old ones that nobody can be using any more. */
function replaceTarget(): void {
  const names = filesOf(fresh).map((path) => path.slice(fresh.length + 1))
  const pageLast = names.toSorted((a, b) => Number(a === 'index.html') - Number(b === 'index.html'))
  for (const name of pageLast) {
    mkdirSync(dirname(join(target, name)), { recursive: true })
    renameSync(join(fresh, name), join(target, name))
  }
  const kept = new Set(names)
  for (const path of filesOf(target)) {
    const isOld = !kept.has(path.slice(target.length + 1)) && Date.now() - statSync(path).mtimeMs > keptMs
    if (isOld && !path.endsWith('built-from')) rmSync(path)
  }
}

function filesOf(folder: string): string[] {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name))
}
