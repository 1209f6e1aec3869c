/**
 * The typed client of the API: one function per endpoint that the dashboard and scripts use, and two for whatever else there is.
 *
 * In: how to fetch, and the token. Out: what the API answered, out of its envelope. Can go wrong: RequestFailed, with the status and the API's own
 * sentence; status 0 when nobody answered.
 */
import type {
  EventDocument,
  FieldFacts,
  HistogramAnswer,
  IndexName,
  Items,
  Me,
  Neighbours,
  SavedSearch,
  SearchAnswer,
  StoreStatus,
  TermsAnswer,
  TryAnswer,
} from './answers.ts'
import { eventReader, type TailEvent } from './event-stream.ts'

export type Method = 'GET' | 'POST' | 'PUT' | 'DELETE'

/** What a search is about; `from` and `to` as the API reads times: `now-24h`, epoch milliseconds, ISO 8601. */
export interface Selection {
  readonly index?: IndexName
  readonly query?: string
  readonly from?: string
  readonly to?: string
}

/** Fields that events can be sorted by. */
export const sortFields = ['rule.level', 'rule.id', 'agent.id', 'agent.name'] as const
export type SortField = (typeof sortFields)[number]

/** The API's refusal, or nobody's answer. `problems` are the places of mistakes where the API told them. */
export class RequestFailed extends Error {
  readonly status: number
  readonly code: number | null
  readonly problems: readonly unknown[]
  constructor(status: number, message: string, code: number | null = null, problems: readonly unknown[] = []) {
    super(message)
    this.name = 'RequestFailed'
    this.status = status
    this.code = code
    this.problems = problems
  }
}

export interface ClientOptions {
  /** Put before each path, without a slash at its end; empty for the page's own server. */
  readonly base: string
  readonly fetch: typeof globalThis.fetch
  /** The token to send, made anew when it has ended; null sends none. */
  readonly token: () => Promise<string | null>
  /** A request was refused for its token (401). */
  readonly onUnauthorized: () => void
}

interface Request {
  readonly body?: unknown
  readonly query?: Readonly<Record<string, string | number | boolean | undefined>>
  /** A raw body instead of JSON. */
  readonly text?: { readonly type: string; readonly content: string }
  readonly signal?: AbortSignal
}

export type Client = ReturnType<typeof createClient>

export function createClient(options: ClientOptions) {
  return {
    /** Any endpoint; the whole answer. */
    call: <T = unknown>(method: Method, path: string, request: Request = {}) => ask<T>(options, method, path, request),
    /** An endpoint that answers items: a page of them, with the count of all. */
    async items<T>(path: string, query: Request['query'] = {}, signal?: AbortSignal): Promise<Items<T>> {
      const { data } = await ask<ItemsAnswer<T>>(options, 'GET', path, withSignal({ query }, signal))
      return { items: data?.affected_items ?? [], total: data?.total_affected_items ?? 0 }
    },
    search: (wanted: Selection & SearchPage, signal?: AbortSignal) =>
      data<SearchAnswer>(options, 'POST', '/dogwatch/search', withSignal({ body: wanted }, signal)),
    histogram: (wanted: Selection & HistogramWish, signal?: AbortSignal) =>
      data<HistogramAnswer>(options, 'POST', '/dogwatch/histogram', withSignal({ body: wanted }, signal)),
    terms: (wanted: Selection & TermsWish, signal?: AbortSignal) =>
      data<TermsAnswer>(options, 'POST', '/dogwatch/terms', withSignal({ body: wanted }, signal)),
    async fields(wanted: Selection, signal?: AbortSignal): Promise<readonly FieldFacts[]> {
      const request = withSignal({ body: wanted }, signal)
      return (await data<{ fields: readonly FieldFacts[] }>(options, 'POST', '/dogwatch/fields', request)).fields
    },
    complete: (wanted: Selection & { readonly cursor: number }, signal?: AbortSignal) =>
      data<{ kind: 'field' | 'value'; from: number; to: number; suggestions: readonly string[] }>(
        options,
        'POST',
        '/dogwatch/complete',
        withSignal({ body: wanted }, signal),
      ),
    event: (id: string, index: IndexName, neighbours = 5, signal?: AbortSignal) =>
      data<Neighbours>(
        options,
        'GET',
        `/dogwatch/event/${encodeURIComponent(id)}`,
        withSignal({ query: { index, neighbours } }, signal),
      ),
    explain: (
      wanted: { readonly id?: string; readonly index?: IndexName; readonly event?: string },
      signal?: AbortSignal,
    ) => data<TryAnswer>(options, 'POST', '/dogwatch/explain', withSignal({ body: wanted }, signal)),
    storeStatus: (signal?: AbortSignal) => data<StoreStatus>(options, 'GET', '/dogwatch/store', withSignal({}, signal)),
    firstEvent: () => data<{ command: string | null }>(options, 'GET', '/dogwatch/first-event', {}),
    async me(): Promise<Me | null> {
      return (await ask<ItemsAnswer<Me>>(options, 'GET', '/security/users/me', {})).data?.affected_items[0] ?? null
    },
    async savedSearches(): Promise<readonly SavedSearch[]> {
      return (await ask<ItemsAnswer<SavedSearch>>(options, 'GET', '/dogwatch/searches', {})).data?.affected_items ?? []
    },
    saveSearch: (name: string, content: string) =>
      ask(options, 'PUT', '/dogwatch/searches', { body: { name, content } }),
    removeSearch: (id: number) => ask(options, 'DELETE', `/dogwatch/searches/${id}`, {}),
    /** New documents as they come, until the signal says stop or the server ends it (after 15 minutes; ask anew). */
    tail: (wanted: Pick<Selection, 'index' | 'query'>, signal: AbortSignal) => tail(options, wanted, signal),
  }
}

