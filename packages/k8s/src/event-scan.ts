/**
 * The hot path: one audit item, byte by byte, into the event text of contracts.md 1, in one pass. Validates as it goes, puts one blank behind
 * each `:` and `,` outside strings, drops other white space outside strings, copies everything else untouched, and notes where the members
 * lie that the `kubernetes` object needs. One scan at a time per thread: the results live in module variables until the next scan.
 */
import { depthMax, escapeLength, fail, literalEnd, numberEnd, stringClass, stringOf, utf8Length } from './json-bytes.ts'

/** Indices into {@link starts} and {@link ends}: members of the event, then members of its small objects. */
export const member = {
  kind: 1,
  apiVersion: 2,
  level: 3,
  auditID: 4,
  stage: 5,
  requestURI: 6,
  verb: 7,
  user: 8,
  impersonatedUser: 9,
  sourceIPs: 10,
  userAgent: 11,
  objectRef: 12,
  responseStatus: 13,
  requestObject: 14,
  responseObject: 15,
  annotations: 16,
  requestReceivedTimestamp: 17,
  stageTimestamp: 18,
  timestamp: 19,
  kubernetes: 20,
  username: 21,
  groups: 22,
  impersonatedName: 23,
  resource: 24,
  namespace: 25,
  name: 26,
  apiGroup: 27,
  subresource: 28,
  code: 29,
  decision: 30,
  lastSourceIP: 31,
} as const
const memberCount = 32

/** Value spans of the last scan, quotes included; a start of -1 says that the member is absent. The last of equal names counts. */
export const starts: Int32Array = new Int32Array(memberCount)
export const ends: Int32Array = new Int32Array(memberCount)

/** Most annotations that are looked at; real events have under 20. */
const annotationsMax = 64
/** Annotations other than decision and reason: key start, key end, value start, value end of each. */
export const annotationSpans: Int32Array = new Int32Array(annotationsMax * 4)

/** What the last scan found beside the spans. */
export const scanned: { outStart: number; outEnd: number; annotationCount: number; memberCount: number } = {
  outStart: 0,
  outEnd: 0,
  annotationCount: 0,
  memberCount: 0,
}

/** Bytes kept free before the members, for `{"kind": "Event", "apiVersion": "…", `. */
export const prefixRoom = 128

function bytesOf(text: string): Uint8Array {
  return Uint8Array.from(text, (char) => char.charCodeAt(0))
}

function namesByLength(
  names: readonly (readonly [string, number])[],
): (readonly { bytes: Uint8Array; id: number }[] | undefined)[] {
  const table: { bytes: Uint8Array; id: number }[][] = []
  for (const [name, id] of names) {
    table[name.length] ??= []
    table[name.length]?.push({ bytes: bytesOf(name), id })
  }
  return Array.from({ length: 33 }, (_, length) => table[length])
}

const topNames = namesByLength([
  ['kind', member.kind],
  ['apiVersion', member.apiVersion],
  ['level', member.level],
  ['auditID', member.auditID],
  ['stage', member.stage],
  ['requestURI', member.requestURI],
  ['verb', member.verb],
  ['user', member.user],
  ['impersonatedUser', member.impersonatedUser],
  ['sourceIPs', member.sourceIPs],
  ['userAgent', member.userAgent],
  ['objectRef', member.objectRef],
  ['responseStatus', member.responseStatus],
  ['requestObject', member.requestObject],
  ['responseObject', member.responseObject],
  ['annotations', member.annotations],
  ['requestReceivedTimestamp', member.requestReceivedTimestamp],
  ['stageTimestamp', member.stageTimestamp],
  ['timestamp', member.timestamp],
  ['kubernetes', member.kubernetes],
])
const userNames = namesByLength([
  ['username', member.username],
  ['groups', member.groups],
])
const impersonatedNames = namesByLength([['username', member.impersonatedName]])
const objectRefNames = namesByLength([
  ['resource', member.resource],
  ['namespace', member.namespace],
  ['name', member.name],
  ['apiGroup', member.apiGroup],
  ['subresource', member.subresource],
])
const statusNames = namesByLength([['code', member.code]])
const decisionName = bytesOf('authorization.k8s.io/decision')
const reasonName = bytesOf('authorization.k8s.io/reason')

type Names = ReturnType<typeof namesByLength>

/** The id of the name between `s` and `e` (no quotes), 0 for any other. */
function idOf(names: Names, b: Uint8Array, s: number, e: number): number {
  const candidates = names[e - s]
  if (candidates === undefined) return 0
  for (let n = 0; n < candidates.length; n++) {
    const candidate = candidates[n]
    if (candidate !== undefined && sameBytes(b, s, candidate.bytes)) return candidate.id
  }
  return 0
}

