/** Tables as CSV (RFC 4180), safe to open in a spreadsheet: a cell that would be read as a formula is preceded by an apostrophe. */

/** Lines with their header. Starts with a byte-order mark, without which spreadsheets guess the encoding. */
export function csvOf(header: readonly string[], rows: readonly (readonly string[])[]): string {
  return `\ufeff${[header, ...rows].map((row) => row.map(cellOf).join(',')).join('\r\n')}\r\n`
}

/** One cell. Blanks and control signs before the sign do not keep a spreadsheet from calculating. */
function cellOf(text: string): string {
  const isNumber = /^-?\d+(?:\.\d+)?$/.test(text)
  const isFormula = !isNumber && /^[\s\u0000-\u001f]*[=+\-@\uff1d\uff0b\uff0d\uff20|]|^[\t\r\n]/.test(text)
  const safe = isFormula ? `'${text}` : text
  return /[",\r\n]|^\s|\s$/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe
}

/** Has the browser save a text as a file. */
export function saveFile(name: string, type: string, text: string): void {
  const address = URL.createObjectURL(new Blob([text], { type }))
  const link = document.createElement('a')
  link.href = address
  link.download = name
  link.click()
  setTimeout(() => URL.revokeObjectURL(address), 10_000)
}
