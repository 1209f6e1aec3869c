import { describe, expect, test } from 'vitest'
import { MatchWriter } from './batch.ts'
import { Correlator } from './correlator.ts'
import { Matcher } from './matcher.ts'
import { OutputBuffers } from './output-buffers.ts'
import type { Ruleset } from './ruleset.ts'
import { answers, ids, loadTest, noonMs } from './test-ruleset.ts'

const json = '<decoder name="json"><prematch>^{\\s*"</prematch><plugin_decoder>JSON_Decoder</plugin_decoder></decoder>'
const rule = (id: number, level: number, content: string, more = ''): string =>
  `<rule id="${id}" level="${level}"${more}>${content}<description>rule ${id}</description></rule>`
const base = rule(100, 5, '<decoded_as>json</decoded_as>')
const of = (rules: string, decoders = json): Ruleset => loadTest({ decoders, rules })
const event = (members: object, at = 0, location?: string) => ({
  log: JSON.stringify({ k: 'v', ...members }),
  at,
  ...(location === undefined ? {} : { location }),
})
const times = (count: number, members: object = {}) => Array.from({ length: count }, () => event(members))

type Case = [says: string, rules: string, events: Parameters<typeof ids>[1], ids: number[]]
const cases: Case[] = [
  [
    'frequency F fires on the Fth event',
    base + rule(101, 10, '<if_matched_sid>100</if_matched_sid>', ' frequency="3" timeframe="60"'),
    times(3),
    [100, 100, 101],
  ],
  [
    'without frequency one earlier event is enough',
    base + rule(101, 10, '<if_matched_sid>100</if_matched_sid>'),
    times(2),
    [100, 101],
  ],
  [
    'events that were used do not count again',
    base + rule(101, 10, '<if_matched_sid>100</if_matched_sid>', ' frequency="3"'),
    times(6),
    [100, 100, 101, 100, 100, 101],
  ],
  [
    'what is older than the timeframe does not count',
    base + rule(101, 10, '<if_matched_sid>100</if_matched_sid>', ' frequency="3" timeframe="60"'),
    [event({}, 0), event({}, 61), event({}, 62), event({}, 63)],
    [100, 100, 100, 101],
  ],
  [
    'what is exactly as old as the timeframe counts',
    base + rule(101, 10, '<if_matched_sid>100</if_matched_sid>', ' timeframe="60"'),
    [event({}, 0), event({}, 60)],
    [100, 101],
  ],
  [
    'same_ wants the value set and equal',
    base + rule(101, 10, '<if_matched_sid>100</if_matched_sid><same_srcip/>'),
    [event({ srcip: '1' }), event({ srcip: '2' }), event({}), event({ srcip: '1' })],
    [100, 100, 100, 101],
  ],
  [
    'same_field compares a dynamic field, case and all',
    base + rule(101, 10, '<if_matched_sid>100</if_matched_sid><same_field>f</same_field>'),
    [event({ f: 'a' }), event({ f: 'A' }), event({ f: 'a' })],
    [100, 100, 101],
  ],
  [
    'same_location compares the place',
    base + rule(101, 10, '<if_matched_sid>100</if_matched_sid><same_location/>'),
    [event({}, 0, 'a'), event({}, 0, 'b'), event({}, 0, 'a')],
    [100, 100, 101],
  ],
  [
    'different_ takes an unset value as different',
    base + rule(101, 10, '<if_matched_sid>100</if_matched_sid><different_srcip/>'),
    [event({ srcip: '1' }), event({ srcip: '1' }), event({})],
    [100, 100, 101],
  ],
  [
    'different_field fails on an equal value',
    base + rule(101, 10, '<if_matched_sid>100</if_matched_sid><different_field>f</different_field>'),
    [event({ f: 'a' }), event({ f: 'a' }), event({ f: 'b' })],
    [100, 100, 101],
  ],
  [
    'agents are kept apart',
    base + rule(101, 10, '<if_matched_sid>100</if_matched_sid>'),
    [event({}, 0, '[001] (a) 1->x'), event({}, 0, '[002] (b) 2->x'), event({}, 0, '[001] (a) 1->x')],
    [100, 100, 101],
  ],
  [
    'global_frequency takes them together',
    base + rule(101, 10, '<if_matched_sid>100</if_matched_sid><global_frequency/>'),
    [event({}, 0, '[001] (a) 1->x'), event({}, 0, '[002] (b) 2->x')],
    [100, 101],
  ],
  [
    'a group counts events of all its rules',
    rule(100, 5, '<field name="k">a</field><group>g1,</group>') +
      rule(102, 5, '<field name="k">b</field><group>g1,</group>') +
      rule(101, 10, '<if_matched_group>g1</if_matched_group>', ' frequency="3"'),
    [event({ k: 'a' }), event({ k: 'b' }), event({ k: 'a' })],
    [100, 102, 101],
  ],
  [
    'a rule below two parents is counted twice for a group',
    rule(90, 3, '<field name="k">a</field>') +
      rule(91, 3, '<field name="k">b</field>') +
      rule(100, 5, '<if_sid>90,91</if_sid><group>g1,</group>') +
      rule(101, 10, '<if_matched_group>g1</if_matched_group>', ' frequency="4"'),
    Array.from({ length: 3 }, () => event({ k: 'a' })),
    [100, 100, 101],
  ],
  [
    'a rule named twice as parent has two places there',
    rule(90, 3, '<field name="k">a</field>') +
      rule(100, 5, '<if_sid>90, 90</if_sid><group>g1,</group>') +
      rule(101, 10, '<if_matched_group>g1</if_matched_group>', ' frequency="4"'),
    Array.from({ length: 3 }, () => event({ k: 'a' })),
    [100, 100, 101],
  ],
  [
    'the search for a parent leaves a list where it finds it: what is to the right gets no child',
    rule(90, 0, '<field name="k">a</field>') +
      rule(91, 3, '<if_sid>90</if_sid>') +
      rule(92, 5, '<if_sid>90,91</if_sid>') +
      rule(100, 5, '<if_sid>92</if_sid><group>g1,</group>') +
      rule(101, 10, '<if_matched_group>g1</if_matched_group>', ' frequency="4"'),
    Array.from({ length: 4 }, () => event({ k: 'a' })),
    [100, 100, 100, 101],
  ],
  [
    'what is to the left gets one',
    rule(90, 0, '<field name="k">a</field>') +
      rule(91, 7, '<if_sid>90</if_sid>') +
      rule(92, 5, '<if_sid>90,91</if_sid>') +
      rule(100, 5, '<if_sid>92</if_sid><group>g1,</group>') +
      rule(101, 10, '<if_matched_group>g1</if_matched_group>', ' frequency="4"'),
    Array.from({ length: 3 }, () => event({ k: 'a' })),
    [100, 100, 101],
  ],
  [
    'if_group reaches every place',
    rule(90, 0, '<field name="k">a</field>') +
      rule(91, 3, '<if_sid>90</if_sid>') +
      rule(92, 5, '<if_sid>90,91</if_sid><group>g0,</group>') +
      rule(100, 5, '<if_group>g0</if_group><group>g1,</group>') +
      rule(101, 10, '<if_matched_group>g1</if_matched_group>', ' frequency="4"'),
    Array.from({ length: 3 }, () => event({ k: 'a' })),
    [100, 100, 101],
  ],
  [
    'if_matched_regex looks at all remembered events',
    base + rule(101, 10, '<if_sid>100</if_sid><if_matched_regex>"n":1</if_matched_regex>'),
    [event({ n: 1 }), event({ n: 2 })],
    [100, 101],
  ],
  [
    'events of level 0 are not remembered',
    rule(100, 0, '<decoded_as>json</decoded_as>') + rule(101, 10, '<if_matched_sid>100</if_matched_sid>'),
    times(3),
    [100, 100, 100],
  ],
  [
    'events below the alert level are',
    rule(100, 1, '<decoded_as>json</decoded_as>') + rule(101, 10, '<if_matched_sid>100</if_matched_sid>'),
    times(2),
    [100, 101],
  ],
]
describe('correlation', () => {
  for (const [says, rules, events, wanted] of cases) test(says, () => expect(ids(of(rules), events)).toEqual(wanted))

  test('previous_output has the counted events, newest first', () => {
    const ruleset = of(base + rule(101, 10, '<if_matched_sid>100</if_matched_sid>', ' frequency="3"'))
    const logs = [event({ n: 1 }), event({ n: 2 }), event({ n: 3 })]
    const last = answers(ruleset, logs)[2]
    expect(last?.whole.previous_output).toBe([logs[1]?.log, logs[0]?.log].join('\n'))
    expect(last?.rule).toMatchObject({ frequency: 3, firedtimes: 1 })
  })

  test('a rule without a child in one of its places asks nothing of that child there', () => {
    const ruleset = of(
      rule(90, 0, '<match>^a</match>') +
        rule(95, 3, '<match>^seed</match>') +
        rule(91, 3, '<if_sid>90</if_sid><if_matched_sid>95</if_matched_sid>', ' frequency="3"') +
        rule(92, 0, '<if_sid>90,91</if_sid>', ' noalert="1"') +
        rule(100, 9, '<if_sid>92</if_sid><if_matched_sid>95</if_matched_sid><same_field>none</same_field>'),
    )
    const last = answers(ruleset, ['seed 1', 'seed 2', 'a']).at(-1)
    expect([last?.id, last?.whole.previous_output]).toEqual([91, 'seed 2\nseed 1'])
    // Asked below 91 too, it would have taken the earlier events away.
    expect([ruleset.rules.length, ruleset.placed.length]).toEqual([12, 13])
  })

  test('firedtimes counts per rule, level 0 too', () => {
    const ruleset = of(rule(100, 0, '<match>a</match>') + rule(101, 3, '<match>b</match>'))
    expect(answers(ruleset, ['a', 'b', 'a', 'b']).map(({ rule: r }) => r?.firedtimes)).toEqual([1, 1, 2, 2])
  })

  test('no_counter leaves firedtimes away', () => {
    expect(answers(of(rule(100, 3, '<options>no_counter</options>')), ['a'])[0]?.rule).not.toHaveProperty('firedtimes')
  })
})

