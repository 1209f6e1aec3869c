/**
 * Every element of ossec.conf, one row each: what it may hold, its default, its bounds, and what becomes of it here. Reading, `config check` and
 * docs/configuration.md all come from this table; to add an element is to add a row, and a member of `Configuration` where it is understood.
 */

/** What an element may hold. Bounds of a row are in the kind's unit: seconds for `duration`, bytes for `size`. */
export type Kind =
  | 'section'
  | 'yes-no'
  | 'integer'
  | 'port'
  | 'duration'
  | 'size'
  | 'choice'
  | 'choices'
  | 'address'
  | 'network'
  | 'path'
  | 'name'
  | 'text'

export interface Row {
  /** Element names below `<ossec_config>`, joined by `/`; `wodle[aws-s3]` is the wodle of that name; `**` at the end is anything below. */
  readonly path: string
  readonly kind: Kind
  readonly use: 'understood' | 'ignored'
  /** What it does; for an ignored one the reason. One sentence without its full stop. */
  readonly says: string
  /** What several mean: the last one wins, they add up, or each is one of its own. Sections of kind `last` merge, value by value. */
  readonly several: 'last' | 'add' | 'each'
  readonly default?: string
  readonly min?: number
  readonly max?: number
  readonly choices?: readonly string[]
  readonly attributes?: readonly string[]
  /** An element that Wazuh does not have. */
  readonly ours?: true
  /** Understood, yet without effect so far: why. */
  readonly waits?: string
}

type Extra = Partial<Pick<Row, 'several' | 'min' | 'max' | 'choices' | 'attributes' | 'waits' | 'default' | 'ours'>>

function row(kind: Kind, path: string, says: string, extra: Extra): Row {
  return { path, kind, use: 'understood', says, several: 'last', ...extra }
}

const section = (path: string, says: string, extra: Extra = {}): Row => row('section', path, says, extra)
const yesNo = (path: string, preset: 'yes' | 'no', says: string, extra: Extra = {}): Row =>
  row('yes-no', path, says, { default: preset, ...extra })
const integer = (path: string, preset: number, min: number, max: number, says: string, extra: Extra = {}): Row =>
  row('integer', path, says, { default: String(preset), min, max, ...extra })
const port = (path: string, preset: number, says: string, extra: Extra = {}): Row =>
  row('port', path, says, { default: String(preset), min: 1, max: 65_535, ...extra })
const duration = (path: string, preset: string, min: number, max: number, says: string, extra: Extra = {}): Row =>
  row('duration', path, says, { default: preset, min, max, ...extra })
const size = (path: string, preset: string, min: number, max: number, says: string, extra: Extra = {}): Row =>
  row('size', path, says, { default: preset, min, max, ...extra })
const choice = (path: string, preset: string, choices: readonly string[], says: string, extra: Extra = {}): Row =>
  row('choice', path, says, { default: preset, choices, ...extra })
const value = (kind: Kind, path: string, preset: string | null, says: string, extra: Extra = {}): Row =>
  row(kind, path, says, { ...(preset === null ? {} : { default: preset }), ...extra })

/** A section that is passed over, with the names of everything that may stand in it (`a/b` below `a`). */
function ignored(path: string, reason: string, names: string): Row[] {
  const kindOf = (name: string, all: readonly string[]): Kind =>
    all.some((other) => other.startsWith(`${name}/`)) ? 'section' : 'text'
  const below = names.split(/\s+/).filter((name) => name !== '')
  return [
    { path, kind: 'section', use: 'ignored', says: reason, several: 'each' },
    ...below.map(
      (name): Row => ({
        path: `${path}/${name}`,
        kind: name === '**' ? 'text' : kindOf(name, below),
        use: 'ignored',
        says: reason,
        several: 'add',
      }),
    ),
  ]
}

/** One element of an understood section that has no meaning here. */
const obsolete = (path: string, reason: string): Row => ({
  path,
  kind: 'text',
  use: 'ignored',
  says: reason,
  several: 'add',
})

const hour = 3600
const day = 86_400
const mib = 1024 ** 2
const gib = 1024 ** 3

const ownHost = 'the manager does not watch the host it runs on; run an agent there'
const noMail = 'this version sends no e-mail'
const noResponse = 'this version has no command run'
const agentSettings = 'settings of an agent; the manager has none'
const cloud = 'cloud sources are not read by this version'

