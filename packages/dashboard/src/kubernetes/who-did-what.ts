/** Events of a cluster put together: one line for an actor, what it did, and to which object. */
import type { EventDocument } from '@dogwatch/client'
import { fieldNumber, fieldText } from '../widgets/document-fields.ts'

export interface Deed {
  readonly key: string
  readonly actor: string
  readonly verb: string
  readonly resource: string
  readonly namespace: string
  readonly name: string
  readonly count: number
  readonly refused: number
  readonly firstMs: number
  readonly lastMs: number
  /** Highest level among its alerts. */
  readonly level: number
}

const part = ({ source }: EventDocument, name: string): string => fieldText(source, `data.kubernetes.${name}`)

/** The deeds behind events, those with the newest event first. */
export function deedsOf(documents: readonly EventDocument[]): readonly Deed[] {
  const deeds = new Map<string, Deed>()
  for (const document of documents) {
    const [actor, verb, resource] = [part(document, 'actor'), part(document, 'verb'), part(document, 'resource')]
    const [namespace, name] = [part(document, 'namespace'), part(document, 'name')]
    const key = JSON.stringify([actor, verb, resource, namespace, name])
    const known = deeds.get(key)
    const { time_ms: time } = document
    deeds.set(key, {
      key,
      actor,
      verb,
      resource,
      namespace,
      name,
      count: (known?.count ?? 0) + 1,
      refused: (known?.refused ?? 0) + (part(document, 'allowed') === 'false' ? 1 : 0),
      firstMs: Math.min(known?.firstMs ?? time, time),
      lastMs: Math.max(known?.lastMs ?? time, time),
      level: Math.max(known?.level ?? 0, fieldNumber(document.source, 'rule.level') ?? 0),
    })
  }
  return [...deeds.values()].sort((a, b) => b.lastMs - a.lastMs)
}
