/**
 * A body into events: what a webhook, a log forwarder or a file brings, split into event texts (contracts.md 1). A bad item never costs its
 * neighbours: it is handed back with a reason from a closed list and its place, and the rest goes on. Nothing here throws on any input.
 *
 * Decided on purpose (ingest.md, Splitting): two `items` keys give the events of both; the first `apiVersion` of a list counts, also when it
 * stands behind the items; an item's own `kubernetes` member is left out, since that name is ours; equal keys stay in the text as they are,
 * and the last one counts for the `kubernetes` object.
 */
import { hash } from 'node:crypto'
import { inflate, type Unwrapped, unwrapAks, unwrapEks, unwrapGke } from './cloud.ts'
import { ends, member, prefixRoom, scanEvent, scanned, starts } from './event-scan.ts'
import {
  balancedEnd,
  depthMax,
  elementsOf,
  fail,
  fault,
  memberMap,
  membersOf,
  type Reason,
  type Span,
  skipSpace,
  stringEnd,
  stringOf,
  textOf,
  valueEnd,
} from './json-bytes.ts'
import { putKubernetes } from './kubernetes-object.ts'
import { type Facts, objectFacts } from './object-facts.ts'
import {
  type Redaction,
  redacted,
  redactionDefault,
  type Sensitive,
  sensitivityOf,
  sensitivityOfKind,
} from './redact.ts'
import { shapeOf } from './shape.ts'

/** What the splitter must know. Keep one object for each cluster: what is derived from it is remembered. */
export interface SplitContext {
  /** Name of the cluster, from the path or the certificate; goes into `kubernetes.cluster` and into the duplicate key. */
  readonly cluster: string
  /** Default: secrets and tokens. */
  readonly redact?: Redaction
  /** Longest item in bytes; longer ones are handed back as `oversize`. Default {@link eventLengthDefault}. */
  readonly eventLengthMax?: number
  /** Most bytes that one packed wrapping may inflate to. Default {@link inflatedLengthDefault}. */
  readonly inflatedLengthMax?: number
  /** False spares the hash where duplicates do not matter (offline analysis). Default true. */
  readonly hash?: boolean
}

/** 1 MiB (contracts.md 1, Size). */
export const eventLengthDefault = 1_048_576
/** 16 MiB: CloudWatch sends about 1 MiB packed. */
export const inflatedLengthDefault = 16 * 1_048_576

/** One event. */
export interface SplitEvent {
  /** The event text, one code unit a byte (latin1). */
  readonly text: string
  /** SHA-256 over cluster and the item's own bytes, 32 code units of one byte each; empty when not asked for. Equal means duplicate. */
  readonly hash: string
  /** Bytes of the item as it came. */
  readonly rawLength: number
  /** Where the item begins, in bytes of the body (of the unpacked text, for items inside a string or a packed wrapping). */
  readonly offset: number
}

/** One item that is no event. */
export interface Rejected {
  readonly reason: Reason
  /** What is wrong, for people; at most a few words. */
  readonly detail: string
  /** Byte at which the item begins, and at which it went wrong; in the body, or in the unpacked text when `unpacked`. */
  readonly offset: number
  readonly faultOffset: number
  readonly unpacked: boolean
  /** The item's bytes, up to {@link sampleLengthMax}: a view, so copy it before the body is reused. */
  readonly sample: Uint8Array
  /** Length of the item, or of all that had to be given up. */
  readonly length: number
  /** The audit ID, where one can be seen; chosen by a stranger, so treat it as text. */
  readonly auditID: string | undefined
}

/** Most bytes of a bad item that are handed back. */
export const sampleLengthMax = 65_536

export interface Sink {
  readonly event: (event: SplitEvent) => void
  readonly rejected: (item: Rejected) => void
}

/** Most wrappings inside each other: a packed envelope that holds an envelope that holds events. */
const wrappingsMax = 3
/** Resynchronising behind broken items may look at this many times the body's length in all. */
const resyncFactor = 4
const defaultVersion = 'audit.k8s.io/v1'

