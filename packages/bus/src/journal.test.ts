import fs from 'node:fs'
import fsp from 'node:fs/promises'
import os from 'node:os'
import { join } from 'node:path'
import { Worker } from 'node:worker_threads'
import fc from 'fast-check'
import { afterEach, describe, expect, test } from 'vitest'
import { allRefs, busSuite, takeRecords } from './bus-suite.ts'
import { sampleBody, sampleMeta } from './bus-suite-samples.ts'
import type { RecordRef } from './contract.ts'
import { type JournalFileSystem, nodeFileSystem } from './file-system.ts'
import { encodeSegmentHeader, firstFrameOffset, frameMagic, segmentFileName, writeFrameHead } from './frame.ts'
import { type Journal, type JournalOptions, openJournal } from './journal.ts'
import { openJournalReader } from './journal-reader.ts'
import { scanWindowLength } from './segment-scan.ts'

const folders: string[] = []

function newFolder(): string {
  const folder = fs.mkdtempSync(join(os.tmpdir(), 'dogwatch-journal-'))
  folders.push(folder)
  return folder
}

afterEach(() => {
  for (const folder of folders.splice(0)) fs.rmSync(folder, { recursive: true, force: true })
})

busSuite('the journal', async () => {
  const folder = newFolder()
  return {
    open: () => openJournal({ folder }),
    remove: () => fsp.rm(folder, { recursive: true, force: true }),
  }
})

busSuite('the journal in tiny segments and parts', async () => {
  const folder = newFolder()
  return {
    open: () => openJournal({ folder, segmentLengthMax: 500_000, partLength: 200_000 }),
    remove: () => fsp.rm(folder, { recursive: true, force: true }),
  }
})

const tiny = { segmentLengthMax: 4096, partLength: 1000 }

async function withJournal<Result>(
  options: JournalOptions,
  use: (journal: Journal) => Promise<Result>,
): Promise<Result> {
  const journal = await openJournal(options)
  try {
    return await use(journal)
  } finally {
    await journal.close()
  }
}

/** Number → body of everything that the journal in `folder` gives back. */
async function contents(folder: string, options: Partial<JournalOptions> = {}): Promise<Map<number, string>> {
  return withJournal({ folder, ...tiny, ...options }, async (journal) => {
    const found = new Map<number, string>()
    for (const ref of await allRefs(journal)) {
      const record = await journal.read(ref)
      if (record !== null) found.set(record.sequence, Buffer.from(record.body).toString('latin1'))
    }
    return found
  })
}

/** Appends bodies of these lengths one after the other. */
async function fill(folder: string, lengths: readonly number[], options: Partial<JournalOptions> = {}) {
  return withJournal({ folder, ...tiny, ...options }, async (journal) => {
    const written = new Map<number, string>()
    const refs: RecordRef[] = []
    for (const [n, length] of lengths.entries()) {
      const body = sampleBody(length, n)
      const ref = await journal.append(sampleMeta, [body])
      refs.push(ref)
      written.set(ref.sequence, Buffer.from(body).toString('latin1'))
    }
    return { written, refs }
  })
}

/** Where a symbolic link points; empty when it is gone. */
function readLink(path: string): string {
  try {
    return fs.readlinkSync(path)
  } catch {
    return ''
  }
}

function segments(folder: string): string[] {
  return fs
    .readdirSync(folder)
    .filter((name) => name.endsWith('.segment'))
    .sort()
}

