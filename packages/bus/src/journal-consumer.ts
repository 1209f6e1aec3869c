/** A journal's consumer: a cursor that waits for more, and a committed position that the journal keeps for it. */
import type { Consumer, Lag, Position, RecordRef } from './contract.ts'
import type { Cursor } from './journal-cursor.ts'

/** What a consumer needs of its journal. */
export interface ConsumerSource {
  readonly position: () => Position
  readonly cursor: (position: Position) => Cursor
  readonly end: () => Position
  /** Resolves when the end is no longer `end`, when this closes, or when `signal` aborts. */
  readonly grown: (end: Position, signal: AbortSignal | undefined) => Promise<void>
  readonly isClosed: () => boolean
  readonly commit: (position: Position) => Promise<void>
  readonly lag: () => Lag
  readonly closed: () => void
}

export class JournalConsumer implements Consumer {
  readonly name: string
  readonly #source: ConsumerSource
  #cursor: Cursor
  #isClosed = false

  constructor(name: string, source: ConsumerSource) {
    this.name = name
    this.#source = source
    this.#cursor = source.cursor(source.position())
  }

  get position(): Position {
    return this.#source.position()
  }

  async next(recordsMax: number, signal?: AbortSignal): Promise<readonly RecordRef[]> {
    while (!this.#isDone(signal)) {
      const end = this.#source.end()
      const refs = await this.#cursor.next(Math.max(1, recordsMax))
      if (refs.length > 0) return refs
      if (!this.#isDone(signal)) await this.#source.grown(end, signal)
    }
    return []
  }

  seek(position: Position): void {
    this.#cursor = this.#source.cursor(position)
  }

  commit(position: Position): Promise<void> {
    return this.#source.commit(position)
  }

  lag(): Lag {
    return this.#source.lag()
  }

  close(): void {
    if (this.#isClosed) return
    this.#isClosed = true
    this.#source.closed()
  }

  #isDone(signal: AbortSignal | undefined): boolean {
    return this.#isClosed || this.#source.isClosed() || signal?.aborted === true
  }
}
