/** Chunks of a body, kept as they came; small ones are copied together, since a megabyte in single bytes would cost a hundred in objects. */

/** Chunks smaller than this are copied into a common buffer of `togetherBytes`. */
const smallBytes = 1024
const togetherBytes = 16_384

export class ChunkList {
  #chunks: Uint8Array[] = []
  #tail: Buffer | null = null
  #tailUsed = 0
  #bytes = 0

  get bytes(): number {
    return this.#bytes
  }

  add(chunk: Uint8Array): void {
    this.#bytes += chunk.length
    // The first chunk is often the whole body: no copy then.
    if (chunk.length >= smallBytes || (this.#chunks.length === 0 && this.#tail === null)) {
      this.#sealTail()
      this.#chunks.push(chunk)
      return
    }
    if (this.#tail !== null && this.#tailUsed + chunk.length > this.#tail.length) this.#sealTail()
    this.#tail ??= Buffer.allocUnsafeSlow(togetherBytes)
    this.#tail.set(chunk, this.#tailUsed)
    this.#tailUsed += chunk.length
  }

  /** Everything added since the last call. */
  take(): Uint8Array[] {
    this.#sealTail()
    const chunks = this.#chunks
    this.#chunks = []
    this.#bytes = 0
    return chunks
  }

  #sealTail(): void {
    if (this.#tail === null) return
    this.#chunks.push(this.#tail.subarray(0, this.#tailUsed))
    this.#tail = null
    this.#tailUsed = 0
  }
}
