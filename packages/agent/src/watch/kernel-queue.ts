/**
 * A queue of the kernel's, read as it fills: what fanotify and inotify have in common. In goes a descriptor, out come
 * buffers of events; a failing read ends it and is told.
 */
import type { Kernel, Waiter } from './kernel.ts'

/** Bits of events that both have, and have alike (linux/fsnotify_backend.h says that they must). */
export const eventBit = {
  modify: 0x2,
  attrib: 0x4,
  closeWrite: 0x8,
  movedFrom: 0x40,
  movedTo: 0x80,
  create: 0x100,
  delete: 0x200,
  overflow: 0x4000,
  isFolder: 0x4000_0000,
} as const
/** What may change a file that is watched. */
export const changeBits =
  eventBit.modify |
  eventBit.attrib |
  eventBit.closeWrite |
  eventBit.movedFrom |
  eventBit.movedTo |
  eventBit.create |
  eventBit.delete

/** How long events may gather, in milliseconds: alike ones become one in the kernel. */
const gatherMs = 5

export interface KernelQueueOptions<Event> {
  /** For messages: `inotify`. */
  readonly name: string
  readonly fd: number
  /** The events of what one read gave; the bytes are used again afterwards. */
  readonly parse: (bytes: Buffer) => readonly Event[]
  readonly take: (event: Event) => void
  readonly onProblem: (message: string) => void
}

/** Reads from its making until `close`, which closes the descriptor too. */
export class KernelQueue<Event> {
  readonly #kernel: Kernel
  readonly #options: KernelQueueOptions<Event>
  readonly #waiter: Waiter
  readonly #buffer = Buffer.allocUnsafeSlow(64 * 1024)
  #isClosed = false
  readonly #loop: Promise<void>

  constructor(kernel: Kernel, options: KernelQueueOptions<Event>) {
    this.#kernel = kernel
    this.#options = options
    this.#waiter = kernel.waiter(options.fd)
    this.#loop = this.#run().catch((error: unknown) => options.onProblem(`${options.name} ended: ${String(error)}`))
  }

  async close(): Promise<void> {
    this.#isClosed = true
    await this.#waiter.close()
    await this.#loop
  }

  async #run(): Promise<void> {
    const { fd, parse, take } = this.#options
    while (!this.#isClosed) {
      const isReady = await this.#waiter.wait()
      if (this.#isClosed) return
      if (!isReady) continue
      for (;;) {
        const length = this.#kernel.read(fd, this.#buffer)
        if (length === 0) break
        for (const event of parse(this.#buffer.subarray(0, length))) take(event)
      }
      await new Promise((resolve) => setTimeout(resolve, gatherMs))
    }
  }
}
