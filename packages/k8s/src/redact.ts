/**
 * Taking secrets out of an item before anything but the journal sees it (contracts.md 1): data of Secrets, tokens, and where asked for data of
 * config maps become `"[redacted: N bytes]"`, inside lists and patches too. Bytes in, bytes out; what is not replaced stays as it was.
 */
import { elementsOf, type Member, membersOf, type Span, stringOf } from './json-bytes.ts'

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

function find(bytes: Uint8Array, value: Span, sensitive: Sensitive, found: Span[]): void {
  if (bytes[value.start] === 0x5b) {
    for (const element of elementsOf(bytes, value)) find(bytes, element, sensitive, found)
    return
  }
  if (bytes[value.start] !== 0x7b) return
  const members = membersOf(bytes, value.start) ?? []
  const patched = patchedPath(bytes, members)
  for (const { name, value: part } of members) {
    if (sensitive === 'tokens') {
      if (name === 'token' && isString(bytes, part)) found.push(part)
      else find(bytes, part, sensitive, found)
    } else if (name === 'data' || name === 'stringData' || name === 'binaryData') {
      hide(bytes, part, found)
    } else if (name === lastApplied || (name === 'value' && patched)) {
      hide(bytes, part, found)
    } else {
      find(bytes, part, sensitive, found)
    }
  }
}

/** Whether the object is an operation of a JSON patch that sets data, or the copy of the object that kubectl leaves in an annotation. */
function patchedPath(bytes: Uint8Array, members: readonly Member[]): boolean {
  const path = stringOf(bytes, members.findLast(({ name }) => name === 'path')?.value)
  if (path === undefined || !members.some(({ name }) => name === 'op')) return false
  return /^\/(?:data|stringData|binaryData)(?:\/|$)/.test(path) || path.endsWith('last-applied-configuration')
}

function isString(bytes: Uint8Array, span: Span): boolean {
  return bytes[span.start] === 0x22
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
