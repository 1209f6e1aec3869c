/**
 * Fair slices of the event loop: work is done at once while the present turn has time left, and waits in line for the next turn otherwise.
 * However many senders push at the same time, checking their bodies holds the loop for one slice only.
 */

export interface Turns {
  /** True when there is time left in this turn and nobody waits in line. */
  readonly hasTime: boolean
  /** Does a piece of work now and counts its time. */
  run(work: () => void): void
  /** Puts a piece of work in line. */
  later(work: () => void): void
}

export function createTurns(turnMs: number): Turns {
  let spentMs = 0
  let isPlanned = false
  let waiting: (() => void)[] = []

  const plan = (): void => {
    if (isPlanned) return
    isPlanned = true
    setImmediate(next)
  }
  const run = (work: () => void): void => {
    plan()
    const beganMs = performance.now()
    work()
    spentMs += performance.now() - beganMs
  }
  const next = (): void => {
    isPlanned = false
    spentMs = 0
    const line = waiting
    waiting = []
    let n = 0
    for (; n < line.length && (n === 0 || spentMs < turnMs); n++) run(line[n] as () => void)
    // Whoever did not get a turn stands before those who came meanwhile.
    if (n < line.length) waiting = [...line.slice(n), ...waiting]
    if (waiting.length > 0) plan()
  }
  return {
    get hasTime() {
      return spentMs < turnMs && waiting.length === 0
    },
    run,
    later(work) {
      waiting.push(work)
      plan()
    },
  }
}