interface Prepared {
  readonly clusterMember: Uint8Array
  readonly hashKey: Uint8Array
  readonly redaction: Redaction
  readonly lengthMax: number
  readonly inflatedMax: number
  readonly isHashed: boolean
}

const preparedFor = new WeakMap<SplitContext, Prepared>()

function prepare(context: SplitContext): Prepared {
  const known = preparedFor.get(context)
  if (known !== undefined) return known
  const prepared = {
    clusterMember: Buffer.from(`"cluster": ${JSON.stringify(context.cluster)}`),
    hashKey: Buffer.from(`${context.cluster}\0`),
    redaction: context.redact ?? redactionDefault,
    lengthMax: context.eventLengthMax ?? eventLengthDefault,
    inflatedMax: context.inflatedLengthMax ?? inflatedLengthDefault,
    isHashed: context.hash ?? true,
  }
  preparedFor.set(context, prepared)
  return prepared
}

/** Splits a body; results in the order of the bytes. For big bodies prefer {@link splitInto}, which keeps nothing. */
export function splitBody(body: Uint8Array, context: SplitContext): { events: SplitEvent[]; rejected: Rejected[] } {
  const events: SplitEvent[] = []
  const rejected: Rejected[] = []
  splitInto(body, context, { event: (event) => events.push(event), rejected: (item) => rejected.push(item) })
  return { events, rejected }
}

/** Splits a body and hands over each event and each refused item as it is found. */
export function splitInto(body: Uint8Array, context: SplitContext, sink: Sink): void {
  splitBytes(body, { prepared: prepare(context), sink, cloud: undefined, wrappings: 0 })
}

/** One line (latin1, one code unit a byte) of a file: an Event, EventList or cloud entry, through the same path as a webhook's body. */
export function parseLine(
  line: string | Uint8Array,
  context: SplitContext,
): { events: SplitEvent[]; rejected: Rejected[] } {
  return splitBody(typeof line === 'string' ? Buffer.from(line, 'latin1') : line, context)
}

interface Run {
  readonly prepared: Prepared
  readonly sink: Sink
  readonly cloud: string | undefined
  readonly wrappings: number
}

/** State of one run over one piece of bytes. */
interface Piece extends Run {
  readonly bytes: Buffer
  /** How many more bytes may be looked at to find a new beginning. */
  resyncLeft: number
  /** Everything before this index has been handed on or refused. */
  done: number
  /** How many lists we are in. */
  lists: number
}

function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
}

function splitBytes(body: Uint8Array, run: Run): void {
  const bytes = asBuffer(body)
  const piece: Piece = { ...run, bytes, resyncLeft: bytes.length * resyncFactor, done: 0, lists: 0 }
  let i = bytes[0] === 0xef && bytes[1] === 0xbb && bytes[2] === 0xbf ? 3 : 0
  i = skipSpace(bytes, i)
  if (i >= bytes.length) {
    reject(piece, 0, bytes.length, 'empty', 'body is empty')
    return
  }
  if (isPacked(bytes, i)) {
    unwrapped(piece, [inflate(bytes.toString('latin1', i), run.prepared.inflatedMax, run.cloud)], i, bytes.length)
    return
  }
  while (i < bytes.length) {
    const end = bytes[i] === 0x7b ? objectAt(piece, i) : bytes[i] === 0x5b ? arrayAt(piece, i) : strayAt(piece, i)
    i = skipSpace(bytes, end < 0 ? restart(piece, Math.max(i + 1, piece.done)) : end)
    if (bytes[i] === 0x2c) i = skipSpace(bytes, i + 1) // some shippers join objects with commas
  }
}

/** Base64 of a gzip header: what Firehose and Lambda hand on. */
function isPacked(bytes: Buffer, i: number): boolean {
  return bytes.toString('latin1', i, i + 4) === 'H4sI'
}

