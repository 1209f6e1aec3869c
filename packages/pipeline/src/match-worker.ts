/** Worker thread: compiles the ruleset, says how that went, then does jobs one after another and sends their parts back. */
import { parentPort, receiveMessageOnPort, workerData } from 'node:worker_threads'
import { type JournalReader, openJournalReader } from '@dogwatch/bus'
import { compile } from './engine-parts.ts'
import { collectGarbage } from './heap.ts'
import {
  type FromMatchWorker,
  type MatchWorkerData,
  outstandingKibMax,
  partKib,
  shared,
  type ToMatchWorker,
} from './match-protocol.ts'
import { type BatchBuffers, type MatchPart, MatchStage } from './match-stage.ts'

const port = parentPort
if (port === null) throw new Error('match-worker runs as a worker thread only')
const data: MatchWorkerData = workerData
const words = new Int32Array(data.shared)
const journal: JournalReader | null = data.journalFolder === null ? null : openJournalReader(data.journalFolder)
/** Records are read into one buffer, grown to the largest seen up to this; larger ones get their own. */
const readBufferMax = 4 << 20
/** Sizes of fresh buffers, bytes, and how many are kept. */
const wordsLength = 1 << 16
const bytesLength = 1 << 20
const spareMax = 6
const spare: BatchBuffers[] = []
let readBuffer = new Uint8Array(1 << 18)

const { ruleset, problems } = compile(data.sources, data.settings)
// The texts are compiled: a thread that kept them would hold some 10 MB for nothing.
Reflect.deleteProperty(data, 'sources')
collectGarbage()
tell({ kind: 'ready', problems, isUsable: ruleset !== null })

if (ruleset !== null) {
  const stage = new MatchStage({
    ruleset,
    settings: data.settings,
    split: data.split,
    eventLengthMax: data.eventLengthMax,
    refill,
    emit: send,
    read(ref) {
      const wanted = ref.place[2]
      if (wanted > readBuffer.length && wanted <= readBufferMax)
        readBuffer = new Uint8Array(Math.min(readBufferMax, wanted * 2))
      return journal?.read(ref, readBuffer) ?? null
    },
  })
  stage.setAgents(new Map(data.agents))
  port.on('message', (message: ToMatchWorker) => {
    if (message.kind === 'job') stage.run(message.job)
    else if (message.kind === 'agents') stage.setAgents(new Map(message.agents))
    else {
      journal?.close()
      port.close()
    }
  })
}

/** Buffers that came back; fresh ones when none has. Taken by hand, since messages do not arrive while a job runs. */
function refill(): BatchBuffers {
  for (let got = receiveMessageOnPort(data.buffers); got !== undefined; got = receiveMessageOnPort(data.buffers)) {
    if (spare.length < spareMax) spare.push(got.message)
  }
  return spare.pop() ?? { words: new ArrayBuffer(wordsLength), bytes: new ArrayBuffer(bytesLength) }
}

function tell(message: FromMatchWorker, transfer: ArrayBuffer[] = []): void {
  port?.postMessage(message, transfer)
}

function send(part: MatchPart): void {
  const { batch, keys } = part
  const transfer = batch === null ? [] : [batch.words, batch.bytes]
  if (keys !== null) transfer.push(keys.buffer as ArrayBuffer)
  const kib = Atomics.add(words, shared.outstandingKib, partKib(part)) + partKib(part)
  Atomics.add(words, shared.progress, 1)
  tell({ kind: 'part', part }, transfer)
  waitForRoom(kib)
}

/** Sleeps while too much is on its way, so that a body of 32 MiB does not become 100 MiB of results in memory. */
function waitForRoom(kib: number): void {
  let now = kib
  while (now > outstandingKibMax) {
    Atomics.store(words, shared.isWaiting, 1)
    Atomics.wait(words, shared.outstandingKib, now)
    now = Atomics.load(words, shared.outstandingKib)
  }
  Atomics.store(words, shared.isWaiting, 0)
}
