/** The worker thread of a test: reads each reference that it is sent and answers with the CRC-32 of the body. */
import { parentPort, workerData } from 'node:worker_threads'
import { crc32 } from 'node:zlib'
import { openJournalReader } from './journal-reader.ts'

const reader = openJournalReader(workerData.folder)
const into = Buffer.alloc(2 * 1024 * 1024)
parentPort?.on('message', (ref) => {
  const record = reader.read(ref, into)
  parentPort?.postMessage({ sequence: ref.sequence, sum: record === null ? -1 : crc32(record.body) })
})