describe('a torn tail', () => {
  const shapes: [says: string, lengths: number[]][] = [
    ['a small record', [10, 20, 30]],
    ['a record in parts', [10, 20, 1500]],
  ]
  for (const [says, lengths] of shapes) {
    test(`costs no record before it, wherever ${says} was cut`, async () => {
      const folder = newFolder()
      const wide = { segmentLengthMax: 1_000_000 }
      const { written, refs } = await fill(folder, lengths, wide)
      const path = join(folder, segmentFileName(1))
      const whole = fs.readFileSync(path)
      const kept = refs[1]
      const soundEnd = (kept?.place[1] ?? 0) + (kept?.place[2] ?? 0)
      const expected = new Map([...written].slice(0, 2))
      const step = lengths[2] === 30 ? 1 : 29
      for (let cut = soundEnd; cut < whole.length; cut += step) {
        const tails = [Buffer.alloc(0), Buffer.alloc(50), Buffer.from(frameMagic)]
        fs.writeFileSync(path, Buffer.concat([whole.subarray(0, cut), tails[cut % 3] ?? Buffer.alloc(0)]))
        for (const name of [...segments(folder).slice(1), 'consumers.json']) fs.rmSync(join(folder, name))
        const next = await withJournal({ folder, ...tiny, ...wide }, async (journal) => {
          expect((await allRefs(journal)).map(({ sequence }) => sequence)).toEqual([1, 2])
          return (await journal.append(sampleMeta, [Buffer.from('next')])).sequence
        })
        expect(next).toBe(3)
        expect(await contents(folder)).toEqual(new Map([...expected, [3, 'next']]))
      }
    })
  }

  test('is counted and cut off', async () => {
    const folder = newFolder()
    await fill(folder, [10, 20])
    const path = join(folder, segmentFileName(1))
    const { size } = fs.statSync(path)
    fs.appendFileSync(path, 'half a record')
    const notices: string[] = []
    await withJournal({ folder, report: (notice) => notices.push(notice) }, async (journal) => {
      expect(journal.counters().tornBytes).toBe(13)
    })
    expect(fs.statSync(path).size).toBe(size)
    expect(notices).toEqual(['journal segment 1: cut 13 bytes behind the last sound record'])
  })

  for (const length of [0, 1, 63, 64, 100, 127]) {
    test(`may be a segment of only ${length} bytes`, async () => {
      const folder = newFolder()
      const { written } = await fill(folder, [10, 20])
      const salt = Buffer.alloc(8, 1)
      const header = encodeSegmentHeader({ segment: 2, firstSequence: 3, salt, createdMs: 1, partsFrom: 2 })
      fs.writeFileSync(join(folder, segmentFileName(2)), header.subarray(0, length))
      fs.rmSync(join(folder, 'consumers.json'))
      expect(await contents(folder)).toEqual(written)
      fs.rmSync(join(folder, 'consumers.json'))
      const { refs } = await fill(folder, [5])
      expect(refs[0]?.sequence).toBe(3)
    })
  }
})

