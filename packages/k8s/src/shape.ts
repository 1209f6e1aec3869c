/** Which of the forms that audit events come in a body has, told by the first member that decides it. */
import { fail, skipSpace, stringEnd, stringOf, valueEnd } from './json-bytes.ts'

export type Shape = 'list' | 'event' | 'gke' | 'eks' | 'records' | 'packed' | 'aks' | 'other'

const shapeOfName: ReadonlyMap<string, Shape> = new Map<string, Shape>([
  ['items', 'list'],
  ['auditID', 'event'],
  ['stage', 'event'],
  ['verb', 'event'],
  ['requestURI', 'event'],
  ['objectRef', 'event'],
  ['user', 'event'],
  ['sourceIPs', 'event'],
  ['protoPayload', 'gke'],
  ['insertId', 'gke'],
  ['logName', 'gke'],
  ['messageType', 'eks'],
  ['logEvents', 'eks'],
  ['logGroup', 'eks'],
  ['awslogs', 'eks'],
  ['message', 'eks'],
  ['records', 'records'],
  ['data', 'packed'],
  ['properties', 'aks'],
  ['category', 'aks'],
  ['Category', 'aks'],
  ['operationName', 'aks'],
  ['OperationName', 'aks'],
  ['log_s', 'aks'],
  ['AuditId', 'aks'],
])

/** The shape of the object at `i`, from the first member that decides it; values before it are only skipped. */
export function shapeOf(bytes: Uint8Array, i: number): Shape | null {
  i = skipSpace(bytes, i + 1)
  for (;;) {
    if (bytes[i] === 0x7d) return 'other'
    if (bytes[i] !== 0x22) return nothing(bytes, i)
    const keyEnd = stringEnd(bytes, i)
    if (keyEnd < 0) return null
    const name = stringOf(bytes, { start: i, end: keyEnd }) ?? ''
    i = skipSpace(bytes, keyEnd)
    if (bytes[i] !== 0x3a) return nothing(bytes, i)
    i = skipSpace(bytes, i + 1)
    const shape = shapeOfName.get(name)
    if (shape !== undefined) return shape
    const end = valueEnd(bytes, i)
    if (end < 0) return null
    if (name === 'kind') {
      const kind = stringOf(bytes, { start: i, end })
      return kind === 'EventList' ? 'list' : kind === 'Event' ? 'event' : 'other'
    }
    i = skipSpace(bytes, end)
    if (bytes[i] === 0x2c) i = skipSpace(bytes, i + 1)
    else if (bytes[i] !== 0x7d) return nothing(bytes, i)
  }
}

/** What a body seems to be: one event, a list, a cloud's wrapping (see {@link shapeOf}), an array or lines; null when it is broken. */
export function bodyShape(body: Uint8Array): Shape | 'array' | null {
  const i = skipSpace(body, 0)
  if (body[i] === 0x5b) return 'array'
  return body[i] === 0x7b ? shapeOf(body, i) : null
}

function nothing(bytes: Uint8Array, i: number): null {
  fail(bytes, i, 'not-json')
  return null
}