/** The next line that begins with a bracket: one event a line, and one of them is broken. */
function nextLine(bytes: Buffer, i: number): number {
  for (let at = bytes.indexOf(0x0a, i); at >= 0; at = bytes.indexOf(0x0a, at + 1)) {
    const c = bytes[at + 1]
    if (c === 0x7b || c === 0x5b) return at + 1
  }
  return bytes.length
}

/** Where to go on behind something broken at the top: the next line that begins with a bracket, or an audit event before it. */
function restart(piece: Piece, from: number): number {
  const line = nextLine(piece.bytes, from)
  const comma = resync(piece, from, line)
  return comma < 0 ? line : comma
}

function strayAt(piece: Piece, i: number): number {
  const end = restart(piece, i)
  fail(piece.bytes, i, 'not-json')
  reject(piece, i, end, 'not-json', 'body is neither an object nor a list')
  return end
}

function reject(piece: Piece, start: number, end: number, reason: Reason, detail: string, at: number = start): void {
  const sample = piece.bytes.subarray(start, Math.min(end, start + sampleLengthMax))
  piece.done = Math.max(piece.done, end)
  const auditID = /"auditID"\s*:\s*"([^"\\]{1,200})"/.exec(sample.toString('latin1', 0, 4096))?.[1]
  piece.sink.rejected({
    reason,
    detail,
    offset: start,
    faultOffset: at,
    unpacked: piece.wrappings > 0,
    sample,
    length: end - start,
    auditID,
  })
}

const sentences: Readonly<Record<Reason, string>> = {
  'not-json': 'not JSON from here on',
  truncated: 'ends in the middle',
  'too-deep': `nested deeper than ${depthMax}`,
  'invalid-utf8': 'string is not UTF-8',
  'control-character': 'control character or NUL byte inside a string, or where JSON goes on',
  'not-an-object': 'not an object',
  'wrong-kind': 'not of kind Event',
  'not-an-audit-entry': 'no audit event',
  oversize: 'longer than the limit',
  'bad-encoding': 'packed data cannot be unpacked',
  'inflated-too-big': 'packed data is too big',
  'wrapped-too-often': 'wrapped too often',
  empty: 'empty',
}

// ---- shapes ----

/** One object at the top, or in an array: returns the index behind it, or -1 when its end cannot be found. */
function objectAt(piece: Piece, i: number): number {
  const { bytes } = piece
  const shape = shapeOf(bytes, i)
  if (shape === 'list') return listAt(piece, i)
  if (shape === 'event') return eventAt(piece, i)
  const end = shape === null ? -1 : valueEnd(bytes, i)
  if (end < 0) {
    const { reason, at } = fault
    if (piece.lists > 0) return broken(piece, i)
    const stop = restart(piece, i + 1)
    reject(piece, i, stop, reason, sentences[reason], at)
    return stop
  }
  const span = { start: i, end }
  if (shape === 'records') {
    for (const element of elementsOf(bytes, memberMap(bytes, span).get('records'))) {
      if (bytes[element.start] === 0x7b) objectAt(piece, element.start)
      else reject(piece, element.start, element.end, 'not-an-object', sentences['not-an-object'])
    }
  } else if (shape === 'gke') {
    unwrapped(piece, unwrapGke(bytes, span), i, end)
  } else if (shape === 'eks') {
    unwrapped(piece, unwrapEks(bytes, span, piece.prepared.inflatedMax), i, end)
  } else if (shape === 'aks') {
    unwrapped(piece, unwrapAks(bytes, span), i, end)
  } else if (shape === 'packed') {
    const data = stringOf(bytes, memberMap(bytes, span).get('data')) ?? ''
    unwrapped(piece, [inflate(data, piece.prepared.inflatedMax, piece.cloud)], i, end)
  } else {
    const isKind = memberMap(bytes, span).has('kind')
    const reason = isKind ? 'wrong-kind' : 'not-an-audit-entry'
    reject(piece, i, end, reason, sentences[reason])
  }
  return end
}

