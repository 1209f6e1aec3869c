/**
 * The loops over an event's bytes that JavaScript runs slowly, in AssemblyScript: escaping, looking for literals, following JSON, putting pieces together. `src/kernels.ts` lays out
 * the memory and says what goes in and out; `src/kernel-bytes.ts` holds what this compiles to (`node scripts/write-kernels.ts`). Nothing here allocates, and nothing is
 * read or written but through the addresses that are passed in. Loads may read up to 16 bytes behind a text, never more.
 */

// A step's kind, and why `follow` ended: see src/kernels.ts.
const kindString: u32 = 0
const kindNumber: u32 = 1
const kindArray: u32 = 2
const kindLiteral: u32 = 3

const endDone: i32 = 0
const endLost: i32 = 1
const endSpecial: i32 = 2
const endFull: i32 = 3

const quote: u8 = 34
const backslash: u8 = 92

/** Whether a byte below 32 stands between two addresses. */
export function hasControl(from: usize, end: usize): bool {
  // What is left of a shorter text behind this one must not count.
  v128.store(end, i8x16.splat(quote))
  while (from < end) {
    if (v128.any_true(i8x16.lt_u(v128.load(from), i8x16.splat(32)))) return true
    from += 16
  }
  return false
}

/**
 * Writes a text to `to` with a backslash before each quote and backslash; gives the length, or -1 when a byte below 32 is met. `table`: for each set of places
 * in eight bytes, the sixteen lanes of the widened eight, of which 15 holds a backslash.
 */
export function escape(from: usize, end: usize, to: usize, table: usize): i32 {
  const start = to
  v128.store(end, i8x16.splat(quote))
  const widened = v128(0, 0, 0, 0, 0, 0, 0, 0, 92, 92, 92, 92, 92, 92, 92, 92)
  let controls = i8x16.splat(0)
  while (from + 8 <= end) {
    const bytes = v128.or(v128.load64_zero(from), widened)
    controls = v128.or(controls, i8x16.lt_u(bytes, i8x16.splat(32)))
    const special = v128.or(i8x16.eq(bytes, i8x16.splat(quote)), i8x16.eq(bytes, i8x16.splat(backslash)))
    const places = i8x16.bitmask(special) & 255
    v128.store(to, i8x16.swizzle(bytes, v128.load(table + ((<usize>places) << 4))))
    to += 8 + <usize>popcnt(places)
    from += 8
  }
  while (from < end) {
    const c = load<u8>(from++)
    if (c < 32) return -1
    if (c == quote || c == backslash) store<u8>(to++, backslash)
    store<u8>(to++, c)
  }
  return v128.any_true(controls) ? -1 : <i32>(to - start)
}

/**
 * Literals of which a window ends where two bytes allow no further step. `tables`: the window's length (u32), steps by the low seven bits of two bytes (u8), heads
 * of the lists of literals by what the last four bytes of a window come to (u32, addresses), as `literal-scanner.ts` fills them. Writes the numbers of the
 * literals that stand in the text, each once for a `stamp`, and gives their count. `ends` has room for four bytes for each byte of a piece.
 */
