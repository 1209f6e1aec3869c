/**
 * The `kubernetes` object that ends every event text (contracts.md 1): who did what to which object, whether it was allowed, from where and
 * with what. Small, the same for every ruleset. Values that the event spells as strings are copied as they are spelt; nothing is parsed
 * unless a body has to be judged.
 *
 * Members, in this order, each a string unless said otherwise, left out when there is nothing to say:
 * `cluster`; `actor` (whom the request acts as), `impersonator` (who authenticated, if another), `actorKind`; `verb`, `resource` (with
 * `/subresource`), `namespace`, `name`; `allowed` (true, false), `outcome` (allowed, refused, failed, rehearsed: a dry run), `code`; `sourceIP` (the last, the only
 * one that nobody can forge), `sourceScope` (public), `client` (product of the user agent), `hand` (person: a person's account, or the credentials
 * of a service account or of the control plane in a tool that people use), `platform` (true for an add-on's or component's identity in its own program, false for all other
 * persons and service accounts); `final` (true when this event stands for its request); `command`, `request` (same for all stages of one request; streams only); `name` also from the response of a generateName;
 * facts of bodies (object-facts.ts): `podSecurity`, `images` (lists), `repositories`, `registries` (joined by commas), `podServiceAccount`, `rights`, `subjects` (lists), `role`,
 * `serviceType`, `externalIPs` (list), `tls`, `podSecurityLevel`, `unschedulable`, `weakens` (list), `signer`, `requestedSubject` (list),
 * `approval`, `credentials` (list); telling annotations: `podSecurityViolations`, `podSecurityExempt`, `policyFailure`, `failedOpen`, `legacyToken`, `staleToken`, `deprecated`,
 * `removedRelease`, `truncated`, `unsafeDelete`; `oddAuditID` (true when it is no UUID); `cloud` (object: provider, method, …).
 */
import { hash } from 'node:crypto'
import { actorKindOf, isOfPlatform } from './actor.ts'
import { annotationSpans, ends, member, scanned, starts } from './event-scan.ts'
import { type Span, stringOf } from './json-bytes.ts'
import { commandInBody, type Facts, hasFacts, nameIn, objectFacts } from './object-facts.ts'

/** What the caller knows beside the item. */
export interface Surroundings {
  /** `"cluster": "<name>"`, JSON-escaped, as bytes. */
  readonly clusterMember: Uint8Array
  /** Finished JSON for `kubernetes.cloud`, or none. */
  readonly cloud?: string | undefined
  /** Facts that were found before redaction. */
  readonly facts?: Facts | undefined
}

function bytesOf(text: string): Uint8Array {
  return Uint8Array.from(text, (char) => char.charCodeAt(0))
}

const opening = bytesOf('"kubernetes": {')
const labels = {
  actor: bytesOf(', "actor": '),
  impersonator: bytesOf(', "impersonator": '),
  verb: bytesOf(', "verb": '),
  resource: bytesOf(', "resource": "'),
  namespace: bytesOf(', "namespace": '),
  name: bytesOf(', "name": '),
  allowed: bytesOf(', "allowed": "true", "outcome": "allowed"'),
  refused: bytesOf(', "allowed": "false", "outcome": "refused"'),
  failed: bytesOf(', "allowed": "false", "outcome": "failed"'),
  rehearsed: bytesOf(', "allowed": "true", "outcome": "rehearsed"'),
  code: bytesOf(', "code": "'),
  sourceIP: bytesOf(', "sourceIP": '),
  publicScope: bytesOf(', "sourceScope": "public"'),
  client: bytesOf(', "client": "'),
  hand: bytesOf(', "hand": "person"'),
  ofPlatform: bytesOf(', "platform": "true"'),
  notOfPlatform: bytesOf(', "platform": "false"'),
  final: bytesOf(', "final": "true"'),
}
const kindLabels = {
  person: bytesOf(', "actorKind": "person"'),
  serviceaccount: bytesOf(', "actorKind": "serviceaccount"'),
  node: bytesOf(', "actorKind": "node"'),
  'control-plane': bytesOf(', "actorKind": "control-plane"'),
  anonymous: bytesOf(', "actorKind": "anonymous"'),
} as const

function put(out: Uint8Array, o: number, bytes: Uint8Array): number {
  for (let k = 0; k < bytes.length; k++) out[o++] = bytes[k] ?? 0
  return o
}

