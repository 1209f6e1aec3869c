/** Pre-decoding: finds time, host and program in a message's header by position alone (spec: engine, part 3). */
import type { Event } from './event.ts'

const blank = 32
const colon = 58
const dash = 45
const dot = 46

/** Sets log, logStart, timestamp, programName and, where the header has a place for a host, `hostname` and `hasHost`; the name there may be empty. */
export function predecode(event: Event): void {
  const text = event.fullLog
  event.log = text
  event.logStart = 0
  // The UTF-8 form of a month with umlaut shifts everything by a byte.
  const probe =
    text.charCodeAt(1) === 0xc3 && text.charCodeAt(2) === 0xa4 && text.length >= 2 ? `Ma${text.slice(3)}` : text
  const header = syslogHeader(probe, text.length + 1)
  if (header > 0) names(event, text, header)
  else otherHeader(event, text, probe)
}

/** Length of a syslog-like header (shapes A to E), 0 when there is none; `length` is that of the text before any shift, plus one. */
function syslogHeader(b: string, length: number): number {
  if (length <= 17) return 0
  const b4 = b.charCodeAt(4)
  if (
    b.charCodeAt(3) === blank &&
    b.charCodeAt(6) === blank &&
    b.charCodeAt(9) === colon &&
    b.charCodeAt(12) === colon &&
    b.charCodeAt(15) === blank
  ) {
    return 16
  }
  if (b4 === dash && b.charCodeAt(7) === dash && b.charCodeAt(13) === colon && b.charCodeAt(16) === colon) {
    const b10 = b.charCodeAt(10)
    const b19 = b.charCodeAt(19)
    if (length > 24 && b10 === blank && b19 === 44 /* , */) return 24
    if (length > 33 && b10 === 84 /* T */) {
      if (b.charCodeAt(22) === colon && b.charCodeAt(25) === blank) return 26
      if (b19 === dot) return b.charCodeAt(26) === colon ? 30 : b.charCodeAt(29) === colon ? 33 : 32
    }
    const b26 = b.charCodeAt(26)
    if (
      length > 33 &&
      isDigit(b.charCodeAt(0)) &&
      b10 === blank &&
      b19 === dot &&
      (b26 === dash || b26 === 43) /* + */ &&
      b.charCodeAt(31) === blank
    ) {
      return 32
    }
    return 0
  }
  if (
    length > 21 &&
    b4 === blank &&
    isDigit(b.charCodeAt(0)) &&
    b.charCodeAt(8) === blank &&
    b.charCodeAt(11) === blank &&
    b.charCodeAt(14) === colon &&
    b.charCodeAt(17) === colon &&
    b.charCodeAt(20) === blank
  ) {
    return 21
  }
  return 0
}

function names(event: Event, text: string, header: number): void {
  event.timestamp = text.slice(0, header - 1)
  let at = header
  if (text.charCodeAt(at) === blank) at++
  let logAt = at
  let end = nameEnd(text, at)
  const x = text.charCodeAt(end)
  if (x === colon && text.charCodeAt(end + 1) === blank) {
    event.programName = text.slice(at, end)
    logAt = end + 2
  } else if (x === blank) {
    event.hostname = text.slice(at, end)
    event.hasHost = true
    at = end + 1
    logAt = at
    end = nameEnd(text, at)
    const y = text.charCodeAt(end)
    if (y === colon) {
      event.programName = text.slice(at, end)
      logAt = skipBlank(text, end + 1)
    } else if (y === 91 /* [ */ && isDigit(text.charCodeAt(end + 1))) {
      let close = end + 1
      while (isDigit(text.charCodeAt(close))) close++
      if (text.charCodeAt(close) === 93 /* ] */) {
        const after = text.charCodeAt(close + 1)
        if (after === colon || after === blank) {
          event.programName = text.slice(at, end)
          logAt = after === colon ? skipBlank(text, close + 2) : close + 2
        }
      }
    } else if (y === 124 /* | */ && isLower(text.charCodeAt(end + 1))) {
      logAt = facility(event, text, at, end + 1)
    }
  } else {
    event.logStart = at
    event.log = text.slice(at)
    return
  }
  if (text.startsWith('[ID ', logAt)) {
    const close = text.indexOf(']', logAt)
    if (close !== -1) logAt = Math.min(close + 2, text.length)
  }
  event.logStart = logAt
  event.log = text.slice(logAt)
}