function sameBytes(b: Uint8Array, s: number, bytes: Uint8Array): boolean {
  for (let k = 0; k < bytes.length; k++) if (b[s + k] !== bytes[k]) return false
  return true
}

/** A name written with escapes is looked up by what it says. */
function escapedIdOf(names: Names, b: Uint8Array, s: number, e: number): number {
  const name = bytesOf(stringOf(b, { start: s - 1, end: e + 1 }) ?? '')
  return idOf(names, name, 0, name.length)
}

function namesIn(parent: number): Names | null {
  if (parent === member.user) return userNames
  if (parent === member.objectRef) return objectRefNames
  if (parent === member.responseStatus) return statusNames
  if (parent === member.impersonatedUser) return impersonatedNames
  return null
}

function forget(first: number, last: number): void {
  for (let id = first; id <= last; id++) starts[id] = -1
}

/** A second member of the same name starts afresh: what the first one held no longer counts. */
function forgetParts(parent: number): void {
  if (parent === member.user) forget(member.username, member.groups)
  else if (parent === member.impersonatedUser) forget(member.impersonatedName, member.impersonatedName)
  else if (parent === member.objectRef) forget(member.resource, member.subresource)
  else if (parent === member.responseStatus) forget(member.code, member.code)
  else if (parent === member.sourceIPs) forget(member.lastSourceIP, member.lastSourceIP)
  else if (parent === member.annotations) {
    forget(member.decision, member.decision)
    scanned.annotationCount = 0
  }
}

function noteAnnotation(b: Uint8Array, keyStart: number, keyEnd: number, valueStart: number, valueEnd: number): void {
  const length = keyEnd - keyStart
  if (length === decisionName.length && sameBytes(b, keyStart, decisionName)) {
    starts[member.decision] = valueStart
    ends[member.decision] = valueEnd
    return
  }
  if (length === reasonName.length && sameBytes(b, keyStart, reasonName)) return
  if (scanned.annotationCount === annotationsMax) return
  const at = scanned.annotationCount++ * 4
  annotationSpans[at] = keyStart
  annotationSpans[at + 1] = keyEnd
  annotationSpans[at + 2] = valueStart
  annotationSpans[at + 3] = valueEnd
}

const oldVersions = ['"audit.k8s.io/v1beta1"', '"audit.k8s.io/v1alpha1"'].map(bytesOf)
const currentVersion = bytesOf('"audit.k8s.io/v1"')

function isOldVersion(b: Uint8Array, s: number, e: number): boolean {
  return oldVersions.some((old) => old.length === e - s && sameBytes(b, s, old))
}

const stack = new Uint8Array(depthMax + 2)

/**
 * Scans the object whose `{` is at `i` in `b` and writes its members, without the outer braces, to `out` from {@link prefixRoom} on. Returns
 * the index behind its `}`, or -1 (see `fault`). Writes beyond the end of `out` are lost, so the caller must refuse items longer than it has
 * room for (twice the item's length is always enough). The item's own `kubernetes` member is left out: that name is ours.
 */
