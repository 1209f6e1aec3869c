/**
 * Credentials in the texts of a config map (k8s-detections row 30): names such as `db.password` that are given a value, addresses with a
 * password in them, private keys. The entries of a config map go in, the names come out, lower case; never a value. What only speaks of
 * passwords stays out: `PASSWORD_MIN_LENGTH=8`, `passwordFile: /run/x`, `password: ${DB_PASSWORD}`, comments. Text is untrusted: every
 * search is bounded by the lengths below, and so linear in the text.
 */
import { recordOf, textIn } from './untrusted.ts'

/** Longest text of one entry that is searched, names that are looked at in it, and names that are told, in code units or pieces. */
const textMax = 2 * 1024 * 1024
const hitsMax = 2000
const namesMax = 64
/** How far before and behind a name is read. */
const nameMax = 80
const lineStartMax = 160
const valueMax = 256

/** What a name ends in when it holds a credential. `pass`, `secret` and `token` alone say too little, so they need a word before. */
const noun = [
  'pass(?:word|wd|phrase|code)',
  '(?:db|redis|mysql|pg|postgres|smtp|mail|admin|root|user|auth|ldap|ftp|mqtt|mongo|rabbitmq)[_.-]?(?:pass|pwd)',
  'secret[_.-]?(?:access[_.-]?)?key(?:[_.-]?base)?',
  '(?:access|account|api|private|encryption|signing|license|master)[_.-]?key(?:[_.-]?id)?',
  '(?:auth|access|api|bearer|refresh|bot|personal|github|gitlab|slack|vault|admin|root)[_.-]?token',
  '(?:client|jwt|app|session|cookie|signing|shared|consumer|webhook|oauth)[_.-]?secret',
].join('|')

