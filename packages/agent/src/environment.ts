/** The one file that reads the environment of the process. */
import { resolve } from 'node:path'

/** The agent's home folder: the flag, DOGWATCH_HOME, or where a service has it. */
export function homeOf(flag: string | null): string {
  return resolve(flag ?? process.env.DOGWATCH_HOME ?? '/var/lib/dogwatch-agent')
}

/** Variables that paths of the configuration may name. */
export const environment: Readonly<Record<string, string | undefined>> = process.env
