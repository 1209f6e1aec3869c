/** `<localfile>`: elements to log sources (spec: modules, part 1). Commands count only where the file is this host's own. */
import type { XmlElement } from '@dogwatch/config'
import { shownText } from '../bytes.ts'
import type { FileSource, Label, LogFormat, LogSource } from '../logs/config.ts'
import { unknownTokens } from '../logs/out-format.ts'
import { attribute, type ConfReader } from './reader.ts'

const lineFormats = new Set([
  'syslog',
  'generic',
  'apache',
  'iis',
  'squid',
  'snort-fast',
  'snort-full',
  'mysql_log',
  'mssql_log',
  'postgresql_log',
  'nmapg',
  'djb-multilog',
  'ossecalert',
  'syslog-pipe',
])
const backMaxPreset = 10 * 1024 * 1024
const frequencies: Readonly<Record<string, number>> = { hourly: 3600, daily: 86_400, weekly: 604_800 }

/** The source of one `<localfile>`; null when it is wrong, or not for this system. */
export function readLocalfile(element: XmlElement, reader: ConfReader, isLocal: boolean): LogSource | null {
  const one = (name: string): XmlElement | undefined => element.children.findLast((child) => child.name === name)
  const all = (name: string): XmlElement[] => element.children.filter((child) => child.name === name)
  const text = (name: string): string => one(name)?.content.trim() ?? ''
  const format = text('log_format')
  const patterns = (name: string) =>
    all(name).flatMap((child) => reader.pattern(child, attribute(child, 'type') ?? 'pcre2', child.content) ?? [])
  const outFormat = one('out_format')?.content ?? null
  for (const token of outFormat === null ? [] : unknownTokens(outFormat)) {
    reader.wrong(one('out_format') ?? element, `$(${token}) is not known and stays empty`, 'warning')
  }
  const common = {
    labels: all('label').flatMap((child) => readLabel(child, reader)),
    outFormat,
    ignore: patterns('ignore'),
    restrict: patterns('restrict'),
  }
  const future = one('only-future-events')
  const onlyFuture = future === undefined ? true : reader.yesNo(future, true)
  if (format === 'command' || format === 'full_command') {
    const command = text('command')
    if (!isLocal)
      reader.wrong(element, 'a command from the manager is not run; write it in this host’s own file', 'warning')
    else if (command === '') reader.wrong(element, '<command> is missing')
    else {
      const alias = text('alias') || command
      const frequencyS = readFrequency(one('frequency'), reader)
      return {
        kind: 'command',
        command: shownText(command),
        alias,
        frequencyS,
        isFull: format === 'full_command',
        ...common,
      }
    }
    return null
  }
  if (format === 'journald') {
    const filters = all('filter').flatMap((child) => {
      const field = attribute(child, 'field')
      const pattern = reader.pattern(child, 'pcre2', child.content)
      if (field === undefined) reader.wrong(child, 'the attribute field= is missing')
      if (field === undefined || pattern === null) return []
      return [{ field, pattern, ignoresMissing: attribute(child, 'ignore_if_missing') === 'yes' }]
    })
    return { kind: 'journald', onlyFuture, filters: filters.length === 0 ? [] : [filters], ...common }
  }
  if (/^(?:eventlog|eventchannel|macos)$/.test(format)) {
    reader.wrong(element, `${format} is not of this system; it is passed over`, 'warning')
    return null
  }
  const location = text('location')
  const logFormat = readFormat(format, element, one('multiline_regex'), reader)
  if (!location.startsWith('/')) reader.wrong(element, '<location> is no absolute path')
  if (logFormat === null || !location.startsWith('/')) return null
  const age = one('age')
  const back = future === undefined ? undefined : attribute(future, 'max-size')
  const binaries = one('ignore_binaries')
  return {
    kind: 'file',
    location,
    format: logFormat,
    onlyFuture,
    backMax: back === undefined ? backMaxPreset : reader.size(future ?? element, back, backMaxPreset),
    ageMaxS: age === undefined ? null : reader.duration(age, 0) || null,
    exclude: all('exclude').map((child) => child.content.trim()),
    ignoresBinaries: binaries !== undefined && reader.yesNo(binaries, false),
    ...common,
  } satisfies FileSource
}

function readLabel(child: XmlElement, reader: ConfReader): Label[] {
  const key = attribute(child, 'key')
  if (key === undefined || key === '') reader.wrong(child, 'the attribute key= is missing')
  return key === undefined || key === '' ? [] : [{ key: shownText(key), value: shownText(child.content.trim()) }]
}

function readFormat(
  format: string,
  element: XmlElement,
  regex: XmlElement | undefined,
  reader: ConfReader,
): LogFormat | null {
  if (lineFormats.has(format)) return { kind: 'line' }
  if (format === 'json' || format === 'audit' || format === 'cri') return { kind: format }
  const lines = /^multi-line: *(\d{1,4})$/.exec(format)
  if (lines !== null && Number(lines[1]) > 0) return { kind: 'lines', count: Number(lines[1]) }
  if (format === 'multi-line-regex') {
    if (regex === undefined) {
      reader.wrong(element, '<multiline_regex> is missing')
      return null
    }
    const pattern = reader.pattern(regex, 'pcre2', regex.content)
    const match = attribute(regex, 'match') ?? 'start'
    const joints: Readonly<Record<string, string>> = { 'no-replace': '\n', none: '', wspace: ' ', tab: '\t' }
    const replace = attribute(regex, 'replace') ?? 'no-replace'
    const joint = Object.hasOwn(joints, replace) ? joints[replace] : undefined
    const timeout = Number(attribute(regex, 'timeout') ?? 5)
    const isMatch = match === 'start' || match === 'all' || match === 'end'
    if (!isMatch) reader.wrong(regex, 'match= is start, all or end')
    if (joint === undefined) reader.wrong(regex, 'replace= is no-replace, none, wspace or tab')
    if (!(timeout >= 1 && timeout <= 120)) reader.wrong(regex, 'timeout= is 1 to 120 seconds')
    if (pattern === null || !isMatch || joint === undefined || !(timeout >= 1 && timeout <= 120)) return null
    return { kind: 'regex', pattern, match, joint, timeoutMs: timeout * 1000 }
  }
  reader.wrong(element, `<log_format> \`${format.slice(0, 40)}\` is not known; write for example syslog, json or cri`)
  return null
}

function readFrequency(element: XmlElement | undefined, reader: ConfReader): number {
  if (element === undefined) return 360
  const word = element.content.trim().toLowerCase()
  const named = Object.hasOwn(frequencies, word) ? frequencies[word] : undefined
  return named ?? Math.max(1, reader.duration(element, 360))
}
