/** New documents as they come, by server-sent events: the store is asked once a second for what stands behind the last place. Bounded in number, in documents a second, and in time. */
import type { Query } from '@dogwatch/query'
import type { Found, IndexName, Place, Store } from '@dogwatch/store'
import type { FastifyReply } from 'fastify'
import { ApiError } from './error.ts'

const pollMs = 1000
const tailsMax = 32
/** Documents of one look; more are left out, and their number told. */
const documentsMax = 200
/** Bytes that a slow reader may leave lying. */
const backlogMax = 4 << 20
/** Documents may come a little out of order: a new look begins so far before the last place. */
const overlapMs = 2000

export interface Tails {
  follow(
    wanted: { readonly index: IndexName; readonly query: Query },
    reply: FastifyReply,
    present: (document: Found) => unknown,
  ): void
  close(): void
}

export function openTails({
  store,
  now,
  msMax,
}: {
  readonly store: () => Omit<Store, 'close'> | null
  readonly now: () => number
  /** A tail does not outlive the token that it was asked with; the client asks anew. */
  readonly msMax: () => number
}): Tails {
  const open = new Set<() => void>()
  return {
    follow({ index, query }, reply, present) {
      if (open.size >= tailsMax) throw new ApiError(429, `${tailsMax} tails are open already`, 6001)
      reply.hijack()
      const { raw } = reply
      // Hijacked: what the hooks have set is ours to send.
      for (const [name, value] of Object.entries(reply.getHeaders()))
        if (value !== undefined) raw.setHeader(name, value)
      raw.writeHead(200, { 'content-type': 'text/event-stream; charset=utf-8', 'x-accel-buffering': 'no' })
      const started = now()
      const lastsMs = msMax()
      let seen: Place = { timeMs: started, sequence: 0 }
      let told = new Set<string>()
      let isLooking = false
      const send = (event: string, data: unknown) => raw.write(`event: ${event}\ndata: ${JSON.stringify(data)}\n\n`)
      const end = () => {
        clearInterval(timer)
        open.delete(end)
        raw.end()
      }
      const look = async () => {
        if (now() - started > lastsMs || raw.writableLength > backlogMax) return end()
        if (isLooking) return
        isLooking = true
        try {
          const fromMs = Math.max(started, seen.timeMs - overlapMs)
          const found = await store()?.search({
            index,
            query,
            range: { fromMs, toMs: now() + 60_000 },
            limit: documentsMax,
            order: 'newest',
          })
          if (found === undefined || raw.destroyed) return
          const fresh = found.documents.filter(({ id }) => !told.has(id)).toReversed()
          for (const document of fresh) send('document', present(document))
          const leftOut = found.total - found.documents.length
          if (leftOut > 0) send('skipped', { count: leftOut })
          told = new Set(found.documents.map(({ id }) => id))
          seen = fresh.at(-1) ?? seen
          if (fresh.length === 0) raw.write(': nothing new\n\n')
        } catch (error) {
          send('trouble', { says: error instanceof Error ? error.message : 'the store does not answer' })
        } finally {
          isLooking = false
        }
      }
      const timer = setInterval(() => void look(), pollMs)
      open.add(end)
      raw.once('close', end)
      send('started', { time_ms: started })
    },
    close() {
      for (const end of [...open]) end()
    },
  }
}
