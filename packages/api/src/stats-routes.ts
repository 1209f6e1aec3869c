/**
 * Counters beside those of manager-routes (spec: api, endpoint 10): alerts by hour of the day and day of the week, the channel of agents, and why events
 * were dropped. In: the store and the manager's counters. Out: Wazuh's names where the count is the same; what nothing here counts is left out.
 */
import { Type } from 'typebox'
import { answerSchema, commonQuery, itemsAnswer } from './envelope.ts'
import type { ApiParts } from './parts.ts'
import { storeOf } from './selection.ts'
import type { ApiServer } from './server.ts'

const hourMs = 3_600_000
const dayMs = 24 * hourMs
/** Whole weeks that averages are of. */
const averagedMs = 28 * dayMs
const weekdays = ['Sun', 'Mon', 'Tue', 'Wed', 'Thu', 'Fri', 'Sat'] as const
const read = 'Statistical information was successfully read'

export function statsRoutes(server: ApiServer, parts: ApiParts): void {
  const route = (summary: string) => ({
    schema: {
      tags: ['manager'],
      security: [{ jwt: [] }],
      response: { 200: answerSchema },
      querystring: Type.Object(commonQuery),
      summary,
    },
    config: { permission: 'manager:read' as const },
  })

  server.get('/manager/stats/hourly', route('Alerts by hour of the day (UTC), on average of four weeks'), async () => {
    const { hours, days } = await counted()
    const averages = Array.from({ length: 24 }, (_, hour) =>
      Math.round(weekdays.reduce((sum, _day, day) => sum + (hours[day * 24 + hour] ?? 0), 0) / Math.max(1, days)),
    )
    return itemsAnswer([{ averages, interactions: days }], read)
  })

  server.get('/manager/stats/weekly', route('Alerts by day of the week and hour (UTC), on average'), async () => {
    const { hours, weeks } = await counted()
    const items = weekdays.map((name, day) => ({
      [name]: {
        hours: hours.slice(day * 24, day * 24 + 24).map((count) => Math.round(count / Math.max(1, weeks))),
        interactions: weeks,
      },
    }))
    return itemsAnswer(items, read)
  })

  server.get('/manager/stats/remoted', route('The channel of agents: sessions, messages, what was refused'), () => {
    const channel = parts.manager.details?.().channel ?? null
    if (channel === null) return itemsAnswer([], read)
    const { refused, messages, bytes, events, keepAlives, connected, ...more } = channel
    return itemsAnswer(
      [
        {
          tcp_sessions: connected,
          evt_count: events,
          ctrl_msg_count: keepAlives,
          discarded_count: Object.values(refused).reduce((sum, count) => sum + count, 0),
          recv_bytes: bytes,
          messages,
          refused,
          ...more,
        },
      ],
      read,
    )
  })

  server.get('/dogwatch/drops', route('Events that were dropped, by reason'), () => ({
    data: { drops: parts.manager.details?.().drops ?? {} },
    error: 0,
  }))

  /** Alerts by hour of the week, and over how many days and weeks there were any. */
  async function counted(): Promise<{ readonly hours: number[]; readonly days: number; readonly weeks: number }> {
    const toMs = Math.floor(parts.now() / hourMs) * hourMs
    const range = { fromMs: toMs - averagedMs, toMs }
    const buckets = await storeOf(parts).histogram({ index: 'alerts', query: { kind: 'all' }, range, stepMs: hourMs })
    const hours = Array<number>(7 * 24).fill(0)
    for (const { fromMs, count } of buckets) {
      const time = new Date(fromMs)
      const place = time.getUTCDay() * 24 + time.getUTCHours()
      hours[place] = (hours[place] ?? 0) + count
    }
    const firstMs = buckets[0]?.fromMs ?? toMs
    return { hours, days: Math.ceil((toMs - firstMs) / dayMs), weeks: Math.ceil((toMs - firstMs) / (7 * dayMs)) }
  }
}
