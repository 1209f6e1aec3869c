import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { MatchWriter } from '../batch.ts'
import { Correlator } from '../correlator.ts'
import { Matcher } from '../matcher.ts'
import { OutputBuffers } from '../output-buffers.ts'
import type { Ruleset } from '../ruleset.ts'
import { loadTest, noonMs, utf8Bytes } from '../test-ruleset.ts'
import { Builtins } from './builtins.ts'

const rule = (id: number, decoder: string, more = ''): string =>
  `<rule id="${id}" level="5"><category>ossec</category><decoded_as>${decoder}</decoded_as>${more}<description>x</description></rule>`

/** A run in production; for each message its archive object, null when there is none. */
class Run {
  readonly #matcher: Matcher
  readonly #correlator: Correlator
  readonly #writer = new MatchWriter()
  readonly #outputs = new OutputBuffers()
  #number = 0

  constructor(ruleset: Ruleset) {
    const options = {
      managerName: 'manager',
      outputs: { alertsJson: true, alertsText: true, archivesJson: true, archivesText: false },
    }
    this.#matcher = new Matcher(ruleset, options)
    this.#correlator = new Correlator(ruleset, options)
  }

  send(queue: string, body: unknown, location = '[001] (web) any->x') {
    const text = typeof body === 'string' ? body : JSON.stringify(body)
    this.#matcher.match({ queue: queue.charCodeAt(0), location, body: utf8Bytes(text), timeMs: noonMs }, this.#writer)
    this.#correlator.consume(this.#writer.finish(), this.#number++, this.#outputs)
    const { archivesJson, alertsText } = this.#outputs.take()
    return { json: archivesJson.length === 0 ? null : JSON.parse(archivesJson.toString()), text: alertsText.toString() }
  }
}
const send = (ruleset: Ruleset, queue: string, body: unknown, location?: string) =>
  new Run(ruleset).send(queue, body, location)

const fimRules = loadTest({
  rules:
    rule(550, 'syscheck_integrity_changed') +
    rule(553, 'syscheck_deleted', '<field name="file">^/etc</field>') +
    rule(554, 'syscheck_new_entry') +
    rule(597, 'syscheck_registry_key_deleted') +
    rule(751, 'syscheck_registry_value_deleted'),
})

/** Seconds of a local date text. */
const seconds = (text: string): number => new Date(text).getTime() / 1000