const fts =
  '<decoder name="f"><prematch>^f </prematch><regex offset="after_prematch">^(\\w+) (\\w+) </regex><order>dstuser,thing</order><fts>name,dstuser</fts></decoder>'
describe('first time seen', () => {
  const ruleset = of(rule(100, 3, '<decoded_as>f</decoded_as>') + rule(101, 9, '<if_sid>100</if_sid><if_fts/>'), fts)
  test('fires once for each key', () =>
    expect(ids(ruleset, ['f bob x ', 'f bob y ', 'f eve x ', 'f bob x '])).toEqual([101, 100, 101, 100]))
  test('of intrusion detection: what is like three others counts once, until those are forgotten', () => {
    const decoders =
      '<decoder name="f"><type>ids</type><prematch>^f </prematch><regex offset="after_prematch">^(\\w+)</regex><order>dstuser</order><fts>dstuser</fts></decoder>'
    const rules =
      rule(100, 3, '<category>ids</category><decoded_as>f</decoded_as>') + rule(101, 9, '<if_sid>100</if_sid><if_fts/>')
    const alike = ['a', 'b', 'c', 'd', 'e', 'f'].map((end) => `f commonprefix_${end}`)
    const others = Array.from({ length: 29 }, (_, n) => `f ${n}_other`)
    const got = ids(of(rules, decoders), [...alike, ...others, 'f commonprefix_g'])
    expect(got.slice(0, 6)).toEqual([101, 101, 101, 101, 100, 100])
    expect(got.slice(6)).toEqual(Array(30).fill(101))
  })
  test('needs a decoder with fts', () => expect(ids(of(rule(101, 9, '<if_fts/>')), ['hello'])).toEqual([0]))
})

