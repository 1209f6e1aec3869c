/**
 * One owner for a folder. The lock is an operating-system lock on the file `lock`, held through SQLite because Node has no call for it: it ends
 * with the process however that dies, and holds between containers that share the folder. `lock.pid` only tells whom to look for.
 *
 * Never open `lock` by other means in the same process: closing any descriptor of it would end the lock (fcntl(2)).
 */
import fs from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { BusError } from './error.ts'

/** SQLITE_BUSY. */
const busyCode = 5

/** Takes the lock and returns what releases it. Throws BUS_LOCKED, naming the owner's process where it is known. */
export function lockFolder(folder: string): () => void {
  const database = new DatabaseSync(join(folder, 'lock'), { timeout: 0 })
  const pidPath = join(folder, 'lock.pid')
  try {
    database.exec('PRAGMA journal_mode = MEMORY; BEGIN EXCLUSIVE')
  } catch (cause) {
    database.close()
    const isBusy = cause instanceof Error && 'errcode' in cause && cause.errcode === busyCode
    if (!isBusy) throw new Error(`cannot lock ${join(folder, 'lock')}: ${String(cause)}`, { cause })
    throw new BusError('BUS_LOCKED', `${folder} (process ${readPid(pidPath)})`, cause)
  }
  fs.writeFileSync(pidPath, `${process.pid}\n`, { mode: 0o600 })
  return () => {
    fs.rmSync(pidPath, { force: true })
    database.close()
  }
}

function readPid(path: string): string {
  try {
    return /^\d{1,10}/.exec(fs.readFileSync(path, 'latin1'))?.[0] ?? 'unknown'
  } catch {
    return 'unknown'
  }
}
