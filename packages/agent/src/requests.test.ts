import { expect, test } from 'vitest'
import { readAgentConf } from './conf/agent-conf.ts'
import { answerRequest } from './requests.ts'
import type { AgentStatus } from './status.ts'

const text = `<ossec_config>
  <client><server><address>m</address></server><config-profile>web, db</config-profile><enrollment><groups>a,b</groups></enrollment></client>
  <labels><label key="env" hidden="yes">prod</label></labels>
  <localfile><location>/var/log/a.log</location><log_format>syslog</log_format></localfile>
  <localfile><command>df -P</command><alias>df</alias><log_format>command</log_format></localfile>
  <syscheck><directories realtime="yes" check_all="no" check_size="yes">/etc</directories></syscheck>
</ossec_config>`
const { conf } = readAgentConf([{ path: 'ossec.conf', text, isLocal: true }])
const status: AgentStatus = {
  at: '2026-11-24T10:00:00.000Z',
  pid: 1,
  startedAt: '2026-11-24T09:00:00.000Z',
  id: '001',
  name: 'web',
  connection: {
    state: 'connected',
    manager: 'm:1514',
    lastAck: '2026-11-24T09:59:59.123Z',
    isInTls: false,
    reason: null,
  },
  spool: { waiting: 3, bytes: 0, bytesMax: 1, state: 'normal' },
  counts: { sent: 7, acknowledged: 4, cut: 0 },
  drops: {},
  fim: null,
  logs: { files: ['/var/log/a.log'] },
  memoryBytes: 1,
}
const at = Date.UTC(2026, 10, 24, 10)
const logs = {
  global: {
    startMs: at - 3_600_000,
    endMs: at,
    files: new Map([
      ['df', { events: 1, bytes: 9 }],
      ['/var/log/a.log', { events: 7, bytes: 700 }],
    ]),
  },
  interval: { startMs: at - 60_000, endMs: at, files: new Map([['/var/log/a.log', { events: 2, bytes: 200 }]]) },
}
const ask = (target: string, command: string) => {
  if (conf === null) throw new Error('the configuration cannot be read')
  return answerRequest(target, command, { conf, status, logs })
}

test.each([
  ['com', 'restart', 'reload'],
  ['com', 'reload', 'reload'],
  ['agent', 'restart', 'reload'],
  ['syscheck', 'restart', 'scan'],
])('%s %s is answered first and done then', (target, command, does) => {
  expect(ask(target, command)).toEqual({ answer: 'ok ', does })
})

const shapes: [target: string, command: string, shape: object][] = [
  ['agent', 'getconfig client', { client: { server: [{ address: 'm', port: 1514 }], enrollment: { groups: 'a,b' } } }],
  [
    'agent',
    'getconfig client',
    {
      client: {
        'config-profile': 'web,db',
        force_reconnect_interval: 0,
        ip_update_interval: 0,
        auto_restart: 'yes',
        remote_conf: 'yes',
        crypto_method: 'aes',
        enrollment: { enabled: 'yes', port: 1515, auto_method: 'no', authorization_pass_path: 'etc/authd.pass' },
      },
    },
  ],
  ['agent', 'getconfig buffer', { buffer: { disabled: 'no', queue_size: 2_097_152, events_per_second: 500 } }],
  ['agent', 'getconfig labels', { labels: [{ key: 'env', value: 'prod', hidden: 'yes' }] }],
  ['agent', 'getstate', { error: 0, data: { status: 'connected', last_ack: '2026-11-24 09:59:59', msg_buffer: 3 } }],
  [
    'logcollector',
    'getconfig localfile',
    {
      localfile: [
        { file: '/var/log/a.log', logformat: 'syslog' },
        { command: 'df -P', logformat: 'command' },
      ],
    },
  ],
  ['logcollector', 'getconfig socket', { socket: [{ name: 'agent' }] }],
  [
    'logcollector',
    'getstate',
    {
      error: 0,
      data: {
        global: {
          start: '2026-11-24 09:00:00',
          end: '2026-11-24 10:00:00',
          files: [
            { location: '/var/log/a.log', events: 7, bytes: 700, targets: [{ name: 'agent', drops: 0 }] },
            { location: 'df', events: 1, bytes: 9, targets: [{ name: 'agent', drops: 0 }] },
          ],
        },
        interval: {
          start: '2026-11-24 09:59:00',
          files: [
            { location: '/var/log/a.log', events: 2, bytes: 200 },
            { location: 'df', events: 0, bytes: 0 },
          ],
        },
      },
    },
  ],
  ['wmodules', 'getconfig wmodules', { wmodules: [] }],
  ['syscheck', 'getconfig rootcheck', { rootcheck: { disabled: 'yes' } }],
  ['com', 'getconfig logging', { logging: { plain: 'yes', json: 'no' } }],
  [
    'syscheck',
    'getconfig syscheck',
    { syscheck: { directories: [{ dir: '/etc', opts: ['check_size', 'realtime'] }] } },
  ],
  ['com', 'getconfig active-response', { 'active-response': { disabled: 'yes' } }],
]
test.each(shapes)('%s %s has the shape that pages know', (target, command, shape) => {
  const { answer, does } = ask(target, command)
  expect(JSON.parse(answer.replace(/^ok /, ''))).toMatchObject(shape)
  expect(does).toBe('nothing')
})

test('a state of very many logs fits into one message', () => {
  if (conf === null) throw new Error('the configuration cannot be read')
  const files = new Map(
    Array.from({ length: 1000 }, (_, n) => [`/var/log/${'x'.repeat(60)}/${n}.log`, { events: n, bytes: n }]),
  )
  const period = { startMs: 0, endMs: 1, files }
  const { answer } = answerRequest('logcollector', 'getstate', {
    conf,
    status,
    logs: { global: period, interval: period },
  })
  expect(JSON.parse(answer).data.global.files[0]).toMatchObject({ events: 999 })
})

test.each([
  ['com', 'unmerge'],
  ['com', 'constructor'],
  ['execd', 'restart'],
  // Nothing of a remote upgrade: neither the shutting out of restarts before it, nor the file, nor its running.
  ['com', 'lock_restart -1'],
  ['com', 'open wb x.wpk'],
  ['upgrade', '{"command":"lock_restart","parameters":{"timeout":-1}}'],
  ['upgrade', '{"command":"open","parameters":{"mode":"wb","file":"../../etc/cron.d/x"}}'],
  ['upgrade', '{"command":"write","parameters":{"buffer":"eA==","length":1,"file":"x.wpk"}}'],
  ['upgrade', '{"command":"upgrade","parameters":{"file":"x.wpk","installer":"upgrade.sh"}}'],
  ['upgrade', '{"command":"clear_upgrade_result","parameters":{}}'],
  ['agent', ''],
  ['', 'agent restart x'],
])('%s %s is nothing that a manager may ask', (target, command) => {
  expect(ask(target, command)).toEqual({ answer: 'err No such file or directory', does: 'nothing' })
})
