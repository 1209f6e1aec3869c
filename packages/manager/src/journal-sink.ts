/** The webhook's sink on the journal: the same two verbs, with the journal's code for "full" as inputs know it. */
import type { Bus } from '@dogwatch/bus'
import type { RecordSink } from '@dogwatch/inputs'

/** The error that inputs answer with "come again later". */
function asInputError(error: unknown): unknown {
  const isFull = error instanceof Error && 'code' in error && error.code === 'BUS_FULL'
  return isFull ? Object.assign(new Error(error.message, { cause: error }), { code: 'JOURNAL_FULL' }) : error
}

/** A sink that resolves when a record is durable in the journal. */
export function journalSink(journal: Pick<Bus, 'append' | 'begin'>): RecordSink {
  const told = async (work: Promise<unknown>): Promise<void> => {
    try {
      await work
    } catch (error) {
      throw asInputError(error)
    }
  }
  return {
    put: (meta, body) => told(journal.append(meta, body)),
    begin(meta) {
      const writer = journal.begin(meta)
      return {
        part: (chunk) => told(writer.part(chunk)),
        commit: () => told(writer.commit()),
        abort: () => writer.abort(),
      }
    },
  }
}
