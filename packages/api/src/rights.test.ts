import fc from 'fast-check'
import { expect, test } from 'vitest'
import { type Action, actions, resourceKinds } from './permissions.ts'
import { exceeding, type Mode, type PolicyContent, policyProblem, resourcePattern, rightsOf } from './rights.ts'

type Entry = readonly [effect: 'allow' | 'deny', resource: string]
const policies = (action: Action, ...entries: readonly Entry[]): PolicyContent[] =>
  entries.map(([effect, resource]) => ({ actions: [action], resources: [resource], effect }))
const web1 = ['agent:id:001', 'agent:group:web']
const db2 = ['agent:id:002', 'agent:group:db']

const cases: [says: string, mode: Mode, entries: Entry[], web1: boolean, db2: boolean, some: boolean, all: boolean][] =
  [
    ['nothing, white', 'white', [], false, false, false, false],
    ['nothing, black', 'black', [], true, true, true, true],
    ['everything', 'white', [['allow', '*:*:*']], true, true, true, true],
    ['everything, for short', 'white', [['allow', '*:*']], true, true, true, true],
    ['all of the kind', 'white', [['allow', 'agent:id:*']], true, true, true, true],
    ['one', 'white', [['allow', 'agent:id:001']], true, false, true, false],
    ['a group', 'white', [['allow', 'agent:group:db']], false, true, true, false],
    ['whatever is in a group', 'white', [['allow', 'agent:group:*']], true, true, true, false],
    [
      'all but one',
      'white',
      [
        ['allow', 'agent:id:*'],
        ['deny', 'agent:id:001'],
      ],
      false,
      true,
      true,
      false,
    ],
    [
      'all but a group',
      'white',
      [
        ['allow', '*:*:*'],
        ['deny', 'agent:group:web'],
      ],
      false,
      true,
      true,
      false,
    ],
    [
      'a later one over an earlier one',
      'white',
      [
        ['deny', 'agent:id:001'],
        ['allow', 'agent:id:*'],
      ],
      true,
      true,
      true,
      true,
    ],
    [
      'a group over an id',
      'white',
      [
        ['deny', 'agent:id:001'],
        ['allow', 'agent:group:web'],
      ],
      true,
      false,
      true,
      false,
    ],
    [
      'an id over a group',
      'white',
      [
        ['allow', 'agent:group:web'],
        ['deny', 'agent:id:001'],
      ],
      false,
      false,
      true,
      false,
    ],
    [
      'all denied after all',
      'white',
      [
        ['allow', 'agent:group:web'],
        ['deny', 'agent:id:*'],
      ],
      false,
      false,
      false,
      false,
    ],
    ['another kind', 'white', [['allow', 'rule:file:001']], false, false, false, false],
    ['one denied, black', 'black', [['deny', 'agent:id:002']], true, false, true, false],
    ['all denied, black', 'black', [['deny', 'agent:id:*']], false, false, false, false],
    [
      'all but one denied, black',
      'black',
      [
        ['deny', '*:*:*'],
        ['allow', 'agent:id:001'],
      ],
      true,
      false,
      true,
      false,
    ],
    ['a denial of what it is not for denies all', 'black', [['deny', 'rule:file:x']], false, false, false, false],
  ]
test.each(cases)('%s', (_, mode, entries, ofWeb, ofDb, some, all) => {
  const rights = rightsOf(policies('agent:read', ...entries), mode)
  expect([rights.may('agent:read', web1), rights.may('agent:read', db2)]).toEqual([ofWeb, ofDb])
  expect([rights.some('agent:read'), rights.all('agent:read')]).toEqual([some, all])
})

test('what is no single thing is allowed on everything, or not', () => {
  const rights = rightsOf(policies('manager:read', ['allow', '*:*:*']), 'white')
  expect([rights.may('manager:read', []), rights.all('manager:read'), rights.some('logtest:run')]).toEqual([
    true,
    true,
    false,
  ])
})

const more: [says: string, wanted: Entry[], held: Entry[], isMore: boolean][] = [
  ['nothing', [], [], false],
  ['the same', [['allow', 'agent:group:web']], [['allow', 'agent:group:web']], false],
  ['one of all', [['allow', 'agent:id:001']], [['allow', 'agent:id:*']], false],
  ['all of one', [['allow', 'agent:id:*']], [['allow', 'agent:id:001']], true],
  ['something of nothing', [['allow', 'agent:id:001']], [], true],
  [
    'what is denied',
    [['allow', 'agent:id:001']],
    [
      ['allow', 'agent:id:*'],
      ['deny', 'agent:group:web'],
    ],
    true,
  ],
  [
    'as much, denials too',
    [
      ['allow', '*:*:*'],
      ['deny', 'agent:id:1'],
    ],
    [
      ['allow', '*:*:*'],
      ['deny', 'agent:id:1'],
    ],
    false,
  ],
  [
    'without the denial',
    [['allow', '*:*:*']],
    [
      ['allow', '*:*:*'],
      ['deny', 'agent:id:1'],
    ],
    true,
  ],
]
test.each(more)('more than one has: %s', (_, wanted, held, isMore) => {
  const of = (entries: Entry[]) => rightsOf(policies('agent:read', ...entries), 'white')
  expect(exceeding(of(wanted), of(held))).toBe(isMore ? 'agent:read' : null)
})

