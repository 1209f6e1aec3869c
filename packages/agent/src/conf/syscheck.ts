/** `<syscheck>`: elements to the configuration of file integrity (spec: fim, part 1). Several sections merge. */
import type { XmlElement } from '@dogwatch/config'
import { tidyPath } from '../bytes.ts'
import {
  allChecks,
  type Check,
  checkBit,
  checkNames,
  contentChecks,
  type FimConfig,
  type PathSet,
  type WatchedPath,
} from '../fim/options.ts'
import { parseDay, parseTime } from '../fim/schedule.ts'
import { attribute, type ConfReader } from './reader.ts'

type Mutable<T> = { -readonly [K in keyof T]: T[K] }
type Draft = Mutable<FimConfig>

const kb = 1024
const weekS = 604_800
/** Most paths of one `<directories>`. */
const pathsMax = 64

/** What is watched, and how, when nobody says. */
export const fimDefaults: FimConfig = {
  disabled: false,
  frequencyS: 43_200,
  scanMinute: null,
  scanDay: null,
  scansOnStart: true,
  directories: [],
  ignore: { prefixes: [], patterns: [] },
  nodiff: { prefixes: [], patterns: [] },
  skipsNfs: true,
  skipsDev: true,
  skipsProc: true,
  skipsSys: true,
  epsMax: 50,
  filesPerSecondMax: 0,
  niceness: 10,
  fileLimit: 100_000,
  diffQuota: kb ** 3,
  diffSizeMax: 50 * kb ** 2,
  hashSizeMax: kb ** 3,
  realtimeDelayMs: 5,
  linkCheckS: 600,
  alertsAfterRestart: true,
  isInMemory: false,
  prefilter: [],
  allowsSharedPrefilter: false,
  sync: { isOn: true, intervalS: 300, intervalMaxS: 3600, responseTimeoutS: 30, queueSize: 16_384, epsMax: 10 },
  whodata: { keys: [], restartsAudit: true, healthcheck: true, queueSize: 16_384, rulesMax: 256 },
}

/** Accepted as the original has them, and without effect here. */
const withoutEffect = new Set([
  'alert_new_files',
  'auto_ignore',
  'registry_limit',
  'windows_registry',
  'registry_ignore',
  'registry_ignore_value',
  'registry_nodiff',
  'windows_audit_interval',
])

export function readSyscheck(
  sections: readonly XmlElement[],
  reader: ConfReader,
  base: FimConfig = fimDefaults,
  isLocal = true,
): FimConfig {
  const draft: Draft = { ...base }
  const directories = new Map(base.directories.map((entry) => [entry.path, entry]))
  for (const section of sections) {
    for (const element of section.children) readElement(element, draft, directories, reader, isLocal)
  }
  // The original scans at least weekly when a day or an hour is asked for.
  if (draft.scanMinute !== null || draft.scanDay !== null) draft.frequencyS = Math.max(draft.frequencyS, weekS)
  return { ...draft, directories: [...directories.values()] }
}

