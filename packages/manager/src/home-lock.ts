/**
 * One manager for one home. The lock is SQLite's on `queue/lock`, since that is a lock of the operating system which ends with its process, however
 * that dies; `queue/dogwatch.pid` tells people and scripts which process it is.
 */
import { readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'

export interface HomeLock {
  release(): void
}

/** Another manager has the home. */
export class HomeTaken extends Error {
  constructor(home: string, pid: string) {
    super(
      `another manager${pid === '' ? '' : ` (process ${pid})`} is running with the home ${home}; stop it first, or name another home with --home`,
    )
    this.name = 'HomeTaken'
  }
}

export function pidPath(home: string): string {
  return join(home, 'queue/dogwatch.pid')
}

/** Takes the lock and writes the pid file. HomeTaken when another process has it. */
export function lockHome(home: string): HomeLock {
  const database = new DatabaseSync(join(home, 'queue/lock'), { timeout: 0 })
  try {
    database.exec('BEGIN EXCLUSIVE')
  } catch (cause) {
    database.close()
    if (cause instanceof Error && /locked/.test(cause.message)) throw new HomeTaken(home, readPid(home))
    throw cause
  }
  writeFileSync(pidPath(home), `${process.pid}\n`)
  return {
    release() {
      rmSync(pidPath(home), { force: true })
      database.close()
    },
  }
}

function readPid(home: string): string {
  try {
    return readFileSync(pidPath(home), 'utf8').trim()
  } catch {
    return ''
  }
}
