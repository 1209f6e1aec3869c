/** The one file that reads the environment of the process. */
import { existsSync } from 'node:fs'
import { join, resolve } from 'node:path'

const productDir = join(import.meta.dirname, '../../..')

/** The agent's home folder: the flag, DOGWATCH_HOME, `var/agent` in a checkout, or where a service has it. */
export function agentHome(flag: string | undefined): string {
  const { DOGWATCH_HOME: variable } = process.env
  if (flag !== undefined && flag !== '') return resolve(flag)
  if (variable !== undefined && variable !== '') return resolve(variable)
  return existsSync(join(productDir, '.git')) ? join(productDir, 'var/agent') : '/var/lib/dogwatch-agent'
}

/** Variables that paths of the configuration may name. */
export const environment: Readonly<Record<string, string | undefined>> = process.env

/** People read the log as it comes; systemd adds the time itself. */
export const isJournal: boolean = process.env.JOURNAL_STREAM !== undefined && process.stderr.isTTY !== true
