/** Documents out of a store and into one, as the JSON lines that alerts.json has; so an export is also what other programs read. */
import { createReadStream } from 'node:fs'
import { createInterface } from 'node:readline'
import { createGunzip } from 'node:zlib'
import { appendCountMax, type Document, type IndexName, type Place, type Selection, type Store } from './contract.ts'
import { documentOf } from './document-line.ts'
import { StoreError } from './error.ts'
import { lineLengthMax } from './line-source.ts'

/** Documents of one page of an export. */
const pageCount = 1000

/** All documents of a selection, oldest first, a line each. */
export async function* exportLines(store: Pick<Store, 'search'>, selection: Selection): AsyncGenerator<string> {
  let after: Place | null = null
  for (;;) {
    const page: Awaited<ReturnType<Store['search']>> = await store.search({
      ...selection,
      limit: pageCount,
      order: 'oldest',
      ...(after === null ? {} : { after }),
    })
    for (const { text } of page.documents) yield text
    const last = page.documents.at(-1)
    if (last === undefined || page.documents.length < pageCount) return
    after = { timeMs: last.timeMs, sequence: last.sequence }
  }
}

export interface Imported {
  readonly stored: number
  readonly duplicates: number
  /** Lines that are no JSON object with a time. */
  readonly skipped: number
}

/** Takes in a file of JSON lines; one that ends in `.gz` is unpacked. Once more is harmless: what is known is a duplicate. */
export async function importFile(store: Pick<Store, 'append'>, index: IndexName, path: string): Promise<Imported> {
  const file = createReadStream(path)
  const input = path.endsWith('.gz') ? file.pipe(createGunzip()) : file
  file.once('error', (error) => input.destroy(error))
  let [stored, duplicates, skipped] = [0, 0, 0]
  let batch: Document[] = []
  let length = 0
  const flush = async () => {
    const appended = await store.append(index, batch)
    stored += appended.stored
    duplicates += appended.duplicates
    batch = []
    length = 0
  }
  try {
    for await (const line of createInterface({ input, crlfDelay: Number.POSITIVE_INFINITY })) {
      if (line === '') continue
      const document = line.length > lineLengthMax ? null : documentOf(line)
      if (document === null) skipped += 1
      else {
        batch.push(document)
        length += line.length
      }
      if (batch.length === appendCountMax || length > 4 << 20) await flush()
    }
  } catch (error) {
    if (error instanceof StoreError) throw error
    const said = error instanceof Error ? error.message : String(error)
    throw new StoreError('STORE_BAD_DOCUMENT', `${path} cannot be read to its end: ${said}`, { cause: error })
  }
  await flush()
  return { stored, duplicates, skipped }
}