describe('damage', () => {
  test('of one byte anywhere costs at most the record it hit, and never yields another', async () => {
    const folder = newFolder()
    const lengths = [1, 10, 700, 3000, 50, 2500, 900, 1, 300, 1200, 40]
    const { written } = await fill(folder, lengths)
    const files = segments(folder).map((name) => ({ name, bytes: fs.readFileSync(join(folder, name)) }))
    const total = files.reduce((sum, { bytes }) => sum + bytes.length, 0)
    await fc.assert(
      fc.asyncProperty(fc.nat(total - 1), fc.integer({ min: 1, max: 255 }), async (at, flip) => {
        for (const name of segments(folder)) fs.rmSync(join(folder, name))
        let start = 0
        for (const { name, bytes } of files) {
          const copy = Buffer.from(bytes)
          if (at >= start && at < start + bytes.length) copy[at - start] = (copy[at - start] ?? 0) ^ flip
          fs.writeFileSync(join(folder, name), copy)
          start += bytes.length
        }
        const found = await contents(folder)
        for (const [sequence, body] of found) expect(body).toBe(written.get(sequence))
        expect(found.size).toBeGreaterThanOrEqual(written.size - 1)
      }),
      { numRuns: 150 },
    )
  })

  test('of many bytes yields only what was written', async () => {
    const folder = newFolder()
    const { written } = await fill(
      folder,
      Array.from({ length: 30 }, (_, n) => 1 + n * 40),
    )
    const files = segments(folder).map((name) => ({ name, bytes: fs.readFileSync(join(folder, name)) }))
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.tuple(fc.nat(), fc.nat(), fc.uint8Array({ maxLength: 300 })), { maxLength: 6 }),
        async (hits) => {
          for (const name of segments(folder)) fs.rmSync(join(folder, name))
          const copies = files.map(({ name, bytes }) => ({ name, bytes: Buffer.from(bytes) }))
          for (const [which, at, junk] of hits) {
            const { bytes } = copies[which % copies.length] ?? { bytes: Buffer.alloc(1) }
            Buffer.from(junk).copy(bytes, at % bytes.length)
          }
          for (const { name, bytes } of copies) fs.writeFileSync(join(folder, name), bytes)
          for (const [sequence, body] of await contents(folder)) expect(body).toBe(written.get(sequence))
        },
      ),
      { numRuns: 60 },
    )
  })

  test('in the middle is counted once, with what was lost in it', async () => {
    const folder = newFolder()
    const { refs } = await fill(folder, [100, 100, 100, 100], { segmentLengthMax: 1_000_000 })
    const path = join(folder, segmentFileName(1))
    const bytes = fs.readFileSync(path)
    const offset = refs[1]?.place[1] ?? 0
    bytes.fill(0xff, offset, offset + 10)
    fs.writeFileSync(path, bytes)
    await fill(folder, [1])
    await withJournal({ folder, ...tiny }, async (journal) => {
      expect((await allRefs(journal)).map(({ sequence }) => sequence)).toEqual([1, 3, 4, 5])
      await allRefs(journal)
      expect(journal.counters()).toMatchObject({ damagedPlaces: 1, lostRecords: 1, damagedBytes: refs[1]?.place[2] })
      const gone = refs[1]
      expect(gone && (await journal.read(gone))).toBeNull()
    })
  })

  test('lets no sender plant a record inside the body of another', async () => {
    const folder = newFolder()
    // All that a sender can know or guess: format, segment, numbers. Not the salt.
    const forged = Buffer.alloc(200)
    const planted = { kind: 'record', meta: sampleMeta, bodyLength: 0, bodyCrc: 0 } as const
    writeFrameHead(forged, 0, planted, 1, { segment: 1, salt: Buffer.alloc(8) })
    await withJournal({ folder, segmentLengthMax: 1_000_000 }, async (journal) => {
      await journal.append(sampleMeta, [forged])
      await journal.append(sampleMeta, [Buffer.from('good')])
    })
    const path = join(folder, segmentFileName(1))
    const bytes = fs.readFileSync(path)
    bytes[firstFrameOffset] = 0
    fs.writeFileSync(path, bytes)
    expect([...(await contents(folder)).values()]).toEqual(['good'])
  })

  for (const before of [0, 1, 2, 3, 4, 5]) {
    test(`is left again at a record that begins ${before} bytes before a reader's window ends`, async () => {
      const folder = newFolder()
      const wide = { segmentLengthMax: 1_000_000, partLength: 1_000_000 }
      const headLength = 68
      const { written } = await fill(folder, [scanWindowLength - headLength - before, 30, 40], wide)
      const path = join(folder, segmentFileName(1))
      const bytes = fs.readFileSync(path)
      expect(bytes.indexOf(frameMagic, firstFrameOffset + 1)).toBe(firstFrameOffset + scanWindowLength - before)
      bytes[firstFrameOffset + 8] = 0xff
      fs.writeFileSync(path, bytes)
      expect(await contents(folder, wide)).toEqual(new Map([...written].slice(1)))
    })
  }

  test('of both copies of a segment header costs nothing', async () => {
    const folder = newFolder()
    const { written } = await fill(folder, [10, 3000, 20, 3000, 30])
    const path = join(folder, segmentFileName(2))
    const bytes = fs.readFileSync(path)
    bytes.fill(0, 0, firstFrameOffset)
    fs.writeFileSync(path, bytes)
    expect(await contents(folder)).toEqual(written)
  })

  for (const [says, text] of [
    ['is no JSON', '{"version":1,'],
    ['has other digits', '{"version":1,"crc":1,"state":"{}"}'],
    ['is empty', ''],
    ['is null', 'null'],
  ]) {
    test(`of the positions is survived when the file ${says}: consumers begin again`, async () => {
      const folder = newFolder()
      await fill(folder, [10, 20])
      await withJournal({ folder }, async (journal) => (await journal.consumer('match')).commit(journal.end))
      fs.writeFileSync(join(folder, 'consumers.json'), text ?? '')
      const notices: string[] = []
      await withJournal({ folder, report: (notice) => notices.push(notice) }, async (journal) => {
        expect(await takeRecords(journal, await journal.consumer('match'), 2)).toHaveLength(2)
      })
      expect(notices.join()).toMatch(/consumers\.json is damaged/)
    })
  }
})

