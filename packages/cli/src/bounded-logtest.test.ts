import { compileRuleset, LogtestSession } from '@dogwatch/engine'
import { expect, test } from 'vitest'
import { processBounded } from './bounded-logtest.ts'

test('an event on which a pattern runs away is cut off, and the pattern named', () => {
  const { ruleset } = compileRuleset({
    decoders: [],
    rules: [
      {
        path: 'r.xml',
        text: '<group name="g,"><rule id="1" level="3"><category>syslog</category><regex type="pcre2">^(a|aa)+\\1$</regex><description>x</description></rule></group>',
      },
    ],
    lists: [],
  })
  if (ruleset === null) throw new Error('no ruleset')
  const result = processBounded(new LogtestSession(ruleset), { event: `${'a'.repeat(5000)}b`, timeMs: 0 }, {}, 100)
  expect(result).toMatchObject({
    answer: null,
    isSpoilt: true,
    failure: expect.stringContaining("'^(a|aa)+\\1$' was at work"),
  })
})
