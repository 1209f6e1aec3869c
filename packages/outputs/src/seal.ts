/**
 * Putting a finished day away: `ossec-alerts-22.json` becomes `ossec-alerts-22.json.gz` with a checksum file `ossec-alerts-22.json.sum` beside.
 *
 * In: the plain file of a past day, which nobody writes any more. Out: the two files, then the plain one is removed; a process that has it open
 * reads on to its end. Killed at any point it starts over: until both are durable under their names the plain file stays. Read and written as
 * streams, 256 KiB at a time. Wrong: throws the system's error, with the plain file untouched.
 *
 * The checksum file is text, a name and a value a line:
 *
 *     dogwatch-sum 1
 *     file ossec-alerts-22.json
 *     bytes 48211
 *     md5 … / sha1 … / sha256 …       of the plain text
 *     previous 2026/Nov/ossec-alerts-21.json.sum      `-` for the first
 *     previous-sha256 …                               of that checksum file, so that the days form a chain
 */
import { createHash } from 'node:crypto'
import { createReadStream, createWriteStream, existsSync, readFileSync, renameSync, unlinkSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { Transform } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { createGzip } from 'node:zlib'
import { replaceFile, syncFolder } from './atomic-file.ts'
import { dayBefore, dayParts } from './day.ts'
import type { FileKind } from './file-kind.ts'
import { fileNames } from './file-kind.ts'

/** How many days back the chain looks for a checksum file when days without events lie between. */
const chainDaysMax = 400

/** A plain file of a past day, below `logs/<alerts or archives>`. */
export interface FinishedDay {
  readonly kind: FileKind
  /** `2026-11-22` */
  readonly day: string
  readonly path: string
}

/** What `sealDay` did. */
export interface Sealed {
  readonly path: string
  /** Bytes of the plain text, and compressed. */
  readonly bytes: number
  readonly compressedBytes: number
}

/** See the head of this file. `logsFolder` is the one that holds `alerts` and `archives`. */
export async function sealDay(logsFolder: string, { kind, day, path }: FinishedDay): Promise<Sealed> {
  const temporary = `${path}.gz.tmp`
  const hashes = { md5: createHash('md5'), sha1: createHash('sha1'), sha256: createHash('sha256') }
  let bytes = 0
  let compressedBytes = 0
  const hashing = new Transform({
    transform(chunk: Buffer, _encoding, done) {
      bytes += chunk.length
      for (const hash of Object.values(hashes)) hash.update(chunk)
      done(null, chunk)
    },
  })
  const counting = new Transform({
    transform(chunk: Buffer, _encoding, done) {
      compressedBytes += chunk.length
      done(null, chunk)
    },
  })
  const out = createWriteStream(temporary, { mode: 0o640, flush: true })
  await pipeline(
    createReadStream(path, { highWaterMark: 1 << 18 }),
    hashing,
    createGzip({ chunkSize: 1 << 18 }),
    counting,
    out,
  )
  renameSync(temporary, `${path}.gz`)
  const previous = previousSum(join(logsFolder, fileNames[kind].folder), kind, day)
  const lines = [
    'dogwatch-sum 1',
    `file ${basename(path)}`,
    `bytes ${bytes}`,
    ...Object.entries(hashes).map(([name, hash]) => `${name} ${hash.digest('hex')}`),
    `previous ${previous?.name ?? '-'}`,
    `previous-sha256 ${previous?.sha256 ?? '-'}`,
  ]
  replaceFile(`${path}.sum`, Buffer.from(`${lines.join('\n')}\n`))
  unlinkSync(path)
  syncFolder(dirname(path))
  return { path, bytes, compressedBytes }
}

/** The nearest earlier checksum file of the same kind. A clock set back can leave numbered files (`-001`); the chain goes over the plain names. */
function previousSum(
  folder: string,
  kind: FileKind,
  day: string,
): { readonly name: string; readonly sha256: string } | null {
  let earlier = day
  for (let n = 0; n < chainDaysMax; n += 1) {
    earlier = dayBefore(earlier)
    const name = `${historyName(kind, earlier)}.sum`
    const path = join(folder, name)
    if (existsSync(path)) return { name, sha256: createHash('sha256').update(readFileSync(path)).digest('hex') }
  }
  return null
}

/** `2026/Nov/ossec-alerts-22.json`, below the kind's folder; `copy` above 0 gives `ossec-alerts-22-001.json`. */
export function historyName(kind: FileKind, day: string, copy = 0): string {
  const { history, extension } = fileNames[kind]
  const { folder, dayOfMonth } = dayParts(day)
  const suffix = copy === 0 ? '' : `-${String(copy).padStart(3, '0')}`
  return `${folder}/${history}-${dayOfMonth}${suffix}.${extension}`
}