function copy(out: Uint8Array, o: number, b: Buffer, start: number, end: number): number {
  for (let k = start; k < end; k++) out[o++] = b[k] ?? 0
  return o
}

/** Whether the member is there and a string of at least one byte. */
function hasText(b: Buffer, id: number): boolean {
  const start = starts[id] ?? -1
  return start >= 0 && b[start] === 0x22 && (ends[id] ?? 0) - start > 2
}

function putText(out: Uint8Array, o: number, b: Buffer, label: Uint8Array, id: number): number {
  return hasText(b, id) ? copy(out, put(out, o, label), b, starts[id] ?? 0, ends[id] ?? 0) : o
}

function latin1(b: Buffer, start: number, end: number): string {
  return b.toString('latin1', start, end)
}

/** Text of a string member between its quotes, one code unit a byte, escapes as spelt; empty when there is none. */
function raw(b: Buffer, id: number): string {
  return hasText(b, id) ? latin1(b, (starts[id] ?? 0) + 1, (ends[id] ?? 0) - 1) : ''
}

/** The same, with escapes resolved where there are some; still one code unit a byte for plain ASCII. */
function plainText(b: Buffer, id: number): string {
  const text = raw(b, id)
  return text.includes('\\') ? (stringOf(b, spanOf(id)) ?? '') : text
}

function spanOf(id: number): Span | undefined {
  const start = starts[id] ?? -1
  return start < 0 ? undefined : { start, end: ends[id] ?? start }
}

/** The response code, or -1. */
function codeOf(b: Buffer): number {
  const start = starts[member.code] ?? -1
  const length = (ends[member.code] ?? 0) - start
  if (start < 0 || length !== 3) return -1
  let code = 0
  for (let k = 0; k < 3; k++) {
    const digit = (b[start + k] ?? 0) - 0x30
    if (digit < 0 || digit > 9) return -1
    code = code * 10 + digit
  }
  return code
}

/** True and false of `authorization.k8s.io/decision`: 1 allow, 0 forbid, -1 unknown. */
function decisionOf(b: Buffer): number {
  const first = b[(starts[member.decision] ?? -1) + 1]
  if (!hasText(b, member.decision)) return -1
  return first === 0x61 ? 1 : first === 0x66 ? 0 : -1
}

/** "Allowed" is decision allow and an answer that is no error; "refused" is decision forbid or 401/403; else the request failed. */
function outcomeLabel(decision: number, code: number): Uint8Array | null {
  if (decision === 0 || code === 401 || code === 403) return labels.refused
  if (code >= 400) return labels.failed
  if (decision === 1 || code >= 100) return labels.allowed
  return null
}

const writeVerbs: ReadonlySet<string> = new Set(['create', 'update', 'patch', 'delete', 'deletecollection'])

/** A write that the API server only tries out (`dryRun=All`, as kubectl diff does): nothing is stored. Reads ignore that parameter. */
function isRehearsal(b: Buffer): boolean {
  return writeVerbs.has(raw(b, member.verb)) && /[?&]dryRun=All(?:&|$)/.test(plainText(b, member.requestURI))
}

/** Streaming subresources: their first sign is ResponseStarted, and the session may stay open for days. */
const streams: ReadonlySet<string> = new Set(['exec', 'attach', 'portforward', 'proxy'])

/**
 * Writes `"kubernetes": {…}` for the event that was just scanned in `b` to `out` at `o`; returns where it ends. Needs room for three times
 * the item and 128 KiB.
 */