export function scanEvent(b: Uint8Array, i: number, out: Uint8Array): number {
  starts.fill(-1)
  scanned.annotationCount = 0
  let o = prefixRoom
  let members = 0
  let depth = 1
  let inObject = true
  let first = true
  let top = 0 // id of the event's member we are in
  let topOut = 0 // where its separator and key begin in `out`
  let part = 0 // id of the part of that member, with depth 2
  let keyStart = 0
  let keyEnd = 0
  let valueStart = 0
  let valueOut = 0
  let partStart = 0
  let names: Names | null = null
  stack[1] = 1
  i++
  for (;;) {
    let c = b[i] ?? 0
    while (c === 0x20 || c === 0x0a || c === 0x0d || c === 0x09) c = b[++i] ?? 0
    let ended = false
    if (first && c === (inObject ? 0x7d : 0x5d)) {
      ended = true
      if (depth > 1) out[o++] = c
      i++
      depth--
      inObject = stack[depth] === 1
    } else if (inObject) {
      if (c !== 0x22) return fail(b, i, 'not-json')
      if (depth === 1) {
        topOut = o
        if (members > 0) {
          out[o++] = 0x2c
          out[o++] = 0x20
        }
      }
      out[o++] = c
      const s = ++i
      let escaped = false
      for (;;) {
        c = b[i] ?? 0
        while (c >= 0x20 && c < 0x80 && c !== 0x22 && c !== 0x5c) {
          out[o++] = c
          c = b[++i] ?? 0
        }
        if (c === 0x22) break
        {
          const kind = stringClass[c] ?? 3
          const length = kind === 2 ? escapeLength(b, i) : kind === 4 ? utf8Length(b, i) : 0
          if (length === 0) return stringFault(b, i, kind ?? 3)
          escaped ||= kind === 2
          for (const stop = i + length; i < stop; i++) out[o++] = b[i] ?? 0
        }
      }
      out[o++] = 0x22
      if (depth === 1) {
        top = escaped ? escapedIdOf(topNames, b, s, i) : idOf(topNames, b, s, i)
        names = namesIn(top)
        forgetParts(top)
      } else if (depth === 2) {
        if (names !== null) part = escaped ? escapedIdOf(names, b, s, i) : idOf(names, b, s, i)
        else part = 0
        keyStart = s
        keyEnd = i
      }
      c = b[++i] ?? 0
      while (c === 0x20 || c === 0x0a || c === 0x0d || c === 0x09) c = b[++i] ?? 0
      if (c !== 0x3a) return fail(b, i, 'not-json')
      out[o++] = 0x3a
      out[o++] = 0x20
      c = b[++i] ?? 0
      while (c === 0x20 || c === 0x0a || c === 0x0d || c === 0x09) c = b[++i] ?? 0
    }
    if (!ended) {
      if (depth === 1) {
        valueStart = i
        valueOut = o
      } else if (depth === 2) {
        partStart = i
      }
      if (c === 0x22) {
        out[o++] = c
        i++
        for (;;) {
          c = b[i] ?? 0
          while (c >= 0x20 && c < 0x80 && c !== 0x22 && c !== 0x5c) {
            out[o++] = c
            c = b[++i] ?? 0
          }
          if (c === 0x22) break
          {
            const kind = stringClass[c] ?? 3
            const length = kind === 2 ? escapeLength(b, i) : kind === 4 ? utf8Length(b, i) : 0
            if (length === 0) return stringFault(b, i, kind ?? 3)
            for (const stop = i + length; i < stop; i++) out[o++] = b[i] ?? 0
          }
        }
        out[o++] = 0x22
        i++
      } else if (c === 0x7b || c === 0x5b) {
        if (++depth > depthMax) return fail(b, i, 'too-deep')
        inObject = c === 0x7b
        stack[depth] = inObject ? 1 : 0
        first = true
        out[o++] = c
        i++
        continue
      } else {
        const stop = c === 0x2d || (c >= 0x30 && c <= 0x39) ? numberEnd(b, i) : literalEnd(b, i)
        if (stop < 0) return -1
        for (; i < stop; i++) out[o++] = b[i] ?? 0
      }
    }
    // A value has ended at i.
    for (;;) {
      if (depth === 1) {
        members++
        if (top !== 0) {
          if (top === member.kubernetes) {
            o = topOut
            members--
          } else {
            starts[top] = valueStart
            ends[top] = i
            if (top === member.apiVersion && isOldVersion(b, valueStart, i)) {
              o = valueOut
              for (let k = 0; k < currentVersion.length; k++) out[o++] = currentVersion[k] ?? 0
            }
          }
        }
      } else if (depth === 2) {
        if (part !== 0 && inObject) {
          starts[part] = partStart
          ends[part] = i
        } else if (top === member.annotations && inObject) {
          noteAnnotation(b, keyStart, keyEnd, partStart, i)
        } else if (top === member.sourceIPs && !inObject) {
          starts[member.lastSourceIP] = partStart
          ends[member.lastSourceIP] = i
        }
      } else if (depth === 0) {
        scanned.outEnd = o
        scanned.memberCount = members
        return i
      }
      c = b[i] ?? 0
      while (c === 0x20 || c === 0x0a || c === 0x0d || c === 0x09) c = b[++i] ?? 0
      if (c === 0x2c) {
        if (depth > 1) {
          out[o++] = 0x2c
          out[o++] = 0x20
        }
        first = false
        i++
        break
      }
      if (c !== (inObject ? 0x7d : 0x5d)) return fail(b, i, 'not-json')
      if (depth > 1) out[o++] = c
      i++
      depth--
      inObject = stack[depth] === 1
    }
  }
}

function stringFault(b: Uint8Array, i: number, kind: number): -1 {
  return fail(b, i, kind === 2 ? 'not-json' : kind === 4 ? 'invalid-utf8' : 'control-character')
}
