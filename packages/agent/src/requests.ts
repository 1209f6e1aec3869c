/**
 * What a manager may ask, and the answers in the shapes that its pages know (spec: agent-protocol, part 7). In go a target
 * and a command, out comes the answer and what is to be done after it was given. Pure. A manager may ask what is
 * configured and have it read anew; it may have nothing run here.
 */
import type { AgentConf } from './conf/agent-conf.ts'
import type { FimConfig, WatchedPath } from './fim/options.ts'
import { checkBit } from './fim/options.ts'
import type { LogSource } from './logs/config.ts'
import type { LogPeriod } from './logs/log-counts.ts'
import type { AgentStatus } from './status.ts'

export interface Asked {
  readonly answer: string
  /** What the answer has promised. */
  readonly does: 'nothing' | 'reload' | 'scan'
}

/** Bytes that one answer may have: it travels in one message. */
const answerLengthMax = 60_000

/** What answers are made of. */
export interface Answerable {
  readonly conf: AgentConf
  readonly status: AgentStatus
  /** How much each log has brought; null when none is read. */
  readonly logs: { readonly global: LogPeriod; readonly interval: LogPeriod } | null
}

/** Answers a request; a target or command that is not known is an error in Wazuh's words. */
export function answerRequest(target: string, command: string, { conf, status, logs }: Answerable): Asked {
  const say = (value: unknown, prefix = 'ok '): Asked => {
    const answer = `${prefix}${JSON.stringify(value)}`
    return Buffer.byteLength(answer) <= answerLengthMax
      ? { answer, does: 'nothing' }
      : { answer: 'err The answer is too long', does: 'nothing' }
  }
  switch (`${target} ${command}`) {
    case 'com restart':
    case 'com reload':
    case 'agent restart':
      return { answer: 'ok ', does: 'reload' }
    case 'syscheck restart':
      return { answer: 'ok ', does: 'scan' }
    case 'agent getconfig client':
      return say({ client: clientOf(conf) })
    case 'agent getconfig buffer':
      // The spool is bounded by bytes; `queue_size` is how many messages of the usual length it holds.
      return say({
        buffer: {
          disabled: yesNo(conf.epsMax === 0),
          queue_size: Math.floor(conf.spoolMax / messageLength),
          spool_size: conf.spoolMax,
          events_per_second: conf.epsMax,
        },
      })
    case 'agent getconfig labels':
      return say({
        labels: conf.labels.map(({ key, value, isHidden }) => ({ value, key, hidden: yesNo(isHidden) })),
      })
    case 'agent getstate':
      return say({ error: 0, data: stateOf(status) }, '')
    case 'com getconfig active-response':
      return say({ 'active-response': { disabled: 'yes' } })
    case 'logcollector getconfig localfile':
      return say({ localfile: conf.sources.map(localfileOf) })
    case 'logcollector getconfig socket':
      return say({ socket: [{ name: 'agent' }] })
    case 'logcollector getstate':
      return say({ error: 0, data: logs === null ? {} : fittingState(logs) }, '')
    case 'wmodules getconfig wmodules':
      return say({ wmodules: [] })
    case 'syscheck getconfig rootcheck':
      return say({ rootcheck: { disabled: 'yes' } })
    case 'com getconfig logging':
      return say({ logging: { plain: 'yes', json: 'no' } })
    case 'syscheck getconfig syscheck':
      return say({ syscheck: syscheckOf(conf.syscheck) })
    default:
      return { answer: 'err No such file or directory', does: 'nothing' }
  }
}

/** Bytes of an ordinary message. */
const messageLength = 256
/** What stands around the state of the logs in an answer, bytes at most. */
const answerFrame = 100

const yesNo = (value: boolean): string => (value ? 'yes' : 'no')
/** `2026-11-24 10:00:00`; '' for a time that has not been. */
const timeText = (iso: string | null): string => (iso === null ? '' : iso.slice(0, 19).replace('T', ' '))

function clientOf(conf: AgentConf): Record<string, unknown> {
  const { enrollment } = conf
  return {
    ...(conf.profiles.length === 0 ? {} : { 'config-profile': conf.profiles.join(',') }),
    notify_time: conf.notifyTimeS,
    'time-reconnect': conf.reconnectTimeS,
    force_reconnect_interval: 0,
    ip_update_interval: 0,
    auto_restart: 'yes',
    remote_conf: 'yes',
    crypto_method: 'aes',
    tls: conf.tls,
    server: conf.servers.map(({ address, port }) => ({
      address,
      port,
      max_retries: conf.retriesMax,
      retry_interval: conf.retryS,
      protocol: 'tcp',
    })),
    enrollment: {
      enabled: yesNo(enrollment.enabled),
      delay_after_enrollment: 0,
      port: enrollment.port,
      authorization_pass_path: enrollment.passwordPath,
      auto_method: 'no',
      ...(enrollment.agentName === '' ? {} : { agent_name: enrollment.agentName }),
      ...(enrollment.groups.length === 0 ? {} : { groups: enrollment.groups.join(',') }),
    },
  }
}

