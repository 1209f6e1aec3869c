/**
 * Puts results back into the order of their jobs (design.md 2). Jobs are numbered from 0 without gaps; the parts of one job come in order, the jobs
 * themselves in any.
 *
 * In: parts as the workers send them. Out: the parts that are next in line. Bounded by its owner, which hands out no job further than `jobsMax`
 * ahead of `head`; a part from beyond is a bug and throws.
 */
export class Reorder<Part extends { readonly job: number; readonly isLast: boolean }> {
  readonly #jobsMax: number
  readonly #waiting = new Map<number, Part[]>()
  #head = 0
  #parts = 0

  constructor(jobsMax: number) {
    this.#jobsMax = jobsMax
  }

  /** The first job that has not been taken whole. */
  get head(): number {
    return this.#head
  }

  /** Parts that wait. */
  get waitingParts(): number {
    return this.#parts
  }

  put(part: Part): void {
    if (part.job < this.#head || part.job >= this.#head + this.#jobsMax) {
      throw new Error(`part of job ${part.job} while ${this.#head} is next and ${this.#jobsMax} jobs may be out`)
    }
    const parts = this.#waiting.get(part.job)
    if (parts) parts.push(part)
    else this.#waiting.set(part.job, [part])
    this.#parts += 1
  }

  /** The next part without taking it; null when it has not come yet. */
  peek(): Part | null {
    return this.#waiting.get(this.#head)?.[0] ?? null
  }

  /** Takes what `peek` showed. */
  take(): Part | null {
    const parts = this.#waiting.get(this.#head)
    const part = parts?.shift()
    if (!part) return null
    this.#parts -= 1
    if (part.isLast) {
      this.#waiting.delete(this.#head)
      this.#head += 1
    }
    return part
  }

  /** Forgets the waiting parts of a job that will be done again; answers how many. */
  forget(job: number): number {
    const count = this.#waiting.get(job)?.length ?? 0
    this.#parts -= count
    this.#waiting.delete(job)
    return count
  }
}