export function scan(tables: usize, from: usize, end: usize, stamp: u32, ends: usize, found: usize): i32 {
  const window = <usize>load<u32>(tables)
  const steps = tables + 4
  const heads = steps + 16384
  let count = 0
  // Where the last two bytes of a window may stand.
  let piece = from + window - 2
  const last = end - 1
  while (piece < last) {
    const pieceEnd = min<usize>(piece + 4096, last)
    // Four searches side by side, so that one works while another waits for its table.
    const quarter = (pieceEnd - piece) >> 2
    const endA = piece + quarter
    const endB = endA + quarter
    const endC = endB + quarter
    let a = piece
    let b = endA
    let c = endB
    let d = endC
    let put = ends
    while (a < endA && b < endB && c < endC && d < pieceEnd) {
      const stepA = stepAt(steps, a)
      const stepB = stepAt(steps, b)
      const stepC = stepAt(steps, c)
      const stepD = stepAt(steps, d)
      store<u32>(put, <u32>a)
      put += stopOf(stepA)
      store<u32>(put, <u32>b)
      put += stopOf(stepB)
      store<u32>(put, <u32>c)
      put += stopOf(stepC)
      store<u32>(put, <u32>d)
      put += stopOf(stepD)
      a += stepA & 127
      b += stepB & 127
      c += stepC & 127
      d += stepD & 127
    }
    put = search(steps, a, endA, put)
    put = search(steps, b, endB, put)
    put = search(steps, c, endC, put)
    put = search(steps, d, pieceEnd, put)
    for (let at = ends; at < put; at += 4) {
      const place = <usize>load<u32>(at)
      let literal = <usize>load<u32>(heads + (hashOf(load<u32>(place - 2)) << 2))
      while (literal != 0) {
        if (load<u32>(literal + 20) != stamp) {
          const start = place + 2 - window - <usize>load<u32>(literal + 8)
          if (start >= from && start + <usize>load<u32>(literal + 12) <= end && standsAt(literal, start)) {
            store<u32>(literal + 20, stamp)
            store<u32>(found + (<usize>count << 2), load<u32>(literal + 4))
            count++
          }
        }
        literal = <usize>load<u32>(literal)
      }
    }
    piece = pieceEnd
  }
  return count
}

/** A step, with bit 7 where a window may end. */
function stepAt(steps: usize, at: usize): usize {
  const pair = load<u16>(at)
  return <usize>load<u8>(steps + <usize>((pair & 0x7f) | ((pair & 0x7f00) >> 1)))
}

function stopOf(step: usize): usize {
  return (step >> 7) << 2
}

function search(steps: usize, from: usize, end: usize, to: usize): usize {
  let at = from
  let put = to
  while (at < end) {
    const step = stepAt(steps, at)
    store<u32>(put, <u32>at)
    put += stopOf(step)
    at += step & 127
  }
  return put
}

/** Four bytes, letters without their case, as one of 1,024 numbers. */
function hashOf(four: u32): usize {
  return <usize>(((four | 0x20202020) * 0x9e3779b1) >> 22)
}

/** A literal: address of the next in its list, number, place of its window, length, whether case is folded, stamp, bytes (lower case if folded). */
function standsAt(literal: usize, start: usize): bool {
  const length = <usize>load<u32>(literal + 12)
  const bytes = literal + 24
  if (load<u32>(literal + 16) == 0) return isSame(bytes, start, length)
  for (let n: usize = 0; n < length; n++) {
    let c = load<u8>(start + n)
    if (c >= 65 && c <= 90) c += 32
    if (c != load<u8>(bytes + n)) return false
  }
  return true
}

/** Whether two runs of bytes are the same. */
function isSame(one: usize, other: usize, length: usize): bool {
  if (length >= 8) {
    const lastEight = length - 8
    for (let n: usize = 0; n < lastEight; n += 8) if (load<u64>(one + n) != load<u64>(other + n)) return false
    return load<u64>(one + lastEight) == load<u64>(other + lastEight)
  }
  if (length >= 4) {
    const lastFour = length - 4
    return load<u32>(one) == load<u32>(other) && load<u32>(one + lastFour) == load<u32>(other + lastFour)
  }
  for (let n: usize = 0; n < length; n++) if (load<u8>(one + n) != load<u8>(other + n)) return false
  return true
}

/**
 * Follows learnt separators through a JSON text from a leaf on. A leaf: count of its steps (u32), address of their list. A step: number, kind, address of the leaf it leads to,
 * length of its separator, bytes of it. Writes number, begin and end of each value that it passed, as addresses; what cannot be told here ends it (`endSpecial`, its step written
 * last), or there is no step (`endLost`), no more room (`endFull`), no more text (`endDone`). `state`: the count of values, where it stands, the leaf it came to.
 */