describe('opening', () => {
  test('refuses a newer format, and says which file', async () => {
    const folder = newFolder()
    await fill(folder, [10])
    const path = join(folder, segmentFileName(1))
    const bytes = fs.readFileSync(path)
    const header = bytes.subarray(0, 64)
    header.writeUInt32LE(2, 8)
    const { crc32 } = await import('node:zlib')
    header.writeUInt32LE(crc32(header.subarray(0, 60)), 60)
    header.copy(bytes, 64)
    fs.writeFileSync(path, bytes)
    await expect(openJournal({ folder })).rejects.toMatchObject({ code: 'BUS_FORMAT_NEWER' })
    await expect(openJournal({ folder })).rejects.toThrow(/segment 1: written by a newer version/)
    const reader = openJournalReader(folder)
    expect(() => [...reader.refs(1, 2)]).toThrow(/newer version/)
    reader.close()
  })

  test('refuses a second owner, and says who has it', async () => {
    const folder = newFolder()
    await withJournal({ folder }, async (journal) => {
      await expect(openJournal({ folder })).rejects.toMatchObject({ code: 'BUS_LOCKED' })
      await expect(openJournal({ folder })).rejects.toThrow(new RegExp(`process ${process.pid}`))
      await journal.append(sampleMeta, [Buffer.from('still mine')])
    })
    await withJournal({ folder }, async (journal) => expect(journal.end).toBe(2))
  })

  test('keeps others out of its files', async () => {
    const folder = join(newFolder(), 'queue')
    await fill(folder, [10])
    expect(fs.statSync(folder).mode & 0o777).toBe(0o700)
    expect(fs.statSync(join(folder, segmentFileName(1))).mode & 0o777).toBe(0o600)
  })
})

describe('room on disk', () => {
  const small = { ...tiny, retainMs: 0, bytesMax: 20_000 }

  test('is bounded: a full journal refuses, keeps what it has, and takes again when it is read', async () => {
    const folder = newFolder()
    await withJournal({ folder, ...small }, async (journal) => {
      const consumer = await journal.consumer('match')
      let taken = 0
      const full = async () => {
        for (; taken < 100; taken += 1) await journal.append(sampleMeta, [sampleBody(900, taken)])
      }
      await expect(full()).rejects.toMatchObject({ code: 'BUS_FULL', name: 'JournalFullError' })
      expect(taken).toBeGreaterThan(15)
      expect(journal.counters().diskBytes).toBeLessThanOrEqual(20_000)
      expect(journal.counters().refusedFull).toBe(1)
      expect(await takeRecords(journal, consumer, taken)).toHaveLength(taken)
      await consumer.commit(journal.end)
      await journal.append(sampleMeta, [sampleBody(900)])
      expect(segments(folder).length).toBeLessThanOrEqual(2)
    })
  })

  test('is not taken by a large record that finds none', async () => {
    const folder = newFolder()
    await withJournal({ folder, ...small }, async (journal) => {
      await expect(journal.append(sampleMeta, [sampleBody(30_000)])).rejects.toMatchObject({ code: 'BUS_FULL' })
      const writer = journal.begin(sampleMeta)
      await expect(writer.part(sampleBody(30_000))).rejects.toMatchObject({ code: 'BUS_FULL' })
      await expect(writer.part(sampleBody(1))).rejects.toMatchObject({ code: 'BUS_FULL' })
      await expect(writer.commit()).rejects.toMatchObject({ code: 'BUS_FULL' })
      expect(await allRefs(journal)).toEqual([])
    })
  })

  test('comes back only when every consumer has passed, and not before the time to retain', async () => {
    const folder = newFolder()
    let nowMs = Date.now()
    await withJournal({ folder, ...tiny, retainMs: 60_000, nowMs: () => nowMs }, async (journal) => {
      const [match, store] = [await journal.consumer('match'), await journal.consumer('store')]
      for (let n = 0; n < 20; n += 1) await journal.append(sampleMeta, [sampleBody(900)])
      const before = segments(folder).length
      await match.commit(journal.end)
      nowMs += 61_000
      await journal.collect()
      expect(segments(folder)).toHaveLength(before)
      await store.commit(8)
      await journal.collect()
      expect(segments(folder).length).toBeLessThan(before)
      store.seek(8)
      expect((await takeRecords(journal, store, 13))[0]?.sequence).toBe(8)
      nowMs -= 30_000
      const middle = segments(folder).length
      await store.commit(journal.end)
      await journal.collect()
      expect(segments(folder)).toHaveLength(middle)
      nowMs += 60_000
      await journal.collect()
      expect(segments(folder)).toEqual([])
      expect((await journal.append(sampleMeta, [Buffer.from('next')])).sequence).toBe(21)
    })
    const { refs } = await fill(folder, [1])
    expect(refs[0]?.sequence).toBe(22)
  })

  test('is given back whole without the numbers beginning again', async () => {
    const folder = newFolder()
    await withJournal({ folder, ...tiny, retainMs: 0 }, async (journal) => {
      const consumer = await journal.consumer('match')
      for (let n = 0; n < 5; n += 1) await journal.append(sampleMeta, [sampleBody(900)])
      await consumer.commit(journal.end)
      await journal.collect()
      expect(segments(folder)).toEqual([])
    })
    const { refs } = await fill(folder, [10])
    expect(refs[0]?.sequence).toBe(6)
    expect(segments(folder)[0]).not.toBe(segmentFileName(1))
  })

  test('is kept for the parts of a record that is not yet done, or only now done', async () => {
    const folder = newFolder()
    await withJournal({ folder, ...tiny, retainMs: 0 }, async (journal) => {
      const consumer = await journal.consumer('match')
      const body = sampleBody(1800)
      const writer = journal.begin(sampleMeta)
      await writer.part(body.subarray(0, 1000))
      for (let n = 0; n < 20; n += 1) await journal.append(sampleMeta, [sampleBody(900)])
      await consumer.commit(journal.end)
      await journal.collect()
      expect(segments(folder)[0]).toBe(segmentFileName(1))
      await writer.part(body.subarray(1000))
      const ref = await writer.commit()
      await journal.collect()
      expect(Buffer.compare((await journal.read(ref))?.body ?? Buffer.alloc(0), body)).toBe(0)
      await consumer.commit(journal.end)
      await journal.collect()
      expect(segments(folder)).toEqual([])
    })
  })
})

