import { describe, expect, test } from 'vitest'
import { answer, answers, fieldsOf, loadTest } from './test-ruleset.ts'

const header = 'Dec 29 10:00:01 web '

type Case = [says: string, decoders: string, log: string, decoder: string | null, data: Record<string, string>]
const trees: Case[] = [
  [
    'children take the name of their parent',
    '<decoder name="p"><program_name>^p$</program_name></decoder><decoder name="c"><parent>p</parent><regex>from (\\S+)</regex><order>srcip</order></decoder>',
    `${header}p: from 1.2.3.4 x`,
    'p',
    { srcip: '1.2.3.4' },
  ],
  [
    'use_own_name keeps a name, when the child has a prematch',
    '<decoder name="p"><program_name>^p$</program_name></decoder><decoder name="c"><parent>p</parent><use_own_name>true</use_own_name><prematch>^from </prematch><regex offset="after_prematch">^(\\S+)</regex><order>srcip</order></decoder>',
    `${header}p: from 1.2.3.4 x`,
    'c',
    { srcip: '1.2.3.4' },
  ],
  [
    'a child without prematch leaves the parent as decoder object',
    '<decoder name="p"><program_name>^p$</program_name></decoder><decoder name="c"><parent>p</parent><use_own_name>true</use_own_name><regex>from (\\S+)</regex><order>srcip</order></decoder>',
    `${header}p: from 1.2.3.4 x`,
    'p',
    { srcip: '1.2.3.4' },
  ],
  [
    'the first decoder that claims is final, though its children fail',
    '<decoder name="a"><prematch>^x</prematch></decoder><decoder name="a1"><parent>a</parent><prematch>never</prematch></decoder><decoder name="b"><prematch>^x</prematch><regex>(\\d+)</regex><order>id</order></decoder>',
    'x 12 ',
    'a',
    {},
  ],
  [
    'with a program name only decoders that ask for one are tried',
    '<decoder name="n"><prematch>hello</prematch></decoder>',
    `${header}p: hello`,
    null,
    {},
  ],
  [
    'without one only the others are',
    '<decoder name="n"><program_name>p</program_name><prematch>hello</prematch></decoder>',
    'hello',
    null,
    {},
  ],
  [
    'the byte behind a prematch is eaten',
    '<decoder name="p"><prematch>^foo: \\w+</prematch></decoder><decoder name="c"><parent>p</parent><regex offset="after_parent">^(\\w+)</regex><order>id</order></decoder>',
    'foo: bar baz ',
    'p',
    { id: 'baz' },
  ],
  [
    'links of a chain all get their turn, after_regex behind those that matched',
    '<decoder name="p"><prematch>^p </prematch></decoder><decoder name="c"><parent>p</parent><regex offset="after_parent">^a=(\\d) </regex><order>one</order></decoder><decoder name="c"><parent>p</parent><regex offset="after_regex">^b=(\\d) </regex><order>two</order></decoder><decoder name="c"><parent>p</parent><regex offset="after_regex">^c=(\\d) </regex><order>three</order></decoder>',
    'p a=1 c=3 ',
    'p',
    { one: '1', three: '3' },
  ],
  [
    'a chain falls with its first link',
    '<decoder name="p"><prematch>^p </prematch></decoder><decoder name="c"><parent>p</parent><prematch>^never</prematch><regex>(\\d)</regex><order>one</order></decoder><decoder name="c"><parent>p</parent><regex>a=(\\d)</regex><order>two</order></decoder><decoder name="d"><parent>p</parent><regex>a=(\\d)</regex><order>three</order></decoder>',
    'p a=1 ',
    'p',
    { three: '1' },
  ],
  [
    'several parents of one name each get the child',
    '<decoder name="p"><program_name>^one$</program_name></decoder><decoder name="p"><program_name>^two$</program_name></decoder><decoder name="c"><parent>p</parent><regex>a=(\\d)</regex><order>id</order></decoder>',
    `${header}two: a=7 `,
    'p',
    { id: '7' },
  ],
  [
    'repeated elements join without separator',
    '<decoder name="p"><prematch>^ab</prematch><prematch>cd</prematch></decoder>',
    'abcd',
    'p',
    {},
  ],
  [
    'user is dstuser; other names are dynamic',
    '<decoder name="p"><prematch>^p</prematch><regex>u=(\\w+) v=(\\w+) </regex><order>user, thing</order></decoder>',
    'p u=bob v=x ',
    'p',
    { dstuser: 'bob', thing: 'x' },
  ],
  [
    'a PCRE2 group that took no part is empty when a later one did',
    '<decoder name="p"><prematch>^p</prematch><regex type="pcre2">(a)?(b)(c)?</regex><order>one,two,three</order></decoder>',
    'p b',
    'p',
    { one: '', two: 'b' },
  ],
  [
    'the name of a pattern language ignores case, as it does in rules',
    '<decoder name="p"><prematch type="PCRE2">^[p]</prematch></decoder>',
    'p b',
    'p',
    {},
  ],
  [
    'surplus groups are dropped',
    '<decoder name="p"><prematch>^p</prematch><regex>(a) (b)</regex><order>one</order></decoder>',
    'p a b',
    'p',
    { one: 'a' },
  ],
  [
    'a static field assigned twice keeps the last value',
    '<decoder name="p"><prematch>^p</prematch><regex>(\\d) (\\d) </regex><order>id,id</order></decoder>',
    'p 1 2 ',
    'p',
    { id: '2' },
  ],
]
describe('decoder trees', () => {
  for (const [says, decoders, log, decoder, data] of trees)
    test(says, () => expect(fieldsOf(loadTest({ decoders }), log)).toEqual({ decoder, data }))
})