/** The table, in the order of the reference page. */
export const rows: readonly Row[] = [
  section('global', 'What is written, and what holds for all parts'),
  yesNo('global/jsonout_output', 'yes', 'Write alerts as JSON lines to `logs/alerts/alerts.json`'),
  yesNo('global/alerts_log', 'yes', 'Write alerts as text to `logs/alerts/alerts.log`'),
  yesNo('global/logall', 'no', 'Write every event as text to `logs/archives/archives.log`'),
  yesNo('global/logall_json', 'no', 'Write every event as a JSON line to `logs/archives/archives.json`'),
  duration(
    'global/agents_disconnection_time',
    '15m',
    1,
    365 * day,
    'Silence after which an agent counts as disconnected',
  ),
  duration(
    'global/agents_disconnection_alert_time',
    '0',
    0,
    365 * day,
    'Further time until a disconnection is an alert',
  ),
  value('text', 'global/white_list', null, 'Address, network or name that active response never acts on', {
    several: 'add',
    waits: 'active response is not part of this version',
  }),
  value('path', 'global/geoipdb', null, 'MaxMind database for `srcgeoip` and `dstgeoip` of events, below the home'),
  duration(
    'global/rotate_interval',
    '0',
    0,
    day,
    'Rotate the alert files also after this time; 0 is only at midnight',
    {
      waits: 'files rotate at local midnight',
    },
  ),
  size('global/max_output_size', '0', 0, 1024 * gib, 'Rotate the alert files also at this size; 0 is never', {
    waits: 'files rotate at local midnight',
  }),
  integer('global/memory_size', 8192, 2048, 1_000_000, 'Events remembered for rules that look back', {
    waits: 'the number remembered is fixed at 8192',
  }),
  obsolete('global/email_notification', noMail),
  obsolete('global/smtp_server', noMail),
  obsolete('global/helo_server', noMail),
  obsolete('global/email_from', noMail),
  obsolete('global/email_to', noMail),
  obsolete('global/email_reply_to', noMail),
  obsolete('global/email_maxperhour', noMail),
  obsolete('global/email_idsname', noMail),
  obsolete('global/email_log_source', noMail),
  obsolete('global/custom_alert_output', 'alerts.log keeps its one format, so that what reads it goes on working'),
  obsolete('global/stats', 'hourly statistics are metrics here'),
  obsolete('global/host_information', 'the level comes from the rules'),
  obsolete('global/integrity_checking', 'the level comes from the rules'),
  obsolete('global/rootkit_detection', 'the level comes from the rules'),
  obsolete('global/prelude_output', 'Prelude is no output here'),
  obsolete('global/prelude_profile', 'Prelude is no output here'),
  obsolete('global/prelude_log_level', 'Prelude is no output here'),
  obsolete('global/zeromq_output', 'ZeroMQ is no output here'),
  obsolete('global/zeromq_uri', 'ZeroMQ is no output here'),
  obsolete('global/update_check', 'nothing is asked of the network behind the operator’s back'),
  ...ignored(
    'global/limits',
    'no event is held back: what comes in is in the journal, and a lag is a metric',
    'eps eps/maximum eps/timeframe',
  ),

  section('alerts', 'From which level on an event becomes an alert'),
  integer('alerts/log_alert_level', 1, 1, 16, 'Lowest level that is written as an alert'),
  integer('alerts/email_alert_level', 7, 1, 16, 'Lowest level that bears the mail mark in alerts'),
  yesNo('alerts/use_geoip', 'no', 'Name the country of addresses in `alerts.log`', {
    waits: 'alerts.log is written without countries',
  }),

  section('ruleset', 'Decoders, rules and lists that are loaded'),
  value(
    'path',
    'ruleset/decoder_dir',
    null,
    'Folder of decoders; nothing named: `ruleset/decoders` and `etc/decoders`',
    {
      several: 'add',
      attributes: ['pattern'],
    },
  ),
  value('path', 'ruleset/rule_dir', null, 'Folder of rules; nothing named: `ruleset/rules` and `etc/rules`', {
    several: 'add',
    attributes: ['pattern'],
  }),
  value('path', 'ruleset/decoder_include', null, 'A file of decoders', { several: 'add' }),
  value('path', 'ruleset/rule_include', null, 'A file of rules', { several: 'add' }),
  value('path', 'ruleset/decoder_exclude', null, 'A file, by name or path, that is left out', { several: 'add' }),
  value('path', 'ruleset/rule_exclude', null, 'A file, by name or path, that is left out', { several: 'add' }),
  value('path', 'ruleset/list', null, 'A list of keys and values, by the name that rules use', { several: 'add' }),
  ...ignored(
    'rules',
    'OSSEC’s older form; write <ruleset>',
    'include rule rule_dir decoder decoder_dir list rule_exclude decoder_exclude',
  ),
  section('rule_test', 'Trying log lines against the rules in use', {
    waits: 'lines are tried with `dogwatch logtest`',
  }),
  yesNo('rule_test/enabled', 'yes', 'Answer requests to try a line'),
  integer('rule_test/threads', 1, 1, 128, 'Sessions worked on at once'),
  integer('rule_test/max_sessions', 64, 1, 500, 'Sessions kept; the least recently used goes'),
  duration('rule_test/session_timeout', '15m', 1, 365 * day, 'Idle time after which a session is forgotten'),

  section('webhook', 'The HTTPS receiver of Kubernetes audit events', { ours: true }),
  yesNo('webhook/enabled', 'yes', 'Listen for audit events'),
  value('address', 'webhook/bind', '0.0.0.0', 'Address to listen on'),
  port('webhook/port', 8080, 'Port to listen on; `--port-webhook` goes before it'),
  size('webhook/body_max', '32MB', 1024, 256 * mib, 'Largest body of one request, after decompression'),
  size(
    'webhook/memory_max',
    '64MB',
    4 * mib,
    16 * gib,
    'Memory for all bodies under way; beyond it senders are asked to come again',
  ),
  value('path', 'webhook/certificate', 'certs/server.pem', 'Server certificate, PEM'),
  value('path', 'webhook/key', 'certs/server.key', 'Its private key, PEM'),
  value('path', 'webhook/client_ca', 'certs/ca.pem', 'Who may have signed client certificates, PEM'),
  choice(
    'webhook/auth',
    'token',
    ['token', 'certificate', 'none'],
    'How the default cluster proves itself: it posts to `/`',
  ),
  value('path', 'webhook/token_file', 'etc/webhook.token', 'File with the default cluster’s token'),
  section('webhook/cluster', 'A further cluster: it posts to `/audit/<name>`', { several: 'each' }),
  value('name', 'webhook/cluster/name', null, 'Its name: in the address and as `kubernetes.cluster` in events'),
  choice('webhook/cluster/auth', 'token', ['token', 'certificate', 'none'], 'How it proves itself'),
  value(
    'path',
    'webhook/cluster/token_file',
    null,
    'File with its token; left out: `etc/webhook-<name>.token`, made when missing',
  ),
  value(
    'text',
    'webhook/cluster/common_name',
    null,
    'Common name that its client certificate must bear; left out: the cluster’s name',
  ),

  section('bus', 'The journal: what is acknowledged is there first', { ours: true }),
  value('path', 'bus/path', 'queue/journal', 'Folder of the journal'),
  size('bus/segment_size', '64MB', mib, gib, 'Size of one file of the journal'),
  size('bus/disk_max', '10GB', 64 * mib, 1024 * gib, 'Disk space of the journal; when it is full, senders are refused'),

  section('match', 'The threads that decode events and match rules', { ours: true }),
  integer('match/threads', 0, 0, 64, 'Number of threads; 0 is one less than the processors, at least one'),
  size(
    'match/event_max',
    '1MB',
    1024,
    32 * mib,
    'Largest event that is decoded whole; a larger one is counted and named',
  ),

  section('redact', 'What never leaves the journal', { ours: true }),
  yesNo('redact/enabled', 'yes', 'Replace the data of Secrets and tokens before matching'),
  yesNo('redact/configmaps', 'no', 'Replace the data of ConfigMaps too'),

  section('metrics', 'Health and metrics over HTTP: `/healthz`, `/readyz`, `/metrics`', { ours: true }),
  yesNo('metrics/enabled', 'yes', 'Listen for them'),
  value('address', 'metrics/bind', '127.0.0.1', 'Address to listen on; there is no authentication'),
  port('metrics/port', 9464, 'Port to listen on; `--port-metrics` goes before it'),

  section('store', 'The searchable store of alerts, and of events where `logall_json` is on', { ours: true }),
  yesNo('store/enabled', 'yes', 'Keep alerts in the store as well'),
  value('path', 'store/path', 'store', 'Folder of the store'),
  duration('store/retention', '90d', day, 3650 * day, 'Age at which a day leaves the store; the files in `logs` stay'),
  size('store/disk_max', '20GB', 64 * mib, 1024 * gib, 'Disk space of the store; beyond it the oldest days leave'),
  duration('store/hot', '14d', day, 3650 * day, 'Age at which a day is sealed: a third of the space, slower to search'),
  duration('store/search_timeout', '10s', 1, 300, 'Longest time of one search'),

  section('dashboard', 'The API and the page', { ours: true }),
  yesNo('dashboard/enabled', 'yes', 'Listen for the API and the page'),
  value('address', 'dashboard/bind', '0.0.0.0', 'Address to listen on'),
  port('dashboard/port', 55_000, 'Port to listen on; `--port-api` goes before it'),

  section('logging', 'The manager’s own log'),
  value('choices', 'logging/log_format', 'plain', 'Form of the log', {
    choices: ['plain', 'json'],
    waits: 'a terminal gets lines to read, everything else JSON; the file `logs/dogwatch.log` is JSON',
  }),

  section('remote', 'A port for agents or for syslog', { several: 'each' }),
  choice('remote/connection', 'secure', ['secure', 'syslog'], 'Agents, or syslog senders'),
  value('port', 'remote/port', null, 'Port; left out: 1514 for agents, 514 for syslog', { min: 1, max: 65_535 }),
  value('choices', 'remote/protocol', 'tcp', 'Transport; `tcp,udp` may be given for agents, `tls` for syslog', {
    choices: ['tcp', 'udp', 'tls'],
  }),
  value('network', 'remote/allowed-ips', null, 'Who may send; needed for syslog', { several: 'add' }),
  value('network', 'remote/denied-ips', null, 'Who may not', { several: 'add' }),
  value('address', 'remote/local_ip', null, 'Address to listen on; left out: all'),
  yesNo('remote/ipv6', 'no', 'Listen on IPv6'),
  integer('remote/queue_size', 131_072, 1, 10_000_000, 'Messages that may wait', {
    waits: 'bytes are bounded instead: senders wait while the journal is behind',
  }),
  duration('remote/rids_closing_time', '5m', 1, 365 * day, 'Idle time after which an agent’s counter file is closed', {
    waits: 'the 512 files used last are kept open',
  }),
  choice(
    'remote/crypto_method',
    'aes',
    ['aes', 'blowfish'],
    'Ciphers that agents may use; `blowfish` accepts old agents beside AES',
    { ours: true },
  ),
  choice(
    'remote/require_tls',
    'no',
    ['no', 'own', 'all'],
    'Who must wrap the connection in TLS: nobody, Dogwatch’s own agents, or every agent',
    { ours: true },
  ),
  duration('remote/connection_overtake_time', '60', 0, hour, 'Silence after which a second connection takes over'),
  section('remote/agents', 'Which agents may connect'),
  yesNo('remote/agents/allow_higher_versions', 'no', 'Agents newer than the manager may connect'),

  section('auth', 'Enrolment of agents; there is none without a `<remote>` for them'),
  yesNo('auth/disabled', 'no', 'Do not enrol'),
  yesNo('auth/remote_enrollment', 'yes', 'Enrol over the network'),
  port('auth/port', 1515, 'Port to listen on; `--port-enrol` goes before it'),
  yesNo('auth/ipv6', 'no', 'Listen on IPv6'),
  yesNo('auth/use_source_ip', 'no', 'Tie an agent to the address it enrols from'),
  yesNo('auth/purge', 'no', 'Delete removed agents from `client.keys`'),
  yesNo('auth/use_password', 'no', 'Ask for the password in `etc/authd.pass`'),
  value(
    'text',
    'auth/ciphers',
    'HIGH:!ADH:!EXP:!MD5:!RC4:!3DES:!CAMELLIA:@STRENGTH',
    'TLS ciphers, as OpenSSL names them',
  ),
  value('path', 'auth/ssl_agent_ca', null, 'Who must have signed agents’ certificates, PEM'),
  yesNo('auth/ssl_verify_host', 'no', 'The agent’s certificate must be for the address it comes from'),
  value('path', 'auth/ssl_manager_cert', 'etc/sslmanager.cert', 'Certificate for enrolment, PEM'),
  value('path', 'auth/ssl_manager_key', 'etc/sslmanager.key', 'Its private key, PEM'),
  yesNo('auth/ssl_auto_negotiate', 'no', 'Accept TLS before 1.2'),
  section('auth/force', 'When a new agent may take the place of an old one of the same name or address'),
  yesNo('auth/force/enabled', 'yes', 'It may'),
  yesNo('auth/force/key_mismatch', 'yes', 'Not while the old key is good'),
  duration('auth/force/disconnected_time', '1h', 0, 3650 * day, 'Only when the old one has been away this long', {
    attributes: ['enabled'],
  }),
  duration('auth/force/after_registration_time', '1h', 0, 3650 * day, 'Only when the old one is this old'),
  section('auth/agents', 'Which agents may enrol'),
  yesNo('auth/agents/allow_higher_versions', 'no', 'Agents newer than the manager may enrol'),
  section('auth/token_review', 'Which API server says whose node a service-account token of an agent is', {
    ours: true,
  }),
  value(
    'text',
    'auth/token_review/url',
    null,
    'Where it is, such as `https://kubernetes.default.svc`; nothing named: tokens prove nothing',
    {
      ours: true,
    },
  ),
  value(
    'path',
    'auth/token_review/ca',
    '/var/run/secrets/kubernetes.io/serviceaccount/ca.crt',
    'Its certificate authority, PEM',
    { ours: true },
  ),
  value(
    'path',
    'auth/token_review/token',
    '/var/run/secrets/kubernetes.io/serviceaccount/token',
    'Own token, of an account that may create `tokenreviews`',
    { ours: true },
  ),
  value('text', 'auth/token_review/audience', 'dogwatch', 'Who agents’ tokens must be meant for', { ours: true }),
  obsolete('auth/limit_maxagents', 'deprecated; there is no limit'),
  obsolete('auth/force_insert', 'deprecated; see <force>'),
  obsolete('auth/force_time', 'deprecated; see <force>'),
  ...ignored(
    'auth/key_request',
    'keys are not asked of an outside program',
    'enabled exec_path socket timeout threads queue_size',
  ),

  section('command', 'A program that active responses run on agents', { several: 'each' }),
  value('text', 'command/name', null, 'What it is called in `<active-response>`'),
  value('text', 'command/executable', null, 'The program, a file of the agent’s `active-response/bin`'),
  yesNo('command/timeout_allowed', 'no', 'It can be taken back after a time'),
  value('text', 'command/extra_args', null, 'More words for it', { waits: noResponse }),
  obsolete('command/expect', 'agents hand the whole alert to the program'),
  section('active-response', 'When a command would run; agents are told of it in `ar.conf` of their shared files', {
    several: 'each',
  }),
  yesNo('active-response/disabled', 'no', 'Agents are not told of it'),
  value('text', 'active-response/command', null, 'Name of a `<command>`'),
  integer('active-response/timeout', 0, 0, 2_147_483_647, 'Seconds until it is taken back; 0 is never'),
  value('text', 'active-response/location', null, 'Where it would run', { waits: noResponse }),
  value('text', 'active-response/agent_id', null, 'The agent where it would run', { waits: noResponse }),
  value('text', 'active-response/level', null, 'Level from which on it would run', { waits: noResponse }),
  value('text', 'active-response/rules_id', null, 'Rules for which it would run', { waits: noResponse }),
  value('text', 'active-response/rules_group', null, 'Groups of rules for which it would run', { waits: noResponse }),
  obsolete('active-response/repeated_offenders', agentSettings),
  obsolete('active-response/ca_store', agentSettings),
  obsolete('active-response/ca_verification', agentSettings),
  ...ignored(
    'syslog_output',
    'alerts are not sent on by syslog in this version',
    'server port level group rule_id location use_fqdn format',
  ),
  ...ignored(
    'integration',
    'alerts are not handed to other programs in this version',
    'name hook_url api_key level rule_id group event_location alert_format max_log options timeout retries',
  ),
  ...ignored('email_alerts', noMail, 'email_to level group event_location format rule_id do_not_delay do_not_group'),
  ...ignored('reports', noMail, 'title type group category rule level srcip location user showlogs email_to frequency'),
  ...ignored(
    'database_output',
    'alerts go to files and the store',
    'hostname username password database type port socket',
  ),
  ...ignored(
    'cluster',
    'one manager is a whole; larger installations share a bus instead',
    'name node_name node_type key port bind_addr nodes nodes/node hidden disabled interval haproxy_helper haproxy_helper/**',
  ),
  ...ignored(
    'vulnerability-detection',
    'vulnerabilities are not looked up by this version',
    'enabled index-status feed-update-interval offline-url',
  ),
  ...ignored('vulnerability-detector', 'the older form, replaced by <vulnerability-detection>', '**'),
  ...ignored(
    'indexer',
    'alerts are not sent to an indexer by this version',
    'enabled hosts hosts/host username password ssl ssl/certificate_authorities ssl/certificate_authorities/ca ssl/certificate ssl/key',
  ),
  ...ignored(
    'agentless',
    'hosts without an agent are not polled by this version',
    'type frequency host state arguments port',
  ),
  ...ignored('agent-upgrade', 'agents are not upgraded from here', '**'),
  ...ignored('task-manager', 'agents are not upgraded from here', '**'),
  ...ignored('agent-key-polling', 'replaced by <auth><key_request>', '**'),
  ...ignored('wdb', 'state is kept in another form', '**'),
  ...ignored('fluent-forward', 'forwarding to Fluentd is not part of this version', '**'),

  ...ignored(
    'localfile',
    ownHost,
    `location log_format command alias frequency only-future-events label target out_format ignore restrict age exclude
     ignore_binaries multiline_regex filter query reconnect_time`,
  ),
  ...ignored('socket', ownHost, 'name location mode prefix'),
  ...ignored(
    'syscheck',
    ownHost,
    `disabled frequency scan_time scan_day scan_on_start directories ignore nodiff skip_nfs skip_dev skip_proc skip_sys
     alert_new_files auto_ignore prefilter_cmd allow_remote_prefilter_cmd max_eps max_files_per_second process_priority database changes_while_stopped
     file_limit file_limit/enabled file_limit/entries registry_limit registry_limit/enabled registry_limit/entries
     diff diff/disk_quota diff/disk_quota/enabled diff/disk_quota/limit diff/file_size diff/file_size/enabled diff/file_size/limit diff/nodiff
     whodata whodata/provider whodata/restart_audit whodata/audit_key whodata/startup_healthcheck whodata/queue_size
     synchronization synchronization/enabled synchronization/interval synchronization/max_interval synchronization/response_timeout
     synchronization/queue_size synchronization/thread_pool synchronization/max_eps synchronization/registry_enabled
     windows_registry registry_ignore registry_ignore_value registry_nodiff windows_audit_interval`,
  ),
  ...ignored(
    'rootcheck',
    ownHost,
    `disabled frequency skip_nfs base_directory ignore scanall readall rootkit_files rootkit_trojans check_files check_trojans check_dev
     check_sys check_pids check_ports check_if check_unixaudit check_policy check_winapps check_winaudit check_winmalware
     system_audit windows_audit windows_apps windows_malware`,
  ),
  ...ignored('sca', ownHost, 'enabled scan_on_start interval day wday time skip_nfs policies policies/policy'),
  ...ignored(
    'wodle[syscollector]',
    ownHost,
    `disabled interval scan_on_start hardware os network packages ports processes users groups services browser_extensions hotfixes
     max_eps synchronization synchronization/enabled synchronization/max_eps`,
  ),
  ...ignored(
    'wodle[open-scap]',
    'OpenSCAP is replaced by the agent’s configuration assessment',
    'disabled timeout interval day wday time scan-on-start content content/profile content/xccdf-id content/oval-id content/datastream-id content/cpe content/timeout',
  ),
  ...ignored(
    'wodle[cis-cat]',
    'CIS-CAT is replaced by the agent’s configuration assessment',
    'disabled timeout interval day wday time scan-on-start java_path ciscat_path content content/profile content/path content/timeout',
  ),
  ...ignored('wodle[osquery]', ownHost, 'disabled run_daemon bin_path log_path config_path pack add_labels'),
  ...ignored(
    'wodle[command]',
    ownHost,
    'disabled tag command interval day wday time run_on_start timeout ignore_output verify_md5 verify_sha1 verify_sha256 skip_verification',
  ),
  ...ignored('wodle[docker-listener]', ownHost, 'disabled interval attempts run_on_start'),
  ...ignored('wodle[agent-key-polling]', 'replaced by <auth><key_request>', '**'),
  ...ignored('wodle[vulnerability-detector]', 'the older form, replaced by <vulnerability-detection>', '**'),
  ...ignored('wodle[aws-s3]', cloud, '**'),
  ...ignored('wodle[azure-logs]', cloud, '**'),
  ...ignored('wodle[gcp-pubsub]', cloud, '**'),
  ...ignored('gcp-pubsub', cloud, '**'),
  ...ignored('gcp-bucket', cloud, '**'),
  ...ignored('github', cloud, '**'),
  ...ignored('office365', cloud, '**'),
  ...ignored('ms-graph', cloud, '**'),
  ...ignored(
    'client',
    agentSettings,
    `server server/address server/port server/protocol server/max_retries server/retry_interval server/interface_index
     tls config-profile notify_time time-reconnect force_reconnect_interval ip_update_interval auto_restart crypto_method server-ip server-hostname
     port protocol local_ip disable-active-response
     enrollment enrollment/enabled enrollment/manager_address enrollment/port enrollment/interface_index enrollment/agent_name enrollment/groups
     enrollment/agent_address enrollment/ssl_cipher enrollment/server_ca_path enrollment/agent_certificate_path enrollment/agent_key_path
     enrollment/authorization_pass_path enrollment/kubernetes_token_path enrollment/auto_method enrollment/delay_after_enrollment enrollment/use_source_ip`,
  ),
  ...ignored('client_buffer', agentSettings, 'disabled disable queue_size events_per_second spool_size'),
  ...ignored('labels', ownHost, 'label'),
  ...ignored('anti_tampering', agentSettings, 'package_uninstallation'),
]