/** A file system with faults, in place of the real one: each write first asks `fault` what to do. */
function faultyFiles(
  fault: (call: 'create' | 'write' | 'sync' | 'truncate', bytes: number) => number,
): JournalFileSystem {
  return {
    ...nodeFileSystem,
    create: async (path) => {
      fault('create', 0)
      return nodeFileSystem.create(path)
    },
    write: async (file, buffers, position) => {
      const all = Buffer.concat(buffers)
      return nodeFileSystem.write(file, [all.subarray(0, fault('write', all.length))], position)
    },
    sync: async (file) => {
      fault('sync', 0)
      return nodeFileSystem.sync(file)
    },
    truncate: async (file, length) => {
      fault('truncate', 0)
      return nodeFileSystem.truncate(file, length)
    },
  }
}

function systemError(code: string): never {
  throw Object.assign(new Error(`${code}: injected`), { code })
}

describe('a disk with faults (injected file system)', () => {
  test('that takes its time: nothing is acknowledged or shown before the sync has come back', async () => {
    const folder = newFolder()
    const held: (() => void)[] = []
    let isHolding = false
    const files: JournalFileSystem = {
      ...nodeFileSystem,
      sync: async (file) => {
        if (isHolding) await new Promise<void>((resolve) => held.push(resolve))
        return nodeFileSystem.sync(file)
      },
    }
    await withJournal({ folder, files }, async (journal) => {
      await journal.append(sampleMeta, [Buffer.from('first')])
      isHolding = true
      let acknowledged = 0
      const appending = [1, 2, 3].map(async (n) => {
        await journal.append(sampleMeta, [sampleBody(n)])
        acknowledged += 1
      })
      while (held.length === 0) await new Promise((resolve) => setTimeout(resolve, 1))
      const path = join(folder, segmentFileName(1))
      expect(fs.statSync(path).size).toBeGreaterThan(journal.counters().diskBytes)
      expect(acknowledged).toBe(0)
      expect(await allRefs(journal)).toHaveLength(1)
      isHolding = false
      for (const release of held) release()
      await Promise.all(appending)
      expect(await allRefs(journal)).toHaveLength(4)
    })
  })

  test('that writes short loses nothing', async () => {
    const folder = newFolder()
    const files = faultyFiles((_, bytes) => Math.max(1, Math.floor(bytes / 3)))
    const { written } = await fill(folder, [1, 10, 700, 5000, 3], { files })
    expect(await contents(folder)).toEqual(written)
  })

  const faults: [says: string, call: 'create' | 'write' | 'sync', error: string, code: string][] = [
    ['is full when a segment begins', 'create', 'ENOSPC', 'BUS_FULL'],
    ['is full when a record is written', 'write', 'ENOSPC', 'BUS_FULL'],
    ['is over quota', 'write', 'EDQUOT', 'BUS_FULL'],
    ['fails to write', 'write', 'EIO', 'BUS_WRITE_FAILED'],
    ['fails to sync', 'sync', 'EIO', 'BUS_WRITE_FAILED'],
  ]
  for (const [says, call, error, code] of faults) {
    for (const canTruncate of [true, false]) {
      test(`that ${says}${canTruncate ? '' : ' and to cut'}: appends are refused, and go on when it does`, async () => {
        const folder = newFolder()
        let isBroken = false
        const files = faultyFiles((asked, bytes) => {
          if (isBroken && asked === call) return systemError(error)
          if (isBroken && asked === 'truncate' && !canTruncate) return systemError('EIO')
          return bytes
        })
        await withJournal({ folder, ...tiny, files }, async (journal) => {
          const consumer = await journal.consumer('match')
          await journal.append(sampleMeta, [Buffer.alloc(3500, 'a')])
          isBroken = true
          const refusals = await Promise.allSettled([
            journal.append(sampleMeta, [Buffer.alloc(900, 'b')]),
            journal.append(sampleMeta, [Buffer.alloc(900, 'c')]),
            journal.append(sampleMeta, [Buffer.alloc(3000, 'd')]),
          ])
          for (const refusal of refusals) expect(refusal).toMatchObject({ status: 'rejected', reason: { code } })
          isBroken = false
          const ref = await journal.append(sampleMeta, [Buffer.from('after')])
          const bodies = (await takeRecords(journal, consumer, 2)).map(({ body }) => Buffer.from(body).toString())
          expect(bodies).toEqual(['a'.repeat(3500), 'after'])
          expect(journal.counters().failedWrites).toBeGreaterThan(0)
          expect(journal.end).toBe(ref.sequence + 1)
        })
        const after = [...(await contents(folder)).values()]
        expect(after[0]).toBe('a'.repeat(3500))
        expect(after.at(-1)).toBe('after')
      })
    }
  }

  test('that fails to sync: what was refused is cut off and does not turn up later', async () => {
    const folder = newFolder()
    let isBroken = false
    const files = faultyFiles((call, bytes) => (isBroken && call === 'sync' ? systemError('EIO') : bytes))
    await withJournal({ folder, files }, async (journal) => {
      await journal.append(sampleMeta, [Buffer.from('before')])
      isBroken = true
      await expect(journal.append(sampleMeta, [Buffer.from('refused')])).rejects.toThrow(/injected/)
      isBroken = false
      await journal.append(sampleMeta, [Buffer.from('after')])
    })
    expect([...(await contents(folder)).values()]).toEqual(['before', 'after'])
  })

  test('loses of a record in parts either all or nothing', async () => {
    const folder = newFolder()
    let writes = 0
    const files = faultyFiles((call, bytes) =>
      call === 'write' && (writes += 1) % 11 === 0 ? systemError('EIO') : bytes,
    )
    const kept = new Map<number, string>()
    await withJournal({ folder, ...tiny, files }, async (journal) => {
      for (let n = 0; n < 30; n += 1) {
        const body = sampleBody(2500, n)
        const ref = await journal.append(sampleMeta, [body]).catch(() => null)
        if (ref !== null) kept.set(ref.sequence, Buffer.from(body).toString('latin1'))
      }
    })
    expect(kept.size).toBeGreaterThan(0)
    const found = await contents(folder)
    for (const [sequence, body] of kept) expect(found.get(sequence)).toBe(body)
    for (const body of found.values()) expect(body).toHaveLength(2500)
  })
})

