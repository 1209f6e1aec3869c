/**
 * Who is logged in. The token lives in this module's memory only; a cookie that no script can read fetches the next one, so that a reload keeps the
 * session (packages/api/src/session-routes.ts). Out: the state for components, `login`, `logout`, and the client.
 */
import { type Client, createClient, type Me, RequestFailed } from '@dogwatch/client'
import { useSyncExternalStore } from 'react'

export type Session =
  | { readonly status: 'unknown' }
  | { readonly status: 'out'; readonly says: string | null }
  | { readonly status: 'in'; readonly me: Me }

/** Milliseconds before its end at which a token is replaced; of a short one a third of its time. */
const renewBeforeMs = 60_000
/** Any of our own: a reload in another tab must notice that somebody logged out. */
const channel = new BroadcastChannel('dogwatch-session')

let session: Session = { status: 'unknown' }
let held: { readonly token: string; readonly renewMs: number } | null = null
let renewing: Promise<string | null> | null = null
const listeners = new Set<() => void>()

interface TokenAnswer {
  readonly data: { readonly token: string | null; readonly seconds: number }
}

export const client: Client = createClient({
  base: '',
  fetch: (input, init) => fetch(input, init),
  token: currentToken,
  onUnauthorized: () => {
    held = null
    void renewed()
  },
})

/** Asks for nothing itself: for login and renewal. */
const bare = createClient({
  base: '',
  fetch: (input, init) => fetch(input, init),
  token: async () => null,
  onUnauthorized: () => {},
})

channel.onmessage = ({ data }) => {
  if (data === 'out' && session.status === 'in') end('You logged out in another tab.')
}

export function useSession(): Session {
  return useSyncExternalStore(listen, () => session)
}

/** Whether the user may do that; a null action is everybody's. */
export function may(action: string | null): boolean {
  return action === null || (session.status === 'in' && session.me.actions.includes(action))
}

/** Finds out, at the first load, whether the cookie still holds. */
export async function resumeSession(): Promise<void> {
  const token = await renewed()
  if (token !== null) await begin()
}

/** Throws RequestFailed when the password is wrong, or too many were. */
export async function login(user: string, password: string): Promise<void> {
  const credentials = btoa(String.fromCharCode(...new TextEncoder().encode(`${user}:${password}`)))
  const response = await fetch('/dogwatch/session', {
    method: 'POST',
    headers: { authorization: `Basic ${credentials}`, accept: 'application/json' },
  }).catch(() => {
    throw new RequestFailed(0, 'the manager does not answer')
  })
  const answer = await response.json().catch(() => null)
  if (!response.ok) {
    const says = response.status === 401 ? 'User name or password is wrong.' : String(answer?.detail ?? response.status)
    throw new RequestFailed(response.status, says)
  }
  hold(answer)
  await begin()
}

export async function logout(): Promise<void> {
  try {
    await client.call('DELETE', '/dogwatch/session')
  } finally {
    channel.postMessage('out')
    end(null)
  }
}

async function begin(): Promise<void> {
  const me = await client.me()
  set(me === null ? { status: 'out', says: null } : { status: 'in', me })
}

function end(says: string | null): void {
  held = null
  set({ status: 'out', says })
}

async function currentToken(): Promise<string | null> {
  if (held !== null && Date.now() < held.renewMs) return held.token
  return renewed()
}

/** One renewal at a time, however many requests wait for it. */
function renewed(): Promise<string | null> {
  renewing ??= renew().finally(() => {
    renewing = null
  })
  return renewing
}

async function renew(): Promise<string | null> {
  try {
    hold(await bare.call<TokenAnswer>('POST', '/dogwatch/session/token'))
  } catch (error) {
    // Nobody answers, or the manager starts: what is held may still be good, and the next request tries again.
    if (session.status === 'unknown') set({ status: 'out', says: error instanceof Error ? error.message : null })
    return held?.token ?? null
  }
  if (held === null) {
    if (session.status === 'in') end('The session has ended. Log in again.')
    else set({ status: 'out', says: null })
  }
  return held?.token ?? null
}

function hold({ data: { token, seconds } }: TokenAnswer): void {
  const goodMs = seconds * 1000
  held = token === null ? null : { token, renewMs: Date.now() + goodMs - Math.min(renewBeforeMs, goodMs / 3) }
}

function set(next: Session): void {
  session = next
  for (const listener of listeners) listener()
}

function listen(listener: () => void): () => void {
  listeners.add(listener)
  return () => listeners.delete(listener)
}
