/** Values as Python prints them: tools that read the three-phase output expect that form (spec: engine, part 15.3). */

/** `str(value)`: text as it is, lists and dictionaries with quoted text inside. */
export function pythonText(value: unknown): string {
  return typeof value === 'string' ? value : pythonForm(value)
}

/** `repr(value)`. */
function pythonForm(value: unknown): string {
  if (value === null || value === undefined) return 'None'
  if (value === true) return 'True'
  if (value === false) return 'False'
  if (typeof value === 'string') return quoted(value)
  if (Array.isArray(value)) return `[${value.map(pythonForm).join(', ')}]`
  if (typeof value === 'object') {
    const members = Object.entries(value).map(([key, member]) => `${quoted(key)}: ${pythonForm(member)}`)
    return `{${members.join(', ')}}`
  }
  return String(value)
}

const named: Readonly<Record<string, string>> = { '\\': '\\\\', '\n': '\\n', '\r': '\\r', '\t': '\\t' }

function quoted(text: string): string {
  const quote = text.includes("'") && !text.includes('"') ? '"' : "'"
  let out = quote
  for (const c of text) {
    const code = c.charCodeAt(0)
    if (named[c] !== undefined) out += named[c]
    else if (c === quote) out += `\\${c}`
    else if (code < 32 || (code >= 127 && code < 161)) out += `\\x${code.toString(16).padStart(2, '0')}`
    else out += c
  }
  return out + quote
}
