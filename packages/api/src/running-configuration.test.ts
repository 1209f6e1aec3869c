import { defaultConfiguration, readConfiguration } from '@dogwatch/config'
import { expect, test } from 'vitest'
import { runningConfiguration } from './running-configuration.ts'

const text = `<ossec_config>
  <global><logall_json>yes</logall_json><white_list>192.0.2.1</white_list></global>
  <remote><connection>secure</connection><port>1600</port></remote>
  <remote><connection>syslog</connection><protocol>udp</protocol><allowed-ips>192.0.2.0/24</allowed-ips></remote>
</ossec_config>`
const given = readConfiguration('ossec.conf', text).configuration ?? defaultConfiguration()

const cases: [says: string, component: string, name: string, data: unknown][] = [
  ['what was given', 'analysis', 'global', { global: { logall_json: 'yes', white_list: ['192.0.2.1'], logall: 'no' } }],
  ['what holds by itself', 'analysis', 'alerts', { alerts: { log_alert_level: 1 } }],
  [
    'several of a kind',
    'request',
    'remote',
    {
      remote: [
        { connection: 'secure', port: '1600' },
        { connection: 'syslog', port: '514', protocol: ['UDP'] },
      ],
    },
  ],
  ['enrolment', 'auth', 'auth', { auth: { port: 1515, force: { enabled: 'yes' } } }],
  ['the form of the log', 'com', 'logging', { logging: { plain: 'yes', json: 'no' } }],
  ['what is ours', 'dogwatch', 'metrics', { metrics: { port: 9464 } }],
]
test.each(cases)('tells %s', (_, component, name, data) => {
  expect(runningConfiguration(given, component, name)).toMatchObject({ data })
})

const refused: [says: string, component: string, name: string, code: number][] = [
  ['a component that is none', 'kitchen', 'global', 1101],
  ['a component of every object', 'constructor', 'name', 1101],
  ['a component that there is elsewhere', 'wmodules', 'wmodules', 1117],
  ['a part that is none', 'analysis', 'sink', 1128],
  ['a part of every object', 'analysis', 'toString', 1128],
]
test.each(refused)('refuses %s', (_, component, name, code) => {
  expect(runningConfiguration(given, component, name)).toMatchObject({ code })
})
