/**
 * Feeds a store from the alert files: they are its queue, bounded by the disk alone, and after a crash of either side reading goes on behind the last place
 * that the store holds. In: the files and a store. Out: documents appended, and figures about how far behind it is.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import type { Document, IndexName, Store } from './contract.ts'
import { documentOf } from './document-line.ts'
import { currentFile, type LineFiles, type LinePlace, piecesAfter } from './line-source.ts'

export interface FeedFigures {
  readonly index: IndexName
  readonly stored: number
  readonly duplicates: number
  /** Lines that are no documents: torn, or too long. */
  readonly skipped: number
  /** Bytes of the current file that are not in the store yet. */
  readonly lagBytes: number
  /** Whether the end of the current file has been reached since the start. */
  readonly isCaughtUp: boolean
  readonly newestMs: number
}

export interface Feed {
  figures(): FeedFigures
  /** Resolves when reading has ended behind the piece under way. */
  stop(): Promise<void>
}

/** Between two looks at the file. */
const pollMs = 200
/** After a failure. */
const retryMs = 2000

export interface FeedOptions {
  readonly store: Store
  readonly index: IndexName
  readonly files: LineFiles
  /** Told about a failure; the feed tries again. */
  readonly report: (error: unknown) => void
}

/** Begins to feed; goes on until it is stopped. */
export function startFeed({ store, index, files, report }: FeedOptions): Feed {
  const markName = `feed ${index}`
  let place: LinePlace | null = null
  let figures: FeedFigures = {
    index,
    stored: 0,
    duplicates: 0,
    skipped: 0,
    lagBytes: 0,
    isCaughtUp: false,
    newestMs: 0,
  }
  const stopping = new AbortController()
  const { signal } = stopping

  async function readAll(): Promise<void> {
    for await (const piece of piecesAfter(files, place)) {
      const documents: Document[] = []
      for (const line of piece.lines) {
        const document = documentOf(line)
        if (document !== null) documents.push(document)
      }
      const { stored, duplicates } = await store.append(index, documents, {
        name: markName,
        value: JSON.stringify(piece.place),
      })
      place = piece.place
      const current = await currentFile(files)
      figures = {
        ...figures,
        stored: figures.stored + stored,
        duplicates: figures.duplicates + duplicates,
        skipped: figures.skipped + piece.lines.length - documents.length + piece.tooLong,
        lagBytes: Math.max(0, (current?.size ?? 0) - piece.place.offset),
        newestMs: documents.reduce((newest, { timeMs }) => Math.max(newest, timeMs), figures.newestMs),
      }
      if (signal.aborted) return
    }
    figures = { ...figures, lagBytes: 0, isCaughtUp: true }
  }

  async function run(): Promise<void> {
    place = placeOf(await store.mark(markName))
    let seen = ''
    while (!signal.aborted) {
      const current = await currentFile(files)
      const now = current === null ? 'none' : `${current.inode} ${current.size}`
      let waitMs = pollMs
      if (now !== seen || !figures.isCaughtUp) {
        try {
          await readAll()
          seen = now
        } catch (error) {
          report(error)
          waitMs = retryMs
        }
      }
      await sleep(waitMs, undefined, { signal }).catch(() => {}) // stopped meanwhile
    }
  }

  const running = run().catch(report)
  return {
    figures: () => figures,
    async stop() {
      stopping.abort()
      await running
    },
  }
}

function placeOf(text: string | null): LinePlace | null {
  if (text === null) return null
  try {
    const value: unknown = JSON.parse(text)
    if (typeof value !== 'object' || value === null || !('file' in value) || !('offset' in value)) return null
    const { file, offset } = value
    return typeof file === 'string' && typeof offset === 'number' ? { file, offset } : null
  } catch {
    return null
  }
}
