/** What rules and decoders cost, by a sample of the events that came last (spec: design, part 8): asked for, never by itself, since it takes a thread a second or two. */
import { basename } from 'node:path'
import { type Selection, termsCountMax } from '@dogwatch/store'
import { Type } from 'typebox'
import { answerSchema, commonQuery } from './envelope.ts'
import type { ApiParts } from './parts.ts'
import { openProfileDesk, type ProfiledEvent } from './profile-desk.ts'
import { type Asked, selectionOf, selectionSchema, storeOf } from './selection.ts'
import type { ApiServer } from './server.ts'

/** Events of a sample, and the characters of all of them. */
const eventsMax = 2000
const charactersMax = 8 << 20
const rowsMax = 200
const { query, from, to } = selectionSchema

export function profileRoutes(server: ApiServer, parts: ApiParts): void {
  const desk = openProfileDesk(parts)
  server.addHook('preClose', () => desk.close())
  server.post(
    '/dogwatch/profile',
    {
      schema: {
        tags: ['rules'],
        security: [{ jwt: [] }],
        response: { 200: answerSchema },
        querystring: Type.Object(commonQuery),
        summary: 'CPU time and hits of rules and decoders, over the newest events of a selection',
        body: Type.Object(
          {
            query,
            from,
            to,
            limit: Type.Optional(Type.Integer({ minimum: 1, maximum: eventsMax, default: 1000 })),
          },
          { additionalProperties: false },
        ),
      },
      config: { permission: 'logtest:run', isQuiet: true },
    },
    async (request) => {
      const { limit = 1000, ...asked } = request.body
      // All events where they are kept, else those that were alerts.
      const index = (await newest('archives', asked, 1)).length > 0 ? 'archives' : 'alerts'
      const events = await newest(index, asked, limit)
      const { rows, matchMs, correlateMs } = await desk.profile(events)
      const { terms } = await storeOf(parts).terms({
        ...selection('alerts', asked),
        field: 'rule.id',
        limit: termsCountMax,
      })
      const alerts = new Map(terms.map(({ value, count }) => [value, count]))
      const spentMs = rows.reduce((sum, { ms }) => sum + ms, 0)
      return {
        data: {
          index,
          events: events.length,
          match_ms: rounded(matchMs),
          correlate_ms: rounded(correlateMs),
          us_per_event: events.length === 0 ? 0 : Math.round(((matchMs + correlateMs) * 1000) / events.length),
          rows: rows.slice(0, rowsMax).map(({ kind, name, file, line, runs, hits, ms }) => ({
            kind,
            name,
            filename: basename(file),
            line,
            runs,
            hits,
            ms: rounded(ms),
            share: spentMs === 0 ? 0 : Math.round((ms * 1000) / spentMs) / 10,
            // A rule beyond the most frequent ones may have some that are not counted.
            ...(kind === 'rule' ? { alerts: alerts.get(name) ?? 0 } : {}),
          })),
          total_rows: rows.length,
        },
        error: 0,
      }

      function selection(of: 'alerts' | 'archives', wanted: Asked): Selection {
        return selectionOf(request, parts, { ...wanted, index: of })
      }

      async function newest(
        of: 'alerts' | 'archives',
        wanted: Asked,
        count: number,
      ): Promise<readonly ProfiledEvent[]> {
        const { documents } = await storeOf(parts).search({ ...selection(of, wanted), limit: count, order: 'newest' })
        let characters = 0
        return documents.toReversed().flatMap(({ text, timeMs }) => {
          const event = eventOf(text, timeMs)
          characters += event?.text.length ?? 0
          return event === null || characters > charactersMax ? [] : [event]
        })
      }
    },
  )
}

/** The event of a document; null for one that does not hold its text. */
function eventOf(text: string, timeMs: number): ProfiledEvent | null {
  const value: unknown = JSON.parse(text)
  const { full_log: log, location } = { full_log: null, location: null, ...(typeof value === 'object' ? value : {}) }
  if (typeof log !== 'string' || typeof location !== 'string') return null
  return { text: Buffer.from(log, 'utf8').toString('latin1'), location, timeMs }
}

function rounded(ms: number): number {
  return Math.round(ms * 1000) / 1000
}