describe('FIM', () => {
  const attributes = {
    type: 'file',
    size: 10,
    perm: 'rw-r--r--',
    uid: '0',
    gid: '0',
    user_name: 'root',
    group_name: 'root',
    inode: 7,
    mtime: 1_600_000_000,
    hash_md5: 'm1',
    hash_sha1: 's1',
    hash_sha256: 'z1',
  }
  const fim = (data: object) => ({ type: 'event', data: { path: '/etc/x', mode: 'realtime', version: 3, ...data } })

  test('a new file', () => {
    const { json } = send(fimRules, '8', fim({ type: 'added', attributes }))
    expect([json.rule.id, json.decoder.name, json.full_log]).toEqual([
      '554',
      'syscheck_new_entry',
      "File '/etc/x' added\nMode: realtime\n",
    ])
    expect(Object.keys(json.syscheck)).toEqual([
      'path',
      'mode',
      'size_after',
      'perm_after',
      'uid_after',
      'gid_after',
      'md5_after',
      'sha1_after',
      'sha256_after',
      'uname_after',
      'gname_after',
      'mtime_after',
      'inode_after',
      'event',
    ])
    expect([json.syscheck.inode_after, json.syscheck.size_after]).toEqual([7, '10'])
    expect(json).not.toHaveProperty('data')
  })

  test('a changed one says what changed, old and new', () => {
    const { json, text } = send(
      fimRules,
      '8',
      fim({
        type: 'modified',
        changed_attributes: ['size', 'md5'],
        attributes: { ...attributes, size: 11, hash_md5: 'm2' },
        old_attributes: attributes,
        content_changes: '1a2',
        tags: 'a,b',
      }),
    )
    expect(json.full_log).toBe(
      "File '/etc/x' modified\nMode: realtime\nChanged attributes: size,md5\nSize changed from '10' to '11'\nOld md5sum was: 'm1'\nNew md5sum is : 'm2'\n",
    )
    expect(json.syscheck).toMatchObject({
      size_before: '10',
      size_after: '11',
      md5_before: 'm1',
      diff: '1a2',
      tags: ['a', 'b'],
      changed_attributes: ['size', 'md5'],
    })
    expect(json.syscheck).not.toHaveProperty('sha1_before')
    expect(text).toMatch(/\nAttributes:\n - Size: 11\n - Permissions: rw-r--r--\n/)
    expect(text).toMatch(/\nWhat changed:\n1a2\n/)
    expect(text).toMatch(/\nTags:\n - a\n - b\n/)
  })

  test('the pod of the program that made the change is under data', () => {
    const kubernetes = {
      namespace: 'shop',
      pod: { name: 'web-5d9', uid: 'u-1' },
      container: { name: 'nginx', id: 'c1' },
      other: { deep: 'not taken' },
    }
    const { json } = send(fimRules, '8', fim({ type: 'added', attributes, kubernetes }))
    const { other, ...taken } = kubernetes
    expect(other).toBeDefined()
    expect(json.data).toEqual({ kubernetes: taken })
    expect(json.syscheck.path).toBe('/etc/x')
    for (const none of [{}, { namespace: 7, pod: 'x' }, { pod: { name: '' } }]) {
      expect(send(fimRules, '8', fim({ type: 'added', attributes, kubernetes: none })).json).not.toHaveProperty('data')
    }
  })

  test('fields serve rules', () => {
    const ids = ['/etc/x', '/srv/x'].map(
      (path) => send(fimRules, '8', fim({ path, type: 'deleted', attributes })).json.rule?.id,
    )
    expect(ids).toEqual(['553', undefined])
  })

  test('Windows permissions are lists by account', () => {
    const perm = { 'S-1': { name: 'bob', allowed: ['read_data', 'delete'], denied: ['write_data'] } }
    const { json } = send(fimRules, '8', fim({ type: 'added', attributes: { ...attributes, perm } }))
    expect(json.syscheck.win_perm_after).toEqual([
      { name: 'bob', allowed: ['READ_DATA', 'DELETE'], denied: ['WRITE_DATA'] },
    ])
  })

  const kinds: [says: string, data: object, decoder: string | null, first: string | null][] = [
    [
      'a registry key',
      { attributes: { type: 'registry_key' }, arch: '[x64]', index: 'i' },
      'syscheck_registry_key_deleted',
      "Registry Key '[x64] /etc/x' deleted",
    ],
    [
      'a registry value',
      { attributes: { type: 'registry_value' }, arch: '[x64]', value_name: 'v', index: 'i' },
      'syscheck_registry_value_deleted',
      "Registry Value '[x64] /etc/x\\v' deleted",
    ],
    [
      'a registry key without index makes no event',
      { attributes: { type: 'registry_key' }, arch: '[x64]' },
      null,
      null,
    ],
    ['attributes without type make no event', { attributes: {} }, null, null],
    ['no attributes make no event', {}, null, null],
  ]
  for (const [says, data, decoder, first] of kinds)
    test(says, () => {
      const { json } = send(fimRules, '8', fim({ type: 'deleted', ...data }))
      expect([json?.decoder.name ?? null, json?.full_log.split('\n')[0] ?? null]).toEqual([decoder, first])
    })

  test.each([
    ['a scan mark', '{"type":"scan_start","data":{"timestamp":1}}'],
    ['what is no JSON', 'x'],
    ['an array', '[]'],
    ['no data', '{"type":"event"}'],
    ['a number for a path', '{"type":"event","data":{"path":1,"type":"added","attributes":{"type":"file"}}}'],
  ])('%s makes no event', (_says, body) => expect(send(fimRules, '8', body).json).toBeNull())

  const shared = process.env.DOGWATCH_SHARED ?? join(import.meta.dirname, '../../../../../shared')
  for (const name of ['added', 'whodata']) {
    const path = join(shared, `acceptance/fim-alert-${name}.json`)
    test.skipIf(!existsSync(path))(
      `the recorded alert '${name}' comes out again (1 skipped without the shared folder)`,
      () => {
        const recorded = JSON.parse(readFileSync(path, 'utf8'))._source
        const { syscheck } = recorded
        const state = (when: 'before' | 'after') => ({
          type: 'file',
          size: Number(syscheck[`size_${when}`] ?? syscheck.size_after),
          inode: syscheck[`inode_${when}`] ?? syscheck.inode_after,
          mtime: seconds(syscheck[`mtime_${when}`] ?? syscheck.mtime_after),
          perm: syscheck.perm_after,
          uid: syscheck.uid_after,
          gid: syscheck.gid_after,
          user_name: syscheck.uname_after,
          group_name: syscheck.gname_after,
          hash_md5: syscheck[`md5_${when}`] ?? syscheck.md5_after,
          hash_sha1: syscheck[`sha1_${when}`] ?? syscheck.sha1_after,
          hash_sha256: syscheck[`sha256_${when}`] ?? syscheck.sha256_after,
        })
        const { audit } = syscheck
        const { json } = send(fimRules, '8', {
          type: 'event',
          data: {
            path: syscheck.path,
            mode: name === 'whodata' ? 'whodata' : 'scheduled',
            type: syscheck.event,
            version: 2,
            attributes: state('after'),
            ...(syscheck.event === 'modified'
              ? { old_attributes: state('before'), changed_attributes: syscheck.changed_attributes }
              : {}),
            ...(audit === undefined
              ? {}
              : {
                  audit: {
                    user_id: audit.user.id,
                    user_name: audit.user.name,
                    group_id: audit.group.id,
                    group_name: audit.group.name,
                    process_name: audit.process.name,
                    process_id: Number(audit.process.id),
                    ppid: Number(audit.process.ppid),
                    audit_uid: audit.login_user.id,
                    audit_name: audit.login_user.name,
                    effective_uid: audit.effective_user.id,
                    effective_name: audit.effective_user.name,
                  },
                }),
          },
        })
        const { mode, ...shown } = json.syscheck
        expect(shown).toEqual(syscheck)
        expect(mode).toBe(name === 'whodata' ? 'whodata' : 'scheduled')
        const times = (text: string): string => text.replace(/(modification time was: ').*/, '$1')
        expect(times(json.full_log)).toBe(times(recorded.full_log))
        expect(json.decoder).toEqual(recorded.decoder)
      },
    )
  }
})

describe('SCA', () => {
  const sca = loadTest({
    rules:
      rule(19000, 'sca') +
      '<rule id="19006" level="7"><if_sid>19000</if_sid><field name="sca.type">check</field><options>no_full_log</options><description>x</description></rule>',
  })
  const check = (result: string | undefined, more: object = {}) => ({
    type: 'check',
    id: 1,
    policy: 'P',
    policy_id: 'p',
    check: { id: 5, title: 't', compliance: { pci_dss: '1.1, 2.2', cis: '3' }, command: 'a,b', result, ...more },
  })

  test('a result is told once, and again with the one before when it changes', () => {
    const run = new Run(sca)
    const shown = ['failed', 'failed', 'passed'].map((result) => run.send('p', check(result)).json)
    expect(shown.map(({ rule: r }) => r.id)).toEqual(['19006', '19000', '19006'])
    expect(shown.map(({ data }) => data?.sca?.check?.previous_result)).toEqual([undefined, undefined, 'failed'])
    expect(shown[0].data.sca.check).toMatchObject({ id: '5', title: 't', result: 'failed', command: ['a', 'b'] })
  })
  test('the compliance of a check joins that of the rule', () => {
    expect(send(sca, 'p', check('failed')).json.rule).toMatchObject({ pci_dss: ['1.1', '2.2'], cis: ['3'] })
  })
  test('a missing result is not applicable', () => {
    expect(send(sca, 'p', check(undefined)).json.data.sca.check.result).toBe('not applicable')
  })
  test('a summary is told when its hash changes', () => {
    const run = new Run(sca)
    const summary = (hash: string, more: object = {}) => ({
      type: 'summary',
      policy_id: 'p',
      scan_id: 1,
      start_time: 1,
      end_time: 2,
      passed: 1,
      failed: 2,
      invalid: 0,
      total_checks: 3,
      score: 33,
      hash,
      hash_file: 'f',
      file: 'p.yml',
      name: 'P',
      ...more,
    })
    const scores = [
      summary('a'),
      summary('a'),
      summary('b'),
      summary('c', { first_scan: 1 }),
      summary('c', { force_alert: '1' }),
    ].map((body) => run.send('p', body).json?.data?.sca?.score)
    expect(scores).toEqual(['33', undefined, '33', undefined, '33'])
  })
  test.each([
    ['no type', {}],
    ['no JSON', 'x'],
    ['a check without id', { type: 'check', policy: 'P', policy_id: 'p', check: {} }],
  ])('%s fires nothing', (_says, body) => expect(send(sca, 'p', body).json?.data).toBeUndefined())
})

describe('syscollector', () => {
  const rules = loadTest({ rules: rule(221, 'syscollector') })
  const body = {
    type: 'dbsync_packages',
    operation: 'INSERTED',
    data: { name: 'bash', size: 12, groups: 's', vendor: null, checksum: 'x' },
  }
  test('columns become fields under their prefix', () => {
    const { json } = send(rules, 'd', body, '[001] (web) any->syscollector')
    expect(json.data).toMatchObject({
      type: 'dbsync_packages',
      operation_type: 'INSERTED',
      program: { name: 'bash', size: '12', section: 's' },
    })
    expect(json.data.program).not.toHaveProperty('checksum')
    expect(json.rule.id).toBe('221')
  })
  test('another location makes no event', () => expect(send(rules, 'd', body, 'elsewhere').json).toBeNull())
})

describe('rootcheck', () => {
  const rules = loadTest({
    rules:
      '<rule id="509" level="5"><category>ossec</category><decoded_as>rootcheck</decoded_as><group>rootcheck,</group><description>x</description></rule><rule id="510" level="7"><if_sid>509</if_sid><if_fts/><group>rootcheck,</group><description>y</description></rule>',
  })
  test('an entry is new once for each agent', () => {
    const run = new Run(rules)
    const got = ['[001] (a) any->rootcheck', '[001] (a) any->rootcheck', '[002] (b) any->rootcheck'].map(
      (location) => run.send('9', "File '/tmp/x' is owned by root", location).json.rule.id,
    )
    expect(got).toEqual(['510', '509', '510'])
  })
  const texts: [says: string, text: string, title: string, file: string | undefined][] = [
    ['a quoted file', "File '/tmp/x' is owned by root", 'File is owned by root', '/tmp/x'],
    [
      'a system audit',
      'System Audit: Something {PCI_DSS: 2.2.4, 3}. File: /etc/y. Reference: z',
      'Something',
      '/etc/y',
    ],
    ['a sentence', 'Something odd. More.', 'Something odd.', undefined],
  ]
  for (const [says, text, title, file] of texts)
    test(`fields of ${says}`, () =>
      expect(send(rules, '9', text).json.data).toEqual({ title, ...(file === undefined ? {} : { file }) }))
  test('braces add compliance', () => {
    expect(send(rules, '9', 'System Audit: Something {PCI_DSS: 2.2.4, 3}').json.rule.pci_dss).toEqual(['2.2.4', '3'])
  })
})

test('host information is told when it changes', () => {
  const run = new Run(
    loadTest({ rules: rule(1, 'hostinfo_new').replace('id="1"', 'id="581"') + rule(580, 'hostinfo_modified') }),
  )
  const got = ['80', '80', '80 443'].map(
    (ports) => run.send('3', `Host: 192.0.2.1 (), open ports: ${ports}`).json?.rule?.id,
  )
  expect(got).toEqual(['581', undefined, '580'])
})

describe('what agents said before is remembered within a bound', () => {
  const decoders = (builtins: Builtins) => {
    const ruleset = loadTest({ rules: rule(1, 'hostinfo_new').replace('id="1"', 'id="581"') })
    const options = {
      managerName: 'm',
      outputs: { alertsJson: true, alertsText: true, archivesJson: true, archivesText: false },
    }
    const matcher = new Matcher(ruleset, options, { accumulate: () => undefined, builtins: builtins.decoders })
    return (
      queue: string,
      body: string,
    ): { made: boolean; isNew: boolean; type: string | undefined; decoder: string | undefined } => {
      const made =
        matcher.prepare({ queue: queue.charCodeAt(0), location: '[001] (a) any->x', body, timeMs: noonMs }) === null
      const { event } = matcher
      const at = event.keys.slice(0, event.dynamicCount).indexOf('sca.type')
      return {
        made,
        isNew: event.isNewEntry,
        type: at === -1 ? undefined : event.values[at],
        decoder: event.decoder?.name,
      }
    }
  }
  const long = 'x'.repeat(60_000)
  const check = (result: string, policy = long) =>
    JSON.stringify({ type: 'check', id: 1, policy: 'p', policy_id: policy, check: { id: 2, title: 't', result } })
  const summary = (hash: string) =>
    JSON.stringify({
      type: 'summary',
      policy_id: long,
      scan_id: 1,
      hash,
      name: 'n',
      start_time: 1,
      end_time: 1,
      passed: 1,
      failed: 1,
      invalid: 1,
      total_checks: 1,
      score: 1,
      hash_file: 'h',
      file: 'f',
    })

  const texts: [says: string, queue: string, body: string][] = [
    ['an entry of rootcheck', '9', `File '${long}' is odd`],
    ['information of a host', '3', `Host: ${long} (), open ports: ${long}`],
    ['a result of a check', 'p', check(long)],
    ['the hash of a summary', 'p', summary(long)],
  ]
  test.each(texts)('%s is kept short, however long it is', (_says, queue, body) => {
    const builtins = new Builtins()
    decoders(builtins)(queue, body)
    expect(JSON.stringify(builtins.snapshot()).length).toBeLessThan(1000)
  })
  test.each(texts)('%s is known again, behind a snapshot too', (_says, queue, body) => {
    const builtins = new Builtins()
    const first = decoders(builtins)(queue, body)
    const again = decoders(builtins)(queue, body)
    expect(again).not.toEqual(first)
    const restored = new Builtins()
    restored.restore(JSON.parse(JSON.stringify(builtins.snapshot())))
    expect(decoders(restored)(queue, body)).toEqual(again)
  })
  test.each([
    ['an entry of rootcheck', '9', "File '/a' is odd", { entries: ["001 File '/a' is odd"], hosts: [] }],
    [
      'information of a host',
      '3',
      'Host: h (), open ports: 80',
      { entries: [], hosts: [['h', 'Host: h (), open ports: 80']] },
    ],
  ])('%s in a snapshot of whole texts is known', (_says, queue, body, rootcheck) => {
    const builtins = new Builtins()
    builtins.restore({ sca: { results: [], summaries: [] }, rootcheck })
    const { made, isNew } = decoders(builtins)(queue, body)
    expect([made, isNew]).toEqual([queue === '9', false])
  })
  test('a policy with a long name is forgotten when the agent has it no longer', () => {
    const builtins = new Builtins()
    const send = decoders(builtins)
    send('p', check('passed'))
    send('p', JSON.stringify({ type: 'policies', policies: [long] }))
    expect(send('p', check('passed')).type).toBeUndefined()
    send('p', JSON.stringify({ type: 'policies', policies: ['another'] }))
    expect(send('p', check('passed')).type).toBe('check')
  })
})

describe('Windows eventchannel', () => {
  const rules = loadTest({
    rules:
      '<rule id="60000" level="5"><category>ossec</category><decoded_as>windows_eventchannel</decoded_as><field name="win.system.providerName">\\.+</field><description>x</description></rule>',
  })
  const xml =
    "<Event xmlns='x'><System><Provider Name='P' Guid='{g}'/><EventID>4624</EventID><Level>0</Level><Keywords>0x8020000000000000</Keywords><TimeCreated SystemTime='t'/><Execution ProcessID='1' ThreadID='2'/><Channel>Security</Channel><Computer>c</Computer><Security/></System><EventData><Data Name='TargetUserName'>bob</Data><Data Name='Empty'>-</Data><Data>one</Data><Data>two </Data></EventData></Event>"
  test('system and eventdata become fields', () => {
    const { json } = send(rules, 'f', { Message: 'He said "hi"', Event: xml })
    expect(json.rule.id).toBe('60000')
    expect(json.data.win.system).toMatchObject({
      providerName: 'P',
      providerGuid: '{g}',
      systemTime: 't',
      eventID: '4624',
      level: '0',
      processID: '1',
      threadID: '2',
      channel: 'Security',
      computer: 'c',
      severityValue: 'AUDIT_SUCCESS',
    })
    expect(json.data.win.eventdata).toEqual({ targetUserName: 'bob', data: 'one, two' })
  })
  test('the message keeps its quotes and what stands between them', () => {
    const { json } = send(rules, 'f', { Message: 'He said "hi"\r\n\t', Event: xml })
    expect(json.data.win.system.message).toBe('"He said "hi"\r\n\t"')
  })
  test.each([
    ['no Event', { Message: 'x' }],
    ['no JSON', 'x'],
  ])('%s makes no event', (_says, body) => expect(send(rules, 'f', body).json).toBeNull())
  test('an Event that is no XML is no crash', () => {
    for (const event of ['<', '<Event>', '<Event><System></Event>', '<Event/>', '<a>'.repeat(5000)])
      expect(() => send(rules, 'f', { Event: event })).not.toThrow()
  })
})

test('CIS-CAT results are plain JSON, from their own place', () => {
  const rules = loadTest({ rules: rule(87401, 'ciscat') })
  expect(send(rules, 'e', { cis: { score: 5 } }, '[001] (a) any->wodle_cis-cat').json.data).toEqual({
    cis: { score: '5' },
  })
  expect(send(rules, 'e', {}, 'x').json).toBeNull()
})
