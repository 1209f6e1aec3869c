/** The webhook's sink on the journal: the same two verbs, with the journal's code for "full" as inputs know it. */
import type { Bus } from '@dogwatch/bus'
import type { RecordSink } from '@dogwatch/inputs'
import type { RecordMeta } from '@dogwatch/schema'

/** The error that inputs answer with "come again later". */
function asInputError(error: unknown): unknown {
  const isFull = error instanceof Error && 'code' in error && error.code === 'BUS_FULL'
  return isFull ? Object.assign(new Error(error.message, { cause: error }), { code: 'JOURNAL_FULL' }) : error
}

/** A sink that resolves when a record is durable in the journal; `onDurable` is told of each. */
export function journalSink(
  journal: Pick<Bus, 'append' | 'begin'>,
  onDurable: (meta: RecordMeta) => void = () => {},
): RecordSink {
  const told = async (work: Promise<unknown>): Promise<void> => {
    try {
      await work
    } catch (error) {
      throw asInputError(error)
    }
  }
  return {
    async put(meta, body) {
      await told(journal.append(meta, body))
      onDurable(meta)
    },
    begin(meta) {
      const writer = journal.begin(meta)
      return {
        part: (chunk) => told(writer.part(chunk)),
        async commit() {
          await told(writer.commit())
          onDurable(meta)
        },
        abort: () => writer.abort(),
      }
    },
  }
}
