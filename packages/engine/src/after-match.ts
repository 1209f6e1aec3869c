/** Where the text behind a match begins: one byte is eaten unless the text has ended (spec: engine, part 6.5). */

export function nextOffset(length: number, end: number): number {
  return end >= length ? length : end + 1
}

export function afterMatch(text: string, end: number): string {
  const from = nextOffset(text.length, end)
  return from === 0 ? text : text.slice(from)
}