function readElement(
  element: XmlElement,
  draft: Draft,
  directories: Map<string, WatchedPath>,
  reader: ConfReader,
  isLocal: boolean,
): void {
  const yesNo = (preset: boolean): boolean => reader.yesNo(element, preset)
  switch (element.name) {
    case 'disabled':
      draft.disabled = yesNo(draft.disabled)
      break
    case 'frequency':
      draft.frequencyS = Math.max(1, reader.duration(element, draft.frequencyS))
      break
    case 'scan_time':
      draft.scanMinute = parseTime(element.content)
      if (draft.scanMinute === null) reader.wrong(element, 'that is no time of day; write for example 8:30 or 9pm')
      break
    case 'scan_day':
      draft.scanDay = parseDay(element.content)
      if (draft.scanDay === null) reader.wrong(element, 'that is no day of the week')
      break
    case 'scan_on_start':
      draft.scansOnStart = yesNo(draft.scansOnStart)
      break
    case 'directories':
      for (const entry of readDirectories(element, reader)) {
        directories.delete(entry.path)
        directories.set(entry.path, entry)
      }
      break
    case 'ignore':
      draft.ignore = withPath(draft.ignore, element, reader)
      break
    case 'nodiff':
      draft.nodiff = withPath(draft.nodiff, element, reader)
      break
    case 'skip_nfs':
      draft.skipsNfs = yesNo(draft.skipsNfs)
      break
    case 'skip_dev':
      draft.skipsDev = yesNo(draft.skipsDev)
      break
    case 'skip_proc':
      draft.skipsProc = yesNo(draft.skipsProc)
      break
    case 'skip_sys':
      draft.skipsSys = yesNo(draft.skipsSys)
      break
    case 'max_eps':
      draft.epsMax = reader.integer(element, draft.epsMax, 0, 1_000_000)
      break
    case 'max_files_per_second':
      draft.filesPerSecondMax = reader.integer(element, draft.filesPerSecondMax, 0, 1_000_000)
      break
    case 'process_priority':
      draft.niceness = reader.integer(element, draft.niceness, -20, 19)
      break
    case 'database':
      if (!['disk', 'memory'].includes(element.content.trim())) reader.wrong(element, 'it is disk or memory')
      else draft.isInMemory = element.content.trim() === 'memory'
      break
    case 'changes_while_stopped':
      draft.alertsAfterRestart = yesNo(draft.alertsAfterRestart)
      break
    case 'file_limit':
      draft.fileLimit = readLimit(
        element,
        draft.fileLimit,
        (child) => reader.integer(child, draft.fileLimit, 1, 100_000_000),
        'entries',
        reader,
      )
      break
    case 'diff':
      readDiff(element, draft, reader)
      break
    case 'whodata':
      readWhodata(element, draft, reader)
      break
    case 'prefilter_cmd':
      if (isLocal || draft.allowsSharedPrefilter) draft.prefilter = readCommand(element, reader)
      else
        reader.wrong(
          element,
          'a command from the manager is not run unless this host’s own file has <allow_remote_prefilter_cmd>yes',
          'warning',
        )
      break
    case 'allow_remote_prefilter_cmd':
      // Said by the manager it would allow itself.
      if (isLocal) draft.allowsSharedPrefilter = yesNo(draft.allowsSharedPrefilter)
      break
    case 'synchronization':
      readSynchronization(element, draft, reader)
      break
    default:
      if (!withoutEffect.has(element.name))
        reader.wrong(element, 'not known in <syscheck>; it is passed over', 'warning')
  }
}

/** A program by its whole path, and its words; no shell is between. */
function readCommand(element: XmlElement, reader: ConfReader): readonly string[] {
  const words = element.content.split(/\s+/).filter((word) => word !== '')
  if (words.length > 0 && !words[0]?.startsWith('/')) {
    reader.wrong(element, 'the command must begin with the whole path of its program')
    return []
  }
  return words
}

function readSynchronization(element: XmlElement, draft: Draft, reader: ConfReader): void {
  const sync: Mutable<FimConfig['sync']> = { ...draft.sync }
  for (const child of element.children) {
    switch (child.name) {
      case 'enabled':
        sync.isOn = reader.yesNo(child, sync.isOn)
        break
      case 'interval':
        sync.intervalS = Math.max(1, reader.duration(child, sync.intervalS))
        break
      case 'max_interval':
        sync.intervalMaxS = Math.max(1, reader.duration(child, sync.intervalMaxS))
        break
      case 'response_timeout':
        sync.responseTimeoutS = Math.max(0, reader.duration(child, sync.responseTimeoutS))
        break
      case 'queue_size':
        sync.queueSize = reader.integer(child, sync.queueSize, 2, 1_000_000)
        break
      case 'max_eps':
        sync.epsMax = reader.integer(child, sync.epsMax, 0, 1_000_000)
        break
      case 'thread_pool':
      case 'registry_enabled':
        // One thread is enough, and there is no registry.
        break
      default:
        reader.wrong(child, 'not known in <synchronization>; it is passed over', 'warning')
    }
  }
  draft.sync = { ...sync, intervalMaxS: Math.max(sync.intervalS, sync.intervalMaxS) }
}

function readDirectories(element: XmlElement, reader: ConfReader): WatchedPath[] {
  const options: Mutable<Omit<WatchedPath, 'path'>> = {
    mode: 'scheduled',
    checks: allChecks,
    reportChanges: false,
    diffSizeMax: null,
    restrict: null,
    tags: '',
    recursionLevel: 256,
    followsLink: false,
  }
  // From left to right: a later attribute refines an earlier one.
  for (const { name, value } of element.attributes) readAttribute(name, value, options, element, reader)
  const paths = element.content
    .split(',')
    .map((path) => path.trim())
    .filter((path) => path !== '')
  if (paths.length > pathsMax) reader.wrong(element, `more than ${pathsMax} paths; the rest is passed over`)
  return paths.slice(0, pathsMax).flatMap((path) => {
    const isPath = path.startsWith('/') || path.startsWith('$') || path.startsWith('%')
    if (!isPath) reader.wrong(element, `\`${path.slice(0, 80)}\` is no absolute path; it is passed over`, 'warning')
    return isPath ? [{ ...options, path: path.startsWith('/') ? tidyPath(path) : path }] : []
  })
}

