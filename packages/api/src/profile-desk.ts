/**
 * What rules and decoders cost, measured over events that came lately, on a thread of its own that lives as long as it measures: the workers that judge events
 * carry no clocks. In: the files in use, and events. Out: a profile. Wrong: ApiError, when one is being made already, or it takes too long.
 */
import { Worker } from 'node:worker_threads'
import type { RulesetFiles } from '@dogwatch/config'
import { ApiError } from './error.ts'
import type { ApiParts } from './parts.ts'
import type { Profile } from './ruleset-profile.ts'

export interface ProfiledEvent {
  /** latin1 */
  readonly text: string
  readonly location: string
  readonly timeMs: number
}

export interface ProfileQuestion {
  readonly files: RulesetFiles
  readonly logAlertLevel: number
  readonly events: readonly ProfiledEvent[]
}

export type ProfileAnswer = { readonly profile: Profile } | { readonly problem: string }

/** Longest time of a profile, compiling included, in milliseconds. */
const profileMsMax = 20_000
const heapMb = 256

export interface ProfileDesk {
  profile(events: readonly ProfiledEvent[]): Promise<Profile>
  close(): Promise<void>
}

export function openProfileDesk(parts: Pick<ApiParts, 'rulesetFiles' | 'logAlertLevel'>): ProfileDesk {
  let running: Worker | null = null
  return {
    async profile(events) {
      if (running !== null) throw new ApiError(429, 'a profile is being made already; try again in a moment', 6001)
      const question: ProfileQuestion = { files: parts.rulesetFiles(), logAlertLevel: parts.logAlertLevel, events }
      const worker = new Worker(new URL('./profile-worker.ts', import.meta.url), {
        workerData: question,
        resourceLimits: { maxOldGenerationSizeMb: heapMb },
      })
      running = worker
      try {
        const answer = await answerOf(worker)
        if ('problem' in answer) throw new ApiError(400, answer.problem, 7000)
        return answer.profile
      } finally {
        running = null
        await worker.terminate()
      }
    },
    close: async () => void (await running?.terminate()),
  }
}

function answerOf(worker: Worker): Promise<ProfileAnswer> {
  return new Promise((resolve, reject) => {
    const failed = (why: string) => reject(new ApiError(500, `no profile was made: ${why}`, 7000))
    const timer = setTimeout(() => failed('it took too long'), profileMsMax)
    worker.once('message', (answer: ProfileAnswer) => {
      clearTimeout(timer)
      resolve(answer)
    })
    worker.once('error', (error) => failed(error.message))
    worker.once('exit', () => {
      clearTimeout(timer)
      failed('its thread has ended')
    })
  })
}
