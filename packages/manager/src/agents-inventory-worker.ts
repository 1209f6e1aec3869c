/** The thread that keeps the inventory: comparisons of a hundred thousand files take longer than the manager's event loop may stand still. */
import { parentPort, workerData } from 'node:worker_threads'
import { type InventoryQuery, openInventory } from '@dogwatch/store'
import { readFileMessage, takeFileMessage } from './agents-inventory-message.ts'

/** One message of an agent. */
export interface AgentMessage {
  readonly agent: string
  readonly queue: string
  readonly message: Uint8Array
}

export type InventoryRequest =
  | { readonly kind: 'take'; readonly messages: readonly AgentMessage[] }
  | { readonly kind: 'find'; readonly agent: string; readonly query: InventoryQuery }
  | { readonly kind: 'scan'; readonly agent: string }
  | { readonly kind: 'clear'; readonly agent: string }
  | { readonly kind: 'close' }

export interface TakeAnswer {
  readonly answers: readonly { readonly agent: string; readonly text: string }[]
  readonly malformed: number
  readonly full: number
}

const port = parentPort
if (port === null) throw new Error('this is a thread of the manager')
const inventory = openInventory(String(workerData))

port.on('message', ({ n, request }: { readonly n: number; readonly request: InventoryRequest }) => {
  try {
    port.postMessage({ n, value: answer(request) })
  } catch (error) {
    port.postMessage({ n, problem: error instanceof Error ? error.message : String(error) })
  }
  if (request.kind === 'close') port.close()
})

function answer(request: InventoryRequest): unknown {
  switch (request.kind) {
    case 'take':
      return take(request.messages)
    case 'find':
      return inventory.find(request.agent, request.query)
    case 'scan':
      return inventory.lastScan(request.agent)
    case 'clear':
      return inventory.together(() => inventory.clear(request.agent, null))
    case 'close':
      return inventory.close()
  }
}

function take(messages: readonly AgentMessage[]): TakeAnswer {
  const answers: { agent: string; text: string }[] = []
  let malformed = 0
  let full = 0
  inventory.together(() => {
    for (const { agent, queue, message } of messages) {
      const read = readFileMessage(queue, Buffer.from(message.buffer, message.byteOffset, message.byteLength))
      if (read === null) {
        malformed++
        continue
      }
      const text = takeFileMessage(inventory, agent, read, () => full++)
      if (text !== null) answers.push({ agent, text })
    }
  })
  return { answers, malformed, full }
}