function unwrapped(piece: Piece, found: readonly Unwrapped[], start: number, end: number): void {
  for (const one of found) {
    if (one.kind === 'refused') {
      reject(piece, start, end, one.reason, one.detail)
    } else if (piece.wrappings >= wrappingsMax) {
      reject(piece, start, end, 'wrapped-too-often', sentences['wrapped-too-often'])
    } else if (one.kind === 'body') {
      splitBytes(one.bytes, { ...piece, cloud: one.cloud, wrappings: piece.wrappings + 1 })
    } else {
      const inner: Piece = {
        ...piece,
        bytes: asBuffer(one.bytes),
        cloud: one.cloud,
        wrappings: piece.wrappings + 1,
        resyncLeft: 0,
        done: 0,
        lists: 0,
      }
      const at = skipSpace(inner.bytes, 0)
      if (inner.bytes[at] === 0x7b) eventAt(inner, at)
    }
  }
}

// ---- lists ----

/** `{"kind":"EventList", …}` at `i`. */
function listAt(piece: Piece, i: number): number {
  const { bytes } = piece
  const start = i
  let kind: string | undefined
  let version: string | undefined
  i = skipSpace(bytes, i + 1)
  while (bytes[i] === 0x22) {
    const keyEnd = stringEnd(bytes, i)
    if (keyEnd < 0) return brokenList(piece, start)
    const name = stringOf(bytes, { start: i, end: keyEnd })
    i = skipSpace(bytes, keyEnd)
    if (bytes[i] !== 0x3a) return brokenList(piece, start, i)
    i = skipSpace(bytes, i + 1)
    if (name === 'items' && bytes[i] === 0x5b) {
      if (kind === undefined || version === undefined) ({ kind, version } = lookAhead(bytes, start, kind, version))
      const isAudit = kind === 'EventList' && version.startsWith('audit.k8s.io/') && version.length <= 64
      i = isAudit ? itemsAt(piece, i, version) : wrongList(piece, start, i, kind, version)
      if (i < 0) return piece.lists > 0 ? -1 : restart(piece, Math.max(start + 1, piece.done))
    } else {
      const end = valueEnd(bytes, i)
      if (end < 0) return brokenList(piece, start)
      if (name === 'kind') kind ??= stringOf(bytes, { start: i, end }) ?? ''
      if (name === 'apiVersion') version ??= stringOf(bytes, { start: i, end }) ?? ''
      if (name === 'items' && bytes[i] !== 0x6e) reject(piece, i, end, 'wrong-kind', 'items is no list')
      i = end
    }
    i = skipSpace(bytes, i)
    if (bytes[i] === 0x7d) return i + 1
    if (bytes[i] !== 0x2c) break
    i = skipSpace(bytes, i + 1)
  }
  if (bytes[i] === 0x7d) return i + 1
  return brokenList(piece, start, i)
}

/** Reports the rest of a broken list; the fault is the last scan's, or at `brokenAt`. */
function brokenList(piece: Piece, start: number, brokenAt?: number): number {
  if (brokenAt !== undefined) fail(piece.bytes, brokenAt, 'not-json')
  const { reason, at } = fault
  const from = Math.max(start, piece.done)
  const stop = restart(piece, from)
  reject(piece, from, stop, reason, sentences[reason], at)
  return piece.lists > 0 ? -1 : stop
}

function wrongList(piece: Piece, start: number, i: number, kind: string, version: string): number {
  const end = valueEnd(piece.bytes, i)
  const detail = `a list of kind ${kind.slice(0, 60)}, version ${version.slice(0, 60)}`
  reject(piece, start, end < 0 ? piece.bytes.length : end, 'wrong-kind', detail)
  return end
}

