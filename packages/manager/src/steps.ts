/**
 * Start-up as a list. In go steps, each with a name, a start and perhaps a stop; they start in order, and stopping walks the list back, giving every
 * started step its turn whatever the others do.
 */

export interface Step {
  readonly name: string
  readonly start: () => Promise<void> | void
  readonly stop?: () => Promise<void> | void
}

export interface StepFailure {
  readonly step: string
  readonly error: unknown
}

/** Told about each step, for the log. */
export type StepListener = (step: string, what: 'started' | 'stopped', tookMs: number) => void

export interface Started {
  /** Stops all, last first. A step that does not end within `stepMs` is left behind. Gives what went wrong; never throws. */
  stop(stepMs: number): Promise<readonly StepFailure[]>
}

/** A step could not start. What had started before it has been stopped again. */
export class StartFailure extends Error {
  readonly step: string
  readonly alsoFailed: readonly StepFailure[]
  constructor(step: string, cause: unknown, alsoFailed: readonly StepFailure[]) {
    super(cause instanceof Error ? cause.message : String(cause), { cause })
    this.name = 'StartFailure'
    this.step = step
    this.alsoFailed = alsoFailed
  }
}

/** How long a step may take to stop after another failed to start, in milliseconds. */
const stopAfterFailureMs = 5000

/** Starts all steps in order. Throws StartFailure when one fails. */
export async function startSteps(steps: readonly Step[], listener: StepListener = () => {}): Promise<Started> {
  const started: Step[] = []
  for (const step of steps) {
    const since = performance.now()
    try {
      await step.start()
    } catch (error) {
      throw new StartFailure(step.name, error, await stopAll(started, stopAfterFailureMs, listener))
    }
    started.push(step)
    listener(step.name, 'started', performance.now() - since)
  }
  let stopping: Promise<readonly StepFailure[]> | null = null
  return {
    stop: (stepMs) => (stopping ??= stopAll(started, stepMs, listener)),
  }
}

async function stopAll(
  started: readonly Step[],
  stepMs: number,
  listener: StepListener,
): Promise<readonly StepFailure[]> {
  const failures: StepFailure[] = []
  for (const step of started.toReversed()) {
    const since = performance.now()
    try {
      if (step.stop !== undefined) await within(Promise.resolve(step.stop()), stepMs)
    } catch (error) {
      failures.push({ step: step.name, error })
    }
    listener(step.name, 'stopped', performance.now() - since)
  }
  return failures
}

function within(work: Promise<void>, ms: number): Promise<void> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error(`it did not stop within ${ms} ms`)), ms)
    work.then(resolve, reject).finally(() => clearTimeout(timer))
  })
}
