import { describe, expect, test } from 'vitest'
import { createClient, RequestFailed } from './client.ts'
import { eventReader, type TailEvent } from './event-stream.ts'

/** A client of a server that answers that, and what it was asked. */
function clientOf(answer: () => Response | Promise<Response>) {
  const asked: { url: string; init: RequestInit | undefined }[] = []
  let refusals = 0
  const client = createClient({
    base: '',
    fetch: async (input, init) => {
      asked.push({ url: String(input), init })
      return answer()
    },
    token: async () => 'a.b.c',
    onUnauthorized: () => {
      refusals += 1
    },
  })
  return { client, asked, refusals: () => refusals }
}

const json = (value: unknown, status = 200) => Response.json(value, { status })

describe('the client', () => {
  test('takes items out of their envelope', async () => {
    const { client, asked } = clientOf(() => json({ data: { affected_items: [{ id: 1 }], total_affected_items: 9 } }))
    expect(await client.items('/rules', { limit: 1, search: 'a b', none: undefined })).toEqual({
      items: [{ id: 1 }],
      total: 9,
    })
    expect(asked[0]?.url).toBe('/rules?limit=1&search=a+b')
    expect(asked[0]?.init?.headers).toMatchObject({ authorization: 'Bearer a.b.c' })
  })
  test('tells a refusal in the API’s words, with the places of mistakes', async () => {
    const problems = [{ message: 'm', from: 1, to: 2 }]
    const { client } = clientOf(() =>
      json({ title: 'Bad Request', detail: 'no such field', error: 1408, problems }, 400),
    )
    const error = await client.search({ query: 'x' }).catch((thrown: unknown) => thrown)
    expect(error).toBeInstanceOf(RequestFailed)
    expect(error).toMatchObject({ status: 400, code: 1408, message: 'no such field', problems })
  })
  test('says once that the token is not good', async () => {
    const { client, refusals } = clientOf(() => json({ detail: 'Invalid token' }, 401))
    await expect(client.me()).rejects.toThrow('Invalid token')
    expect(refusals()).toBe(1)
  })
  test('says that nobody answers', async () => {
    const { client } = clientOf(() => Promise.reject(new TypeError('fetch failed')))
    await expect(client.storeStatus()).rejects.toMatchObject({ status: 0, message: 'the manager does not answer' })
  })
  test('survives an answer that is no JSON', async () => {
    const { client } = clientOf(() => new Response('<html>', { status: 502 }))
    await expect(client.storeStatus()).rejects.toMatchObject({ status: 502, message: 'the manager answered 502' })
  })
  test('an id with a slash stays one part of the path', async () => {
    const { client, asked } = clientOf(() => json({ data: {} }))
    await client.event('1/../x?y', 'alerts')
    expect(asked[0]?.url).toBe('/dogwatch/event/1%2F..%2Fx%3Fy?index=alerts&neighbours=5')
  })
  test('tells a tail’s events as they come', async () => {
    const text =
      'event: started\ndata: {"time_ms":1}\n\nevent: document\ndata: {"id":"a","time_ms":1,"place":"1.1","source":{}}\n\n: nothing new\n\nevent: skipped\ndata: {"count":3}\n\nevent: later\ndata: {}\n\n'
    const { client } = clientOf(() => new Response(text))
    const told: TailEvent[] = []
    for await (const event of client.tail({ query: '' }, new AbortController().signal)) told.push(event)
    expect(told.map(({ kind }) => kind)).toEqual(['started', 'document', 'skipped'])
  })
})

describe('a stream of events', () => {
  test('is read across any cut', () => {
    const text = 'event: a\ndata: 1\ndata: 2\n\r\n\r\n: comment\n\ndata:3\n\n'
    for (let cut = 0; cut <= text.length; cut += 1) {
      const read = eventReader()
      expect([...read(text.slice(0, cut)), ...read(text.slice(cut))]).toEqual([
        { event: 'a', data: '1\n2' },
        { event: 'message', data: '3' },
      ])
    }
  })
  test('without an end is refused', () => {
    const read = eventReader()
    expect(() => read('x'.repeat(5 << 20))).toThrow('no stream of events')
  })
})