/** Kind and version of a list whose items come first; what is not said is taken to be ours. */
function lookAhead(
  bytes: Buffer,
  start: number,
  kind: string | undefined,
  version: string | undefined,
): { kind: string; version: string } {
  const members = membersOf(bytes, start) ?? []
  const said = (name: string) => {
    const found = members.find((one) => one.name === name)
    return found === undefined ? undefined : (stringOf(bytes, found.value) ?? '')
  }
  return { kind: kind ?? said('kind') ?? 'EventList', version: version ?? said('apiVersion') ?? defaultVersion }
}

/** A bare JSON array of events, lists or cloud entries. */
function arrayAt(piece: Piece, i: number): number {
  return elementsAt(piece, i, (at) => objectAt(piece, at))
}

function itemsAt(piece: Piece, i: number, version: string): number {
  const prefixes = prefixesFor(version)
  return elementsAt(piece, i, (at) => itemAt(piece, at, prefixes))
}

/** Each element of the array at `i`, broken ones stepped over; returns the index behind `]`, or -1 when the rest had to be given up. */
function elementsAt(piece: Piece, i: number, element: (at: number) => number): number {
  piece.lists++
  const end = elementsFrom(piece, i, element)
  piece.lists--
  return end
}

function elementsFrom(piece: Piece, i: number, element: (at: number) => number): number {
  const { bytes } = piece
  i = skipSpace(bytes, i + 1)
  if (bytes[i] === 0x5d) return i + 1
  for (;;) {
    let end = bytes[i] === 0x7b ? element(i) : otherAt(piece, i)
    if (end >= 0) {
      end = skipSpace(bytes, end)
      if (bytes[end] === 0x5d) return end + 1
      if (bytes[end] === 0x2c) {
        i = skipSpace(bytes, end + 1)
        continue
      }
      fail(bytes, end, 'not-json')
      const { reason } = fault
      const next = resync(piece, end, bytes.length)
      reject(piece, end, next < 0 ? bytes.length : next, reason, 'no comma or closing bracket behind an item')
      end = next
    }
    if (end < 0) return -1
    if (bytes[end] === 0x2c) i = skipSpace(bytes, end + 1)
  }
}

/** An element that is no object. */
function otherAt(piece: Piece, i: number): number {
  const end = valueEnd(piece.bytes, i)
  if (end < 0) return broken(piece, i)
  reject(piece, i, end, 'not-an-object', sentences['not-an-object'])
  return end
}

/** Reports the broken item at `i`; returns where to go on (a comma or closing bracket), or -1. */
function broken(piece: Piece, i: number): number {
  const { bytes } = piece
  const { reason, at } = fault
  if (piece.lists === 0) {
    const stop = restart(piece, i + 1)
    reject(piece, i, stop, reason, sentences[reason], at)
    return stop
  }
  const balanced = balancedEnd(bytes, i)
  // A lost bracket or quote makes the balance run on into the neighbours, so look for one of them before it.
  let next = resync(piece, i + 1, balanced < 0 ? bytes.length : balanced)
  let end = next
  if (next < 0 && balanced >= 0) {
    end = balanced
    next = skipSpace(bytes, balanced)
    if (!goesOn(bytes, next)) end = next = resync(piece, balanced, bytes.length)
  }
  reject(piece, i, end < 0 ? bytes.length : end, reason, sentences[reason], at)
  return next
}

/** Whether a list plausibly goes on at `i`: its end, or a comma and the next object. */
function goesOn(bytes: Buffer, i: number): boolean {
  if (bytes[i] === 0x5d) {
    const c = bytes[skipSpace(bytes, i + 1)]
    return c === undefined || c === 0x7d || c === 0x2c || c === 0x7b
  }
  return bytes[i] === 0x2c && bytes[skipSpace(bytes, i + 1)] === 0x7b
}

/**
 * The comma before the next whole audit event between `from` and `to`, or -1. Looks for `, {` followed by a valid object that has an audit ID and a
 * stage or level and ends at a comma or bracket: what a broken item held itself rarely looks so.
 */
