/** A thread for one profile: compiles the ruleset, whose copy gets clocks put in, runs the events, answers and ends. */
import { parentPort, workerData } from 'node:worker_threads'
import { readRulesetFiles } from '@dogwatch/config'
import { compileRuleset } from '@dogwatch/engine'
import type { ProfileAnswer, ProfileQuestion } from './profile-desk.ts'
import { profileRuleset } from './ruleset-profile.ts'

/** Queue byte of an event of this machine. */
const localQueue = 49

const { files, logAlertLevel, events }: ProfileQuestion = workerData
const { texts } = readRulesetFiles(files)
const { ruleset } = compileRuleset(texts, { logAlertLevel })
const answer: ProfileAnswer =
  ruleset === null
    ? { problem: 'the ruleset has errors' }
    : {
        profile: profileRuleset(
          ruleset,
          events.map(({ text, ...event }) => ({ ...event, queue: localQueue, body: text })),
        ),
      }
parentPort?.postMessage(answer)