describe('a consumer that is behind', () => {
  test('gets everything in order from many segments while more is written', async () => {
    const folder = newFolder()
    await fill(
      folder,
      Array.from({ length: 200 }, (_, n) => 1 + ((n * 37) % 1500)),
    )
    await withJournal({ folder, ...tiny }, async (journal) => {
      const consumer = await journal.consumer('match')
      const adding = Promise.all(Array.from({ length: 200 }, (_, n) => journal.append(sampleMeta, [sampleBody(50, n)])))
      const sequences: number[] = []
      while (sequences.length < 400) sequences.push(...(await consumer.next(7)).map(({ sequence }) => sequence))
      await adding
      expect(sequences).toEqual(Array.from({ length: 400 }, (_, n) => n + 1))
    })
  })

  test('gets everything when it sleeps for longer than memory reaches back', async () => {
    const folder = newFolder()
    await withJournal({ folder }, async (journal) => {
      const consumer = await journal.consumer('match')
      const body = [Buffer.from('x')]
      await journal.append(sampleMeta, body)
      expect(await consumer.next(10)).toHaveLength(1)
      for (let round = 0; round < 7; round += 1) {
        await Promise.all(Array.from({ length: 6000 }, () => journal.append(sampleMeta, body)))
      }
      let next = 2
      while (next <= 42_001) {
        for (const { sequence } of await consumer.next(1000)) {
          expect(sequence).toBe(next)
          next += 1
        }
      }
    })
  })
})