export function putKubernetes(b: Buffer, out: Uint8Array, o: number, around: Surroundings): number {
  o = put(out, o, opening)
  o = put(out, o, around.clusterMember)
  const code = codeOf(b)
  const impersonated = hasText(b, member.impersonatedName)
  const actor = impersonated ? member.impersonatedName : member.username
  o = putText(out, o, b, labels.actor, actor)
  if (impersonated) o = putText(out, o, b, labels.impersonator, member.username)
  // An event without a user says nothing about who it was; one with an empty user was not authenticated.
  const kind = (starts[member.user] ?? -1) >= 0 || impersonated || code === 401 ? kindOf(b, actor) : null
  if (kind !== null) o = put(out, o, kindLabels[kind])
  o = putText(out, o, b, labels.verb, member.verb)
  const resource = plainText(b, member.resource)
  const subresource = plainText(b, member.subresource)
  if (resource !== '') {
    o = put(out, o, labels.resource)
    o = copy(out, o, b, (starts[member.resource] ?? 0) + 1, (ends[member.resource] ?? 0) - 1)
    if (subresource !== '') {
      out[o++] = 0x2f
      o = copy(out, o, b, (starts[member.subresource] ?? 0) + 1, (ends[member.subresource] ?? 0) - 1)
    }
    out[o++] = 0x22
  }
  o = putText(out, o, b, labels.namespace, member.namespace)
  o = putText(out, o, b, labels.name, member.name)
  let outcome = outcomeLabel(decisionOf(b), code)
  if (outcome === labels.allowed && subresource === '' && kind !== 'anonymous' && isRehearsal(b))
    outcome = labels.rehearsed
  if (outcome !== null) o = put(out, o, outcome)
  if (code >= 0) {
    o = copy(out, put(out, o, labels.code), b, starts[member.code] ?? 0, ends[member.code] ?? 0)
    out[o++] = 0x22
  }
  if (hasText(b, member.lastSourceIP)) {
    o = putText(out, o, b, labels.sourceIP, member.lastSourceIP)
    if (isPublicAddress(b, starts[member.lastSourceIP] ?? 0, ends[member.lastSourceIP] ?? 0))
      o = put(out, o, labels.publicScope)
  }
  const clientAt = o
  o = putClient(out, o, b)
  if (kind === 'person' || kind === 'serviceaccount' || kind === 'control-plane') {
    const isTool = isToolOfPeople(out, clientAt, o)
    if (isTool || kind === 'person') o = put(out, o, labels.hand)
    // With such a tool an identity of the platform is in somebody's hands, and judged like any other.
    if (kind !== 'control-plane')
      o = put(out, o, !isTool && isOfPlatform(plainText(b, actor)) ? labels.ofPlatform : labels.notOfPlatform)
  }
  const isStream = subresource !== '' && streams.has(subresource)
  if (isFinal(b, code, isStream)) o = put(out, o, labels.final)
  o = putRare(out, o, b, resource, subresource, isStream, around.facts)
  // GKE's insertId is no UUID by nature.
  const isForeign = around.cloud?.startsWith('{"provider": "gke"') === true
  if (!isForeign && hasText(b, member.auditID) && !isUuid(b)) o = putString(out, o, 'oddAuditID', 'true')
  if (around.cloud !== undefined) o = putJson(out, o, 'cloud', around.cloud)
  out[o++] = 0x7d
  return o
}

function kindOf(b: Buffer, actor: number): keyof typeof kindLabels {
  const kind = actorKindOf(plainText(b, actor))
  // Whatever the name: who is in this group has shown no credentials.
  return kind === 'person' && actor === member.username && isUnauthenticated(b) ? 'anonymous' : kind
}

const unauthenticated = '"system:unauthenticated"'

function isUnauthenticated(b: Buffer): boolean {
  const start = starts[member.groups] ?? -1
  return start >= 0 && b.subarray(start, ends[member.groups] ?? start).includes(unauthenticated, 0, 'latin1')
}

/** Programs that people run, or that run what people write: with them, the token of a service account is in somebody's hands. */
const toolsOfPeople =
  /^(?:kubectl|curl|wget|httpie|python-(?:requests|urllib|httpx)|postman|powershell|k9s|lens|kube-?hunter|peirates)/i

/** Whether the member `client` that was just written names such a program. Most do not, and a byte or two tell. */
function isToolOfPeople(out: Uint8Array, start: number, end: number): boolean {
  const at = start + labels.client.length
  if (end <= at) return false
  const first = (out[at] ?? 0) | 0x20
  if (first === 0x6b) {
    // kubectl, kube-hunter, k9s; not kubelet, kube-controller-manager.
    const fifth = (out[at + 4] ?? 0) | 0x20
    if (fifth !== 0x63 && fifth !== 0x68 && out[at + 5] !== 0x68 && out[at + 1] !== 0x39) return false
  } else if (first !== 0x63 && first !== 0x77 && first !== 0x68 && first !== 0x70 && first !== 0x6c) return false
  return toolsOfPeople.test(String.fromCharCode(...out.subarray(at, Math.min(end - 1, at + 64))))
}

/** `client`: the product of the user agent, up to the first `/`, blank or bracket, at most 64 bytes. */
function putClient(out: Uint8Array, o: number, b: Buffer): number {
  if (!hasText(b, member.userAgent)) return o
  const start = (starts[member.userAgent] ?? 0) + 1
  const stop = Math.min((ends[member.userAgent] ?? 0) - 1, start + 64)
  let end = start
  for (; end < stop; end++) {
    const c = b[end] ?? 0
    if (c === 0x2f || c === 0x20 || c === 0x28 || c === 0x5c || c >= 0x80) break
  }
  if (end === start) return o
  o = copy(out, put(out, o, labels.client), b, start, end)
  out[o++] = 0x22
  return o
}

