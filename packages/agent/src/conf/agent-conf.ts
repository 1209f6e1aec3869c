/**
 * All that the agent reads of its ossec.conf and of the shared agent.conf. In go texts (latin1), out come the
 * configuration and every mistake at once. What the manager sends may set what is watched, never what is run.
 */
import type { XmlElement } from '@dogwatch/config'
import type { AgentLabel } from '@dogwatch/protocol'
import type { Problem } from '@dogwatch/schema'
import type { FimConfig } from '../fim/options.ts'
import type { TlsUse } from '../link/manager-link.ts'
import type { LogSource } from '../logs/config.ts'
import { readLocalfile } from './localfile.ts'
import { attribute, ConfReader, type HostFacts, nowhere, readSections } from './reader.ts'
import { fimDefaults, readSyscheck } from './syscheck.ts'

/** A manager to report to. */
export interface ServerConf {
  readonly address: string
  readonly port: number
}

/** How to get an identity where there is none. */
export interface EnrollmentConf {
  readonly enabled: boolean
  /** '' : the first server. */
  readonly address: string
  readonly port: number
  /** '' : the host name. */
  readonly agentName: string
  readonly groups: readonly string[]
  /** Paths relative to the home folder; '' : none. */
  readonly caPath: string
  readonly certificatePath: string
  readonly keyPath: string
  readonly passwordPath: string
  /** A service-account token of Kubernetes that proves the node. */
  readonly tokenPath: string
}

export interface AgentConf {
  readonly enrollment: EnrollmentConf
  /** In the order in which they are tried. */
  readonly servers: readonly ServerConf[]
  /** Whether the connection is in TLS: where a `<server_ca_path>` is named and the manager knows it, always, or never. */
  readonly tls: TlsUse
  /** Refused connections after which another identity is asked for. */
  readonly retriesMax: number
  /** Seconds between two attempts at most; they begin with one second. */
  readonly retryS: number
  /** What the manager adds to this agent's alerts. */
  readonly labels: readonly AgentLabel[]
  /** `<config-profile>`: parts of the shared file that are meant for one of these are for this agent. */
  readonly profiles: readonly string[]
  /** Seconds between keep-alives. */
  readonly notifyTimeS: number
  /** Seconds without an answer before another connection is tried. */
  readonly reconnectTimeS: number
  /** Most messages a second; 0: no limit. */
  readonly epsMax: number
  /** Bytes of the spool. */
  readonly spoolMax: number
  readonly syscheck: FimConfig
  readonly sources: readonly LogSource[]
}

const portPreset = 1514
const noGroups: readonly string[] = []
const epsPreset = 500
const spoolPreset = 512 * 1024 * 1024
const retriesPreset = 5
/** Most labels, and longest value, so that a keep-alive stays within what the protocol carries (spec: agent-protocol, part 6.3). */
const labelsMax = 512
const labelLengthMax = 1024

/** A configuration file. `isLocal`: it is this host's own, not the manager's. */
export interface ConfText {
  readonly path: string
  /** latin1. */
  readonly text: string
  readonly isLocal: boolean
}

/** Reads the files in order; later values win or add. `conf` is null when a file is not well formed. */
export function readAgentConf(
  texts: readonly ConfText[],
  host: HostFacts = nowhere,
): {
  readonly conf: AgentConf | null
  readonly problems: readonly Problem[]
} {
  const reader = new ConfReader({ path: '', text: '', roots: [] })
  const sources: LogSource[] = []
  const servers: ServerConf[] = []
  const enrollment = {
    enabled: true,
    address: '',
    port: 1515,
    agentName: '',
    groups: noGroups,
    caPath: '',
    certificatePath: '',
    keyPath: '',
    passwordPath: 'etc/authd.pass',
    tokenPath: '',
  }
  const values: Values = {
    tls: 'auto',
    notifyTimeS: 10,
    reconnectTimeS: 60,
    epsMax: epsPreset,
    spoolMax: spoolPreset,
    retriesMax: retriesPreset,
    retryS: 60,
    profiles: host.profiles,
  }
  const labels = new Map<string, AgentLabel>()
  let fim = fimDefaults
  for (const { path, text, isLocal } of texts) {
    const read = readSections(path, text, { ...host, profiles: values.profiles })
    if ('problem' in read) return { conf: null, problems: [...reader.problems, read.problem] }
    reader.turnTo(read.file)
    for (const section of read.sections) {
      if (section.name === 'localfile') {
        const source = readLocalfile(section, reader, isLocal)
        if (source !== null) sources.push(source)
      } else if (section.name === 'client' && isLocal) {
        readClient(section, servers, values, reader)
        for (const child of section.children) if (child.name === 'enrollment') readEnrollment(child, enrollment, reader)
      } else if (section.name === 'client_buffer') readBuffer(section, values, reader)
      else if (section.name === 'labels') readLabels(section, labels, reader)
    }
    const clients = read.sections.filter(({ name }) => name === 'client').flatMap(({ children }) => children)
    const tls = clients.findLast(({ name }) => name === 'tls')
    if (isLocal && tls !== undefined && values.tls === 'required' && enrollment.caPath === '')
      reader.wrong(tls, 'required needs the authority of the manager: <enrollment><server_ca_path>')
    fim = readSyscheck(
      read.sections.filter(({ name }) => name === 'syscheck'),
      reader,
      fim,
      isLocal,
    )
  }
  return {
    conf: {
      servers,
      enrollment,
      ...values,
      labels: [...labels.values()],
      syscheck: fim,
      sources: joinJournals(sources),
    },
    problems: reader.problems,
  }
}