const plugin = (name: string): string =>
  `<decoder name="x"><prematch>^</prematch><plugin_decoder>${name}</plugin_decoder></decoder>`
const plugins: Case[] = [
  [
    'PF: addresses, ports behind the fourth dot, protocol by a letter',
    plugin('PF_Decoder'),
    'rule 1/(match) block in on em0: 1.2.3.4.99 > 5.6.7.8.53:  udp 36',
    'x',
    { action: 'block', srcip: '1.2.3.4', srcport: '99', dstip: '5.6.7.8', dstport: '53', protocol: 'UDP' },
  ],
  [
    'PF: no port, another protocol',
    plugin('PF_Decoder'),
    'rule 1/(match) pass in on em0: 1.2.3.4 > 5.6.7.8: S 1:1',
    'x',
    { action: 'pass', srcip: '1.2.3.4', dstip: '5.6.7.8', protocol: 'TCP' },
  ],
  ['PF: an unknown verb stores nothing', plugin('PF_Decoder'), 'rule 1/(match) match in on em0: 1.2.3.4 > x', 'x', {}],
  [
    'PF: what was stored before a shape error stays',
    plugin('PF_Decoder'),
    'rule 1/(match) block in on em0: 1.2.3.4.99 < 5.6.7.8',
    'x',
    { action: 'block', srcip: '1.2.3.4', srcport: '99' },
  ],
  [
    'Symantec: items by number, the id with its label',
    plugin('SymantecWS_Decoder'),
    'head,3=1234567890,10=bob,11=1.2.3.4,60=http://x/,10=eve',
    'x',
    { dstuser: 'bob', srcip: '1.2.3.4', url: 'http://x/', id: '3=1234567' },
  ],
  [
    'SonicWall: ids of the firewall kind carry an action',
    plugin('SonicWall_Decoder'),
    'id=fw pri=6 c=1 m=98 msg="x" src=1.2.3.4:10:X0 dst=5.6.7.8:20:X1 proto=udp/53 ',
    'x',
    {
      status: '6',
      id: '98',
      srcip: '1.2.3.4',
      srcport: '10',
      dstip: '5.6.7.8',
      dstport: '20',
      protocol: 'udp',
      action: 'pass',
    },
  ],
  [
    'SonicWall: a protocol ends at what is no name',
    plugin('SonicWall_Decoder'),
    'id=fw pri=6 c=1 m=5 msg="x" src=1.2.3.4:10:X0 dst=5.6.7.8:20:X1 proto=tcp rcvd=60 ',
    'x',
    { status: '6', id: '5', srcip: '1.2.3.4', srcport: '10', dstip: '5.6.7.8', dstport: '20', protocol: 'tcp' },
  ],
  [
    'SonicWall: stops without addresses',
    plugin('SonicWall_Decoder'),
    'id=fw pri=6 c=1 m=98 msg="x"',
    'x',
    { status: '6', id: '98' },
  ],
]
describe('plugin decoders', () => {
  for (const [says, decoders, log, decoder, data] of plugins)
    test(says, () => expect(fieldsOf(loadTest({ decoders }), log)).toEqual({ decoder, data }))

  test('OSSECAlert takes over the rule, the location and the log, and skips the tree', () => {
    const ruleset = loadTest({
      decoders:
        '<decoder name="oa"><prematch>^Alert Level: </prematch><plugin_decoder>OSSECAlert_Decoder</plugin_decoder></decoder>',
      rules: '<rule id="100" level="7"><match>^never</match><description>taken over</description></rule>',
    })
    const { id, alert, whole } = answer(
      ruleset,
      'Alert Level: 7; Rule: 100 - any text; Location: far->/log; srcip: 1.2.3.4; user: bob;  the log',
    )
    expect([id, alert, whole.location, whole.full_log]).toEqual([100, true, 'stdin|far->/log', 'the log'])
    expect(whole.data).toEqual({ srcip: '1.2.3.4', dstuser: 'bob' })
    const unknown = 'Alert Level: 7; Rule: 999 - any text; Location: far->/log; the log'
    const { id: none, whole: as } = answer(ruleset, unknown)
    expect([none, as.location, as.full_log]).toEqual([0, 'stdin', unknown])
  })
})

