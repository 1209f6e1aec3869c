import { describe, expect, test } from 'vitest'
import { compileRuleset, type RulesetSource } from './ruleset.ts'
import { answer, compileTest, ids, loadTest, problemPlaces } from './test-ruleset.ts'

const rule = (id: number, level: number, content: string, more = ''): string =>
  `<rule id="${id}" level="${level}"${more}>${content}<description>rule ${id}</description></rule>`

describe('variables', () => {
  const file = (vars: string, match: string): string =>
    `${vars}<group name="test,">${rule(100, 3, `<match>${match}</match>`)}</group>`
  const cases: [says: string, rules: string, log: string, id: number][] = [
    ['stand for their text', file('<var name="X">abc</var>', '^$X$'), 'abc', 100],
    ['end at a delimiter', file('<var name="X">abc</var>', '$X|zzz'), 'abc', 100],
    ['ignore case', file('<var name="Xy">abc</var>', '$xY'), 'abc', 100],
    ['may use earlier ones', file('<var name="A">ab</var><var name="BB">$A.c</var>', '$BB'), 'ab.c', 100],
    ['leave $( alone', file('<var name="X">abc</var>', 'a$(b)'), 'a$(b)', 100],
    ['are not looked for without a var', file('', 'a$b'), 'a$b', 100],
  ]
  for (const [says, rules, log, id] of cases) test(says, () => expect(answer(loadTest({ rules }), log).id).toBe(id))

  test('an unknown one is an error with its place', () => {
    expect(
      problemPlaces({
        rules:
          '<var name="X">abc</var>\n<group name="t,">\n <rule id="100" level="3"><match>abc$Y</match><description>x</description></rule></group>',
      }),
    ).toEqual(['VARIABLE_UNKNOWN 3:27'])
  })
})

describe('order of siblings', () => {
  const cases: [says: string, rules: string, id: number][] = [
    ['a higher level first', rule(100, 3, '<match>x</match>') + rule(101, 10, '<match>x</match>'), 101],
    ['level 0 before all others', rule(100, 16, '<match>x</match>') + rule(101, 0, '<match>x</match>'), 101],
    ['load order among equals', rule(100, 5, '<match>x</match>') + rule(101, 5, '<match>x</match>'), 100],
    [
      'accuracy 0 behind all others',
      rule(100, 16, '<match>x</match>', ' accuracy="0"') + rule(101, 1, '<match>x</match>'),
      101,
    ],
    [
      'the deepest match of the first path',
      rule(100, 3, '<match>x</match>') + rule(101, 9, '<if_sid>100</if_sid><match>xy</match>'),
      101,
    ],
    [
      'a noalert parent without result lets the next sibling try',
      rule(100, 5, '<match>x</match>', ' noalert="1"') +
        rule(101, 4, '<match>x</match>') +
        rule(102, 9, '<if_sid>100</if_sid><match>never</match>'),
      101,
    ],
    ['a level-0 match ends the search', rule(100, 0, '<match>x</match>') + rule(101, 9, '<match>xy</match>'), 100],
  ]
  for (const [says, rules, id] of cases) test(says, () => expect(answer(loadTest({ rules }), 'xy').id).toBe(id))
})

