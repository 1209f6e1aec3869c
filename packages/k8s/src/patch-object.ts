/**
 * The object that a write leaves behind, as far as the event tells: the response of a patch when it is there, else the request; of a JSON
 * patch (RFC 6902) the parts that it sets.
 */
import { isRecord, type JsonRecord, recordOf, textIn } from './untrusted.ts'

export interface Resulting {
  readonly object: JsonRecord | undefined
  /** True when only the changed parts are known. */
  readonly partial: boolean
  /** What a patch sets, as one object, removals as null; undefined when the event does not tell it, or it was no patch. */
  readonly change: JsonRecord | undefined
}

/** Most operations of one JSON patch, and most steps of one path, that are followed. */
const operationsMax = 256
const stepsMax = 32

/**
 * What results. A patch that touches nothing of weight cannot make an object dangerous: then there is nothing to judge, or each controller
 * that marks an old privileged pod would raise the finding again. The response is read only when it decides.
 */
export function resultingObject(
  request: unknown,
  readResponse: () => unknown,
  verb: string,
  weighs: (change: JsonRecord) => boolean = () => true,
): Resulting {
  if (verb !== 'patch') return { object: recordOf(request) ?? whole(readResponse()), partial: false, change: undefined }
  const change = changeOf(request)
  if (change !== undefined && !weighs(change)) return { object: undefined, partial: true, change }
  const result = whole(readResponse())
  if (change === undefined) return { object: result, partial: false, change }
  return result === undefined ? { object: change, partial: true, change } : { object: result, partial: false, change }
}

/** What a patch of any form sets, as one object: a merge patch is that already, a JSON patch becomes it. */
export function changeOf(request: unknown): JsonRecord | undefined {
  return Array.isArray(request) ? settingsOf(request) : recordOf(request)
}

/** A response that is an object of its own, not a Status that says why nothing was written. */
function whole(response: unknown): JsonRecord | undefined {
  const object = recordOf(response)
  return object === undefined || object.kind === 'Status' ? undefined : object
}

type Slot = Map<string, unknown>

/**
 * What the `add` and `replace` operations set, as one object; removals, and values that come from elsewhere in the object (`move`, `copy`),
 * appear as null. An object that replaces another is marked as in a strategic merge. Names are map keys, so none is special.
 */
function settingsOf(operations: readonly unknown[]): JsonRecord {
  const root: Slot = new Map()
  for (const entry of operations.slice(0, operationsMax)) {
    const operation = recordOf(entry)
    const path = textIn(operation?.path)
    const op = textIn(operation?.op)
    if (operation === undefined || path === undefined || op === undefined) continue
    if (op === 'move') put(root, textIn(operation.from), null)
    if (op === 'replace' && isRecord(operation.value)) put(root, path, { ...operation.value, $patch: 'replace' })
    else if (op === 'add' || op === 'replace') put(root, path, operation.value)
    else if (op === 'remove' || op === 'move' || op === 'copy') put(root, path, null)
  }
  return plain(root)
}

function put(root: Slot, path: string | undefined, value: unknown): void {
  if (path === undefined) return
  if (path === '') {
    if (isRecord(value)) for (const [name, part] of Object.entries(value)) root.set(name, part)
    return
  }
  const steps = path.split('/').slice(1, stepsMax + 1)
  set(root, steps.map(unescapeStep), value)
}

function unescapeStep(step: string): string {
  return step.replaceAll('~1', '/').replaceAll('~0', '~')
}

function set(root: Slot, steps: readonly string[], value: unknown): void {
  let slot = root
  for (const step of steps.slice(0, -1)) {
    let next = slot.get(step)
    if (!(next instanceof Map)) {
      next = new Map<string, unknown>(
        isRecord(next) ? Object.entries(next) : Array.isArray(next) ? next.map((v, n) => [String(n), v]) : [],
      )
      slot.set(step, next)
    }
    if (next instanceof Map) slot = next
  }
  const last = steps.at(-1)
  if (last !== undefined) slot.set(last === '-' ? `-${slot.size}` : last, value)
}

/** Maps as objects without a prototype; a map whose names are all indices (or appended) is an array again. */
function plain(slot: Slot): JsonRecord {
  const object: Record<string, unknown> = Object.create(null)
  for (const [name, value] of slot) object[name] = value instanceof Map ? plainOrList(value) : value
  return object
}

function plainOrList(slot: Slot): unknown {
  const isList = slot.size > 0 && [...slot.keys()].every((name) => /^(?:\d+|-\d*)$/.test(name))
  return isList ? [...slot.values()].map((value) => (value instanceof Map ? plainOrList(value) : value)) : plain(slot)
}
