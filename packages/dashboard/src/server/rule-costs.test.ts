import { expect, test } from 'vitest'
import { costSentence } from './rule-costs.ts'

const row = { kind: 'rule', name: '1', filename: 'a.xml', line: 1, runs: 1, hits: 1, ms: 1, share: 100 } as const
const profile = { index: 'archives', events: 1500, us_per_event: 88, rows: [row], total_rows: 1 } as const

test.each([
  ['of events', profile, /^Over the newest 1.500 events: 88 µs each/],
  ['of alerts alone', { ...profile, index: 'alerts' as const }, /alerts \(events that raised none are not kept/],
  ['of which not all rows are shown', { ...profile, total_rows: 300 }, /The 1 dearest of 300 are shown\.$/],
  ['of nothing', { ...profile, events: 0 }, /^There are no events/],
])('a profile %s', (_, of, says) => expect(costSentence(of)).toMatch(says))
