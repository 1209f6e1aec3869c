/** The embedded store for whoever wants it in this process. DuckDB is loaded only when it is opened: the manager, whose store is another process, never pays for it. */
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import type { Store } from './contract.ts'
import type { DuckDbOptions } from './duckdb-store.ts'

/** Opens the store of a folder. Throws STORE_CANNOT_OPEN. */
export async function openEmbeddedStore(options: DuckDbOptions): Promise<Store> {
  const { openDuckDbStore } = await import('./duckdb-store.ts')
  return openDuckDbStore(options)
}

/** Whether there is a store in a folder. */
export function isStoreThere(folder: string): boolean {
  return existsSync(join(folder, 'dogwatch.duckdb'))
}
