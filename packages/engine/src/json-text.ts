/** JSON string literals as the alert files have them: quote, backslash and control characters escaped, every other byte as it is. */

const special = /["\\\x00-\x1f]/

/** Whether a latin1 text holds a byte that a JSON string cannot hold as it is. */
export function needsEscape(text: string): boolean {
  return special.test(text)
}

/** A quoted JSON string of a latin1 text. */
export function jsonText(text: string): string {
  return special.test(text) ? JSON.stringify(text) : `"${text}"`
}
