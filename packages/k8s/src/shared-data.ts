/** For tests only: recorded events of the shared folder (`DOGWATCH_SHARED`, default beside the repository), or null when it is missing. */
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join, resolve } from 'node:path'

const folder = join(
  resolve(import.meta.dirname, '../../..', process.env.DOGWATCH_SHARED ?? '../shared'),
  'data/k8s-audit',
)

/** Names of the recorded files. */
export function auditFiles(): string[] | null {
  return existsSync(folder) ? readdirSync(folder).filter((name) => name.endsWith('.jsonl')) : null
}

/** Where one file lies. */
export function sharedFile(name: string): string {
  return join(folder, name)
}

/** Lines of one file, latin1. */
export function readLines(name: string): string[] {
  return readFileSync(join(folder, name), 'latin1')
    .split('\n')
    .filter((line) => line !== '')
}