export function follow(leaf: usize, from: usize, end: usize, out: usize, outEnd: usize, state: usize): i32 {
  v128.store(end, i8x16.splat(quote))
  let at = from
  let put = out
  let why = endLost
  while (true) {
    if (put >= outEnd) {
      why = endFull
      break
    }
    const step = stepOf(leaf, at, end)
    if (step == 0) break
    const kind = load<u32>(step + 4)
    at += <usize>load<u32>(step + 12)
    if (kind > kindLiteral) {
      why = endDone
      break
    }
    let valueEnd = at
    let behind = at
    if (kind == kindString) {
      valueEnd = stringEnd(at)
      if (valueEnd >= end) break
      behind = load<u8>(valueEnd) == quote ? valueEnd + 1 : 0
    } else if (kind == kindNumber) {
      valueEnd = integerEnd(at)
      behind = valueEnd
    } else if (kind == kindArray) {
      valueEnd = textsEnd(at, end)
      behind = valueEnd
    }
    store<u32>(put, load<u32>(step))
    store<u32>(put + 4, <u32>at)
    store<u32>(put + 8, <u32>valueEnd)
    put += 12
    leaf = <usize>load<u32>(step + 8)
    if (behind == 0) {
      why = endSpecial
      break
    }
    at = behind
  }
  store<u32>(state, <u32>((put - out) / 12))
  store<u32>(state + 4, <u32>at)
  store<u32>(state + 8, <u32>leaf)
  return why
}

/** Puts pieces, each an address and a length, behind each other; gives the length of all. Up to 15 bytes behind them are written too. */
export function gather(list: usize, count: i32, to: usize): i32 {
  const start = to
  const listEnd = list + (<usize>count << 3)
  for (; list < listEnd; list += 8) {
    let from = <usize>load<u32>(list)
    const end = to + <usize>load<u32>(list + 4)
    while (to < end) {
      v128.store(to, v128.load(from))
      to += 16
      from += 16
    }
    to = end
  }
  return <i32>(to - start)
}

/** The step of a leaf whose separator stands here, 0 for none; the one that was taken moves up by one. */
function stepOf(leaf: usize, at: usize, end: usize): usize {
  const count = <usize>load<u32>(leaf)
  const list = <usize>load<u32>(leaf + 4)
  for (let n: usize = 0; n < count; n++) {
    const place = list + (n << 2)
    const step = <usize>load<u32>(place)
    const length = <usize>load<u32>(step + 12)
    if (at + length > end || !isSame(step + 16, at, length)) continue
    const kind = load<u32>(step + 4)
    const next = load<u8>(at + length)
    if (kind == kindNumber) {
      if (next != 45 && (next < 48 || next > 57)) continue
    } else if (kind == kindArray && next != 91) continue
    if (n > 0) {
      store<u32>(place, load<u32>(place - 4))
      store<u32>(place - 4, <u32>step)
    }
    return step
  }
  return 0
}

/** Where the next quote or backslash stands. The text ends with a quote. */
function stringEnd(from: usize): usize {
  let at = from
  while (true) {
    const bytes = v128.load(at)
    const places = i8x16.bitmask(
      v128.or(i8x16.eq(bytes, i8x16.splat(quote)), i8x16.eq(bytes, i8x16.splat(backslash))),
    )
    if (places != 0) return at + <usize>ctz(places)
    at += 16
  }
}

/** Behind a plain integer; 0 for any other number. */
function integerEnd(from: usize): usize {
  let at = load<u8>(from) == 45 ? from + 1 : from
  const first = at
  while (isDigit(load<u8>(at))) at++
  const c = load<u8>(at)
  return at == first || c == 46 || (c | 32) == 101 ? 0 : at
}

function isDigit(c: u8): bool {
  return c >= 48 && c <= 57
}

/** Behind an array of plain texts, separated by a comma and at most one blank; 0 for any other array. */
function textsEnd(from: usize, end: usize): usize {
  let at = from + 1
  if (load<u8>(at) == 93) return at + 1
  while (true) {
    if (at >= end || load<u8>(at) != quote) return 0
    at = stringEnd(at + 1)
    if (at >= end || load<u8>(at) != quote) return 0
    at++
    const c = load<u8>(at)
    if (c == 93) return at + 1
    if (c != 44) return 0
    at++
    if (load<u8>(at) == 32) at++
  }
}