/** A name, and what stands between it and its value in YAML, JSON, properties, HCL, XML, Ruby. */
const assignment = new RegExp(
  String.raw`(?:${noun})(?:\.(?:txt|env|key|conf))?\\?["']?[ \t]{0,8}(?:=>|:=|=|:|>)[ \t]{0,8}`,
  'gi',
)
/** The same in two lines of a list of environment variables. */
const environment = new RegExp(
  String.raw`\bname:[ \t]{0,8}["']?([A-Za-z0-9_]{0,60}(?:${noun}))["']?[ \t]{0,8}\r?\n[ \t-]{0,64}value:[ \t]{0,8}`,
  'gi',
)
const endsInNoun = new RegExp(`(?:${noun})$`, 'i')
const directive = /^[ \t]{0,16}(requirepass|masterauth)[ \t]{1,8}/gm
const netrc = /\blogin[ \t]{1,8}\S{1,64}[ \t]{1,8}(password)[ \t]{1,8}/g
const address = /\b[a-z][a-z0-9+.-]{1,20}:\/\/[^\s:@/"'<>]{0,64}:([^\s@/"'<>]{1,128})@[A-Za-z0-9[]/g
const privateKey = /-----BEGIN (?:[A-Z]{2,10} )?PRIVATE KEY-----/
const cloudKeyId = /\b(?:AKIA|ASIA)[0-9A-Z]{16}\b/

/** The names in `data` and `binaryData` of a config map or of the change that a patch makes, in the order of the text, without repeats. */
export function credentialNames(object: unknown): string[] {
  const names = new Set<string>()
  for (const [key, value] of Object.entries(recordOf(recordOf(object)?.data) ?? {}))
    fromEntry(key, textIn(value) ?? '', names)
  for (const [key, value] of Object.entries(recordOf(recordOf(object)?.binaryData) ?? {}))
    fromEntry(key, Buffer.from((textIn(value) ?? '').slice(0, textMax), 'base64').toString('latin1'), names)
  return [...names].slice(0, namesMax)
}

function fromEntry(key: string, whole: string, names: Set<string>): void {
  const text = whole.slice(0, textMax)
  const bareKey = key.replace(/\.(?:txt|env|key|conf)$/i, '')
  if (endsInNoun.test(bareKey) && isValue(firstLine(text.trim()), bareKey) && !text.trim().includes('\n'))
    add(bareKey, names)
  if (privateKey.test(text)) add('private key', names)
  if (cloudKeyId.test(text)) add('access key id', names)
  fromText(text, names)
}

function add(name: string, names: Set<string>): void {
  if (names.size < namesMax) names.add(name.toLowerCase().slice(0, nameMax))
}

function fromText(text: string, names: Set<string>): void {
  let hits = 0
  for (const found of text.matchAll(assignment)) {
    if (++hits > hitsMax) return
    const valueAt = found.index + found[0].length
    if (isComment(text, found.index) || !isValue(valueFrom(text, valueAt, found[0]), found[0])) continue
    const before = /[A-Za-z0-9_.-]*$/.exec(text.slice(Math.max(0, found.index - nameMax), found.index))?.[0] ?? ''
    add(`${before}${/^[\w.-]*/.exec(found[0])?.[0] ?? ''}`.replace(/^[.-]+|[.-]+$/g, ''), names)
  }
  for (const pattern of [environment, directive, netrc]) {
    for (const found of text.matchAll(pattern)) {
      if (++hits > hitsMax) return
      if (!isComment(text, found.index) && isValue(valueFrom(text, found.index + found[0].length, ' '), ''))
        add(found[1] ?? '', names)
    }
  }
  for (const found of text.matchAll(address)) {
    if (++hits > hitsMax) return
    if (!isComment(text, found.index) && isValue(found[1] ?? '', '')) add('password in an address', names)
  }
}

function firstLine(text: string): string {
  return /^[^\r\n]*/.exec(text.slice(0, valueMax))?.[0] ?? ''
}

/** The value that begins at `at`: what is quoted, or the line, without a comment behind it; up to the next tag behind a `>`. */
function valueFrom(text: string, at: number, separator: string): string {
  const line = firstLine(text.slice(at, at + valueMax))
  const quote = /^\\?(["'`])/.exec(line)
  if (quote !== null) {
    const inner = line.slice(quote[0].length)
    const end = inner.search(new RegExp(`\\\\?${quote[1]}`))
    return end < 0 ? inner : inner.slice(0, end)
  }
  if (/>[ \t]*$/.test(separator) && !separator.includes('=>')) return line.replace(/<.*$/, '').trim()
  return line
    .replace(/[ \t]+(?:#|\/\/|--[a-z]).*$/, '')
    .replace(/(?:[;&}\]]|,(?:[ \t]|$)).*$/, '')
    .trim()
}

/** Whether the line of `at` is a comment up to there. */
function isComment(text: string, at: number): boolean {
  const before = text.slice(Math.max(0, at - lineStartMax), at)
  const line = before.slice(Math.max(before.lastIndexOf('\n'), before.lastIndexOf('\r')) + 1)
  return /^[ \t]*(?:#|\/\/|;|--[ \t]|\*|<!--|%)/.test(line)
}

/** Whether a text can be the secret behind `name`: not empty, a switch, a mask, a reference, a path, a place, a sentence or code. */
function isValue(value: string, name: string): boolean {
  if (value === '' || (/\s/.test(value.trim()) && !/phrase/i.test(name))) return false
  if (/^[01]$/.test(value) && !/key/i.test(name)) return false
  if (
    /^(?:true|false|yes|no|on|off|null|nil|none|undefined|required|optional|enabled|disabled|string|text|[|>][-+]?)$/i.test(
      value,
    )
  )
    return false
  if (/^(?:\*+|\.{2,}|-{2,}|x{4,})$/i.test(value) || /^Pass(?:word|phrase)$/.test(value)) return false
  // ${…}, $(…), $NAME, {{…}}, {…}, [redacted…], <…>, %…%, %(…), @…@, YAML tags, anchors and aliases, comparisons.
  if (/^(?:\$[{(A-Za-z_]|[{[<(=~]|%[A-Za-z_({]|@[A-Za-z_.-]+@$|![A-Za-z]|[&*][A-Za-z])/.test(value)) return false
  if (/\$\{|\{\{|\$\(/.test(value)) return false
  if (/^(?:\.{0,2}\/|~\/|[A-Za-z]:\\)/.test(value)) return false
  if (/^(?:file|vault|env|secret|ref|awssm|gcpsm|arn|projects|op|sops|ssm|aws-?sm|akv)[:+/]/i.test(value)) return false
  if (/^[a-z][a-z0-9+.-]*:\/\/[^@]*$/i.test(value)) return false
  return !/^[A-Za-z_]\w*(?:\.\w+)*[([]/.test(value) && !/^[A-Za-z_]+(?:\.[A-Za-z_]+)+$/.test(value)
}
