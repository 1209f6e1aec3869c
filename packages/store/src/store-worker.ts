/** The store's process: opens the store, feeds it from the alert files, answers questions, seals and drops days. It ends when its parent is gone. */
import { setPriority } from 'node:os'
import type { Store } from './contract.ts'
import { openDuckDbStore } from './duckdb-store.ts'
import { StoreError } from './error.ts'
import { type Feed, startFeed } from './feed.ts'
import type { FromStore, StoreMethod, StoreSettings, ToStore } from './process-protocol.ts'

const figuresMs = 1000
const firstRetentionMs = 20_000
const retentionMs = 600_000

let store: Store | null = null
let feeds: Feed[] = []
let lastTellings: Promise<unknown> = Promise.resolve()
const timers: NodeJS.Timeout[] = []

// Ctrl-C reaches the whole group of the terminal; the manager says when to end.
process.on('SIGINT', () => {})
process.on('SIGTERM', () => {})
process.on('disconnect', () => void end())
process.on('message', (message: ToStore) => {
  if (message.kind === 'open') void open(message.settings)
  else if (message.kind === 'close') void end()
  else void answer(message.id, message.method, message.args)
})

function tell(message: FromStore): void {
  if (process.connected) process.send?.(message)
}

async function open(settings: StoreSettings): Promise<void> {
  try {
    // Searching may take its time; receiving and matching may not wait for it.
    setPriority(5)
    store = await openDuckDbStore(settings)
  } catch (error) {
    tell({ kind: 'cannot open', message: messageOf(error) })
    process.exitCode = 1
    process.disconnect?.()
    return
  }
  const opened = store
  const notice = (error: unknown) => tell({ kind: 'notice', message: messageOf(error) })
  feeds = settings.feeds.map(({ index, files }) => startFeed({ store: opened, index, files, report: notice }))
  const retain = () => {
    lastTellings = opened.retain({ ...settings.retention, nowMs: Date.now() }).catch(notice)
  }
  const figures = () => {
    opened
      .figures()
      .then((stored) => {
        const facts = { feeds: feeds.map((feed) => feed.figures()), store: stored, rssBytes: process.memoryUsage.rss() }
        tell({ kind: 'figures', figures: facts })
      })
      .catch(notice)
  }
  timers.push(setInterval(figures, figuresMs), setInterval(retain, retentionMs), setTimeout(retain, firstRetentionMs))
  tell({ kind: 'opened' })
  figures()
}

async function answer(id: number, method: StoreMethod, args: readonly unknown[]): Promise<void> {
  try {
    if (store === null) throw new StoreError('STORE_DOWN', 'the store is not open yet')
    const value: unknown = await Reflect.apply(store[method], store, [...args])
    tell({ kind: 'answer', id, value })
  } catch (error) {
    const code = error instanceof StoreError ? error.code : 'STORE_FAILED'
    tell({ kind: 'error', id, code, message: messageOf(error) })
  }
}

let ending: Promise<void> | null = null
function end(): Promise<void> {
  ending ??= (async () => {
    for (const timer of timers) clearTimeout(timer)
    await Promise.all(feeds.map((feed) => feed.stop()))
    await lastTellings
    await store?.close()
    process.exit()
  })()
  return ending
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}