/**
 * Whether this event stands for its request: ResponseComplete and Panic, ResponseStarted of streams and of failed authentication (their
 * ResponseComplete may be hours away, or never come), and events whose stage the sender left out.
 */
function isFinal(b: Buffer, code: number, isStream: boolean): boolean {
  if (!hasText(b, member.stage)) return true
  const start = starts[member.stage] ?? 0
  const length = (ends[member.stage] ?? 0) - start - 2
  if (length === 16) return true // ResponseComplete
  if (length === 5) return true // Panic
  return (isStream || code === 401) && b[start + 3] === 0x73 // ResponseStarted, not RequestReceived
}

/** Whether a quoted address is neither loopback, private (RFC 1918, RFC 4193, RFC 6598), nor link-local. Text that is no address is not public. */
export function isPublicAddress(b: Buffer, start: number, end: number): boolean {
  const text = latin1(b, start + 1, end - 1)
  if (text.includes(':')) {
    const mapped = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(text)?.[1]
    if (mapped !== undefined) return isPublicIPv4(mapped)
    return /^[23][0-9a-f]{0,3}:[0-9a-f:.]*$/i.test(text) // 2000::/3 is what is given out
  }
  return isPublicIPv4(text)
}

function isPublicIPv4(text: string): boolean {
  if (text.startsWith('10.') || text.startsWith('127.') || text.startsWith('192.168.')) return false
  const parts = /^(\d{1,3})\.(\d{1,3})\.\d{1,3}\.\d{1,3}$/.exec(text)
  if (parts === null) return false
  const first = Number(parts[1])
  const second = Number(parts[2])
  if (first === 0 || first >= 224) return false
  if (first === 172 && second >= 16 && second < 32) return false
  if (first === 100 && second >= 64 && second < 128) return false
  return !(first === 169 && second === 254)
}

function putString(out: Uint8Array, o: number, name: string, value: string): number {
  return putJson(out, o, name, JSON.stringify(value))
}

const encoder = new TextEncoder()

/** `, "name": <json>` for JSON that is printed already. */
function putJson(out: Uint8Array, o: number, name: string, json: string): number {
  return o + encoder.encodeInto(`, "${name}": ${json}`, out.subarray(o)).written
}

/** Longest text of one entry in a list, in code units; paths, images and subject names stay below. */
const entryLengthMax = 512

function printList(values: readonly string[]): string {
  return `[${values.map((value) => JSON.stringify(value.slice(0, entryLengthMax))).join(', ')}]`
}

/** What few events have: commands, bodies to judge, telling annotations. */
function putRare(
  out: Uint8Array,
  o: number,
  b: Buffer,
  resource: string,
  subresource: string,
  isStream: boolean,
  facts: Facts | undefined,
): number {
  if (isStream) {
    const inUri = commandIn(plainText(b, member.requestURI))
    const command = inUri === '' ? commandInBody(b, spanOf(member.requestObject)) : inUri
    if (command !== '') o = putString(out, o, 'command', command)
    o = putString(out, o, 'request', requestKey(b))
  }
  const verb = raw(b, member.verb)
  if (verb === 'create' || verb === 'update' || verb === 'patch') o = putWrite(out, o, b, verb, resource, subresource)
  if (facts !== undefined) o = putFacts(out, o, facts)
  return scanned.annotationCount > 0 ? putAnnotations(out, o, b) : o
}

function putWrite(out: Uint8Array, o: number, b: Buffer, verb: string, resource: string, subresource: string): number {
  const response = spanOf(member.responseObject)
  if (verb === 'create' && resource !== '' && !hasText(b, member.name) && response !== undefined) {
    const name = nameIn(b, response)
    if (name !== undefined && name !== '') o = putString(out, o, 'name', name)
  }
  const request = spanOf(member.requestObject)
  if ((request === undefined && response === undefined) || !hasFacts(resource, subresource)) return o
  return putFacts(out, o, objectFacts(b, request, response, verb, resource))
}

function putFacts(out: Uint8Array, o: number, facts: Facts): number {
  for (const [name, value] of facts) {
    if (typeof value === 'string') o = putString(out, o, name, value.slice(0, entryLengthMax))
    else o = putJson(out, o, name, printList(value))
  }
  return o
}

