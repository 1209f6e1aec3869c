/** Events as they come. In: whether to follow, and a condition. Out: the newest of them, at most `keptMax`, and what went wrong. */
import type { EventDocument } from '@dogwatch/client'
import { useEffect, useState } from 'react'
import { useSelection } from './hooks.ts'
import { client } from './session.ts'

/** Events that are kept, newest first. */
const keptMax = 500
/** Milliseconds before a tail that ended is asked for anew. */
const againMs = 2000

export interface LiveTail {
  readonly documents: readonly EventDocument[]
  /** Came too fast to be sent. */
  readonly skipped: number
  readonly isFollowing: boolean
  readonly trouble: string | null
}

const nothing: LiveTail = { documents: [], skipped: 0, isFollowing: false, trouble: null }

export function useLiveTail(isWanted: boolean, where = ''): LiveTail {
  const { index, query } = useSelection(where)
  const [state, setState] = useState(nothing)
  useEffect(() => {
    setState(nothing)
    if (!isWanted) return
    const stop = new AbortController()
    const follow = async () => {
      while (!stop.signal.aborted) {
        try {
          for await (const told of client.tail({ index, query }, stop.signal)) {
            setState((old) => {
              if (told.kind === 'document') {
                const others = old.documents.filter(({ id }) => id !== told.document.id)
                return { ...old, documents: [told.document, ...others].slice(0, keptMax), trouble: null }
              }
              if (told.kind === 'skipped') return { ...old, skipped: old.skipped + told.count }
              if (told.kind === 'trouble') return { ...old, trouble: told.says }
              return { ...old, isFollowing: true, trouble: null }
            })
          }
        } catch (error) {
          if (stop.signal.aborted) return
          setState((old) => ({
            ...old,
            isFollowing: false,
            trouble: error instanceof Error ? error.message : 'the tail was cut off',
          }))
        }
        await new Promise((resolve) => setTimeout(resolve, againMs))
      }
    }
    void follow()
    return () => stop.abort()
  }, [isWanted, index, query])
  return state
}
