/**
 * agent.conf of a group, examined before agents have it (spec: modules, part 13): in goes its text, out come a finding for each element and every mistake with its place.
 *
 * What no agent could read, or would refuse, is an error; what it would pass over, such as a section that is misspelt, is a warning. Never throws.
 */
import type { Problem } from '@dogwatch/schema'
import { configLengthMax, FileReport, type Finding } from './examine.ts'
import { type Kind, nearestName, type Row, rowOf } from './table.ts'
import { readValue } from './value.ts'
import { readXml, type XmlElement } from './xml.ts'

export interface AgentConfExamination {
  readonly findings: readonly Finding[]
  readonly problems: readonly Problem[]
}

/** Sections that Dogwatch's own agents read of this file, and those that only Wazuh's do. */
const own: ReadonlySet<string> = new Set(['client_buffer', 'labels', 'localfile', 'syscheck'])
const others: ReadonlySet<string> = new Set([
  'active-response',
  'agent-upgrade',
  'anti_tampering',
  'client',
  'fluent-forward',
  'github',
  'logging',
  'ms-graph',
  'office365',
  'rootcheck',
  'sca',
  'socket',
  'wodle',
])
/** Attributes of the root: which agents are meant, and the original's word for what goes over what. */
const filters: ReadonlySet<string> = new Set(['name', 'os', 'profile', 'overwrite'])

/** Values that agents refuse when they are none, by kind; all others are left to the agent. */
const kinds: readonly (readonly [kind: Kind, section: string, names: string])[] = [
  [
    'yes-no',
    'syscheck',
    `disabled scan_on_start skip_nfs skip_dev skip_proc skip_sys allow_remote_prefilter_cmd file_limit/enabled diff/disk_quota/enabled
     diff/file_size/enabled whodata/restart_audit whodata/startup_healthcheck synchronization/enabled`,
  ],
  ['duration', 'syscheck', 'frequency synchronization/interval synchronization/max_interval'],
  ['integer', 'syscheck', 'max_eps max_files_per_second file_limit/entries synchronization/queue_size'],
  ['size', 'syscheck', 'diff/disk_quota/limit diff/file_size/limit'],
  ['yes-no', 'client_buffer', 'disabled'],
  ['integer', 'client_buffer', 'queue_size events_per_second'],
  ['size', 'client_buffer', 'spool_size'],
  ['yes-no', 'localfile', 'only-future-events ignore_binaries'],
  [
    'yes-no',
    'rootcheck',
    'disabled skip_nfs scanall readall check_files check_trojans check_dev check_sys check_pids check_ports check_if check_unixaudit',
  ],
  ['yes-no', 'sca', 'enabled scan_on_start skip_nfs'],
  ['yes-no', 'wodle[syscollector]', 'disabled scan_on_start hardware os network packages processes'],
  ['yes-no', 'active-response', 'disabled'],
]
/** Kinds of values that are checked, by path. */
export const kindOf: ReadonlyMap<string, Kind> = new Map(
  kinds.flatMap(([kind, section, names]) => words(names).map((name) => [`${section}/${name}`, kind] as const)),
)

/** Of `<directories>`: those that are yes or no, and all others. */
const directoryFlags: ReadonlySet<string> = new Set(
  words(
    `realtime whodata report_changes follow_symbolic_link check_all check_sum check_attrs check_size check_perm check_owner check_group check_mtime check_inode
     check_md5sum check_sha1sum check_sha256sum`,
  ),
)
const directoryTexts: ReadonlySet<string> = new Set(words('restrict recursion_level tags diff_size_limit'))
/** Formats of `<localfile>` that need no place to read from. */
const placeless: ReadonlySet<string> = new Set(['journald', 'macos'])
const commands: ReadonlySet<string> = new Set(['command', 'full_command'])

/** Whether a text is an agent.conf rather than an ossec.conf: by its first element that is either. */
export function isAgentConf(text: string): boolean {
  const read = readXml('', text)
  return 'file' in read && read.file.roots.find(({ name }) => name.endsWith('_config'))?.name === 'agent_config'
}

/** Examines one file. `text` is latin1: one code unit per byte. Codes: XML_MALFORMED, AGENT_CONF_…, CONFIG_…; see docs/configuration.md. */
export function examineAgentConf(path: string, text: string): AgentConfExamination {
  const whole = new FileReport({ path, text, roots: [] })
  if (text.length > configLengthMax) {
    const says = `the file has ${text.length} bytes; at most ${configLengthMax} are read`
    whole.problem(0, 'error', 'CONFIG_TOO_LARGE', says)
    return shown(whole)
  }
  const read = readXml(path, text)
  if ('problem' in read) return { findings: [], problems: [read.problem] }
  const report = new FileReport(read.file)
  for (const root of read.file.roots) readRoot(root, report)
  return shown(report)
}