function resync(piece: Piece, from: number, to: number): number {
  const { bytes } = piece
  for (let brace = bytes.indexOf(0x7b, from); brace >= 0 && brace < to; brace = bytes.indexOf(0x7b, brace + 1)) {
    if (piece.resyncLeft <= 0) return -1
    let comma = brace - 1
    while (comma >= from && (bytes[comma] ?? 0) <= 0x20) comma--
    if (bytes[comma] !== 0x2c) continue
    const end = valueEnd(bytes, brace)
    piece.resyncLeft -= (end < 0 ? fault.at : end) - brace + 16
    if (end < 0) continue
    const behind = bytes[skipSpace(bytes, end)]
    if (behind !== 0x2c && behind !== 0x5d) continue
    const members = memberMap(bytes, { start: brace, end })
    if (members.has('auditID') && (members.has('stage') || members.has('level'))) return comma
  }
  return -1
}

// ---- items ----

interface Prefixes {
  readonly both: Uint8Array
  readonly kind: Uint8Array
  readonly version: Uint8Array
  readonly none: Uint8Array
}

const prefixCache = new Map<string, Prefixes>()
const prefixCacheMax = 16

function prefixesFor(version: string): Prefixes {
  const known = prefixCache.get(version)
  if (known !== undefined) return known
  const current = /^audit\.k8s\.io\/v1(?:alpha1|beta1)$/.test(version) ? defaultVersion : version
  const versionMember = `"apiVersion": ${JSON.stringify(current)}, `
  const prefixes = {
    both: Buffer.from(`{"kind": "Event", ${versionMember}`),
    kind: Buffer.from('{"kind": "Event", '),
    version: Buffer.from(`{${versionMember}`),
    none: Buffer.from('{'),
  }
  if (prefixCache.size >= prefixCacheMax) prefixCache.clear()
  prefixCache.set(version, prefixes)
  return prefixes
}

let out: Buffer = Buffer.alloc(0)
let hashed: Buffer = Buffer.alloc(0)

/** Room for the members (twice the item), the `kubernetes` object (three times) and its lists. */
function reserve(lengthMax: number): void {
  const needed = prefixRoom + lengthMax * 5 + 262_144
  if (out.length < needed) out = Buffer.allocUnsafeSlow(needed)
}

/** An event that stands by itself. */
function eventAt(piece: Piece, i: number): number {
  return itemAt(piece, i, prefixesFor(defaultVersion))
}

/** The item whose `{` is at `i`: hands on its event; returns the index behind it, or where to go on, or -1. */
function itemAt(piece: Piece, i: number, prefixes: Prefixes): number {
  const { bytes, prepared } = piece
  reserve(prepared.lengthMax)
  const end = scanEvent(bytes, i, out)
  if (end < 0) return broken(piece, i)
  if (end - i > prepared.lengthMax) {
    reject(piece, i, end, 'oversize', `${end - i} bytes, more than ${prepared.lengthMax}`)
    return end
  }
  if (!isAuditEvent(bytes)) {
    reject(piece, i, end, 'wrong-kind', sentences['wrong-kind'])
    return end
  }
  const facts = redactScanned(piece, i, end)
  const source = facts === null ? bytes : facts.bytes
  finish(piece, source, i, end, prefixes, facts?.facts)
  piece.done = end
  return end
}

function isValue(bytes: Uint8Array, id: number, expected: string): boolean {
  const start = starts[id] ?? -1
  return start >= 0 && stringOf(bytes, { start, end: ends[id] ?? start })?.startsWith(expected) === true
}

/** An item of another kind or API group is not ours; one that says neither is what webhook bodies hold. */
function isAuditEvent(bytes: Buffer): boolean {
  const kind = starts[member.kind] ?? -1
  if (kind >= 0 && bytes.toString('latin1', kind, ends[member.kind]) !== '"Event"') return false
  return (starts[member.apiVersion] ?? -1) < 0 || isValue(bytes, member.apiVersion, 'audit.k8s.io/')
}

