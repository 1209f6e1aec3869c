/** Progress of long work: one line on standard error that rewrites itself, on a terminal only. */

export interface Progress {
  /** Shows a state; called as often as one likes, drawn at most ten times a second. */
  update(text: string): void
  /** Takes the line away. */
  end(): void
}

/** Shortest time between two drawings, in milliseconds. */
const drawIntervalMs = 100

/** Progress that is silent unless standard error is a terminal. */
export function startProgress(isTerminal: boolean, stream: NodeJS.WritableStream = process.stderr): Progress {
  if (!isTerminal) return { update: () => {}, end: () => {} }
  let drawnAt = -drawIntervalMs
  return {
    update(text) {
      const now = performance.now()
      if (now - drawnAt < drawIntervalMs) return
      drawnAt = now
      stream.write(`\r\x1b[2K${text.slice(0, 100)}`)
    },
    end() {
      stream.write('\r\x1b[2K')
    },
  }
}
