/** The one place where the command reads its environment. */
import { homeFolder } from '@dogwatch/config'

/** Stack traces with errors: DOGWATCH_DEBUG=1. */
export const showsStacks: boolean = process.env.DOGWATCH_DEBUG === '1'

/** The home folder for a value of `--home`. */
export function homeOf(flag: string | undefined): string {
  return homeFolder({ flag, variable: process.env.DOGWATCH_HOME })
}

/** What a program that takes our place has around it. */
export const ownEnvironment: Readonly<Record<string, string | undefined>> = process.env