/** Takes secrets out of the item that was just scanned, and scans what is left; null when there was nothing to take out. */
function redactScanned(piece: Piece, start: number, end: number): { bytes: Buffer; facts: Facts | undefined } | null {
  const request = spanOf(member.requestObject)
  const response = spanOf(member.responseObject)
  if (request === undefined && response === undefined) return null
  const { bytes, prepared } = piece
  const sensitive = sensitivityHere(bytes, request, response, prepared.redaction)
  if (sensitive === null) return null
  // Names of credentials in config maps must be seen before their texts go.
  const facts = sensitive === 'configMaps' ? objectFacts(bytes, request, undefined, 'update', 'configmaps') : undefined
  const clean = redacted(bytes, { start, end }, [request, response], sensitive)
  if (clean === null) return null
  const buffer = asBuffer(clean)
  scanEvent(buffer, 0, out)
  return { bytes: buffer, facts }
}

function sensitivityHere(
  bytes: Buffer,
  request: Span | undefined,
  response: Span | undefined,
  redaction: Redaction,
): Sensitive | null {
  const resource = stringOf(bytes, spanOf(member.resource))
  if (resource !== undefined)
    return sensitivityOf(resource, stringOf(bytes, spanOf(member.subresource)) ?? '', redaction)
  for (const body of [request, response]) {
    const kind = stringOf(bytes, memberMap(bytes, body).get('kind'))
    const sensitive = kind === undefined ? null : sensitivityOfKind(kind, redaction)
    if (sensitive !== null) return sensitive
  }
  return null
}

function spanOf(id: number): Span | undefined {
  const start = starts[id] ?? -1
  return start < 0 ? undefined : { start, end: ends[id] ?? start }
}

/** Puts prefix, members and `kubernetes` together and hands the event on. `source` is what was scanned last, the item lies in the piece. */
function finish(
  piece: Piece,
  source: Buffer,
  start: number,
  end: number,
  prefixes: Prefixes,
  facts: Facts | undefined,
): void {
  const { prepared, bytes } = piece
  const hasKind = (starts[member.kind] ?? -1) >= 0
  const hasVersion = (starts[member.apiVersion] ?? -1) >= 0
  const prefix = hasKind ? (hasVersion ? prefixes.none : prefixes.version) : hasVersion ? prefixes.kind : prefixes.both
  const from = prefixRoom - prefix.length
  for (let k = 0; k < prefix.length; k++) out[from + k] = prefix[k] ?? 0
  let o = scanned.outEnd
  if (starts[member.timestamp] !== -1) o = putOldTimes(source, o)
  if (scanned.memberCount > 0) {
    out[o++] = 0x2c
    out[o++] = 0x20
  }
  o = putKubernetes(source, out, o, { clusterMember: prepared.clusterMember, cloud: piece.cloud, facts })
  out[o++] = 0x7d
  piece.sink.event({
    text: out.toString('latin1', from, o),
    hash: prepared.isHashed ? hashOf(prepared.hashKey, bytes, start, end) : '',
    rawLength: end - start,
    offset: start,
  })
}

/** Events of 1.7–1.11 have one `timestamp`: it becomes the two times of v1. */
function putOldTimes(source: Buffer, o: number): number {
  const span = spanOf(member.timestamp)
  if (span === undefined || source[span.start] !== 0x22) return o
  const time = textOf(source, span)
  for (const [name, id] of [
    ['requestReceivedTimestamp', member.requestReceivedTimestamp],
    ['stageTimestamp', member.stageTimestamp],
  ] as const) {
    if (starts[id] === -1) o += out.write(`, "${name}": ${time}`, o)
  }
  return o
}

function hashOf(key: Uint8Array, bytes: Buffer, start: number, end: number): string {
  const length = key.length + end - start
  if (hashed.length < length) hashed = Buffer.allocUnsafeSlow(Math.max(65_536, length * 2))
  hashed.set(key, 0)
  bytes.copy(hashed, key.length, start, end)
  return hash('sha256', hashed.subarray(0, length), 'binary')
}