describe('places in the tree', () => {
  const cases: [says: string, rules: string, log: string, id: number][] = [
    [
      'if_level reaches level-0 rules',
      rule(100, 0, '<match>x</match>') + rule(101, 2, '<if_level>5</if_level><match>y</match>'),
      'xy',
      101,
    ],
    [
      'if_level reaches the roots, which are of level 0',
      rule(100, 3, '<match>x</match>') + rule(101, 9, '<if_level>5</if_level><match>x</match>'),
      'xz',
      101,
    ],
    [
      'if_group by part of the group text',
      rule(100, 3, '<match>x</match><group>alpha_beta,</group>') +
        rule(101, 9, '<if_group>beta</if_group><match>y</match>'),
      'xy',
      101,
    ],
    [
      'if_group with ^ only at the beginning',
      rule(100, 3, '<match>x</match><group>alpha_beta,</group>') +
        rule(101, 9, '<if_group>^test</if_group><match>y</match>'),
      'xy',
      101,
    ],
    [
      'several parents in if_sid',
      rule(100, 3, '<match>a</match>') +
        rule(101, 3, '<match>b</match>') +
        rule(102, 9, '<if_sid>100, 101</if_sid><match>y</match>'),
      'by',
      102,
    ],
    [
      'if_matched_sid stands for if_sid, whatever if_level says',
      rule(100, 3, '<match>x</match>') +
        rule(101, 9, '<match>z</match>') +
        rule(102, 5, '<if_matched_sid>100</if_matched_sid><if_level>9</if_level>', ' frequency="2"'),
      'x',
      100,
    ],
    [
      'its own id among the parents is as if it were not there',
      rule(100, 3, '<match>a</match>') + rule(101, 3, '<if_sid>100, 101</if_sid><match>y</match>'),
      'ay',
      101,
    ],
    [
      'overwrite takes over everything but the place',
      rule(100, 3, '<match>a</match>') + rule(100, 9, '<match>b</match>', ' overwrite="yes"'),
      'b',
      100,
    ],
    ['the first of two equal ids stays', rule(100, 3, '<match>a</match>') + rule(100, 9, '<match>b</match>'), 'b', 0],
    [
      'children stay below an overwritten rule',
      rule(100, 3, '<match>a</match>') +
        rule(101, 4, '<if_sid>100</if_sid><match>y</match>') +
        rule(100, 9, '<match>b</match>', ' overwrite="yes"'),
      'by',
      101,
    ],
    ['repeated text elements join', rule(100, 3, '<match>foo|</match><match>bar</match>'), 'bar', 100],
    [
      'the group of a rule is appended to that of its file',
      rule(100, 3, '<match>x</match><group>more,</group>') + rule(101, 4, '<if_group>test,more</if_group>'),
      'x',
      101,
    ],
    ['a category chooses the root', rule(100, 3, '<category>firewall</category><match>x</match>'), 'x', 0],
  ]
  for (const [says, rules, log, id] of cases) test(says, () => expect(answer(loadTest({ rules }), log).id).toBe(id))

  test('if_matched_sid beside if_level: only events of that rule count and are judged', () => {
    const rules =
      rule(100, 3, '<match>x</match>') +
      rule(101, 9, '<match>z</match>') +
      rule(102, 10, '<if_matched_sid>100</if_matched_sid><if_level>9</if_level>', ' frequency="2"')
    expect(ids(loadTest({ rules }), ['x', 'z', 'x'])).toEqual([100, 101, 102])
  })

  test('an overwrite does not move the rule among its siblings', () => {
    const rules =
      rule(100, 5, '<match>x</match>') +
      rule(101, 4, '<match>x</match>') +
      rule(100, 1, '<match>x</match>', ' overwrite="yes"')
    expect(answer(loadTest({ rules }), 'x').id).toBe(100)
  })

  test('files are taken by base name, whatever their folder', () => {
    const source = (path: string, level: number) => ({
      path,
      text: `<group name="t,">${rule(100, level, '<match>x</match>')}</group>`,
    })
    const root = {
      path: 'a/0000.xml',
      text: '<group name="r,"><rule id="1" level="0" noalert="1"><category>syslog</category><description>r</description></rule></group>',
    }
    const { ruleset } = compileTestFiles([source('b/2.xml', 7), source('z/1.xml', 3), root])
    expect(ruleset?.byId.get(100)?.level).toBe(3)
  })
})

function compileTestFiles(rules: RulesetSource[]) {
  return compileRuleset({ decoders: [], rules, lists: [] })
}