type Values = {
  tls: TlsUse
  notifyTimeS: number
  reconnectTimeS: number
  epsMax: number
  spoolMax: number
  retriesMax: number
  retryS: number
  profiles: readonly string[]
}

function readClient(section: XmlElement, servers: ServerConf[], values: Values, reader: ConfReader): void {
  for (const element of section.children) {
    if (element.name === 'server') {
      const child = (name: string): XmlElement | undefined => element.children.findLast((one) => one.name === name)
      const address = child('address')?.content.trim() ?? ''
      const port = child('port')
      const retries = child('max_retries')
      const retry = child('retry_interval')
      if (retry !== undefined) values.retryS = Math.max(1, reader.duration(retry, values.retryS))
      if (retries !== undefined) values.retriesMax = reader.integer(retries, values.retriesMax, 1, 1000)
      if (address === '') reader.wrong(element, '<address> is missing')
      else
        servers.push({ address, port: port === undefined ? portPreset : reader.integer(port, portPreset, 1, 65_535) })
    } else if (element.name === 'tls') {
      const text = element.content.trim()
      if (text === 'auto' || text === 'required' || text === 'no') values.tls = text
      else reader.wrong(element, `\`${text.slice(0, 40)}\` is none of auto, required, no`)
    } else if (element.name === 'server-ip' || element.name === 'server-hostname') {
      servers.push({ address: element.content.trim(), port: portPreset })
    } else if (element.name === 'notify_time')
      values.notifyTimeS = Math.max(1, reader.duration(element, values.notifyTimeS))
    else if (element.name === 'config-profile')
      values.profiles = element.content
        .split(',')
        .map((profile) => profile.trim())
        .filter((profile) => profile !== '')
    else if (element.name === 'time-reconnect')
      values.reconnectTimeS = Math.max(1, reader.duration(element, values.reconnectTimeS))
  }
}

function readBuffer(section: XmlElement, values: Values, reader: ConfReader): void {
  for (const element of section.children) {
    if (element.name === 'events_per_second') values.epsMax = reader.integer(element, values.epsMax, 0, 1_000_000)
    else if (element.name === 'disabled' && reader.yesNo(element, false)) values.epsMax = 0
    else if (element.name === 'spool_size') values.spoolMax = reader.size(element, element.content, values.spoolMax)
  }
}

/** A key that comes again has its last value. A quote or a newline would end the line that carries it. */
function readLabels(section: XmlElement, labels: Map<string, AgentLabel>, reader: ConfReader): void {
  for (const element of section.children) {
    if (element.name !== 'label') continue
    const key = attribute(element, 'key') ?? ''
    const value = Buffer.from(element.content.trim(), 'latin1').toString('utf8')
    const hidden = attribute(element, 'hidden') ?? 'no'
    if (!/^[^"\n\r]{1,256}$/.test(key)) reader.wrong(element, 'key="…" is missing, too long, or has a quote')
    else if (hidden !== 'yes' && hidden !== 'no') reader.wrong(element, 'hidden="…" is neither yes nor no')
    else if (/[\n\r]/.test(value) || value.length > labelLengthMax)
      reader.wrong(element, `the value of ${key} is longer than a line of ${labelLengthMax} characters`)
    else if (labels.size >= labelsMax && !labels.has(key))
      reader.wrong(element, `there are more than ${labelsMax} labels`)
    else labels.set(key, { key: Buffer.from(key, 'latin1').toString('utf8'), value, isHidden: hidden === 'yes' })
  }
}

/** Several blocks for the journal are one reader: an entry counts when it passes one of them. */
function joinJournals(sources: readonly LogSource[]): LogSource[] {
  const others = sources.filter(({ kind }) => kind !== 'journald')
  const journals = sources.filter((source) => source.kind === 'journald')
  const [first] = journals
  if (first === undefined) return others
  const isOpen = journals.some(({ filters }) => filters.length === 0)
  return [...others, { ...first, filters: isOpen ? [] : journals.flatMap(({ filters }) => filters) }]
}

type Mutable<T> = { -readonly [K in keyof T]: T[K] }

function readEnrollment(section: XmlElement, enrollment: Mutable<EnrollmentConf>, reader: ConfReader): void {
  for (const element of section.children) {
    const text = Buffer.from(element.content.trim(), 'latin1').toString('utf8')
    switch (element.name) {
      case 'enabled':
        enrollment.enabled = reader.yesNo(element, true)
        break
      case 'manager_address':
        enrollment.address = text
        break
      case 'port':
        enrollment.port = reader.integer(element, enrollment.port, 1, 65_535)
        break
      case 'agent_name':
        enrollment.agentName = text
        break
      case 'groups':
        enrollment.groups = text
          .split(',')
          .map((group) => group.trim())
          .filter((group) => group !== '')
        break
      case 'server_ca_path':
        enrollment.caPath = text
        break
      case 'agent_certificate_path':
        enrollment.certificatePath = text
        break
      case 'agent_key_path':
        enrollment.keyPath = text
        break
      case 'authorization_pass_path':
        enrollment.passwordPath = text
        break
      case 'kubernetes_token_path':
        enrollment.tokenPath = text
        break
    }
  }
}
