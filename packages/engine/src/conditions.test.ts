import { describe, expect, test } from 'vitest'
import { compiledRules } from './conditions.ts'
import { Event } from './event.ts'
import { FieldSlots, field } from './fields.ts'
import { answers, loadTest, noonMs } from './test-ruleset.ts'

const json = '<decoder name="json"><prematch>^{\\s*"</prematch><plugin_decoder>JSON_Decoder</plugin_decoder></decoder>'
const day = 86_400

function holds(
  conditions: string,
  log: string,
  more: { at?: number; location?: string; attributes?: string } = {},
): boolean {
  const { at = 0, location = 'stdin', attributes = '' } = more
  const ruleset = loadTest({
    decoders: json,
    rules: `<rule id="100" level="3"${attributes}>${conditions}<description>x</description></rule>`,
    lists: { 'etc/lists/l': list, 'etc/lists/m.cdb': list },
  })
  return answers(ruleset, [{ log, at, location }])[0]?.id === 100
}

const list =
  'root:admin\n10.2.:net\n1.2.3.4:host\n"a:b":"quoted value" dropped\nno entry\ndouble:first\r\ndouble:second\n"open:lost\nhalf:"lost\ncut:x "inner" y\n'

const cases: [says: string, conditions: string, log: string, expected: boolean][] = [
  ['match ignores case', '<match>HELLO</match>', 'say hello', true],
  ['an empty alternative of match always holds', '<match>zzz|</match>', 'say hello', true],
  ['a leading ! negates the whole of match', '<match>!zzz|hello</match>', 'say hello', false],
  ['negate turns a match round', '<match negate="yes">hello</match>', 'say hello', false],
  ['the last negate counts for all pieces', '<match negate="yes">hel</match><match>lo</match>', 'say hello', true],
  ['regex is osregex', '<regex>\\w+ \\w+$</regex>', 'say hello', true],
  ['regex may be PCRE2', '<regex type="pcre2">(?i)^SAY (?=h)</regex>', 'say hello', true],
  ['action is exact', '<action>drop</action>', '{"action":"drop"}', true],
  ['action minds case', '<action>drop</action>', '{"action":"DROP"}', false],
  ['action wants the whole', '<action>dro</action>', '{"action":"drop"}', false],
  ['a missing value fails', '<url>x</url>', 'hello', false],
  ['a missing value fails a negated condition too', '<url negate="yes">x</url>', 'hello', false],
  ['user is dstuser', '<user>bob</user>', '{"dstuser":"bob","srcuser":"eve"}', true],
  ['user is srcuser without dstuser', '<user>eve</user>', '{"srcuser":"eve"}', true],
  ['field looks at a dynamic field', '<field name="a.b">^x$</field>', '{"a":{"b":"x"}}', true],
  ['field names ignore case', '<field name="A.B">^x$</field>', '{"a":{"b":"x"}}', true],
  ['field takes the first of equal keys', '<field name="a">^2$</field>', '{"a":1,"a":2}', false],
  ['an empty value is a value', '<field name="a" negate="yes">x</field>', '{"a":""}', true],
  ['two fields must both hold', '<field name="a">1</field><field name="b">2</field>', '{"a":1,"b":3}', false],
  ['an address equals', '<srcip>10.0.0.1</srcip>', '{"srcip":"10.0.0.1"}', true],
  ['an address in a prefix', '<srcip>10.0.0.0/8</srcip>', '{"srcip":"10.9.9.9"}', true],
  ['an address outside it', '<srcip>10.0.0.0/8</srcip>', '{"srcip":"11.9.9.9"}', false],
  ['an address under a netmask', '<srcip>10.0.0.0/255.255.0.0</srcip>', '{"srcip":"10.0.9.9"}', true],
  ['a prefix of 0 takes all', '<srcip>1.2.3.4/0</srcip>', '{"srcip":"99.9.9.9"}', true],
  ['any', '<srcip>any</srcip>', '{"srcip":"99.9.9.9"}', true],
  ['text that is no address is not found', '<srcip>any</srcip>', '{"srcip":"somewhere"}', false],
  ['and so a match when negated', '<srcip negate="yes">10.0.0.1</srcip>', '{"srcip":"somewhere"}', true],
  ['a leading ! has no effect', '<srcip>!10.0.0.1</srcip>', '{"srcip":"10.0.0.1"}', true],
  ['several elements make one list', '<srcip>10.0.0.1</srcip><srcip>10.0.0.2</srcip>', '{"srcip":"10.0.0.2"}', true],
  [
    'the last negate counts for the list',
    '<srcip negate="yes">10.0.0.1</srcip><srcip>10.0.0.2</srcip>',
    '{"srcip":"10.0.0.1"}',
    true,
  ],
  ['IPv6 by prefix', '<dstip>2001:db8::/33</dstip>', '{"dstip":"2001:db8:7fff::1"}', true],
  ['IPv6 outside', '<dstip>2001:db8::/33</dstip>', '{"dstip":"2001:db8:8000::1"}', false],
  ['IPv4 is not in IPv6', '<srcip>::/0</srcip>', '{"srcip":"1.2.3.4"}', false],
  ['match_key', '<list field="user">etc/lists/l</list>', '{"srcuser":"root"}', true],
  [
    'user of a list is srcuser first',
    '<list field="user">etc/lists/l</list>',
    '{"srcuser":"x","dstuser":"root"}',
    false,
  ],
  ['keys mind case', '<list field="user">etc/lists/l</list>', '{"srcuser":"Root"}', false],
  ['a list may be named with .cdb', '<list field="user">etc/lists/l.cdb</list>', '{"srcuser":"root"}', true],
  ['not_match_key', '<list field="user" lookup="not_match_key">etc/lists/l</list>', '{"srcuser":"bob"}', true],
  [
    'not_match_key fails on a missing value',
    '<list field="user" lookup="not_match_key">etc/lists/l</list>',
    '{"x":"bob"}',
    false,
  ],
  [
    'match_key_value',
    '<list field="user" lookup="match_key_value" check_value="^adm">etc/lists/l</list>',
    '{"srcuser":"root"}',
    true,
  ],
  [
    'match_key_value with another value',
    '<list field="user" lookup="match_key_value" check_value="^x">etc/lists/l</list>',
    '{"srcuser":"root"}',
    false,
  ],
  [
    'address_match_key by a dotted prefix',
    '<list field="srcip" lookup="address_match_key">etc/lists/l</list>',
    '{"srcip":"10.2.9.9"}',
    true,
  ],
  [
    'address_match_key exactly',
    '<list field="srcip" lookup="address_match_key">etc/lists/l</list>',
    '{"srcip":"1.2.3.4"}',
    true,
  ],
  [
    'address_match_key not found',
    '<list field="srcip" lookup="address_match_key">etc/lists/l</list>',
    '{"srcip":"10.3.9.9"}',
    false,
  ],
  [
    'not_address_match_key',
    '<list field="srcip" lookup="not_address_match_key">etc/lists/l</list>',
    '{"srcip":"10.3.9.9"}',
    true,
  ],
  [
    'address_match_key_value',
    '<list field="srcip" lookup="address_match_key_value" check_value="net">etc/lists/l</list>',
    '{"srcip":"10.2.9.9"}',
    true,
  ],
  ['a dynamic field of a list', '<list field="a.b">etc/lists/l</list>', '{"a":{"b":"root"}}', true],
  [
    'a quoted key may hold a colon',
    '<list field="k" lookup="match_key_value" check_value="^quoted value$">etc/lists/l</list>',
    '{"k":"a:b"}',
    true,
  ],
  [
    'the first of equal keys',
    '<list field="k" lookup="match_key_value" check_value="^first$">etc/lists/l</list>',
    '{"k":"double"}',
    true,
  ],
  ['an open quote skips the line', '<list field="k">etc/lists/l</list>', '{"k":"open"}', false],
  ['an open quote in the value skips it too', '<list field="k">etc/lists/l</list>', '{"k":"half"}', false],
  [
    'text around a quoted value is dropped',
    '<list field="k" lookup="match_key_value" check_value="^inner$">etc/lists/l</list>',
    '{"k":"cut"}',
    true,
  ],
  ['a list whose own name ends in .cdb', '<list field="k">etc/lists/m.cdb</list>', '{"k":"root"}', true],
  ['decoded_as', '<decoded_as>json</decoded_as>', '{"k":"x"}', true],
  ['decoded_as without decoder', '<decoded_as>json</decoded_as>', 'hello', false],
  ['location', '<location>^std</location>', 'hello', true],
  ['hostname always exists', '<hostname negate="yes">other</hostname>', 'hello', true],
  ['program_name', '<program_name>^prog$</program_name>', 'Dec 29 10:00:01 web prog: hi', true],
]
describe('conditions', () => {
  for (const [says, conditions, log, expected] of cases) test(says, () => expect(holds(conditions, log)).toBe(expected))

  test('maxsize is the least length of the log', () => {
    expect(['12345', '1234'].map((log) => holds('', log, { attributes: ' maxsize="5"' }))).toEqual([true, false])
  })
})

