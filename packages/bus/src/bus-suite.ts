/** The Bus contract as tests; each implementation runs them on itself. */
import type { RecordMeta } from '@dogwatch/schema'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { sampleBody, sampleMeta } from './bus-suite-samples.ts'
import { type Bus, type BusRecord, type Consumer, positionAfter, type RecordRef } from './contract.ts'

/** Somewhere for one bus, empty at first; what was opened there before is found again. */
export interface BusPlace {
  open(): Promise<Bus>
  remove(): Promise<void>
}

const mebi = 1024 * 1024

/** The next `count` records of a consumer. */
export async function takeRecords(bus: Bus, consumer: Consumer, count: number): Promise<BusRecord[]> {
  const records: BusRecord[] = []
  while (records.length < count) {
    for (const ref of await consumer.next(count - records.length)) {
      const record = await bus.read(ref)
      if (record !== null) records.push(record)
    }
  }
  return records
}

/** Everything from the oldest record on. */
export async function allRefs(bus: Bus): Promise<RecordRef[]> {
  const refs: RecordRef[] = []
  for await (const batch of bus.replay(0)) refs.push(...batch)
  return refs
}

function text(record: BusRecord | null | undefined): string | undefined {
  return record === null || record === undefined ? undefined : Buffer.from(record.body).toString()
}

function append(bus: Bus, body: string): Promise<RecordRef> {
  return bus.append(sampleMeta, [Buffer.from(body)])
}