/** Names of annotations that rules look at, with the plain name they have here. A trailing `/` stands for all that begin so. */
const telling: readonly (readonly [annotation: string, name: string])[] = [
  ['pod-security.kubernetes.io/audit-violations', 'podSecurityViolations'],
  ['pod-security.kubernetes.io/exempt', 'podSecurityExempt'],
  ['validation.policy.admission.k8s.io/validation_failure', 'policyFailure'],
  ['failed-open.validating.webhook.admission.k8s.io/', 'failedOpen'],
  ['failed-open.mutating.webhook.admission.k8s.io/', 'failedOpen'],
  ['failed-open.mutation.webhook.admission.k8s.io/', 'failedOpen'],
  ['failed-open.validation.webhook.admission.k8s.io/', 'failedOpen'],
  ['authentication.k8s.io/legacy-token', 'legacyToken'],
  ['authentication.k8s.io/stale-token', 'staleToken'],
  ['k8s.io/deprecated', 'deprecated'],
  ['k8s.io/removed-release', 'removedRelease'],
  ['audit.k8s.io/truncated', 'truncated'],
  ['apiserver.k8s.io/unsafe-delete-ignore-read-error', 'unsafeDelete'],
]

function putAnnotations(out: Uint8Array, o: number, b: Buffer): number {
  const said = new Set<string>()
  for (let n = 0; n < scanned.annotationCount; n++) {
    const keyStart = annotationSpans[n * 4] ?? 0
    const keyEnd = annotationSpans[n * 4 + 1] ?? 0
    // Latencies (slow requests) and admission patches are the frequent ones.
    if (b[keyStart] === 0x61 && b[keyStart + 10] === 0x6c) continue
    const key = stringOf(b, { start: keyStart - 1, end: keyEnd + 1 }) ?? ''
    const name = telling.find(([prefix]) => (prefix.endsWith('/') ? key.startsWith(prefix) : key === prefix))?.[1]
    if (name === undefined || said.has(name)) continue
    const value = stringOf(b, { start: annotationSpans[n * 4 + 2] ?? 0, end: annotationSpans[n * 4 + 3] ?? 0 })
    if (value === undefined) continue
    said.add(name)
    o = putString(out, o, name, value.slice(0, entryLengthMax * 4))
  }
  return o
}

/** The command of exec, or of the kubelet's run and exec paths behind a node proxy: all `command=` (or `cmd=`) parts of the query, in order. */
export function commandIn(requestURI: string): string {
  const query = requestURI.indexOf('?')
  if (query < 0) return ''
  return requestURI
    .slice(query + 1)
    .split('&')
    .flatMap((part) => {
      const equals = part.indexOf('=')
      const name = equals < 0 ? part : part.slice(0, equals)
      const decoded = name.includes('%') ? unescapeQuery(name) : name
      return decoded === 'command' || decoded === 'cmd' ? [unescapeQuery(part.slice(name.length + 1))] : []
    })
    .join(' ')
}

/** `+` is a blank, `%xx` a byte; what is no escape stays. The bytes are read as UTF-8. */
function unescapeQuery(text: string): string {
  const spaced = text.replaceAll('+', ' ')
  if (!spaced.includes('%')) return spaced
  const bytes = spaced.replace(/%([0-9a-f]{2})/gi, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)))
  return /^[\x00-\xff]*$/.test(bytes) ? Buffer.from(bytes, 'latin1').toString('utf8') : bytes
}

/** One key for all stages of one request: not the audit ID alone, which the caller chooses. 16 hexadecimal digits. */
function requestKey(b: Buffer): string {
  const identity = [member.auditID, member.requestURI, member.requestReceivedTimestamp]
    .map((id) => raw(b, id))
    .join('\n')
  return hash('sha256', identity, 'hex').slice(0, 16)
}

function isUuid(b: Buffer): boolean {
  const start = (starts[member.auditID] ?? 0) + 1
  if ((ends[member.auditID] ?? 0) - start !== 37) return false
  for (let k = 0; k < 36; k++) {
    const c = b[start + k] ?? 0
    const isDash = k === 8 || k === 13 || k === 18 || k === 23
    if (isDash ? c !== 0x2d : !((c >= 0x30 && c <= 0x39) || (c >= 0x61 && c <= 0x66) || (c >= 0x41 && c <= 0x46)))
      return false
  }
  return true
}