const byPath = new Map(rows.map((entry) => [entry.path, entry]))

/** The row of a path, also by way of a `**` above it; null when the table does not know it. */
export function rowOf(path: string): Row | null {
  const exact = byPath.get(path)
  if (exact !== undefined) return exact
  for (let slash = path.lastIndexOf('/'); slash !== -1; slash = path.lastIndexOf('/', slash - 1)) {
    const below = byPath.get(`${path.slice(0, slash)}/**`)
    if (below !== undefined) return below
  }
  return null
}

/** Where an element of this name may stand: the sections above it, for a hint; at most three. */
export function placesOf(name: string): readonly string[] {
  const places: string[] = []
  for (const { path, use } of rows) {
    if (use === 'understood' && path.endsWith(`/${name}`)) places.push(path.slice(0, -name.length - 1))
  }
  return places.slice(0, 3)
}

/** The known element nearest in spelling within the same section, at most two letters away; null when none is near. */
export function nearestName(name: string, parent: string): string | null {
  let best: string | null = null
  let bestDistance = 3
  for (const { path } of rows) {
    const slash = path.lastIndexOf('/')
    if ((slash === -1 ? '' : path.slice(0, slash)) !== parent) continue
    const known = path.slice(slash + 1)
    const distance = editDistance(name.slice(0, 64), known)
    if (distance < bestDistance) {
      best = known
      bestDistance = distance
    }
  }
  return best
}

function editDistance(a: string, b: string): number {
  let previous = Array.from({ length: b.length + 1 }, (_, n) => n)
  for (let i = 1; i <= a.length; i++) {
    const current = [i]
    for (let j = 1; j <= b.length; j++) {
      const swap = (previous[j - 1] ?? 0) + (a[i - 1] === b[j - 1] ? 0 : 1)
      current.push(Math.min(swap, (previous[j] ?? 0) + 1, (current[j - 1] ?? 0) + 1))
    }
    previous = current
  }
  return previous[b.length] ?? 0
}