test('large records do not hold up a small one: it goes with the next group', async () => {
  const folder = newFolder()
  await withJournal({ folder }, async (journal) => {
    const mebi = 1024 * 1024
    const large = [1, 2, 3, 4].map(() => journal.append(sampleMeta, [Buffer.alloc(10 * mebi)]))
    while (journal.counters().groups < 3) await new Promise((resolve) => setImmediate(resolve))
    await journal.append(sampleMeta, [Buffer.from('small')])
    expect(journal.counters().diskBytes).toBeLessThan(20 * mebi)
    await Promise.all(large)
  })
})

describe('a reader in a worker thread', () => {
  test('does not keep the room of deleted segments', async () => {
    const folder = newFolder()
    const { refs } = await fill(folder, [3000, 900, 3000, 900])
    const reader = openJournalReader(folder)
    const [first, last] = [refs[1], refs[3]]
    expect(first && reader.read(first)).not.toBeNull()
    fs.rmSync(join(folder, segmentFileName(first?.place[0] ?? 0)))
    expect(last && reader.read(last)).not.toBeNull()
    const open = fs.readdirSync('/proc/self/fd').map((file) => readLink(`/proc/self/fd/${file}`))
    expect(open.filter((target) => target.startsWith(folder))).toEqual([
      join(folder, segmentFileName(last?.place[0] ?? 0)),
    ])
    reader.close()
  })

  test('reads by reference and in order while the journal is written', async () => {
    const folder = newFolder()
    await withJournal({ folder, segmentLengthMax: 3_000_000 }, async (journal) => {
      const worker = new Worker(new URL('./journal-reader.worker.ts', import.meta.url), { workerData: { folder } })
      try {
        const refs: RecordRef[] = []
        let answered = 0
        let wrong = 0
        const done = new Promise<void>((resolve, reject) => {
          worker.on('error', reject)
          worker.on('message', ({ sequence, sum }: { sequence: number; sum: number }) => {
            if (sums.get(sequence) !== sum) wrong += 1
            if ((answered += 1) === 301) resolve()
          })
        })
        const sums = new Map<number, number>()
        const { crc32 } = await import('node:zlib')
        const add = async (body: Uint8Array) => {
          const ref = await journal.append(sampleMeta, [body])
          sums.set(ref.sequence, crc32(body))
          refs.push(ref)
          worker.postMessage(ref)
        }
        for (let n = 0; n < 100; n += 1) {
          await Promise.all([add(sampleBody(1 + n * 10, n)), add(sampleBody(40_000 + n, n)), add(sampleBody(1 + n, n))])
        }
        await add(sampleBody(5_000_000))
        await done
        expect(wrong).toBe(0)
      } finally {
        await worker.terminate()
      }
      const reader = openJournalReader(folder)
      expect([...reader.refs(100, 200)].map(({ sequence }) => sequence)).toEqual(
        Array.from({ length: 100 }, (_, n) => n + 100),
      )
      const into = Buffer.alloc(6_000_000)
      for (const ref of reader.refs(1, journal.end)) expect(reader.read(ref, into)?.body.length).toBe(ref.length)
      expect(reader.lost).toEqual({ damaged: 0, gone: 0 })
      expect(reader.read({ sequence: 1, length: 5, place: [77, 128, 100] })).toBeNull()
      expect(reader.read({ sequence: 1, length: 5, place: [1, 129, 100] })).toBeNull()
      expect(reader.lost).toEqual({ damaged: 1, gone: 1 })
      reader.close()
    })
  })
})