function readRoot(root: XmlElement, report: FileReport): void {
  if (root.name !== 'agent_config') {
    const says = `<${root.name}> stands outside <agent_config>`
    report.unknown(root, root.name, says)
    report.problem(root.offset, 'error', 'AGENT_CONF_ROOT', says)
    return
  }
  const meant = root.attributes.filter(({ name }) => filters.has(name) && name !== 'overwrite')
  const whom =
    meant.length === 0 ? 'every agent' : `agents of ${meant.map(({ name, value }) => `${name} ${value}`).join(', ')}`
  report.finding(root, 'agent_config', 'understood', `Settings for ${whom} of the group`)
  for (const { name, offset } of root.attributes) {
    if (filters.has(name)) continue
    const says = `<agent_config> knows name, os and profile, not ${name}: the part would be for every agent`
    report.problem(offset, 'warning', 'AGENT_CONF_FILTER', says)
  }
  for (const section of root.children) readSection(section, report)
}

function readSection(section: XmlElement, report: FileReport): void {
  const { name, offset } = section
  if (!own.has(name) && !others.has(name)) {
    const isManagers = rowOf(name) !== null
    const near = nearestName(name, '')
    const isNear = near !== null && (own.has(near) || others.has(near))
    const hint = isManagers ? 'it is the manager’s own' : isNear ? `did you mean <${near}>?` : 'is it misspelt?'
    const says = `no agent reads a section <${name}>; ${hint}`
    report.unknown(section, name, says)
    report.problem(offset, 'warning', 'AGENT_CONF_SECTION', says)
    return
  }
  const module = section.attributes.find((attribute) => attribute.name === 'name')?.value
  const path = name === 'wodle' && module !== undefined ? `wodle[${module.toLowerCase()}]` : name
  if (rowOf(path) === null && name === 'wodle') {
    const says = `<wodle name="${(module ?? '').slice(0, 64)}"> is not known; agents pass it over`
    report.unknown(section, path, says)
    report.problem(offset, 'warning', 'CONFIG_UNKNOWN', says)
    return
  }
  const says = own.has(name) ? 'Read by agents' : 'Read by agents of Wazuh; Dogwatch’s own pass it over'
  report.finding(section, path, 'understood', says)
  for (const child of section.children) readElement(child, `${path}/${child.name}`, path, says, report)
  if (name === 'localfile') checkLocalfile(section, report)
}

function readElement(element: XmlElement, path: string, parent: string, says: string, report: FileReport): void {
  const row = rowOf(path)
  if (row === null) {
    const near = nearestName(element.name, parent)
    const hint = near === null ? 'agents pass it over' : `did you mean <${near}>?`
    const wrong = `<${element.name}> is not known in <${parent.replaceAll('/', '><')}>; ${hint}`
    report.unknown(element, path, wrong)
    report.problem(element.offset, 'warning', 'CONFIG_UNKNOWN', wrong)
    return
  }
  report.finding(element, path, 'understood', says)
  for (const child of element.children) readElement(child, `${path}/${child.name}`, path, says, report)
  const kind = kindOf.get(path)
  if (kind !== undefined) {
    const read = readValue(valueRow(row, kind), element.content)
    if ('wrong' in read) report.problem(element.offset, 'error', 'CONFIG_VALUE', `<${element.name}>: ${read.wrong}`)
  }
  if (path === 'syscheck/directories') checkDirectories(element, report)
  if (path === 'labels/label') checkLabel(element, report)
}

function valueRow(row: Row, kind: Kind): Row {
  return { ...row, kind, ...(kind === 'integer' ? { min: 0 } : {}) }
}

function checkDirectories(element: XmlElement, report: FileReport): void {
  for (const { name, value, offset } of element.attributes) {
    if (directoryFlags.has(name)) {
      if (value.trim() === 'yes' || value.trim() === 'no') continue
      const says = `<directories>: ${name}="${value.slice(0, 40)}" is neither yes nor no`
      report.problem(offset, 'error', 'CONFIG_VALUE', says)
    } else if (!directoryTexts.has(name)) {
      report.problem(
        offset,
        'warning',
        'CONFIG_ATTRIBUTE',
        `<directories> has no attribute ${name}=; it is passed over`,
      )
    }
  }
}

function checkLabel(element: XmlElement, report: FileReport): void {
  const key = element.attributes.find(({ name }) => name === 'key')?.value ?? ''
  if (key === '') report.problem(element.offset, 'error', 'CONFIG_VALUE', '<label>: the attribute key= is missing')
}

function checkLocalfile(section: XmlElement, report: FileReport): void {
  const textOf = (name: string): string =>
    section.children.findLast((child) => child.name === name)?.content.trim() ?? ''
  const format = textOf('log_format')
  const wrong = (severity: Problem['severity'], says: string): void =>
    report.problem(section.offset, severity, 'CONFIG_VALUE', `<localfile>: ${says}`)
  if (format === '') wrong('error', '<log_format> is missing; write for example syslog or json')
  else if (commands.has(format)) {
    if (textOf('command') === '') wrong('error', '<command> is missing')
    else
      wrong(
        'warning',
        'no agent of Dogwatch runs a command of this file, and those of Wazuh only where logcollector.remote_commands=1',
      )
  } else if (textOf('location') === '' && !placeless.has(format)) wrong('error', '<location> is missing')
}

function shown(report: FileReport): AgentConfExamination {
  const { findings, problems } = report.result([])
  const inOrder = problems.toSorted((a, b) => a.at.line - b.at.line || a.at.column - b.at.column)
  return { findings, problems: inOrder }
}

function words(text: string): string[] {
  return text.split(/\s+/).filter((word) => word !== '')
}
