import { expect, test } from 'vitest'
import { readAgentConf } from './conf/agent-conf.ts'
import { answerRequest } from './requests.ts'
import type { AgentStatus } from './status.ts'

const text = `<ossec_config>
  <client><server><address>m</address></server><enrollment><groups>a,b</groups></enrollment></client>
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
  connection: { state: 'connected', manager: 'm:1514', lastAck: '2026-11-24T09:59:59.123Z', reason: null },
  spool: { waiting: 3, bytes: 0, bytesMax: 1, state: 'normal' },
  counts: { sent: 7, acknowledged: 4, cut: 0 },
  drops: {},
  fim: null,
  logs: { files: ['/var/log/a.log'] },
  memoryBytes: 1,
}
const ask = (target: string, command: string) => {
  if (conf === null) throw new Error('the configuration cannot be read')
  return answerRequest(target, command, conf, status)
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
  ['agent', 'getconfig buffer', { buffer: { disabled: 'no', events_per_second: 500 } }],
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
  ['logcollector', 'getstate', { data: { global: { files: [{ location: '/var/log/a.log' }] } } }],
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