function stateOf({ connection, counts, spool }: AgentStatus): Record<string, unknown> {
  return {
    status: connection.state === 'connected' ? 'connected' : 'pending',
    last_keepalive: timeText(connection.lastAck),
    last_ack: timeText(connection.lastAck),
    msg_count: counts.acknowledged + spool.waiting,
    msg_sent: counts.sent,
    msg_buffer: spool.waiting,
    buffer_enabled: true,
  }
}

/** As many places as fit into one message. */
function fittingState(logs: NonNullable<Answerable['logs']>): Record<string, unknown> {
  let placesMax = logs.global.files.size
  let state = logStateOf(logs, placesMax)
  while (placesMax > 0 && Buffer.byteLength(JSON.stringify(state)) > answerLengthMax - answerFrame) {
    placesMax = Math.floor(placesMax / 2)
    state = logStateOf(logs, placesMax)
  }
  return state
}

/** Those that brought most come first, so that what is left out for want of room brought least. */
function logStateOf({ global, interval }: NonNullable<Answerable['logs']>, placesMax: number): Record<string, unknown> {
  const places = [...global.files].sort(([, a], [, b]) => b.bytes - a.bytes).slice(0, placesMax)
  const periodOf = ({ startMs, endMs, files }: LogPeriod): Record<string, unknown> => ({
    start: timeText(new Date(startMs).toISOString()),
    end: timeText(new Date(endMs).toISOString()),
    files: places.map(([location]) => ({
      location,
      ...(files.get(location) ?? { events: 0, bytes: 0 }),
      targets: [{ name: 'agent', drops: 0 }],
    })),
  })
  return { global: periodOf(global), interval: periodOf(interval) }
}

function localfileOf(source: LogSource): Record<string, unknown> {
  const common = {
    target: ['agent'],
    ...(source.outFormat === null ? {} : { out_format: source.outFormat }),
    ...(source.labels.length === 0 ? {} : { labels: source.labels }),
  }
  if (source.kind === 'journald')
    return { logformat: 'journald', 'only-future-events': yesNo(source.onlyFuture), ...common }
  if (source.kind === 'command') {
    const logformat = source.isFull ? 'full_command' : 'command'
    return { logformat, command: source.command, alias: source.alias, frequency: source.frequencyS, ...common }
  }
  return {
    file: source.location,
    logformat: source.format.kind === 'line' ? 'syslog' : source.format.kind,
    'only-future-events': yesNo(source.onlyFuture),
    ...common,
  }
}

const checkNames = [
  ['size', 'check_size'],
  ['perm', 'check_perm'],
  ['owner', 'check_owner'],
  ['group', 'check_group'],
  ['mtime', 'check_mtime'],
  ['inode', 'check_inode'],
  ['md5', 'check_md5sum'],
  ['sha1', 'check_sha1sum'],
  ['sha256', 'check_sha256sum'],
] as const

function syscheckOf(fim: FimConfig): Record<string, unknown> {
  return {
    disabled: yesNo(fim.disabled),
    frequency: fim.frequencyS,
    skip_nfs: yesNo(fim.skipsNfs),
    skip_dev: yesNo(fim.skipsDev),
    skip_sys: yesNo(fim.skipsSys),
    skip_proc: yesNo(fim.skipsProc),
    scan_on_start: yesNo(fim.scansOnStart),
    max_files_per_second: fim.filesPerSecondMax,
    file_limit: { enabled: yesNo(fim.fileLimit > 0), entries: fim.fileLimit },
    directories: fim.directories.map(directoryOf),
    ...(fim.ignore.prefixes.length === 0 ? {} : { ignore: fim.ignore.prefixes }),
    ...(fim.nodiff.prefixes.length === 0 ? {} : { nodiff: fim.nodiff.prefixes }),
    max_eps: fim.epsMax,
    process_priority: fim.niceness,
  }
}

function directoryOf({
  path,
  mode,
  checks,
  reportChanges,
  tags,
  recursionLevel,
}: WatchedPath): Record<string, unknown> {
  const opts = [
    ...checkNames.flatMap(([check, name]) => ((checks & checkBit(check)) === 0 ? [] : [name])),
    ...(reportChanges ? ['report_changes'] : []),
    ...(mode === 'scheduled' ? [] : [mode]),
  ]
  return { opts, dir: path, recursion_level: recursionLevel, ...(tags === '' ? {} : { tags }) }
}
