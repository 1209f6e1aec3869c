/**
 * Taking secrets out of an item before anything but the journal sees it (contracts.md 1): data of Secrets, tokens, and where asked for data of
 * config maps become `"[redacted: N bytes]"`, inside lists and patches too. Bytes in, bytes out; what is not replaced stays as it was.
 */
import {
  elementsOf,
  type Member,
  membersOf,
  type Span,
  skipSpace,
  stringEnd,
  stringOf,
  valueEnd,
} from './json-bytes.ts'

/** What is taken out. */
export interface Redaction {
  readonly secrets: boolean
  readonly tokens: boolean
  readonly configMaps: boolean
}

/** The default of contracts.md 1: config maps stay, since their texts are needed to find credentials in them. */
export const redactionDefault: Redaction = { secrets: true, tokens: true, configMaps: false }

export type Sensitive = 'secrets' | 'tokens' | 'configMaps'

const lastApplied = 'kubectl.kubernetes.io/last-applied-configuration'

/** What kind of secret the bodies of this resource hold; null for most. */
export function sensitivityOf(resource: string, subresource: string, redaction: Redaction): Sensitive | null {
  if (resource === 'secrets') return redaction.secrets ? 'secrets' : null
  if (resource === 'tokenreviews' || (resource === 'serviceaccounts' && subresource === 'token'))
    return redaction.tokens ? 'tokens' : null
  if (resource === 'configmaps') return redaction.configMaps ? 'configMaps' : null
  return null
}

/** The same, from the `kind` that a body gives itself, for events that name no resource. */
export function sensitivityOfKind(kind: string, redaction: Redaction): Sensitive | null {
  const resource = new Map([
    ['Secret', 'secrets'],
    ['SecretList', 'secrets'],
    ['TokenReview', 'tokenreviews'],
    ['ConfigMap', 'configmaps'],
    ['ConfigMapList', 'configmaps'],
  ]).get(kind)
  if (kind === 'TokenRequest') return redaction.tokens ? 'tokens' : null
  return resource === undefined ? null : sensitivityOf(resource, '', redaction)
}

/**
 * The item (`{` at span.start) with the secrets of the given bodies replaced; null when there was nothing to replace. The item must be valid.
 */
export function redacted(
  bytes: Uint8Array,
  item: Span,
  bodies: readonly (Span | undefined)[],
  sensitive: Sensitive,
): Uint8Array | null {
  const found: Span[] = []
  for (const body of bodies) if (body !== undefined) find(bytes, body, sensitive, found)
  if (found.length === 0) return null
  const parts: Uint8Array[] = []
  let from = item.start
  for (const span of found.sort((a, b) => a.start - b.start)) {
    parts.push(bytes.subarray(from, span.start), Buffer.from(`"[redacted: ${sizeOf(bytes, span)} bytes]"`))
    from = span.end
  }
  parts.push(bytes.subarray(from, item.end))
  return Buffer.concat(parts)
}

/** Size of a value: for strings what stands between the quotes. */
function sizeOf(bytes: Uint8Array, span: Span): number {
  return span.end - span.start - (bytes[span.start] === 0x22 ? 2 : 0)
}

/** The body itself: an object, or the operations of a JSON patch. */
function find(bytes: Uint8Array, body: Span, sensitive: Sensitive, found: Span[]): void {
  if (bytes[body.start] !== 0x5b) {
    walk(bytes, body.start, sensitive, found)
    return
  }
  for (const operation of elementsOf(bytes, body)) {
    const members = bytes[operation.start] === 0x7b ? (membersOf(bytes, operation.start) ?? []) : []
    const value = members.findLast(({ name }) => name === 'value')?.value
    if (value !== undefined && sensitive !== 'tokens' && patchesData(bytes, members)) hide(bytes, value, found)
    else walk(bytes, operation.start, sensitive, found)
  }
}

/** One pass over a valid value, each byte once or twice whatever the nesting; returns where it ends. */
function walk(bytes: Uint8Array, i: number, sensitive: Sensitive, found: Span[]): number {
  const isObject = bytes[i] === 0x7b
  if (!isObject && bytes[i] !== 0x5b) return valueEnd(bytes, i)
  i = skipSpace(bytes, i + 1)
  while (bytes[i] !== 0x7d && bytes[i] !== 0x5d) {
    let name = ''
    if (isObject) {
      const end = stringEnd(bytes, i)
      name = stringOf(bytes, { start: i, end }) ?? ''
      i = skipSpace(bytes, skipSpace(bytes, end) + 1)
    }
    if (isHidden(name, bytes[i] === 0x22, sensitive)) {
      const end = valueEnd(bytes, i)
      hide(bytes, { start: i, end }, found)
      i = end
    } else {
      i = walk(bytes, i, sensitive, found)
    }
    i = skipSpace(bytes, i)
    if (bytes[i] === 0x2c) i = skipSpace(bytes, i + 1)
  }
  return i + 1
}

function isHidden(name: string, isString: boolean, sensitive: Sensitive): boolean {
  if (sensitive === 'tokens') return name === 'token' && isString
  return name === 'data' || name === 'stringData' || name === 'binaryData' || name === lastApplied
}

/** Whether the object is an operation of a JSON patch that sets data, or the copy of the object that kubectl leaves in an annotation. */
function patchesData(bytes: Uint8Array, members: readonly Member[]): boolean {
  const path = stringOf(bytes, members.findLast(({ name }) => name === 'path')?.value)
  if (path === undefined || !members.some(({ name }) => name === 'op')) return false
  return /^\/(?:data|stringData|binaryData)(?:\/|$)/.test(path) || path.endsWith('last-applied-configuration')
}

/** Hides the members of an object one by one, so that their names stay; anything else as a whole. `null` (a removal) stays. */
function hide(bytes: Uint8Array, value: Span, found: Span[]): void {
  if (bytes[value.start] === 0x6e) return
  if (bytes[value.start] !== 0x7b) {
    found.push(value)
    return
  }
  for (const { value: part } of membersOf(bytes, value.start) ?? []) if (bytes[part.start] !== 0x6e) found.push(part)
}
