/** The one place where the manager reads its environment. */
import { homeFolder } from '@dogwatch/config'

/** The home folder for a value of `--home`. */
export function homeOf(flag: string | undefined): string {
  return homeFolder({ flag, variable: process.env.DOGWATCH_HOME })
}

/** Standard error is a terminal: the log is for people. */
export const isTerminal: boolean = process.stderr.isTTY === true

/** Stack traces when the start fails: DOGWATCH_DEBUG=1. */
export const showsStacks: boolean = process.env.DOGWATCH_DEBUG === '1'

/** `debug` or `trace` for more in the log: DOGWATCH_LOG. */
export const logLevel: string = /^(trace|debug|info|warn|error)$/.exec(process.env.DOGWATCH_LOG ?? '')?.[0] ?? 'info'
