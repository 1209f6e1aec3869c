/**
 * The process that a test kills: appends records of all sizes, many at a time, and says on its standard output which are durable, a line each:
 * number, length, CRC-32. Its consumer commits now and then.
 */
import fs from 'node:fs'
import { crc32 } from 'node:zlib'
import { sampleBody, sampleMeta } from './bus-suite-samples.ts'
import { openJournal } from './journal.ts'

const [folder = '', seed = '0'] = process.argv.slice(2)
const lengths = [1, 100, 1500, 40_000, 5000, 300_000, 20]
const journal = await openJournal({ folder, segmentLengthMax: 500_000, partLength: 65_536, retainMs: 3_600_000 })
const consumer = await journal.consumer('match')

async function append(lane: number): Promise<void> {
  for (let n = 0; n < 100_000; n += 1) {
    const body = sampleBody(lengths[(n + lane) % lengths.length] ?? 1, Number(seed) + n)
    const { sequence } = await journal.append({ ...sampleMeta, source: `lane-${lane}` }, [body])
    fs.writeSync(1, `${sequence} ${body.length} ${crc32(body)}\n`)
    if (n % 50 === 0) await consumer.commit(sequence)
  }
}

await Promise.all(Array.from({ length: 6 }, (_, lane) => append(lane)))