const checkAttributes: Readonly<Record<string, number>> = {
  check_all: allChecks,
  check_sum: contentChecks,
  check_attrs: 0,
  ...Object.fromEntries(
    checkNames.map((check: Check) => [
      /^(md5|sha)/.test(check) ? `check_${check}sum` : `check_${check}`,
      checkBit(check),
    ]),
  ),
}

function readAttribute(
  name: string,
  value: string,
  options: Mutable<Omit<WatchedPath, 'path'>>,
  element: XmlElement,
  reader: ConfReader,
): void {
  const isYes = value.trim() === 'yes'
  const wantsYesNo = (): boolean => {
    if (!isYes && value.trim() !== 'no') reader.wrong(element, `${name}="${value.slice(0, 40)}" is neither yes nor no`)
    return isYes
  }
  const mask = Object.hasOwn(checkAttributes, name) ? checkAttributes[name] : undefined
  if (mask !== undefined) {
    options.checks = wantsYesNo() ? options.checks | mask : options.checks & ~mask
    return
  }
  switch (name) {
    case 'realtime':
      if (wantsYesNo() && options.mode !== 'whodata') options.mode = 'realtime'
      break
    case 'whodata':
      if (wantsYesNo()) options.mode = 'whodata'
      break
    case 'report_changes':
      options.reportChanges = wantsYesNo()
      break
    case 'follow_symbolic_link':
      options.followsLink = wantsYesNo()
      break
    case 'diff_size_limit':
      options.diffSizeMax = reader.size(element, value, 0)
      break
    case 'restrict':
      options.restrict = reader.pattern(element, 'osmatch', value)
      break
    case 'tags':
      options.tags = value
      break
    case 'recursion_level': {
      const level = Number(value)
      if (Number.isInteger(level) && level >= 0 && level <= 320) options.recursionLevel = level
      else reader.wrong(element, `recursion_level="${value.slice(0, 40)}" is no whole number from 0 to 320`)
      break
    }
    default:
      reader.wrong(element, `the attribute ${name}= is not known; it is passed over`, 'warning')
  }
}

function withPath(set: PathSet, element: XmlElement, reader: ConfReader): PathSet {
  const text = element.content.trim()
  if (text === '') return set
  const type = attribute(element, 'type')
  if (type === undefined) return { ...set, prefixes: [...set.prefixes, ...text.split(',').map((path) => path.trim())] }
  const pattern = reader.pattern(element, type, text)
  return pattern === null ? set : { ...set, patterns: [...set.patterns, pattern] }
}

/** A limit with `<enabled>`; 0 when it is switched off. */
function readLimit(
  element: XmlElement,
  preset: number,
  read: (child: XmlElement) => number,
  valueName: string,
  reader: ConfReader,
): number {
  let isOn = true
  let value = preset
  for (const child of element.children) {
    if (child.name === 'enabled') isOn = reader.yesNo(child, true)
    else if (child.name === valueName) value = read(child)
    else reader.wrong(child, `not known in <${element.name}>; it is passed over`, 'warning')
  }
  return isOn ? value : 0
}

function readDiff(element: XmlElement, draft: Draft, reader: ConfReader): void {
  const sizeOf = (preset: number) => (child: XmlElement) => reader.size(child, child.content, preset)
  for (const child of element.children) {
    if (child.name === 'disk_quota')
      draft.diffQuota = readLimit(child, draft.diffQuota, sizeOf(draft.diffQuota), 'limit', reader)
    else if (child.name === 'file_size')
      draft.diffSizeMax = readLimit(child, draft.diffSizeMax, sizeOf(draft.diffSizeMax), 'limit', reader)
    else if (child.name === 'nodiff') draft.nodiff = withPath(draft.nodiff, child, reader)
    else reader.wrong(child, 'not known in <diff>; it is passed over', 'warning')
  }
}

function readWhodata(element: XmlElement, draft: Draft, reader: ConfReader): void {
  for (const child of element.children) {
    const text = child.content.trim()
    if (child.name === 'restart_audit') draft.whodata = { ...draft.whodata, restartsAudit: reader.yesNo(child, true) }
    else if (child.name === 'startup_healthcheck')
      draft.whodata = { ...draft.whodata, healthcheck: reader.yesNo(child, true) }
    else if (child.name === 'audit_key') {
      const keys = text.split(',').map((key) => key.trim())
      draft.whodata = { ...draft.whodata, keys: [...draft.whodata.keys, ...keys.filter((key) => key !== '')] }
    } else if (child.name === 'queue_size') {
      draft.whodata = { ...draft.whodata, queueSize: reader.integer(child, draft.whodata.queueSize, 10, 1_048_576) }
    } else if (child.name !== 'provider') reader.wrong(child, 'not known in <whodata>; it is passed over', 'warning')
    else if (text !== 'audit' && text !== 'ebpf') reader.wrong(child, 'it is audit or ebpf')
  }
}
