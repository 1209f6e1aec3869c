/** The Kubernetes rules: golden events both ways, each condition shown to be needed, lists, and the audit table against rules and page. */
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { compileRuleset } from '@dogwatch/engine'
import { describe, expect, test } from 'vitest'
import { namesTechnique, runDetections } from './detections.ts'
import { detectionsPage } from './detections-page.ts'
import { catalogues } from './k8s-catalogue.ts'
import { type GoldenCase, goldenCases, lastRule } from './k8s-golden.ts'
import { activityFile, compiled, detectionsFile, productSources, rulesetDir } from './k8s-ruleset.ts'

const cases = goldenCases(detectionsFile)
const ruleset = compiled(productSources())
const repository = join(rulesetDir, '..')
const shared = process.env.DOGWATCH_SHARED ?? join(repository, '../shared')
const [detections, activity] = catalogues()

function holds(golden: GoldenCase, rule: number): boolean {
  return 'rule' in golden.expect ? String(rule) === golden.expect.rule : String(rule) !== golden.expect.not
}

describe('golden events', () => {
  test.each(cases.map((golden) => [`${golden.rule} ${golden.says}`, golden] as const))('%s', (_, golden) => {
    expect(holds(golden, lastRule(ruleset, golden.format, golden.log))).toBe(true)
  })

  const withActivity = compiled(productSources({ withActivity: true }))
  test.each(goldenCases(activityFile).map((golden) => [`${golden.rule} ${golden.says}`, golden] as const))(
    'activity %s',
    (_, golden) => {
      expect(holds(golden, lastRule(withActivity, golden.format, golden.log))).toBe(true)
    },
  )

  test('every rule that alerts without a list has an example, and nothing is tested that is not there', () => {
    const fired = new Set(cases.flatMap(({ expect: wanted, rule }) => ('rule' in wanted ? [rule] : [])))
    const alerting = detections?.rules.filter(({ level, lists }) => level >= 3 && lists.length === 0) ?? []
    expect(alerting.map(({ id }) => id).filter((id) => !fired.has(id))).toEqual([])
    const known = new Set(detections?.rules.map(({ id }) => id))
    expect([...fired].filter((id) => !known.has(id))).toEqual([])
  })
})

describe.each([
  [detectionsFile, cases],
  [activityFile, goldenCases(activityFile)],
])('every condition is needed in %s: without it a near miss fires', (file, golden) => {
  const withActivity = file === activityFile
  const text = readFileSync(join(rulesetDir, 'rules', file), 'latin1')
  const blocks = [...text.matchAll(/ {2}<rule id="(\d+)"[\s\S]*?<\/rule>/g)].map(([block, id]) => ({
    id: Number(id),
    block,
  }))
  const tested = blocks.filter(({ id }) => golden.some(({ rule }) => rule === id))
  test.each(tested.map(({ id, block }) => [id, block] as const))('rule %i', (id, block) => {
    const near = golden.filter(({ rule, expect: wanted }) => rule === id && 'not' in wanted)
    const conditions = block.match(/ *<(?:field|list|same_field|different_field|regex)\b.*\n| *<if_fts \/>\n/g) ?? []
    const unproven = conditions.filter((condition) => {
      const changed = text.replace(block, () => block.replace(condition, () => ''))
      const without = compiled(productSources({ withActivity, rules: new Map([[file, changed]]) }))
      return !near.some(({ format, log }) => lastRule(without, format, log) === id)
    })
    expect(unproven).toEqual([])
  })
})