const entry = fc.tuple(
  fc.constantFrom<'allow' | 'deny'>('allow', 'deny'),
  fc.constantFrom(
    '*:*:*',
    'agent:id:*',
    'agent:id:001',
    'agent:id:002',
    'agent:group:*',
    'agent:group:web',
    'agent:group:db',
  ),
)
const modes = fc.constantFrom<Mode>('white', 'black')
const agents = [web1, db2, ['agent:id:003'], ['agent:id:004', 'agent:group:web', 'agent:group:db']]

test('the last entry that speaks of a thing decides, whatever was left out before', () => {
  fc.assert(
    fc.property(fc.array(entry, { maxLength: 6 }), modes, (entries, mode) => {
      const rights = rightsOf(policies('agent:read', ...entries), mode)
      for (const names of agents) {
        const last = entries.findLast(
          ([, resource]) =>
            resource === '*:*:*' ||
            names.includes(resource) ||
            (resource.endsWith('*') && names.some((name) => name.startsWith(resource.slice(0, -1)))),
        )
        expect(rights.may('agent:read', names)).toBe(last === undefined ? mode === 'black' : last[0] === 'allow')
      }
      const may = agents.map((names) => rights.may('agent:read', names))
      if (rights.all('agent:read')) expect(may).not.toContain(false)
      if (!rights.some('agent:read')) expect(may).not.toContain(true)
    }),
  )
})

test('nobody may anything by what does not exceed their own', () => {
  fc.assert(
    fc.property(fc.array(entry, { maxLength: 5 }), fc.array(entry, { maxLength: 5 }), modes, (wanted, held, mode) => {
      const [asked, had] = [wanted, held].map((entries) => rightsOf(policies('agent:read', ...entries), mode))
      if (asked === undefined || had === undefined || exceeding(asked, had) !== null) return
      for (const names of agents) if (asked.may('agent:read', names)) expect(had.may('agent:read', names)).toBe(true)
    }),
  )
})

const problems: [says: string, actions: Action[], resources: string[], problem: RegExp | null][] = [
  ['all is well', ['agent:read', 'syscheck:read'], ['agent:id:001', 'agent:group:web'], null],
  ['everything is for all', [...actions], ['*:*:*'], null],
  ['a thing that no action is for', ['rules:read'], ['rule:file:a.xml', 'agent:id:001'], /agent:id:001/],
  ['an action for no thing', ['rules:read', 'manager:read'], ['rule:file:a.xml'], /manager:read is for \*:\*:\*/],
]
test.each(problems)('%s', (_, named, resources, problem) => {
  const found = policyProblem({ actions: named, resources, effect: 'allow' })
  if (problem === null) expect(found).toBeNull()
  else expect(found).toMatch(problem)
})

test.each([
  ['*:*', true],
  ['*:*:*', true],
  ['agent:id:*', true],
  ['agent:id:001', true],
  ['rule:file:local_rules.xml', true],
  ['agent:id:', false],
  ['agent:name:x', false],
  ['agent:id:001&agent:id:002', false],
  ['rule:file:../x', false],
  ['agent:*:001', false],
])('%s is a resource: %s', (resource, isOne) => {
  expect(new RegExp(resourcePattern(Object.keys(resourceKinds))).test(resource)).toBe(isOne)
})

test('ten thousand things one by one are no long work', () => {
  const resources = Array.from({ length: 50 }, (_, n) => `agent:id:${n}`)
  const many = Array.from({ length: 200 }, (_, n) =>
    resources.map((resource) => resource.replace('id:', `id:${n}0`)),
  ).map((of): PolicyContent => ({ actions: [...actions], resources: of, effect: 'allow' }))
  const rights = rightsOf(many, 'white')
  expect(rights.grants('agent:read')).toHaveLength(10_000)
  const seen = Array.from({ length: 20_000 }, (_, n) =>
    rights.may('agent:read', [`agent:id:${n}`, 'agent:group:default']),
  )
  expect(seen.filter((may) => may).length).toBeGreaterThan(1000)
})