const keeping: [says: string, rest: string][] = [
  ['a first time that cannot be', '<if_fts/>'],
  ['a list of a field that is not there', '<list field="none">etc/lists/l</list>'],
]
for (const [says, rest] of keeping)
  test(`check_diff keeps the log though what is asked behind it fails: ${says}`, () => {
    const ruleset = loadTest({
      decoders: fts,
      rules: rule(100, 3, '<match>x</match>') + rule(101, 9, `<if_sid>100</if_sid><check_diff/>${rest}`),
      lists: { 'etc/lists/l': 'a:b\n' },
    })
    const got = answers(ruleset, ['x 1', 'x 2'])
    expect(got.map(({ id, whole }) => [id, whole.previous_output])).toEqual([
      [100, undefined],
      [100, 'Previous output:\nx 1'],
    ])
  })

test('check_diff holds when the log changes', () => {
  const got = answers(of(rule(101, 9, '<match>^out</match><check_diff/>')), ['out 1', 'out 1', 'out 2', 'out 1'])
  expect(got.map(({ id }) => id)).toEqual([0, 0, 101, 101])
  expect(got[2]?.whole.previous_log).toBe('out 1')
  expect(got[2]?.whole.previous_output).toBe('Previous output:\nout 1')
})

test('the accumulator fills in what earlier events of the id had', () => {
  const decoders =
    '<decoder name="a"><prematch>^a </prematch><accumulate> </accumulate><plugin_decoder offset="after_prematch">JSON_Decoder</plugin_decoder></decoder>'
  const accumulating = of(rule(100, 3, '<srcip>1.2.3.4</srcip><user>bob</user>'), decoders)
  expect(ids(accumulating, ['a {"id":"7","srcip":"1.2.3.4"}', 'a {"id":"7","dstuser":"bob"}'])).toEqual([0, 100])
  const own = answers(accumulating, ['a {"id":"7","srcip":"1.2.3.4"}', 'a {"id":"7","srcip":"5.6.7.8"}'])[1]
  expect(own?.data?.srcip).toBe('5.6.7.8')
  expect(ids(accumulating, ['a {"id":"7","srcip":"1.2.3.4"}', 'a {"id":"8","dstuser":"bob"}'])).toEqual([0, 0])
  expect(
    ids(accumulating, ['a {"id":"7","srcip":"1.2.3.4"}', { log: 'a {"id":"7","dstuser":"bob"}', at: 121 }]),
  ).toEqual([0, 0])
})

