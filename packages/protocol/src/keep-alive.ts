/**
 * The text of a keep-alive: system, version, labels, sum of the shared files (spec: agent-protocol, part 6.3).
 *
 * In: the text behind `#!-`. Out: what it says; what is missing is null. Wrong: nothing, any text has an answer. All of it is bounded in number and size, since it is
 * remembered for each agent.
 */
import { isIP } from 'node:net'

/** A label as an agent sends it. */
export interface AgentLabel {
  readonly key: string
  readonly value: string
  /** Not shown in alerts. */
  readonly isHidden: boolean
}

/** What an agent says about its system. */
export interface AgentSystem {
  /** The whole left part of the first line. */
  readonly uname: string
  readonly name: string | null
  readonly platform: string | null
  readonly version: string | null
  readonly codename: string | null
  readonly major: string | null
  readonly minor: string | null
  readonly architecture: string | null
  readonly hostname: string | null
}

export interface KeepAlive {
  readonly system: AgentSystem | null
  /** `Wazuh v4.14.7`. */
  readonly version: string | null
  /** MD5 of the agent's own agent.conf. */
  readonly configSum: string | null
  /** MD5 of merged.mg as the agent has it; `x` when it has none. */
  readonly mergedSum: string | null
  readonly labels: readonly AgentLabel[]
  /** The agent's end of the connection, as it sees it. */
  readonly address: string | null
}

/** Longest block of labels, bytes (part 6.3), and most labels that are kept. */
const labelsLengthMax = 63_488
const labelsMax = 512
/** Most that is kept of what an agent says of its system, characters; what the longest ones say is a third of it. */
const unameLengthMax = 1024
const architectures =
  /\|(x86_64|i[3-6]86|sparc|amd64|ia64|AIX|armv[67][a-z]?|aarch64|arm64|ppc64le|ppc64|s390x|riscv64)\b/

/** Reads a keep-alive; `text` is what stands behind `#!-`. */
export function parseKeepAlive(text: Buffer): KeepAlive {
  let first: string | null = null
  let mergedSum: string | null = null
  let address: string | null = null
  const labels: AgentLabel[] = []
  const lines = text
    .subarray(0, labelsLengthMax + 4096)
    .toString('utf8')
    .split('\n')
  // What stands behind the last newline is not part of it; a text without any is one line.
  if (lines.length > 1) lines.pop()
  for (const line of lines) {
    const label = /^([#!]*)"([^"]*)":(.*)$/s.exec(line)
    if (label !== null) {
      const [, marks = '', key = '', value = ''] = label
      if (marks.includes('#')) {
        if (key === '_agent_ip') address = isIP(value) === 0 ? null : value
      } else if (labels.length < labelsMax && key !== '') labels.push({ key, value, isHidden: marks.includes('!') })
      continue
    }
    const sum = /^([0-9a-f]{32}|x) merged\.mg$/.exec(line)
    if (sum !== null) mergedSum = sum[1] ?? null
    else first ??= line.includes(' - ') ? line : null
  }
  return { ...firstLine(first), mergedSum, labels, address }
}

function firstLine(line: string | null): Pick<KeepAlive, 'system' | 'version' | 'configSum'> {
  if (line === null) return { system: null, version: null, configSum: null }
  const split = line.lastIndexOf(' - ')
  const [version = '', configSum = null] = line.slice(split + 3).split(' / ')
  return {
    system: systemOf(line.slice(0, Math.min(split, unameLengthMax))),
    version: version.slice(0, 128) || null,
    configSum: configSum !== null && /^[0-9a-f]{32}$/.test(configSum) ? configSum : null,
  }
}

function systemOf(uname: string): AgentSystem {
  const windows = /^(.*?) \[Ver: ([^\]]{1,128})\]/.exec(uname)
  const hostname = /^[^|]*\|([^|]*?) ?\|/.exec(uname)?.[1] ?? null
  const architecture = architectures.exec(uname)?.[1] ?? null
  if (windows !== null) {
    const version = windows[2] ?? ''
    const [major = null, minor = null] = version.split('.')
    const name = windows[1] ?? null
    return { uname, name, platform: 'windows', version, codename: null, major, minor, architecture, hostname }
  }
  const [, name = null, platform = null, whole = ''] = /\[([^|\]]+)\|([^:\]]+): ([^\]]*)\]/.exec(uname) ?? []
  const codename = /\(([^)]*)\)/.exec(whole)?.[1] ?? null
  const version = whole.replace(/ *\([^)]*\)/, '').trim() || null
  const [, major = null, minor = null] = /^(\d+)(?:\.(\d+))?/.exec(version ?? '') ?? []
  return { uname, name, platform, version, codename, major, minor, architecture, hostname }
}

/** What an agent of ours says; the text behind `#!-`. */
export function keepAliveText(says: {
  readonly uname: string
  readonly version: string
  readonly configSum: string | null
  readonly labels: readonly AgentLabel[]
  readonly mergedSum: string | null
  readonly address: string
}): string {
  const sum = says.configSum === null ? '' : ` / ${says.configSum}`
  const labels = says.labels.map(({ key, value, isHidden }) => `${isHidden ? '!' : ''}"${key}":${value}\n`).join('')
  const merged = says.mergedSum ?? 'x'
  return `${says.uname} - ${says.version}${sum}\n${labels}${merged} merged.mg\n#"_agent_ip":${says.address}\n`
}
