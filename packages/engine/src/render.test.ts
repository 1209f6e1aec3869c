import { describe, expect, test } from 'vitest'
import { MatchWriter } from './batch.ts'
import { Correlator } from './correlator.ts'
import { type EventInput, Matcher } from './matcher.ts'
import { OutputBuffers } from './output-buffers.ts'
import type { Ruleset } from './ruleset.ts'
import { answer, loadTest, noonMs, utf8Bytes } from './test-ruleset.ts'

const json = '<decoder name="json"><prematch>^{\\s*"</prematch><plugin_decoder>JSON_Decoder</plugin_decoder></decoder>'
const rule = (content: string, more = ''): string =>
  `<rule id="100" level="12"${more}>${content}<description>one</description></rule>`

function produce(ruleset: Ruleset, inputs: readonly Partial<EventInput>[]) {
  const options = {
    managerName: 'manager.example',
    outputs: { alertsJson: true, alertsText: true, archivesJson: true, archivesText: true },
    agents: (id: string) => (id === '001' ? { ip: '192.0.2.1', labels: { 'a.b': 'x', c: '' } } : undefined),
  }
  const matcher = new Matcher(ruleset, options)
  const correlator = new Correlator(ruleset, options)
  const writer = new MatchWriter()
  const outputs = new OutputBuffers()
  for (const input of inputs)
    matcher.match({ queue: 49, location: '/var/log/x', body: 'x', timeMs: noonMs + 7, ...input }, writer)
  correlator.consume(writer.finish(), 0, outputs)
  const taken = outputs.take()
  return {
    alertsJson: taken.alertsJson.toString(),
    alertsText: taken.alertsText.toString(),
    archivesJson: taken.archivesJson.toString(),
    archivesText: taken.archivesText.toString(),
    alerts: taken.alerts,
    counters: correlator.counters,
  }
}

const members = (text: string): string[] => Object.keys(JSON.parse(text))