/** Alert ids of a production run, a batch an event; `restartAt` is the event before which everything is taken down and up again. */
function produced(
  ruleset: Ruleset,
  seconds: readonly number[],
  log: string | readonly string[],
  restartAt = -1,
): number[] {
  const options = {
    managerName: 'manager',
    outputs: { alertsJson: true, alertsText: false, archivesJson: false, archivesText: false },
  }
  const matcher = new Matcher(ruleset, options)
  let correlator = new Correlator(ruleset, options)
  const outputs = new OutputBuffers()
  const writer = new MatchWriter()
  return seconds.map((at, n) => {
    if (n === restartAt) {
      const before = correlator
      correlator = new Correlator(ruleset, options)
      correlator.restore(before.snapshot())
    }
    const body = typeof log === 'string' ? log : (log[n] as string)
    matcher.match({ queue: 49, location: 'x', body, timeMs: noonMs + at * 1000 }, writer)
    correlator.consume(writer.finish(), n, outputs)
    return outputs.take().alerts[0]?.ruleId ?? 0
  })
}

describe('8192 events are remembered, whether a rule looks back at them or not', () => {
  const ruleset = of(
    rule(100, 5, '<match>^q</match>') +
      rule(101, 10, '<if_matched_sid>100</if_matched_sid><match>end</match>', ' frequency="4" timeframe="360"') +
      rule(102, 3, '<match>^other</match>'),
  )
  // The last of the others, or the ender itself, is the 8193rd; the frequency of 4 is kept as 2.
  const runs: [says: string, before: number, others: number, at: number, fires: boolean][] = [
    ['up to that number nothing is forgotten', 20, 8172, 100, true],
    ['beyond it, what is older than the largest frequency in seconds', 20, 8173, 100, false],
    ['which is less than the timeframe', 20, 8173, 3, false],
    ['what is as old is not, but for the ten oldest', 20, 8173, 2, true],
    ['of twelve two are left, which do not suffice', 12, 8181, 2, false],
    ['of thirteen three are', 13, 8180, 2, true],
  ]
  for (const [says, before, others, at, fires] of runs) {
    const logs = [...Array<string>(before).fill('q'), ...Array<string>(others).fill('other'), 'q end']
    const seconds = logs.map((_, n) => (n < before ? 0 : at))
    test(says, () => expect(produced(ruleset, seconds, logs).at(-1)).toBe(fires ? 101 : 100))
    test(`${says}, with a restart on the way`, () =>
      expect(produced(ruleset, seconds, logs, before + 4000).at(-1)).toBe(fires ? 101 : 100))
  }
})

