/** The store of a home, opened by a command while no manager runs: only one process may have it open. */
import { readFileSync } from 'node:fs'
import { isAbsolute, join } from 'node:path'
import { readConfiguration } from '@dogwatch/config'
import { isStoreThere, openEmbeddedStore, type Store, StoreError } from '@dogwatch/store'
import { InvalidArgumentError } from 'commander'
import { CliFailure, exitCodes } from './failure.ts'

/** Bytes for the engine's buffers, and a bound for one step of the work, in milliseconds. */
const memoryMax = 256e6
const stepMsMax = 600_000

/** Opens the store, does the work, and closes it whatever happens. */
export async function withStore<T>(home: string, isNewFine: boolean, work: (store: Store) => Promise<T>): Promise<T> {
  const folder = storeFolder(home)
  if (!isNewFine && !isStoreThere(folder)) throw new CliFailure(`there is no store in ${folder}; see --home`)
  const store = await openEmbeddedStore({ folder, memoryMax, threads: 2, searchMsMax: stepMsMax }).catch(
    (error: unknown) => {
      if (error instanceof StoreError && /lock/i.test(error.message)) {
        const message = `the store in ${folder} is in use; stop the manager first, or ask its API`
        throw new CliFailure(message, exitCodes.impossible, { cause: error })
      }
      throw error
    },
  )
  try {
    return await work(store)
  } finally {
    await store.close()
  }
}

function storeFolder(home: string): string {
  const path = join(home, 'etc/ossec.conf')
  let text: string
  try {
    text = readFileSync(path, 'latin1')
  } catch (cause) {
    throw new CliFailure(`${path} cannot be read; name the home folder with --home`, exitCodes.impossible, { cause })
  }
  const { configuration } = readConfiguration(path, text)
  if (configuration === null) throw new CliFailure(`${path} has errors; see them with: dogwatch config check ${path}`)
  return isAbsolute(configuration.store.path) ? configuration.store.path : join(home, configuration.store.path)
}

/** Reads a time for an option: a day or ISO 8601, UTC unless it says otherwise. */
export function timeOption(text: string): number {
  const ms = /^\d{4}-\d\d-\d\d(?:T[\d:.]+(?:Z|[+-]\d\d:\d\d)?)?$/.test(text)
    ? Date.parse(text.includes('T') && !/(?:Z|[+-]\d\d:\d\d)$/.test(text) ? `${text}Z` : text)
    : Number.NaN
  if (!Number.isNaN(ms)) return ms
  throw new InvalidArgumentError('It must be a day, as 2026-11-24, or a time, as 2026-11-24T08:00:00Z.')
}
