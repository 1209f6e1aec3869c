/**
 * Events from whoever may send them (spec: api, endpoint 63). In: up to a hundred texts. Out: an answer when all of them are durable in the journal; they
 * are then matched as any log line, with the location `API-Webhook`. Wrong: events that found no room are failed items, to be sent again.
 */
import { Type } from 'typebox'
import { doneAnswer } from './agent-items.ts'
import { answerSchema, commonQuery } from './envelope.ts'
import { ApiError } from './error.ts'
import type { ApiParts } from './parts.ts'
import type { ApiServer } from './server.ts'

const eventsMax = 100
/** Of one event, in UTF-16 code units; as long as Wazuh's. */
const eventLengthMax = 65_000
const callsPerMinute = 30
const sentAgain = 'the journal has no room; send it again later'

export function eventRoutes(server: ApiServer, parts: ApiParts): void {
  server.post(
    '/events',
    {
      schema: {
        tags: ['events'],
        security: [{ jwt: [] }],
        response: { 200: answerSchema },
        summary: 'Take in events as log lines; they are durable when the answer comes',
        querystring: Type.Object(commonQuery),
        body: Type.Object(
          {
            events: Type.Array(Type.String({ minLength: 1, maxLength: eventLengthMax }), {
              minItems: 1,
              maxItems: eventsMax,
            }),
          },
          { additionalProperties: false },
        ),
      },
      // As long as the events may be, every character escaped.
      bodyLimit: eventsMax * eventLengthMax * 6,
      config: {
        permission: 'event:ingest',
        rateLimit: {
          max: callsPerMinute,
          timeWindow: 60_000,
          errorResponseBuilder: () => new ApiError(429, `more than ${callsPerMinute} requests in a minute`, 6005),
        },
      },
    },
    async (request) => {
      const { events } = request.body
      request.auditNote = `${events.length} events`
      const { putEvent } = parts
      if (putEvent === undefined) throw new ApiError(503, 'this manager takes no events', 1017)
      const settled = await Promise.allSettled(events.map((event) => putEvent(event)))
      const failed = settled.flatMap(({ status }, n) => (status === 'rejected' ? [n] : []))
      const reason = settled.find((each) => each.status === 'rejected')?.reason
      if (reason !== undefined) parts.log('error', 'events of the API are not in the journal', { err: reason })
      return doneAnswer(
        events.map((_, n) => n).filter((n) => !failed.includes(n)),
        failed.map((n) => ({ id: String(n), code: 1014, message: sentAgain })),
        {
          all: 'All events were forwarded to analysisd',
          some: 'Some events were forwarded to analysisd',
          none: 'No events were forwarded to analysisd',
        },
      )
    },
  )
}