describe('what is remembered of long logs has a bound in bytes', () => {
  const long = 'x'.repeat(60_000)
  test('alerts', () => {
    const ruleset = of(base + rule(101, 10, '<if_matched_sid>100</if_matched_sid><same_srcip/>'))
    const from = (srcip: string) => JSON.stringify({ srcip, long })
    const count = Math.ceil((192 * 2 ** 20) / from('1000').length) + 20
    const logs = [...Array.from({ length: count }, (_, n) => from(String(1000 + n))), from('1000'), from('1100')]
    expect(
      produced(
        ruleset,
        logs.map(() => 0),
        logs,
      ).slice(-2),
    ).toEqual([100, 101])
  })
  test('last logs of check_diff', () => {
    const ruleset = of(rule(101, 9, '<match>^out</match><check_diff/>'))
    const from = (host: number, log: string) => `Dec 29 10:00:01 host${host} out ${log}`
    const count = Math.ceil((64 * 2 ** 20) / 60_000) + 20
    const logs = [...Array.from({ length: count }, (_, n) => from(n, long)), from(0, 'a'), from(100, 'a')]
    expect(
      produced(
        ruleset,
        logs.map(() => 0),
        logs,
      ).slice(-2),
    ).toEqual([0, 101])
  })
})

describe('ignore windows', () => {
  const ruleset = of(rule(100, 5, '<match>a</match>') + rule(101, 9, '<if_sid>100</if_sid>', ' ignore="60"'))
  test('in production the parent takes the place', () =>
    expect(produced(ruleset, [0, 1, 59, 60, 61], 'a')).toEqual([101, 100, 100, 101, 100]))
  test('in logtest the rule stays, without alert, and the stamp is cleared afterwards', () =>
    expect(
      answers(
        ruleset,
        [0, 1, 60, 61, 62].map((at) => ({ log: 'a', at })),
      ).map(({ id, alert }) => `${id} ${alert}`),
    ).toEqual(['101 true', '101 false', '101 true', '101 true', '101 false']))
})

test('alerts follow the options of a rule', () => {
  const options = (text: string): Ruleset => of(rule(100, 5, `<match>a</match><options>${text}</options>`))
  expect(produced(options('no_log'), [0], 'a')).toEqual([0])
  expect(produced(of(rule(100, 1, '<match>a</match>')), [0], 'a')).toEqual([0])
  expect(produced(of(rule(100, 1, '<match>a</match><options>log_alert</options>')), [0], 'a')).toEqual([100])
})
