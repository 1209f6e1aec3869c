/**
 * A queue of the kernel's, read as it fills: what fanotify and inotify have in common. In goes a descriptor, out come
 * buffers of events; a failing read ends it and is told.
 */
import type { Kernel, Waiter } from './kernel.ts'

/** How long events may gather, in milliseconds: alike ones become one in the kernel. */
const gatherMs = 5

export interface KernelQueueOptions {
  /** For messages: `inotify`. */
  readonly name: string
  readonly fd: number
  /** Called with what one read gave; the bytes are used again afterwards. */
  readonly take: (events: Buffer) => void
  readonly onProblem: (message: string) => void
}

/** Reads from its making until `close`, which closes the descriptor too. */
export class KernelQueue {
  readonly #kernel: Kernel
  readonly #options: KernelQueueOptions
  readonly #waiter: Waiter
  readonly #buffer = Buffer.allocUnsafeSlow(64 * 1024)
  #isClosed = false
  readonly #loop: Promise<void>

  constructor(kernel: Kernel, options: KernelQueueOptions) {
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
    const { fd, take } = this.#options
    while (!this.#isClosed) {
      const isReady = await this.#waiter.wait()
      if (this.#isClosed) return
      if (!isReady) continue
      for (;;) {
        const length = this.#kernel.read(fd, this.#buffer)
        if (length === 0) break
        take(this.#buffer.subarray(0, length))
      }
      await new Promise((resolve) => setTimeout(resolve, gatherMs))
    }
  }
}
