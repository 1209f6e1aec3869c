/** Explanations of rules that ask for several things of earlier events, and what sessions of one ruleset share. */
import { withDeadline } from '@dogwatch/pattern'
import { expect, test } from 'vitest'
import type { RuleStep } from './explain.ts'
import { LogtestSession } from './logtest.ts'
import { compileRuleset } from './ruleset.ts'
import { loadTest, noonMs } from './test-ruleset.ts'

const decoder =
  '<decoder name="door"><prematch>^door </prematch><regex>user (\\S+) from (\\S+)</regex><order>user, srcip</order><fts>user</fts></decoder>'
const attempt = '<rule id="100" level="3"><decoded_as>door</decoded_as><description>attempt</description></rule>'

function sessionOf(conditions: string): LogtestSession {
  const { ruleset, problems } = compileRuleset({
    decoders: [{ path: 'd.xml', text: decoder }],
    rules: [
      {
        path: 'r.xml',
        text: `<group name="g,"><rule id="1" level="0" noalert="1"><category>syslog</category><description>root</description></rule>${attempt}
          <rule id="101" level="10" frequency="2" timeframe="60"><if_matched_sid>100</if_matched_sid>${conditions}<description>odd</description></rule></group>`,
      },
    ],
    lists: [],
  })
  if (ruleset === null) throw new Error(JSON.stringify(problems))
  return new LogtestSession(ruleset)
}

function stateOf(session: LogtestSession, event: string): string | undefined {
  const find = (steps: readonly RuleStep[]): RuleStep | undefined =>
    steps.flatMap((step) => [step, find(step.children)]).find((step) => step?.rule === 101)
  return find(session.process({ event, timeMs: 1_000_000 }, { explain: true })?.explanation?.rules ?? [])?.state
}

const needs = (more: string): string => `needs 1 earlier event of rule 100 within 60 s${more}`
const changed = 'the log differs from the one before'
const unchanged = 'first log of its kind, or the same as before'

test.each<[says: string, conditions: string, story: readonly (readonly [event: string, state: string])[]]>([
  [
    'a count alone',
    '<same_user/>',
    [
      ['door user a from 1', `${needs(' with the same dstuser')}; 0 counted`],
      ['door user b from 1', `${needs(' with the same dstuser')}; 0 counted`],
      ['door user a from 1', `${needs(' with the same dstuser')}; 1 counted`],
    ],
  ],
  [
    'a count of what must be the same and what must differ',
    '<same_user/><different_srcip/>',
    [
      ['door user a from 1', `${needs(' with the same dstuser and different srcip')}; 0 counted`],
      ['door user a from 1', `${needs(' with the same dstuser and different srcip')}; 0 counted`],
      ['door user a from 2', `${needs(' with the same dstuser and different srcip')}; 1 counted`],
    ],
  ],
  [
    'a first time and a count: the count is told only when it was asked',
    '<if_fts/>',
    [
      ['door user a from 1', `seen for the first time; ${needs('')}; 0 counted`],
      ['door user a from 1', 'seen before'],
      ['door user b from 1', `seen for the first time; ${needs('')}; 1 counted`],
    ],
  ],
  [
    'a change, a first time and a count: what fails first is the last that is told',
    '<check_diff/><if_fts/>',
    [
      ['door user a from 1', unchanged],
      ['door user a from 2', `${changed}; seen for the first time; ${needs('')}; 1 counted`],
      ['door user a from 2', unchanged],
      ['door user a from 3', `${changed}; seen before`],
    ],
  ],
])('%s', (_says, conditions, story) => {
  const session = sessionOf(conditions)
  expect(story.map(([event]) => [event, stateOf(session, event)])).toEqual(story)
})

test('sessions of one ruleset remember nothing of each other, whatever their order', () => {
  const ruleset = loadTest({
    decoders:
      '<decoder name="a"><prematch>^a </prematch><accumulate> </accumulate><plugin_decoder offset="after_prematch">JSON_Decoder</plugin_decoder></decoder>',
    rules:
      '<rule id="100" level="3"><decoded_as>a</decoded_as><description>$(srcip)</description></rule><rule id="101" level="9" frequency="2"><if_matched_sid>100</if_matched_sid><description>two</description></rule>',
  })
  const sessions = [new LogtestSession(ruleset), new LogtestSession(ruleset), new LogtestSession(ruleset, 'other')]
  const shown = (session: LogtestSession | undefined, event: string): unknown => {
    const { rule, manager } = JSON.parse(session?.process({ event, timeMs: noonMs })?.output ?? '{}')
    return [rule.id, rule.description, rule.firedtimes, manager.name]
  }
  const [one, two, other] = sessions
  expect(shown(one, 'a {"id":"7","srcip":"1.2.3.4"}')).toEqual(['100', '1.2.3.4', 1, 'manager'])
  expect(shown(two, 'a {"id":"7"}')).toEqual(['100', '', 1, 'manager'])
  expect(shown(other, 'a {"id":"7"}')).toEqual(['100', '', 1, 'other'])
  expect(shown(one, 'a {"id":"7"}')).toEqual(['101', 'two', 1, 'manager'])
  expect(shown(two, 'a {"id":"8"}')).toEqual(['101', 'two', 1, 'manager'])
})

test('a session judges on after another one was cut off in the middle', () => {
  const ruleset = loadTest({
    rules:
      '<rule id="100" level="9"><regex type="pcre2">^(a|aa)+\\1$</regex><description>x</description></rule><rule id="101" level="3"><match>b</match><description>y</description></rule>',
  })
  const judge = (event: string) => new LogtestSession(ruleset).process({ event, timeMs: noonMs }, { explain: true })
  expect(withDeadline(100, () => judge(`${'a'.repeat(5000)}b`)).done).toBe(false)
  const answer = judge('b')
  expect([answer?.explanation?.result, answer?.explanation?.decoders]).toEqual([101, []])
})