export function busSuite(name: string, makePlace: () => Promise<BusPlace>): void {
  describe(`${name} keeps the bus contract`, () => {
    let place: BusPlace
    let bus: Bus
    beforeEach(async () => {
      place = await makePlace()
      bus = await place.open()
    })
    afterEach(async () => {
      await bus.close()
      await place.remove()
    })
    const reopen = async () => {
      await bus.close()
      bus = await place.open()
    }

    const metas: [says: string, meta: RecordMeta][] = [
      ['an ordinary description', sampleMeta],
      ['no peer and no source', { ...sampleMeta, source: '', peer: '' }],
      ['the longest source and peer', { ...sampleMeta, source: 'é'.repeat(127), peer: 'p'.repeat(255) }],
      ['another input, at the epoch', { ...sampleMeta, input: 'internal', arrivalUs: 0 }],
    ]
    for (const [says, meta] of metas) {
      test(`gives back ${says}`, async () => {
        const ref = await bus.append(meta, [Buffer.from('body')])
        expect((await bus.read(ref))?.meta).toEqual(meta)
        await reopen()
        expect((await bus.read(ref))?.meta).toEqual(meta)
      })
    }

    for (const length of [1, 2, 4096, 4097, 600_000, mebi - 1, mebi, mebi + 1, 3 * mebi + 5]) {
      test(`gives back a body of ${length} bytes, in one chunk or several`, async () => {
        const body = sampleBody(length)
        const cut = Math.floor(length / 3)
        const whole = await bus.append(sampleMeta, [body])
        const pieces = await bus.append(sampleMeta, [body.subarray(0, cut), new Uint8Array(0), body.subarray(cut)])
        for (const ref of [whole, pieces]) {
          expect(ref.length).toBe(length)
          expect(Buffer.compare((await bus.read(ref))?.body ?? new Uint8Array(0), body)).toBe(0)
        }
      })
    }

    const refused: [says: string, meta: RecordMeta, chunk: Uint8Array, times: number][] = [
      ['an empty body', sampleMeta, new Uint8Array(0), 1],
      ['a body over 64 MiB', sampleMeta, new Uint8Array(mebi), 65],
      ['a source over 255 bytes of UTF-8', { ...sampleMeta, source: 'é'.repeat(128) }, new Uint8Array(1), 1],
      ['a peer over 255 bytes', { ...sampleMeta, peer: 'p'.repeat(256) }, new Uint8Array(1), 1],
      ['a time that is no number', { ...sampleMeta, arrivalUs: Number.NaN }, new Uint8Array(1), 1],
      ['a time before the epoch', { ...sampleMeta, arrivalUs: -1 }, new Uint8Array(1), 1],
    ]
    for (const [says, meta, chunk, times] of refused) {
      test(`refuses ${says}, and goes on`, async () => {
        const chunks = Array.from({ length: times }, () => chunk)
        await expect(bus.append(meta, chunks)).rejects.toMatchObject({ code: 'BUS_RECORD_INVALID' })
        expect(text(await bus.read(await append(bus, 'next')))).toBe('next')
      })
    }

    test('numbers records from 1 and hands them to a consumer in that order', async () => {
      const consumer = await bus.consumer('match')
      const refs = await Promise.all(Array.from({ length: 500 }, (_, n) => append(bus, `record ${n}`)))
      expect(refs[0]?.sequence).toBe(1)
      const records = await takeRecords(bus, consumer, 500)
      const sequences = records.map(({ sequence }) => sequence)
      expect(sequences).toEqual([...sequences].sort((a, b) => a - b))
      const bySequence = new Map(records.map((record) => [record.sequence, text(record)]))
      for (const [n, { sequence }] of refs.entries()) expect(bySequence.get(sequence)).toBe(`record ${n}`)
    })

    test('hands out no more than was asked for', async () => {
      const consumer = await bus.consumer('match')
      for (let n = 0; n < 5; n += 1) await append(bus, `${n}`)
      expect(await consumer.next(2)).toHaveLength(2)
      expect(await consumer.next(2)).toHaveLength(2)
      expect(await consumer.next(2)).toHaveLength(1)
    })

    test('lets a consumer wait for a record', async () => {
      const consumer = await bus.consumer('match')
      const waiting = consumer.next(10)
      await append(bus, 'late')
      expect(await waiting).toHaveLength(1)
    })

    test('wakes a waiting consumer when its signal aborts, with nothing', async () => {
      const consumer = await bus.consumer('match')
      const stop = new AbortController()
      const waiting = consumer.next(10, stop.signal)
      stop.abort()
      expect(await waiting).toEqual([])
      expect(await consumer.next(10, stop.signal)).toEqual([])
    })

    test('wakes a waiting consumer when the bus closes, with nothing', async () => {
      const consumer = await bus.consumer('match')
      const waiting = consumer.next(10)
      await bus.close()
      expect(await waiting).toEqual([])
      expect(await consumer.next(10)).toEqual([])
    })

    test('goes on from the committed position after a restart', async () => {
      const consumer = await bus.consumer('match')
      for (let n = 0; n < 6; n += 1) await append(bus, `${n}`)
      const refs = await consumer.next(4)
      const third = refs[2]
      expect(third).toBeDefined()
      if (third !== undefined) await consumer.commit(positionAfter(third))
      await reopen()
      const again = await bus.consumer('match')
      expect((await takeRecords(bus, again, 3)).map(text)).toEqual(['3', '4', '5'])
    })

    test('ignores a commit that goes back, and one beyond the end', async () => {
      const consumer = await bus.consumer('match')
      for (let n = 0; n < 3; n += 1) await append(bus, `${n}`)
      await consumer.commit(bus.end + 100)
      expect(consumer.position).toBe(bus.end)
      await consumer.commit(1)
      expect(consumer.position).toBe(bus.end)
      await append(bus, 'next')
      consumer.seek(consumer.position)
      expect((await takeRecords(bus, consumer, 1)).map(text)).toEqual(['next'])
    })

    test('keeps the positions of consumers apart', async () => {
      const match = await bus.consumer('match')
      const store = await bus.consumer('store')
      for (let n = 0; n < 3; n += 1) await append(bus, `${n}`)
      await match.commit(bus.end)
      expect(match.lag()).toEqual({ records: 0, bytes: 0 })
      expect(store.lag().records).toBe(3)
      expect(store.lag().bytes).toBeGreaterThan(0)
      expect([...bus.consumers().keys()].sort()).toEqual(['match', 'store'])
      expect((await takeRecords(bus, store, 3)).map(text)).toEqual(['0', '1', '2'])
    })

    test('starts a new consumer at the oldest record, or behind the newest', async () => {
      await append(bus, 'old')
      const newest = await bus.consumer('newest', 'newest')
      const oldest = await bus.consumer('oldest', 'oldest')
      await append(bus, 'new')
      expect((await takeRecords(bus, newest, 1)).map(text)).toEqual(['new'])
      expect((await takeRecords(bus, oldest, 2)).map(text)).toEqual(['old', 'new'])
    })

    test('has one owner for a consumer', async () => {
      const consumer = await bus.consumer('match')
      await expect(bus.consumer('match')).rejects.toMatchObject({ code: 'BUS_CONSUMER_TAKEN' })
      consumer.close()
      await expect(bus.consumer('match')).resolves.toBeDefined()
    })

    for (const bad of ['', 'Match', '../up', 'a'.repeat(65), 'a b', '__proto__']) {
      test(`refuses ${JSON.stringify(bad.slice(0, 20))} as the name of a consumer`, async () => {
        await expect(bus.consumer(bad)).rejects.toMatchObject({ code: 'BUS_CONSUMER_NAME' })
      })
    }

    test('forgets a consumer', async () => {
      await append(bus, 'old')
      await (await bus.consumer('gone')).commit(bus.end)
      await bus.forget('gone')
      await bus.forget('never there')
      await reopen()
      expect(bus.consumers().size).toBe(0)
    })

    test('replays a stretch without touching any consumer, and seeks', async () => {
      const consumer = await bus.consumer('match')
      const refs: RecordRef[] = []
      for (let n = 0; n < 10; n += 1) refs.push(await append(bus, `${n}`))
      await consumer.commit(bus.end)
      const replayed: number[] = []
      for await (const batch of bus.replay(refs[3]?.sequence ?? 0, refs[6]?.sequence)) {
        replayed.push(...batch.map(({ sequence }) => sequence))
      }
      expect(replayed).toEqual(refs.slice(3, 6).map(({ sequence }) => sequence))
      consumer.seek(refs[8]?.sequence ?? 0)
      expect((await takeRecords(bus, consumer, 2)).map(text)).toEqual(['8', '9'])
      expect(consumer.position).toBe(bus.end)
    })

    test('finds a position before everything that arrived since a time', async () => {
      const ref = await append(bus, 'now')
      expect(await bus.positionAtTime(Date.now() * 1000)).toBeLessThanOrEqual(ref.sequence)
      expect(await bus.positionAtTime(0)).toBe(bus.oldest)
    })

    test('shows a record that came in parts only when it is committed, whole', async () => {
      const body = sampleBody(2 * mebi + 77)
      const writer = bus.begin(sampleMeta)
      for (let at = 0; at < body.length; at += 100_000) await writer.part(body.subarray(at, at + 100_000))
      expect(writer.length).toBe(body.length)
      await append(bus, 'between')
      expect(await allRefs(bus)).toHaveLength(1)
      const ref = await writer.commit()
      expect((await allRefs(bus)).map(({ length }) => length)).toEqual([7, body.length])
      expect(Buffer.compare((await bus.read(ref))?.body ?? new Uint8Array(0), body)).toBe(0)
      await reopen()
      expect(Buffer.compare((await bus.read(ref))?.body ?? new Uint8Array(0), body)).toBe(0)
    })

    test('lets a small record overtake large ones', async () => {
      const done: string[] = []
      const body = sampleBody(10 * mebi)
      const large = [1, 2, 3, 4].map(() => bus.append(sampleMeta, [body]).then(() => done.push('large')))
      for (let turn = 0; turn < 3; turn += 1) await new Promise((resolve) => setImmediate(resolve))
      const small = append(bus, 'small').then(() => done.push('small'))
      await Promise.all([...large, small])
      expect(done[0]).toBe('small')
    })

    test('keeps records apart whose parts arrive in turns', async () => {
      const bodies = [0, 1, 2, 3].map((n) => sampleBody(mebi + mebi / 2 + n, n))
      const writers = bodies.map((_, n) => bus.begin({ ...sampleMeta, source: `cluster-${n}` }))
      for (let at = 0; at < 2 * mebi; at += 65_536) {
        await Promise.all(
          writers.map((writer, n) => writer.part(bodies[n]?.subarray(at, at + 65_536) ?? new Uint8Array(0))),
        )
      }
      const refs = await Promise.all(writers.map((writer) => writer.commit()))
      for (const [n, ref] of refs.entries()) {
        const record = await bus.read(ref)
        expect(record?.meta.source).toBe(`cluster-${n}`)
        expect(Buffer.compare(record?.body ?? new Uint8Array(0), bodies[n] ?? new Uint8Array(0))).toBe(0)
      }
    })

    test('never shows a record that was given up', async () => {
      const small = bus.begin(sampleMeta)
      await small.part(Buffer.from('small'))
      const large = bus.begin(sampleMeta)
      await large.part(sampleBody(2 * mebi))
      small.abort()
      large.abort()
      large.abort()
      await expect(large.part(Buffer.from('more'))).rejects.toMatchObject({ code: 'BUS_WRITER_DONE' })
      await expect(small.commit()).rejects.toMatchObject({ code: 'BUS_WRITER_DONE' })
      await append(bus, 'after')
      expect(await allRefs(bus)).toHaveLength(1)
      await reopen()
      expect(await allRefs(bus)).toHaveLength(1)
    })

    test('takes chunks of single bytes', async () => {
      const body = sampleBody(5000)
      const writer = bus.begin(sampleMeta)
      for (const byte of body) await writer.part(Uint8Array.of(byte))
      const ref = await writer.commit()
      expect(Buffer.compare((await bus.read(ref))?.body ?? new Uint8Array(0), body)).toBe(0)
    })

    test('refuses a record that grows over 64 MiB, and an empty one', async () => {
      const writer = bus.begin(sampleMeta)
      const chunk = new Uint8Array(8 * mebi)
      for (let n = 0; n < 8; n += 1) await writer.part(chunk)
      await expect(writer.part(Uint8Array.of(1))).rejects.toMatchObject({ code: 'BUS_RECORD_INVALID' })
      await expect(writer.commit()).rejects.toMatchObject({ code: 'BUS_RECORD_INVALID' })
      await expect(bus.begin(sampleMeta).commit()).rejects.toMatchObject({ code: 'BUS_RECORD_INVALID' })
      expect(await allRefs(bus)).toEqual([])
    })

    test('finishes what is pending when it closes, and refuses what comes after', async () => {
      const pending = [append(bus, 'small'), bus.append(sampleMeta, [sampleBody(3 * mebi)])]
      const open = bus.begin(sampleMeta)
      await open.part(Buffer.from('never committed'))
      await bus.close()
      const refs = await Promise.all(pending)
      await expect(append(bus, 'late')).rejects.toMatchObject({ code: 'BUS_CLOSED' })
      await expect(bus.consumer('late')).rejects.toMatchObject({ code: 'BUS_CLOSED' })
      expect(() => bus.begin(sampleMeta)).toThrow(/closed/)
      bus = await place.open()
      const found = (await allRefs(bus)).map(({ sequence }) => sequence)
      expect(found).toEqual(refs.map(({ sequence }) => sequence).sort((a, b) => a - b))
    })

    test('goes on numbering where it was, whatever was consumed', async () => {
      const consumer = await bus.consumer('match')
      const first = await append(bus, 'first')
      await consumer.commit(bus.end)
      await reopen()
      expect((await append(bus, 'second')).sequence).toBeGreaterThan(first.sequence)
    })

    test('counts', async () => {
      await append(bus, 'four')
      const writer = bus.begin(sampleMeta)
      writer.abort()
      const counters = bus.counters()
      expect(counters).toMatchObject({ appendedRecords: 1, appendedBytes: 4, abortedRecords: 1, refusedFull: 0 })
      expect(counters.diskBytes).toBeGreaterThan(4)
    })
  })
}
