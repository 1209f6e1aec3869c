/**
 * Fuzzing of everything that reads a journal: a folder of sound segments, damaged in all the ways of a bad disk and some of a bad person
 * (bytes changed, cut, moved, repeated, files emptied or swapped), is opened, read by reference and in order. Nothing may throw, and no record
 * may come out that was not written.
 */
import fs from 'node:fs'
import os from 'node:os'
import { join } from 'node:path'
import { sampleBody, sampleMeta } from './bus-suite-samples.ts'
import type { RecordRef } from './contract.ts'
import { frameMagic } from './frame.ts'
import { openJournal } from './journal.ts'
import { openJournalReader } from './journal-reader.ts'

export interface FuzzResult {
  /** Damaged journals tried. */
  readonly rounds: number
  /** Records that were read back from them. */
  readonly records: number
}

type Random = (below: number) => number

/** Runs for about `seconds` (at least one round); the same `seed` damages the same bytes. Throws at the first fault, naming seed and round. */
export async function fuzz(seconds: number, seed: number): Promise<FuzzResult> {
  const random = randomOf(seed)
  const endMs = performance.now() + seconds * 1000
  const folder = fs.mkdtempSync(join(os.tmpdir(), 'dogwatch-fuzz-'))
  try {
    const { files, bodies, refs } = await makeJournal(folder)
    let rounds = 0
    let records = 0
    do {
      rounds += 1
      for (const name of fs.readdirSync(folder)) fs.rmSync(join(folder, name))
      for (const [name, bytes] of damage(files, random)) fs.writeFileSync(join(folder, name), bytes)
      try {
        records += await readAll(folder, bodies, refs)
      } catch (error) {
        throw new Error(`journal fuzz: seed ${seed}, round ${rounds}`, { cause: error })
      }
    } while (performance.now() < endMs)
    return { rounds, records }
  } finally {
    fs.rmSync(folder, { recursive: true, force: true })
  }
}

async function makeJournal(folder: string) {
  const journal = await openJournal({ folder, segmentLengthMax: 6000, partLength: 1000 })
  const bodies = new Map<number, Uint8Array>()
  const refs: RecordRef[] = []
  for (let n = 0; n < 25; n += 1) {
    const body =
      n % 7 === 0 ? Buffer.concat([frameMagic, sampleBody(40), frameMagic]) : sampleBody(1 + ((n * 397) % 2600), n)
    const ref = await journal.append(sampleMeta, [body])
    bodies.set(ref.sequence, body)
    refs.push(ref)
  }
  await (await journal.consumer('match')).commit(5)
  await journal.close()
  const names = fs.readdirSync(folder).filter((name) => /segment$|json$/.test(name))
  return { files: names.map((name) => [name, fs.readFileSync(join(folder, name))] as const), bodies, refs }
}

/** Reads in each way there is; returns how many records came out. */
async function readAll(folder: string, bodies: ReadonlyMap<number, Uint8Array>, refs: readonly RecordRef[]) {
  let count = 0
  const check = (sequence: number, body: Uint8Array) => {
    const written = bodies.get(sequence)
    if (written === undefined || Buffer.compare(written, body) !== 0)
      throw new Error(`record ${sequence} was never written so`)
    count += 1
  }
  const reader = openJournalReader(folder)
  try {
    for (const ref of refs) {
      const record = reader.read(ref)
      if (record !== null) check(record.sequence, record.body)
    }
    for (const ref of reader.refs(0, Number.MAX_SAFE_INTEGER)) {
      const record = reader.read(ref)
      if (record !== null) check(record.sequence, record.body)
    }
  } finally {
    reader.close()
  }
  const journal = await openJournal({ folder, segmentLengthMax: 6000, partLength: 1000, retainMs: 0 })
  try {
    for await (const batch of journal.replay(0)) {
      for (const ref of batch) {
        const record = await journal.read(ref)
        if (record !== null) check(record.sequence, record.body)
      }
    }
    const body = sampleBody(1500, 99)
    const ref = await journal.append(sampleMeta, [body])
    const record = await journal.read(ref)
    if (record === null || Buffer.compare(record.body, body) !== 0) throw new Error('a new record is not read back')
    if (ref.sequence <= Math.min(5, ...refs.map(({ sequence }) => sequence))) throw new Error('a number was used again')
    const consumer = await journal.consumer('match')
    await consumer.commit(journal.end)
  } finally {
    await journal.close()
  }
  return count
}

type Files = readonly (readonly [name: string, bytes: Buffer])[]

function damage(files: Files, random: Random): Files {
  const damaged = files.map(([name, bytes]) => [name, Buffer.from(bytes)] as [string, Buffer])
  for (let times = 1 + random(5); times > 0; times -= 1) {
    const file = damaged[random(damaged.length)]
    if (file !== undefined) file[1] = damageOne(file[1], files, random)
  }
  return damaged
}

function damageOne(bytes: Buffer, files: Files, random: Random): Buffer {
  const at = random(bytes.length + 1)
  const length = random(Math.min(400, bytes.length - at + 1))
  const other = files[random(files.length)]?.[1] ?? bytes
  const otherAt = random(other.length + 1)
  switch (random(8)) {
    case 0:
      return bytes.subarray(0, at)
    case 1:
      return Buffer.concat([bytes, Buffer.alloc(length, random(256))])
    case 2:
      return Buffer.concat([bytes.subarray(0, at), bytes.subarray(at + length)])
    case 3:
      return Buffer.concat([bytes.subarray(0, at), other.subarray(otherAt, otherAt + 400), bytes.subarray(at)])
    case 4:
      return Buffer.concat([bytes.subarray(0, at), frameMagic, bytes.subarray(at + 4)])
    case 5:
      return other
    case 6:
      bytes.fill(random(256), at, at + length)
      return bytes
    default:
      for (let n = 0; n < 1 + random(20); n += 1) {
        const where = random(bytes.length + 1)
        if (where < bytes.length) bytes[where] = random(256)
      }
      return bytes
  }
}

/** Mulberry32: small, seeded, good enough to choose damage. */
function randomOf(seed: number): Random {
  let state = seed >>> 0
  return (below) => {
    state = (state + 0x6d2b_79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return Math.floor((((mixed ^ (mixed >>> 14)) >>> 0) / 0x1_0000_0000) * below)
  }
}