/** The AIX form `auth|security:info prog[pid]: `; gives where the log begins. */
function facility(event: Event, text: string, unchanged: number, from: number): number {
  let at = alnumEnd(text, from)
  if (text.charCodeAt(at) !== colon) return unchanged
  at = alnumEnd(text, at + 1)
  if (text.charCodeAt(at) !== blank) return unchanged
  const start = at + 1
  const end = nameEnd(text, start)
  let after = end
  if (text.charCodeAt(end) === 91 && isDigit(text.charCodeAt(end + 1))) {
    let close = end + 1
    while (isDigit(text.charCodeAt(close))) close++
    if (text.charCodeAt(close) === 93) after = close + 1
  }
  if (text.charCodeAt(after) === colon && text.charCodeAt(after + 1) === blank) {
    event.programName = text.slice(start, end)
    return after + 2
  }
  event.programName = text.slice(start)
  return unchanged
}

function otherHeader(event: Event, text: string, b: string): void {
  const length = text.length + 1
  const at = (n: number): number => b.charCodeAt(n)
  const log = (from: number): void => {
    event.logStart = from
    event.log = text.slice(from)
  }
  if (length <= 24) return
  if (
    length > 28 &&
    at(3) === blank &&
    at(7) === blank &&
    at(10) === blank &&
    at(13) === colon &&
    at(16) === colon &&
    at(19) === blank &&
    at(24) === blank &&
    at(26) === blank
  ) {
    event.timestamp = text.slice(0, 24)
    log(25)
  } else if (
    at(2) === 47 &&
    at(5) === dash &&
    at(8) === colon &&
    at(11) === colon &&
    at(14) === dot &&
    at(21) === blank
  ) {
    event.timestamp = text.slice(0, 21)
    log(23)
  } else if (
    length > 28 &&
    at(2) === 47 &&
    at(5) === 47 &&
    at(10) === dash &&
    at(13) === colon &&
    at(16) === colon &&
    at(19) === dot &&
    at(26) === blank
  ) {
    event.timestamp = text.slice(0, 26)
    log(28)
  } else if (
    length > 27 &&
    at(0) === 91 &&
    at(4) === blank &&
    at(8) === blank &&
    at(11) === blank &&
    at(14) === colon &&
    at(17) === colon &&
    at(20) === blank &&
    at(25) === 93
  ) {
    event.timestamp = text.slice(1, 25)
    log(27)
  } else if (
    length > 26 &&
    at(0) === 91 &&
    at(1) === 84 &&
    at(5) === blank &&
    at(10) === dot &&
    at(13) === dot &&
    at(16) === blank &&
    at(19) === colon
  ) {
    appleSystemLog(event, text)
  } else if (
    length > 32 &&
    at(0) === 49 &&
    isDigit(at(1)) &&
    isDigit(at(2)) &&
    isDigit(at(3)) &&
    at(10) === dot &&
    isDigit(at(13)) &&
    at(14) === blank &&
    (at(21) === blank || at(22) === blank)
  ) {
    let from = 14
    while (text.charCodeAt(from) === blank) from++
    event.timestamp = text.slice(0, from - 1)
    log(from)
  }
}

/** `[Time …] [Facility …] [Sender x] … [Message y] [Host z]` */
function appleSystemLog(event: Event, text: string): void {
  event.logStart = 25
  event.log = text.slice(25)
  let hasMessage = false
  for (let open = text.indexOf('[', 25); open !== -1; open = text.indexOf('[', open + 1)) {
    if (text.startsWith('[Sender ', open) && event.programName === null) {
      const close = text.indexOf(']', open)
      if (close === -1) return
      event.programName = text.slice(open + 8, close)
    } else if (text.startsWith('[Message ', open) && !hasMessage) {
      const close = text.indexOf(']', open)
      event.logStart = close === -1 ? open + 9 : -1
      event.log = text.slice(open + 9, close === -1 ? undefined : close)
      hasMessage = true
    } else if (text.startsWith('[Host ', open)) {
      const close = text.indexOf(']', open)
      event.hostname = text.slice(open + 6, close === -1 ? undefined : close)
      event.hasHost = true
      return
    }
  }
}

/** 1 for letters, digits and `( ) - . / @ _`. */
const nameBytes = new Uint8Array(256)
for (const c of 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789()-./@_') nameBytes[c.charCodeAt(0)] = 1

function nameEnd(text: string, from: number): number {
  let at = from
  while (at < text.length && nameBytes[text.charCodeAt(at)] === 1) at++
  return at
}

function alnumEnd(text: string, from: number): number {
  let at = from
  for (; at < text.length; at++) {
    const c = text.charCodeAt(at)
    if (!isDigit(c) && !isLower(c) && !(c >= 65 && c <= 90)) break
  }
  return at
}

function skipBlank(text: string, at: number): number {
  return text.charCodeAt(at) === blank ? at + 1 : at
}

function isDigit(c: number): boolean {
  return c >= 48 && c <= 57
}

function isLower(c: number): boolean {
  return c >= 97 && c <= 122
}