const times: [says: string, condition: string, at: number, expected: boolean][] = [
  ['both ends belong to a time span', '<time>12:00 - 12:30</time>', 30 * 60, true],
  ['a minute later does not', '<time>12:00 - 12:30</time>', 31 * 60, false],
  ['am and pm', '<time>11 am - 1 pm</time>', 0, true],
  ['12 am is midnight', '<time>12 am - 1 am</time>', 0, false],
  ['a span over midnight', '<time>10 pm - 1 pm</time>', 0, true],
  ['! turns it round', '<time>!11 am - 1 pm</time>', 0, false],
  ['a weekday by its short name', '<weekday>mon</weekday>', 0, true],
  ['another weekday', '<weekday>tuesday, wed</weekday>', 0, false],
  ['weekdays', '<weekday>weekdays</weekday>', 5 * day, false],
  ['weekends', '<weekday>weekends</weekday>', 5 * day, true],
]
describe('time of arrival', () => {
  for (const [says, condition, at, expected] of times)
    test(says, () => expect(holds(condition, 'x', { at })).toBe(expected))

  test('the tests begin at noon of a Monday', () =>
    expect([new Date(noonMs).getHours(), new Date(noonMs).getDay()]).toEqual([12, 1]))
})

const compiled: [
  says: string,
  name: string,
  event: Partial<Record<'srcuser' | 'dstuser' | 'id' | 'url' | 'log', string>>,
  expected: boolean,
][] = [
  ['equal users', 'comp_srcuser_dstuser', { srcuser: 'a', dstuser: 'a' }, true],
  ['different users', 'comp_srcuser_dstuser', { srcuser: 'a', dstuser: 'b' }, false],
  ['one user alone', 'comp_srcuser_dstuser', { srcuser: 'a' }, true],
  ['an id of ten bytes', 'check_id_size', { id: '0123456789' }, true],
  ['an id of nine', 'check_id_size', { id: '012345678' }, false],
  ['a request without question mark', 'is_simple_http_request', { url: '/a' }, true],
  ['a request with one', 'is_simple_http_request', { url: '/a?b' }, false],
  ['no request', 'is_simple_http_request', {}, false],
  ['a crawler', 'is_valid_crawler', { log: '66.249.1.1 x' }, true],
  ['no crawler', 'is_valid_crawler', { log: '66.250.1.1 x' }, false],
  [
    'different accounts',
    'comp_mswin_targetuser_calleruser_diff',
    { log: 'Target Account Name: a  Caller User Name: b  ' },
    true,
  ],
  [
    'equal accounts',
    'comp_mswin_targetuser_calleruser_diff',
    { log: 'Target Account Name: a  Caller User Name: a  ' },
    false,
  ],
  ['one account alone', 'comp_mswin_targetuser_calleruser_diff', { log: 'Target Account Name: a  ' }, false],
]
describe('compiled rules', () => {
  for (const [says, name, { log = '', ...statics }, expected] of compiled)
    test(says, () => {
      const event = new Event(new FieldSlots())
      event.log = log
      for (const [key, value] of Object.entries(statics)) event.setStatic(field[key as 'id'], value)
      expect(compiledRules[name]?.(event)).toBe(expected)
    })
})