interface SearchPage {
  readonly limit?: number
  readonly offset?: number
  readonly order?: 'newest' | 'oldest'
  /** Instead of time; pages are turned by `offset` then, of which the API takes 10,000 at most. */
  readonly sort?: SortField
  readonly descending?: boolean
  readonly after?: string
}

interface HistogramWish {
  readonly step_ms?: number
  readonly offset_ms?: number
  readonly by?: string
  readonly by_limit?: number
}

interface TermsWish {
  readonly field: string
  readonly limit?: number
  readonly prefix?: string
}

interface ItemsAnswer<T> {
  readonly data?: { readonly affected_items: readonly T[]; readonly total_affected_items: number }
}

function withSignal(request: Request, signal: AbortSignal | undefined): Request {
  return signal === undefined ? request : { ...request, signal }
}

async function data<T>(options: ClientOptions, method: Method, path: string, request: Request): Promise<T> {
  return (await ask<{ readonly data: T }>(options, method, path, request)).data
}

async function ask<T>(options: ClientOptions, method: Method, path: string, request: Request): Promise<T> {
  const response = await send(options, method, path, request)
  const isJson = /json/.test(response.headers.get('content-type') ?? '')
  // The one place where an answer gets its type: the server's schemas vouch for it.
  const answer: unknown = isJson ? await response.json() : await response.text()
  return answer as T
}

async function send(
  { base, fetch, token, onUnauthorized }: ClientOptions,
  method: Method,
  path: string,
  { body, query, text, signal }: Request,
): Promise<Response> {
  const held = await token()
  const words = Object.entries(query ?? {}).flatMap(([name, value]) =>
    value === undefined ? [] : [[name, String(value)] as [string, string]],
  )
  const search = words.length === 0 ? '' : `?${new URLSearchParams(words)}`
  const type = text?.type ?? (body === undefined ? null : 'application/json')
  const payload = text?.content ?? (body === undefined ? null : JSON.stringify(body))
  const response = await fetch(`${base}${path}${search}`, {
    method,
    body: payload,
    headers: {
      accept: 'application/json',
      ...(held === null ? {} : { authorization: `Bearer ${held}` }),
      ...(type === null ? {} : { 'content-type': type }),
    },
    ...(signal === undefined ? {} : { signal }),
  }).catch((error: unknown) => {
    if (error instanceof Error && error.name === 'AbortError') throw error
    throw new RequestFailed(0, 'the manager does not answer')
  })
  if (response.ok) return response
  if (response.status === 401) onUnauthorized()
  throw await failureOf(response)
}

async function failureOf(response: Response): Promise<RequestFailed> {
  const told: unknown = await response.json().catch(() => null)
  const member = (name: string): unknown =>
    typeof told === 'object' && told !== null ? Object.entries(told).find(([key]) => key === name)?.[1] : undefined
  const [detail, code, problems] = [member('detail'), member('error'), member('problems')]
  const sentence = typeof detail === 'string' ? detail : `the manager answered ${response.status}`
  return new RequestFailed(
    response.status,
    sentence,
    typeof code === 'number' ? code : null,
    Array.isArray(problems) ? problems : [],
  )
}

async function* tail(
  options: ClientOptions,
  { index = 'alerts', query = '' }: Pick<Selection, 'index' | 'query'>,
  signal: AbortSignal,
): AsyncGenerator<TailEvent> {
  const response = await send(options, 'GET', '/dogwatch/tail', { query: { index, query }, signal })
  if (response.body === null) return
  const read = eventReader()
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader()
  for (;;) {
    const { done, value } = await reader.read()
    if (done) return
    for (const piece of read(value)) {
      const event = tailEventOf(piece.event, JSON.parse(piece.data))
      if (event !== null) yield event
    }
  }
}

/** What the server says under a name; null for a name that came later than this client. */
function tailEventOf(event: string, told: { count?: number; says?: string } & EventDocument): TailEvent | null {
  if (event === 'document') return { kind: 'document', document: told }
  if (event === 'skipped') return { kind: 'skipped', count: told.count ?? 0 }
  if (event === 'trouble') return { kind: 'trouble', says: told.says ?? '' }
  return event === 'started' ? { kind: 'started' } : null
}