describe('the JSON of an alert', () => {
  test('has its members in the order of the reference', () => {
    const ruleset = loadTest({ decoders: json, rules: rule('<field name="a">.</field>') })
    const line = produce(ruleset, [
      { location: '[001] (web) any->/var/log/x', body: 'Dec 29 10:00:01 web prog: no' },
      { location: '[001] (web) any->/var/log/x', body: '{"a":"."}' },
    ]).alertsJson
    expect(members(line)).toEqual([
      'timestamp',
      'rule',
      'agent',
      'manager',
      'id',
      'full_log',
      'decoder',
      'data',
      'location',
    ])
    const { rule: shown, agent, timestamp, location, manager } = JSON.parse(line)
    expect(Object.keys(shown)).toEqual(['level', 'description', 'id', 'firedtimes', 'mail', 'groups'])
    expect(agent).toEqual({ id: '001', name: 'web', ip: '192.0.2.1', labels: { a: { b: 'x' }, c: '' } })
    expect([location, manager.name]).toEqual(['/var/log/x', 'manager.example'])
    expect(timestamp).toMatch(/^2026-01-05T12:00:00\.007[+-]\d{4}$/)
  })

  const data: [says: string, log: string, data: unknown][] = [
    [
      'static fields first, in a fixed order',
      '{"z":1,"url":"u","srcip":"s","protocol":"p"}',
      { protocol: 'p', srcip: 's', url: 'u', z: '1' },
    ],
    ['dotted keys nest', '{"a":{"b":1},"c":2,"d.e":3}', { a: { b: '1' }, c: '2', d: { e: '3' } }],
    ['a later leaf of an object joins it', '{"a.b":1,"c":2,"a.d":3}', { a: { b: '1', d: '3' }, c: '2' }],
    ['keys that differ in case only are one', '{"Ab":1,"aB":2}', { Ab: '1' }],
    ['nothing goes below a text', '{"a":1,"a.b":2}', { a: '1' }],
    ['nothing replaces an object', '{"a.b":1,"a":2}', { a: { b: '1' } }],
    ['a dynamic key cannot replace a static one', '{"id":"1","ID":"2"}', { id: '1' }],
    ['empty dynamic values are left away, static ones stay', '{"a":"","id":""}', { id: '' }],
    ['text that is an array becomes one', '{"a":"[1,\\"x\\"]"}', { a: [1, 'x'] }],
    ['text that only begins like one stays', '{"a":"[1,"}', { a: '[1,' }],
    ['arrays come back as arrays', '{"a":[1,{"b":null}]}', { a: [1, { b: null }] }],
    ['integer-like keys keep their place', '{"b":1,"1":2}', { b: '1', 1: '2' }],
    ['text that is not ASCII stays', '{"a":"blåbær 日本"}', { a: 'blåbær 日本' }],
    [
      'names of the language are ordinary keys',
      '{"__proto__":"x","constructor":{"name":"y"}}',
      JSON.parse('{"__proto__":"x","constructor":{"name":"y"}}'),
    ],
  ]
  for (const [says, log, wanted] of data)
    test(`data: ${says}`, () => {
      const got = answer(loadTest({ decoders: json }), log)
      expect(got.data).toEqual(wanted)
      // A second time over what was learnt from the first.
      expect(answer(loadTest({ decoders: json }), log, log).data).toEqual(wanted)
    })
  test('data: order is kept in the text', () =>
    expect(answer(loadTest({ decoders: json }), '{"b":1,"1":2}').text).toContain('"data":{"b":"1","1":"2"}'))

  const host: [says: string, log: string, predecoder: unknown][] = [
    [
      'only header A shows a host',
      'Dec 29 10:00:01 web prog: x',
      { program_name: 'prog', timestamp: 'Dec 29 10:00:01', hostname: 'web' },
    ],
    [
      'which may be the program with its colon',
      'Dec 29 10:00:01 prog: x',
      { program_name: 'prog', timestamp: 'Dec 29 10:00:01', hostname: 'prog:' },
    ],
    [
      'header D shows none',
      '2015 Dec 29 10:00:01 web prog: x',
      { program_name: 'prog', timestamp: '2015 Dec 29 10:00:01' },
    ],
  ]
  for (const [says, log, predecoder] of host)
    test(`predecoder: ${says}`, () => expect(answer(loadTest({}), log).whole.predecoder).toEqual(predecoder))

  test('an undecoded event has an empty decoder', () => expect(answer(loadTest({}), 'x').whole.decoder).toEqual({}))

  test('a child shows its parent', () => {
    const decoders =
      '<decoder name="p"><prematch>^p</prematch></decoder><decoder name="c"><parent>p</parent><prematch>x</prematch><ftscomment>why</ftscomment></decoder>'
    expect(answer(loadTest({ decoders }), 'p x').text).toContain(
      '"decoder":{"parent":"p","name":"p","ftscomment":"why"}',
    )
  })

  test('groups split into compliance arrays behind them, in order of first occurrence', () => {
    const rules = rule(
      '<group>tsc_CC1,a,pci_dss_1.1,,pci_dss_2.2,gdpr_IV,nist_800_53_AU.1,hipaa_1,gpg13_4,cis_1, b,</group>',
    )
    const { text } = answer(loadTest({ rules }), 'x')
    expect(text).toContain(
      '"mail":true,"groups":["test","a"," b"],"tsc":["CC1"],"pci_dss":["1.1","2.2"],"gdpr":["IV"],"nist_800_53":["AU.1"],"hipaa":["1"],"gpg13":["4"],"cis":["1"]',
    )
  })

  test('info and cve stand behind the id', () => {
    const rules = rule('<info type="link">l</info><info>m</info><cve>c</cve>')
    expect(Object.keys(answer(loadTest({ rules }), 'x').rule ?? {})).toEqual([
      'level',
      'description',
      'id',
      'cve',
      'info',
      'firedtimes',
      'mail',
      'groups',
    ])
  })

  const mitre: [says: string, content: string, wanted: unknown][] = [
    [
      'the older form takes the names from the table',
      '<mitre><id>T1110</id></mitre>',
      { id: ['T1110'], tactic: ['Credential Access'], technique: ['Brute Force'] },
    ],
    [
      'the older form names a technique for each id, a tactic once',
      '<mitre><id>T1587.001</id><id>T1588.001</id></mitre>',
      { id: ['T1587.001', 'T1588.001'], tactic: ['Resource Development'], technique: ['Malware', 'Malware'] },
    ],
    [
      'the newer form names each once',
      ['T1587.001', 'T1588.001']
        .map((id) => `<mitre><tacticID>TA0042</tacticID><techniqueID>${id}</techniqueID></mitre>`)
        .join(''),
      { id: ['T1587.001', 'T1588.001'], tactic: ['Resource Development'], technique: ['Malware'] },
    ],
    ['unknown ids alone leave it out', '<mitre><id>T0000</id></mitre>', undefined],
    [
      'the new form wants a tactic that belongs',
      '<mitre><tacticID>TA0006</tacticID><techniqueID>T1110</techniqueID></mitre>',
      { id: ['T1110'], tactic: ['Credential Access'], technique: ['Brute Force'] },
    ],
    [
      'and drops one that does not',
      '<mitre><tacticID>TA0043</tacticID><techniqueID>T1110</techniqueID></mitre>',
      undefined,
    ],
  ]
  for (const [says, content, wanted] of mitre)
    test(`mitre: ${says}`, () => expect(answer(loadTest({ rules: rule(content) }), 'x').rule?.mitre).toEqual(wanted))

  const descriptions: [says: string, text: string, wanted: string][] = [
    ['fields are put in', '$(srcip) did $(a.b) in $(program_name)!', '1.2.3.4 did x in !'],
    ['an open parenthesis stays', 'a $(srcip', 'a $(srcip'],
    ['user is no alias', '[$(user)]', '[]'],
    [
      'an expansion that grows too long is not made',
      `${'y'.repeat(1010)}$(srcip)$(srcip)`,
      `${'y'.repeat(1010)}$(srcip)$(srcip)`.slice(0, 1024),
    ],
  ]
  for (const [says, text, wanted] of descriptions)
    test(`description: ${says}`, () => {
      const rules = `<rule id="100" level="3"><description>${text}</description></rule>`
      expect(
        answer(loadTest({ decoders: json, rules }), '{"srcip":"1.2.3.4","a":{"b":"x"},"dstuser":"u"}').rule
          ?.description,
      ).toBe(wanted)
    })

  test('no_full_log leaves the log out of alerts, archives have it', () => {
    const got = produce(loadTest({ rules: rule('<options>no_full_log</options>') }), [{}])
    expect([members(got.alertsJson).includes('full_log'), members(got.archivesJson).includes('full_log')]).toEqual([
      false,
      true,
    ])
  })

  test('level 0 has no rule in the archives; in logtest its level comes last', () => {
    const ruleset = loadTest({
      rules: '<rule id="100" level="0"><match>x</match><description>one</description></rule>',
    })
    expect(members(produce(ruleset, [{}]).archivesJson)).not.toContain('rule')
    expect(Object.keys(answer(ruleset, 'x').rule ?? {}).at(-1)).toBe('level')
  })

  test('an agentless device has no agent', () => {
    const [line] = produce(loadTest({}), [{ location: '(script) root@host->x' }]).archivesJson.split('\n')
    const { agent, agentless } = JSON.parse(line ?? '')
    expect([agent, agentless]).toEqual([undefined, { script: 'script', user: 'root', host: 'host' }])
  })

  test('keep-alives are not archived', () => {
    expect(
      produce(loadTest({}), [{ location: 'ossec-keepalive' }, { location: '[001] (a) any->ossec-keepalive' }])
        .archivesJson,
    ).toBe('')
  })

  test('bytes that are no UTF-8 do not break the line', () => {
    const got = produce(loadTest({ rules: rule('') }), [{ body: '\xff\xfe\x00"\\\n' }])
    expect(got.alertsJson.split('\n').length).toBe(2)
    expect(JSON.parse(got.alertsJson).full_log).toContain('\u0000"\\\n')
  })
})