describe('lists', () => {
  const pod = (image: string, user = 'jane@example.com') => ({
    kind: 'Event',
    apiVersion: 'audit.k8s.io/v1',
    level: 'Request',
    auditID: '5f0c1d2e-0000-4000-8000-000000000001',
    stage: 'ResponseComplete',
    requestURI: '/api/v1/namespaces/shop/pods',
    verb: 'create',
    user: { username: user },
    sourceIPs: ['203.0.113.9'],
    userAgent: 'kubectl/v1.31',
    objectRef: { resource: 'pods', namespace: 'shop', name: 'web' },
    responseStatus: { code: 201 },
    requestObject: { spec: { hostPID: true, containers: [{ image }] } },
    requestReceivedTimestamp: '2026-01-05T10:00:00.000000Z',
  })
  const plain = { ...pod('nginx:1'), requestObject: { spec: { containers: [{ image: 'nginx:1' }] } } }
  const created = (resource: string, name: string, user: string) => ({
    ...plain,
    user: { username: user },
    objectRef: { resource, name },
    requestObject: undefined,
  })
  const listCases: [says: string, list: string, entries: string, event: object, rule: number][] = [
    ['a dangerous pod with empty lists', 'k8s-trusted-accounts', '# jane@example.com\n', pod('nginx:1'), 200403],
    ['a trusted account is silent', 'k8s-trusted-accounts', 'jane@example.com:\n', pod('nginx:1'), 0],
    ['another account is not', 'k8s-trusted-accounts', 'joe@example.com:\n', pod('nginx:1'), 200403],
    ['a trusted namespace is silent', 'k8s-trusted-namespaces', 'shop:\n', pod('nginx:1'), 0],
    ['a trusted image is silent', 'k8s-trusted-images', 'quay.io/a/agent:\n', pod('quay.io/a/agent:2'), 0],
    [
      'an image beside the trusted ones',
      'k8s-trusted-images',
      'quay.io/a/agent:\n',
      pod('quay.io/a/agent-x:2'),
      200403,
    ],
    ['allowed images, switched off', 'k8s-allowed-images', 'quay.io/a/agent:\n', plain, 0],
    ['allowed images, switched on', 'k8s-allowed-images', 'person:\nquay.io/a/agent:\n', plain, 201105],
    ['an allowed image', 'k8s-allowed-images', 'person:\nnginx:\n', plain, 0],
    ['allowed registries', 'k8s-allowed-registries', 'person:\nquay.io:\n', plain, 201106],
    ['an allowed registry', 'k8s-allowed-registries', 'person:\ndocker.io:\n', plain, 0],
    ['an unknown user', 'k8s-allowed-users', 'person:\njoe@example.com:\n', plain, 201103],
    ['a known user', 'k8s-allowed-users', 'person:\njane@example.com:\n', plain, 0],
    ['an administrator account', 'k8s-admins', 'jane@example.com:\n', plain, 201104],
    ['a bad address', 'k8s-bad-addresses', '203.0.113.9:\n', plain, 201101],
    ['a bad network', 'k8s-bad-addresses', '203.0.113.:\n', plain, 201101],
    [
      'a namespace that is not allowed',
      'k8s-allowed-namespaces',
      'person:\nshop:\n',
      created('namespaces', 'x', 'a'),
      201107,
    ],
    [
      'a namespace that is allowed',
      'k8s-allowed-namespaces',
      'person:\nshop:\n',
      created('namespaces', 'shop', 'a'),
      0,
    ],
    ['a strange node', 'k8s-allowed-nodes', 'node:\nn1:\n', created('nodes', 'n2', 'system:node:n2'), 201108],
    ['a known node', 'k8s-allowed-nodes', 'node:\nn1:\n', created('nodes', 'n1', 'system:node:n1'), 0],
  ]
  test.each(listCases)('%s', (_, list, entries, event, rule) => {
    const filled = compiled(productSources({ lists: new Map([[list, entries]]) }))
    expect(lastRule(filled, 'k8s', [event])).toBe(rule)
  })

  test('without any list of ours the detections still load and work', () => {
    const { ruleset: bare } = compileRuleset({ ...productSources(), lists: [] })
    expect(bare === null ? -1 : lastRule(bare, 'k8s', [pod('nginx:1')])).toBe(200403)
  })

  test('a platform image stays at information level, one that looks like it does not', () => {
    expect(lastRule(ruleset, 'k8s', [pod('registry.k8s.io/kube-proxy:v1.31.0')])).toBe(201195)
    expect(lastRule(ruleset, 'k8s', [pod('registry.k8s.io/e2e-test-images/busybox:1')])).toBe(200403)
    expect(lastRule(ruleset, 'k8s', [pod('example.com/registry.k8s.io/kube-proxy:v1.31.0')])).toBe(200403)
  })
})