const json = (more = ''): string =>
  `<decoder name="json"><prematch>^{\\s*"</prematch><plugin_decoder>JSON_Decoder</plugin_decoder>${more}</decoder>`
const documents: [says: string, more: string, log: string, data: Record<string, string>][] = [
  ['paths join with dots', '', '{"a":{"b":{"c":"x"}}}', { 'a.b.c': 'x' }],
  ['integers of 32 bits stay', '', '{"a":2147483647,"b":-2147483648}', { a: '2147483647', b: '-2147483648' }],
  [
    'larger ones get six decimals',
    '',
    '{"a":2147483648,"b":123456789012}',
    { a: '2147483648.000000', b: '123456789012.000000' },
  ],
  ['fractions get six decimals', '', '{"a":1.5,"b":-0.25}', { a: '1.500000', b: '-0.250000' }],
  ['an exponent that gives an integer is one', '', '{"a":1e3,"b":1.0}', { a: '1000', b: '1' }],
  ['literals are text, null too', '', '{"a":true,"b":false,"c":null}', { a: 'true', b: 'false', c: 'null' }],
  ['null can be left away', '<json_null_field>discard</json_null_field>', '{"a":null,"b":"x"}', { b: 'x' }],
  ['a key may be empty', '', '{"":{"a":1},"b":{"":2}}', { '.a': '1', 'b.': '2' }],
  ['empty objects store nothing', '', '{"a":{},"b":{"c":{}}}', {}],
  ['arrays are printed again with blanks', '', '{"a":[1,2,"x"],"b":[]}', { a: '[1, 2, "x"]', b: '[]' }],
  ['objects in arrays over lines with tabs', '', '{"a":[{"b":1}]}', { a: '[{\n\t\t"b":\t1\n\t}]' }],
  [
    'csv joins scalars',
    '<json_array_structure>csv</json_array_structure>',
    '{"a":[1,"x",true],"b":[]}',
    { a: '1,x,true' },
  ],
  ['csv leaves nested values out', '<json_array_structure>csv</json_array_structure>', '{"a":[1,[2],3]}', { a: '1,3' }],
  ['user is dstuser', '', '{"user":"bob"}', { dstuser: 'bob' }],
  ['user is a field of its own behind dstuser', '', '{"dstuser":"eve","user":"bob"}', { dstuser: 'eve', user: 'bob' }],
  ['a later dstuser overwrites user', '', '{"user":"bob","dstuser":"eve"}', { dstuser: 'eve' }],
  ['systemname is the static one', '', '{"systemname":"a","system_name":"b"}', { system_name: 'a' }],
  ['static names are exact', '', '{"SrcIP":"1"}', { SrcIP: '1' }],
  ['a static key that is an object is walked', '', '{"data":{"x":1}}', { 'data.x': '1' }],
  ['static names count at the top only', '', '{"a":{"srcip":"1"}}', { 'a.srcip': '1' }],
  ['an array under a static key stores its text', '', '{"srcip":[1,2]}', { srcip: '[1, 2]' }],
  ['escapes are decoded', '', '{"a":"x\\n\\u00e9\\"y"}', { a: 'x\né"y' }],
  ['\\u without four digits cuts the value', '', '{"path":"C:\\users","b":"x"}', { path: 'C:', b: 'x' }],
  ['\\u0000 cuts the value', '', '{"a":"x\\u0000y\\u00e9","b":"x"}', { a: 'x', b: 'x' }],
  [
    'bad hexadecimal takes six bytes, an escaped quote among them',
    '',
    '{"a":"x\\u12\\"4y","b":"x"}',
    { a: 'x', b: 'x' },
  ],
  ['and the half of an escape', '', '{"a":"x\\u123\\"y","b":"x"}', { a: 'x', b: 'x' }],
  ['bad hexadecimal in a key cuts the key', '', '{"k\\uzzzz9":"v","b":"x"}', { k: 'v', b: 'x' }],
  ['bad hexadecimal in an array cuts the item', '', '{"a":["p\\uzzzzq","r"]}', { a: '["p", "r"]' }],
  ['fewer than six bytes before the quote are broken JSON', '', '{"a":"x\\uzzz","b":"x"}', {}],
  ['a quote that is no escaped one ends those six bytes', '', '{"a":"x\\u1","b":"x"}', {}],
  ['an unknown escape is broken JSON', '', '{"a":"x\\qy"}', {}],
  ['an unknown escape behind a cut is broken JSON', '', '{"a":"\\uzzzz\\q"}', {}],
  ['a low surrogate alone is broken JSON', '', '{"a":"\\udc00"}', {}],
  ['a high surrogate alone is broken JSON', '', '{"a":"\\ud83dxx\\ude00"}', {}],
  ['a high surrogate before bad hexadecimal is broken JSON', '', '{"a":"\\ud83d\\uzzzz"}', {}],
  ['a surrogate pair is one character', '', '{"a":"\\ud83d\\ude00"}', { a: '😀' }],
  ['text behind the value is ignored', '', '{"a":1} trailing', { a: '1' }],
  ['broken JSON stores nothing', '', '{"a":1,', {}],
  ['the first of equal keys counts', '', '{"a":1,"a":2}', { a: '1' }],
]
describe('JSON decoder', () => {
  for (const [says, more, log, data] of documents)
    test(says, () => {
      const ruleset = loadTest({ decoders: json(more) })
      const shown = Object.fromEntries(
        Object.entries(fieldsOf(ruleset, log).data).map(([key, value]) => [
          key,
          Buffer.from(value, 'latin1').toString(),
        ]),
      )
      expect(shown).toEqual(data)
      // The second time the document is no new one: a matcher may have learnt its form.
      const [first, second] = answers(ruleset, [log, log])
      expect(second?.data).toEqual(first?.data)
    })

  test('at most 256 dynamic fields are kept', () => {
    const log = JSON.stringify(Object.fromEntries(Array.from({ length: 300 }, (_, n) => [`k${n}`, String(n)])))
    const { data } = fieldsOf(loadTest({ decoders: json() }), log)
    expect(Object.keys(data).length).toBe(256)
    const shown = answer(loadTest({ decoders: json() }), log).data
    expect([shown?.k255, shown?.k256]).toEqual(['255', undefined])
  })

  test('an event over 64 KiB is decoded and shown whole', () => {
    const log = JSON.stringify({ a: 'é'.repeat(50_000), b: 'end' })
    const { data, whole } = answer(loadTest({ decoders: json() }), log)
    expect([data?.a, data?.b, whole.full_log]).toEqual(['é'.repeat(50_000), 'end', log])
  })

  test('a document 100,000 levels deep is no crash', () => {
    expect(fieldsOf(loadTest({ decoders: json() }), `{"a":${'['.repeat(100_000)}`)).toEqual({
      decoder: 'json',
      data: {},
    })
    expect(fieldsOf(loadTest({ decoders: json() }), '{"a":'.repeat(100_000)).data).toEqual({})
  })
})
