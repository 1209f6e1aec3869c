/**
 * Items that are no events, kept where a person can look at them: `logs/quarantine/items.jsonl`, one JSON object a line (contracts.md 3).
 *
 * In: what was refused and why. Out: a line with time, reason, detail, input, source, record, offset, length, auditID and the item's first bytes as
 * base64. The file is readable for its owner only, since the bytes are as they came, secrets included; at `fileBytesMax` it moves to
 * `items.1.jsonl` and the one there before is dropped. Wrong: a disk that fails costs the line, which is counted; events come first.
 */
import { appendFileSync, existsSync, mkdirSync, renameSync, statSync } from 'node:fs'
import { join } from 'node:path'

export interface QuarantinedItem {
  readonly timeMs: number
  readonly reason: string
  readonly detail: string
  readonly input: string
  readonly source: string
  /** Sequence of the record that held it. */
  readonly record: number
  /** Byte in the record's body (or in its unpacked text). */
  readonly offset: number
  readonly length: number
  readonly auditID?: string
  /** The item's first bytes, at most 64 KiB. */
  readonly sample: Uint8Array
}

/** 32 MiB. */
const fileBytesMaxDefault = 32 << 20

export class Quarantine {
  readonly #folder: string
  readonly #fileBytesMax: number
  #length = 0
  /** Items kept, by reason; and those whose line could not be written. */
  readonly counts = new Map<string, number>()
  unwritten = 0

  constructor(folder: string, fileBytesMax = fileBytesMaxDefault) {
    this.#folder = folder
    this.#fileBytesMax = fileBytesMax
    const path = this.#path('items.jsonl')
    this.#length = existsSync(path) ? statSync(path).size : 0
  }

  put(items: readonly QuarantinedItem[]): void {
    if (items.length === 0) return
    for (const { reason } of items) this.counts.set(reason, (this.counts.get(reason) ?? 0) + 1)
    const text = items.map(lineOf).join('')
    try {
      mkdirSync(this.#folder, { recursive: true, mode: 0o700 })
      if (this.#length > 0 && this.#length + text.length > this.#fileBytesMax) {
        renameSync(this.#path('items.jsonl'), this.#path('items.1.jsonl'))
        this.#length = 0
      }
      appendFileSync(this.#path('items.jsonl'), text, { mode: 0o600 })
      this.#length += text.length
    } catch {
      this.unwritten += items.length
    }
  }

  #path(name: string): string {
    return join(this.#folder, name)
  }
}

function lineOf({ timeMs, sample, ...rest }: QuarantinedItem): string {
  const bytes = Buffer.from(sample.buffer, sample.byteOffset, sample.byteLength).toString('base64')
  return `${JSON.stringify({ time: new Date(timeMs).toISOString(), ...rest, bytes })}\n`
}