describe('the recipe beside the detections', () => {
  const local = `<group name="k8s_audit,">
  <rule id="110002" level="0"><location>k8s</location><field name="apiVersion">audit</field><description>audit</description></rule>
  <rule id="110003" level="5"><if_sid>110002</if_sid><regex type="pcre2">requestURI\\":.+", \\"verb\\": \\"create</regex><description>created</description></rule>
</group>`
  const sources = productSources()
  const both = compiled({ ...sources, rules: [...sources.rules, { path: 'local_rules.xml', text: local }] })
  const deployment = {
    kind: 'Event',
    apiVersion: 'audit.k8s.io/v1',
    level: 'Metadata',
    auditID: '5f0c1d2e-0000-4000-8000-000000000001',
    stage: 'ResponseComplete',
    requestURI: '/apis/apps/v1/namespaces/default/deployments?fieldManager=kubectl-create',
    verb: 'create',
    user: { username: 'kubernetes-admin', groups: ['system:masters'] },
    sourceIPs: ['10.1.2.3'],
    userAgent: 'kubectl/v1.31',
    objectRef: { resource: 'deployments', namespace: 'default', name: 'hello' },
    responseStatus: { code: 201 },
  }
  test('an ordinary create still ends in the rule of the recipe', () => {
    expect(lastRule(both, 'k8s', [deployment])).toBe(110003)
  })
  test('one session is told once, though it has two events', () => {
    const exec = (stage: string) => ({
      ...deployment,
      stage,
      requestURI: '/api/v1/namespaces/shop/pods/web/exec?command=sh',
      objectRef: { resource: 'pods', subresource: 'exec', namespace: 'shop', name: 'web' },
      responseStatus: { code: 101 },
    })
    expect(lastRule(both, 'k8s', [exec('ResponseStarted')])).toBe(200506)
    expect(lastRule(both, 'k8s', [exec('ResponseStarted'), exec('ResponseComplete')])).toBe(0)
  })
})

describe('ids, levels, page and table', () => {
  test('ids are ours, levels are those of the severities', () => {
    const all = [...(detections?.rules ?? []), ...(activity?.rules ?? [])]
    expect(all.filter(({ id }) => id < 200000 || id > 299999)).toEqual([])
    expect(all.filter(({ level, rows }) => rows.length > 0 && ![3, 5, 8, 12, 14].includes(level))).toEqual([])
    expect(all.filter(({ level, techniques }) => level >= 5 && techniques.length === 0)).toEqual([])
    expect(all.filter(({ level, why }) => level >= 3 && why === '')).toEqual([])
  })

  test('docs/detections.md is what the rules say', () => {
    const written = readFileSync(join(repository, 'docs/detections.md'), 'utf8')
    const all = [...cases, ...goldenCases(activityFile)]
    expect(written).toBe(detectionsPage(catalogues(), all, productSources().lists))
  })

  const table = join(shared, 'spec/k8s-detections.md')
  test.skipIf(!existsSync(table))('every row of the audit table has a rule or a reason, on the page too', () => {
    const text = readFileSync(table, 'utf8').split('\n## 2 ')[0] ?? ''
    const rows = [...text.matchAll(/^\| (\d+) \|/gm)].map(([, row]) => Number(row))
    const covered = new Set([...(detections?.rules ?? []), ...(activity?.rules ?? [])].flatMap((rule) => rule.rows))
    expect(rows.length).toBeGreaterThan(90)
    expect(rows.filter((row) => !covered.has(row) && detections?.reasons.has(row) !== true)).toEqual([])
    expect([...covered].filter((row) => !rows.includes(row))).toEqual([])
    const page = readFileSync(join(repository, 'docs/detections.md'), 'utf8')
    const told = new Set(
      [...page.matchAll(/Rows of the audit table: ([\d, ]+)/g)].flatMap(([, list]) =>
        (list ?? '').split(', ').map(Number),
      ),
    )
    expect(rows.filter((row) => !told.has(row) && !page.includes(`- Row ${row}: `))).toEqual([])
  })

  const data = join(shared, 'data/k8s-audit')
  test.skipIf(!existsSync(data))('the labelled sets: everything flagged or explained, nothing alarmed', () => {
    expect(runDetections(data, () => {})).toBe(true)
  })
})

const techniqueCases: [says: string, got: string[], wanted: string[], holds: boolean][] = [
  ['the same', ['T1609'], ['T1609'], true],
  ['a parent counts', ['T1098'], ['T1098.006'], true],
  ['a part counts for the whole', ['T1552.007'], ['T1552'], true],
  ['a sibling does not', ['T1552.001'], ['T1552.007'], false],
  ['a number that begins alike does not', ['T109'], ['T1098'], false],
  ['nothing asked', [], [], true],
]
test.each(techniqueCases)('techniques: %s', (_, got, wanted, is) => {
  expect(namesTechnique(got, wanted)).toBe(is)
})