describe('the text of an alert', () => {
  test('has its lines in order', () => {
    const ruleset = loadTest({ decoders: json, rules: rule('<match>u</match>') })
    const body = '{"srcip":"1.2.3.4","srcport":"5","dstip":"6.7.8.9","dstport":"10","dstuser":"u","a":{"b":"x"},"e":""}'
    const seconds = Math.floor(noonMs / 1000)
    expect(produce(ruleset, [{ location: '[001] (web) any->/l', body }]).alertsText).toBe(
      [
        `** Alert ${seconds}.0: mail  - test,`,
        '2026 Jan 05 12:00:00 (web) any->/l',
        'a.b: x',
        'c: ',
        "Rule: 100 (level 12) -> 'one'",
        'Src IP: 1.2.3.4',
        'Src Port: 5',
        'Dst IP: 6.7.8.9',
        'Dst Port: 10',
        'User: u',
        body,
        'a.b: x',
        '',
        '',
      ].join('\n'),
    )
  })
  test('a local event shows its host; without mail there is no mark', () => {
    const rules = '<rule id="100" level="3"><match>x</match><description>one</description></rule>'
    const [head, where] = produce(loadTest({ rules }), [{}]).alertsText.split('\n')
    expect([head?.replace(/\d+\.\d+/, 'N'), where]).toEqual([
      '** Alert N: - test,',
      '2026 Jan 05 12:00:00 manager->/var/log/x',
    ])
  })
  test('archives.log is a line an event', () => {
    expect(produce(loadTest({}), [{ body: utf8Bytes('blå') }]).archivesText).toBe(
      '2026 Jan 05 12:00:00 manager->/var/log/x blå\n',
    )
  })
})

test('what never reaches the rules is counted with its reason', () => {
  const decoders = '<decoder name="fw"><type>firewall</type><prematch>^fw</prematch></decoder>'
  const { counters } = produce(loadTest({ decoders }), [{ location: '[001 broken' }, { body: 'fw' }, { queue: 53 }, {}])
  expect([counters.events, counters.dropped]).toEqual([4, { format: 1, 'firewall-incomplete': 1, 'no-event': 1 }])
})

test('alerts say where their line stands', () => {
  const { alerts, alertsJson } = produce(loadTest({ rules: rule('<match>x</match>') }), [{}, { body: 'y' }, {}])
  expect(
    alerts.map(({ number, start, end }) => [
      number,
      Buffer.from(alertsJson).subarray(start, end).toString().endsWith('}\n'),
    ]),
  ).toEqual([
    [0, true],
    [2, true],
  ])
})