describe('what is wrong is told with its place', () => {
  const one = (text: string) => ({ rules: `<group name="t,">\n${text}\n</group>` })
  const cases: [says: string, sources: Parameters<typeof problemPlaces>[0], places: string[]][] = [
    [
      'a file that is not well formed',
      { rules: '<group name="t,">\n<rule id="100" level="3">' },
      ['XML_MALFORMED 2:1'],
    ],
    [
      'a root that is no group',
      { rules: '<group name="t,"></group><thing/>' },
      ['GROUP_EMPTY 1:1', 'GROUP_EXPECTED 1:26'],
    ],
    ['a group without name', { rules: '<group name="t," x="y"><rule/></group>' }, ['GROUP_NAME_MISSING 1:1']],
    ['an element that is no rule', one('<roole/>'), ['RULE_EXPECTED 2:1']],
    ['a rule without id', one('<rule level="3"><description>x</description></rule>'), ['RULE_ID_MISSING 2:1']],
    [
      'a level above 16',
      one('<rule id="100" level="17"><description>x</description></rule>'),
      ['RULE_LEVEL_INVALID 2:1'],
    ],
    [
      'an unknown attribute',
      one('<rule id="100" level="3" colour="red"><description>x</description></rule>'),
      ['RULE_ATTRIBUTE_UNKNOWN 2:26'],
    ],
    [
      'a frequency of 1',
      one('<rule id="100" level="3" frequency="1"><description>x</description></rule>'),
      ['RULE_ATTRIBUTE_INVALID 2:26'],
    ],
    ['no description', one('<rule id="100" level="3"><match>x</match></rule>'), ['RULE_DESCRIPTION_MISSING 2:1']],
    ['an unknown element', one(rule(100, 3, '<macth>x</macth>')), ['RULE_ELEMENT_UNKNOWN 2:26']],
    ['an unknown option', one(rule(100, 3, '<options>loud</options>')), ['OPTION_UNKNOWN 2:26']],
    ['a pattern that does not compile', one(rule(100, 3, '<regex>a(b</regex>')), ['PATTERN_INVALID 2:26']],
    ['a field without name', one(rule(100, 3, '<field>x</field>')), ['FIELD_NAME_MISSING 2:26']],
    ['a field that has an element', one(rule(100, 3, '<field name="SrcIp">x</field>')), ['FIELD_IS_STATIC 2:26']],
    ['an unknown decoder', one(rule(100, 3, '<decoded_as>none</decoded_as>')), ['DECODER_UNKNOWN 2:26']],
    ['an unknown category', one(rule(100, 3, '<category>none</category>')), ['CATEGORY_UNKNOWN 2:26']],
    ['an address that is none', one(rule(100, 3, '<srcip>1.2.3</srcip>')), ['ADDRESS_INVALID 2:26']],
    ['a time that is none', one(rule(100, 3, '<time>25 - 26</time>')), ['TIME_INVALID 2:26']],
    ['a weekday with !', one(rule(100, 3, '<weekday>!monday</weekday>')), ['WEEKDAY_INVALID 2:26']],
    ['an unknown compiled_rule', one(rule(100, 3, '<compiled_rule>x</compiled_rule>')), ['COMPILED_RULE_UNKNOWN 2:26']],
    ['same_ without a source', one(rule(100, 3, '<same_srcip/>')), ['CORRELATION_WITHOUT_SOURCE 2:1']],
    ['frequency without a source', one(rule(100, 3, '', ' frequency="3"')), ['CORRELATION_WITHOUT_SOURCE 2:1']],
    ['a list without field', one(rule(100, 3, '<list>x</list>')), ['LIST_FIELD_MISSING 2:26']],
    ['an unknown lookup', one(rule(100, 3, '<list field="id" lookup="x">x</list>')), ['LIST_LOOKUP_UNKNOWN 2:26']],
    ['an unknown info type', one(rule(100, 3, '<info type="x">x</info>')), ['INFO_TYPE_UNKNOWN 2:26']],
    [
      'an unknown part of mitre',
      one(rule(100, 3, '<mitre><name>x</name></mitre>')),
      ['MITRE_ELEMENT_UNKNOWN 2:33', 'MITRE_INCOMPLETE 2:26'],
    ],
    [
      'all mistakes at once',
      one(`${rule(100, 3, '<a/>')}\n${rule(101, 3, '<b/>')}`),
      ['RULE_ELEMENT_UNKNOWN 2:26', 'RULE_ELEMENT_UNKNOWN 3:26'],
    ],
    ['a duplicate is a warning', one(`${rule(100, 3, '')}\n${rule(100, 3, '')}`), ['RULE_DUPLICATE 3:1']],
    ['an overwrite of nothing is one', one(rule(100, 3, '', ' overwrite="yes"')), ['RULE_OVERWRITE_UNKNOWN 2:1']],
    [
      'a list that is not loaded is one',
      one(rule(100, 3, '<list field="id">etc/lists/x</list>')),
      ['LIST_NOT_LOADED 2:26'],
    ],
    [
      'a loop with a round that may be empty is one',
      one(rule(100, 3, '<match type="pcre2">(a|)*b</match>')),
      ['PATTERN_EMPTY_ROUND 2:26'],
    ],
    [
      'one that tries the empty round first is one',
      one(rule(100, 3, '<match type="pcre2">(?:|a)*b</match>')),
      ['PATTERN_EMPTY_ROUND 2:26'],
    ],
    ['one whose empty round nobody sees is none', one(rule(100, 3, '<match type="pcre2">(?:ab|)*c</match>')), []],
    ['a loop that takes something is none', one(rule(100, 3, '<match type="pcre2">(?:(a)b?)*b</match>')), []],
    [
      'such a loop of a decoder is one',
      { decoders: '<decoder name="x"><prematch type="pcre2">^(a|)+ </prematch></decoder>' },
      ['PATTERN_EMPTY_ROUND 1:19'],
    ],
    [
      'a rule that would hang in too many places is one',
      // Each below the two before it: the places are the Fibonacci numbers.
      one(
        Array.from({ length: 26 }, (_, n) =>
          rule(100 + n, 3, n === 0 ? '' : `<if_sid>${99 + n}${n === 1 ? '' : `,${98 + n}`}</if_sid>`),
        ).join('\n'),
      ),
      ['RULE_PLACES_TOO_MANY 27:1'],
    ],
    ['an if_sid that is no list of ids is one', one(rule(100, 3, '<if_sid>n|1</if_sid>')), ['IF_SID_INVALID 2:26']],
    [
      'a parent that is not there is one',
      one(rule(100, 3, '<if_sid>99</if_sid>')),
      ['IF_SID_UNKNOWN 2:1', 'RULE_WITHOUT_PARENT 2:1'],
    ],
    [
      'an if_matched_sid that is not there is one',
      one(rule(100, 3, '<if_matched_sid>99</if_matched_sid>')),
      ['IF_MATCHED_SID_UNKNOWN 2:1'],
    ],
    [
      'a decoder without gate',
      { decoders: '<decoder name="x"><type>ids</type></decoder>' },
      ['DECODER_GATE_MISSING 1:1'],
    ],
    [
      'a regex without order',
      { decoders: '<decoder name="x"><prematch>x</prematch><regex>(x)</regex></decoder>' },
      ['DECODER_ORDER_MISSING 1:1'],
    ],
    [
      'a plugin behind a parent that is not named',
      {
        decoders:
          '<decoder name="x"><prematch>x</prematch><plugin_decoder offset="after_parent">JSON_Decoder</plugin_decoder></decoder>',
      },
      ['DECODER_PARENT_MISSING 1:1'],
    ],
    [
      'an fts that names a static field without a place in the key',
      {
        decoders:
          '<decoder name="x"><prematch>x</prematch><regex>(x)(y)</regex><order>srcport,own</order><fts>name, own, srcport</fts></decoder>',
      },
      ['DECODER_FTS_UNKNOWN 1:88'],
    ],
    [
      'an order without regex',
      { decoders: '<decoder name="x"><prematch>x</prematch><order>id</order></decoder>' },
      ['DECODER_REGEX_MISSING 1:1'],
    ],
    [
      'an unknown parent',
      { decoders: '\n<decoder name="x"><parent>y</parent><prematch>x</prematch></decoder>' },
      ['DECODER_PARENT_UNKNOWN 2:1'],
    ],
    [
      'an unknown decoder element',
      { decoders: '<decoder name="x"><prematch>x</prematch>\n<foo/></decoder>' },
      ['DECODER_ELEMENT_UNKNOWN 2:1'],
    ],
    [
      'an unknown plugin',
      { decoders: '<decoder name="x"><prematch>x</prematch><plugin_decoder>Y</plugin_decoder></decoder>' },
      ['DECODER_PLUGIN_UNKNOWN 1:41'],
    ],
    [
      'a chain whose later link has a prematch',
      {
        decoders:
          '<decoder name="p"><prematch>p</prematch></decoder><decoder name="c"><parent>p</parent><regex>(x)</regex><order>id</order></decoder>\n<decoder name="c"><parent>p</parent><prematch>y</prematch><regex>(x)</regex><order>id</order></decoder>',
      },
      ['DECODER_CHAIN_INVALID 2:1'],
    ],
    [
      'osmatch on a prematch is a warning',
      { decoders: '<decoder name="x"><prematch type="osmatch">x</prematch></decoder>' },
      ['DECODER_TYPE_REFUSED 1:19'],
    ],
  ]
  for (const [says, sources, places] of cases) test(says, () => expect(problemPlaces(sources)).toEqual(places))

  const patterns: [says: string, type: string, text: string, codes: string[]][] = [
    ['a pattern that can run away is a warning', 'pcre2', '^(a|aa)+\\1$', ['PATTERN_RUNAWAY']],
    ['so is one that the linear engine runs: it is catastrophic elsewhere', 'pcre2', '^(a+)+$', ['PATTERN_RUNAWAY']],
    ['work of a power of the length is none', 'pcre2', '(?m)^x:\\[\\d+] (.+)\\n', []],
    ['one too large to be judged is none', 'pcre2', `^(a|${'b'.repeat(450)})+\\\\1$`, []],
    ['nor is an osregex that tries again and again', 'osregex', '\\S+ a \\S+ b', []],
  ]
  for (const [says, type, text, codes] of patterns)
    test(says, () => {
      const { problems } = compileTest(one(rule(100, 3, `<regex type="${type}">${text}</regex>`)))
      expect(problems.map(({ code }) => code)).toEqual(codes)
    })

  test('the message carries file and line', () => {
    const [problem] = compileTest(one('<roole/>')).problems
    expect([problem?.at.file, problem?.lineText]).toEqual(['rules.xml', '<roole/>'])
  })

  test('an error is told though a thousand warnings came first', () => {
    const { ruleset, problems } = compileTest(one(rule(100, 3, '').repeat(1500) + rule(101, 3, '<a/>')))
    expect(ruleset).toBeNull()
    expect(problems.length).toBe(1000)
    expect(problems.filter(({ severity }) => severity === 'error').map(({ code }) => code)).toEqual([
      'RULE_ELEMENT_UNKNOWN',
    ])
  })

  test('ten megabytes of garbage are errors, not a crash', () => {
    let state = 1
    const bytes = Buffer.alloc(10 * 1024 * 1024)
    for (let n = 0; n < bytes.length; n++) {
      state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 0
      bytes[n] = state >>> 16
    }
    const noise = bytes.toString('latin1')
    const nearly = '<group name="a,"><rule id="7" level="99"><x y="$z"/></rule></group>'.repeat(150_000)
    for (const text of [noise, nearly, '<'.repeat(10_000_000), '<a>'.repeat(3_000_000)]) {
      const { ruleset, problems } = compileRuleset({
        decoders: [{ path: 'd.xml', text }],
        rules: [{ path: 'r.xml', text }],
        lists: [],
      })
      expect(ruleset).toBeNull()
      expect(problems.length).toBeGreaterThan(0)
      expect(problems.length).toBeLessThanOrEqual(1000)
    }
  })
})

test('an event may be for no rule at all', () => expect(ids(loadTest({}), ['anything'])).toEqual([0]))
