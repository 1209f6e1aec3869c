import { describe, expect, test } from 'vitest'
import { recipePolicy, recommendedPolicy } from './audit-policy.ts'
import {
  type AuditedRequest,
  type AuditPolicy,
  blindNeeds,
  detectionNeeds,
  readPolicy,
  recordedLevel,
} from './policy-level.ts'

function policyOf(text: string): AuditPolicy {
  const policy = readPolicy(text)
  if (!('rules' in policy)) throw new Error(policy.join())
  return policy
}

const someone = { user: 'u', groups: ['g'], verb: 'get', namespace: 'n', name: 'x' }

describe('rules', () => {
  const cases: [says: string, rule: string, request: AuditedRequest, isMatch: boolean][] = [
    ['without conditions match all', '{level: Request}', someone, true],
    ['match a user', '{level: Request, users: [u]}', someone, true],
    ['pass over another user', '{level: Request, users: [v]}', someone, false],
    ['match one of the groups', '{level: Request, userGroups: [x, g]}', someone, true],
    ['pass over another verb', '{level: Request, verbs: [list]}', someone, false],
    [
      'match a resource',
      "{level: Request, resources: [{group: '', resources: [pods]}]}",
      { ...someone, resource: 'pods' },
      true,
    ],
    [
      'do not match its subresource',
      "{level: Request, resources: [{group: '', resources: [pods]}]}",
      { ...someone, resource: 'pods', subresource: 'exec' },
      false,
    ],
    [
      'match a subresource by name',
      '{level: Request, resources: [{resources: [pods/exec]}]}',
      { ...someone, resource: 'pods', subresource: 'exec' },
      true,
    ],
    [
      'match all subresources',
      '{level: Request, resources: [{resources: [pods/*]}]}',
      { ...someone, resource: 'pods', subresource: 'exec' },
      true,
    ],
    [
      'match a subresource of everything',
      '{level: Request, resources: [{group: apps, resources: ["*/scale"]}]}',
      { ...someone, resource: 'deployments', subresource: 'scale', apiGroup: 'apps' },
      true,
    ],
    [
      'match everything of a group',
      '{level: Request, resources: [{group: apps}]}',
      { ...someone, resource: 'deployments', subresource: 'scale', apiGroup: 'apps' },
      true,
    ],
    [
      'tell groups apart',
      "{level: Request, resources: [{group: '', resources: ['*']}]}",
      { ...someone, resource: 'deployments', apiGroup: 'apps' },
      false,
    ],
    [
      'match a name',
      '{level: Request, resources: [{resources: [pods], resourceNames: [x]}]}',
      { ...someone, resource: 'pods' },
      true,
    ],
    [
      'pass over another name',
      '{level: Request, resources: [{resources: [pods], resourceNames: [y]}]}',
      { ...someone, resource: 'pods' },
      false,
    ],
    ['match a namespace', '{level: Request, namespaces: [n]}', { ...someone, resource: 'pods' }, true],
    [
      'know the empty namespace',
      "{level: Request, namespaces: ['']}",
      { ...someone, resource: 'nodes', namespace: '' },
      true,
    ],
    [
      'with resources pass over paths',
      '{level: Request, resources: [{group: apps}]}',
      { ...someone, path: '/apis/apps' },
      false,
    ],
    ['match a path', '{level: Request, nonResourceURLs: [/version]}', { ...someone, path: '/version' }, true],
    [
      'match the beginning of a path',
      "{level: Request, nonResourceURLs: ['/health*']}",
      { ...someone, path: '/healthz/etcd' },
      true,
    ],
    ['match all paths', "{level: Request, nonResourceURLs: ['*']}", { ...someone, path: '/x' }, true],
    [
      'with paths pass over resources',
      "{level: Request, nonResourceURLs: ['*']}",
      { ...someone, resource: 'pods' },
      false,
    ],
  ]
  test.each(cases)('%s', (_, rule, request, isMatch) => {
    const policy = policyOf(`apiVersion: audit.k8s.io/v1\nkind: Policy\nrules: [${rule}]\n`)
    expect(recordedLevel(policy, request)).toMatchObject(
      isMatch ? { level: 'Request', rule: 1 } : { level: 'None', rule: 0 },
    )
  })

  test('the first that matches decides, and stages add up', () => {
    const policy = policyOf(
      'apiVersion: audit.k8s.io/v1\nkind: Policy\nomitStages: [RequestReceived]\nrules: [{level: None, users: [v]}, {level: Metadata, omitStages: [Panic]}, {level: Request}]\n',
    )
    expect(recordedLevel(policy, someone)).toEqual({
      level: 'Metadata',
      rule: 2,
      omitStages: ['RequestReceived', 'Panic'],
    })
  })
})

describe('mistakes in a policy', () => {
  const head = 'apiVersion: audit.k8s.io/v1\nkind: Policy\n'
  const cases: [says: string, text: string, problem: RegExp][] = [
    ['no YAML', 'a: [', /no valid YAML/],
    ['another kind', 'kind: Pod\n', /kind is Pod/],
    ['an old version', 'apiVersion: audit.k8s.io/v1beta1\nkind: Policy\nrules: [{level: None}]\n', /v1beta1/],
    ['no rules', head, /no rules/],
    ['a level that there is not', `${head}rules: [{level: None}, {level: All}]\n`, /rule 2: level All/],
    [
      'paths and resources in one rule',
      `${head}rules: [{level: None, nonResourceURLs: [/x], resources: [{group: ''}]}]\n`,
      /exclude/,
    ],
    [
      'names without resources',
      `${head}rules: [{level: None, resources: [{group: '', resourceNames: [x]}]}]\n`,
      /need resources/,
    ],
    ['a star in the middle', `${head}rules: [{level: None, nonResourceURLs: ['/a*b']}]\n`, /at the end/],
  ]
  test.each(cases)('%s', (_, text, problem) => expect(String(readPolicy(text))).toMatch(problem))
})

describe('blind detections', () => {
  const blindUnder = (text: string) => blindNeeds(policyOf(text), detectionNeeds).map(({ need }) => need.name)

  test('there are none under the recommended policy with bodies of config maps', () => {
    expect(blindUnder(recommendedPolicy({ configMapBodies: true }))).toEqual([])
  })

  test('without those bodies only credentials in config maps stay unseen', () => {
    expect(blindUnder(recommendedPolicy({ configMapBodies: false }))).toEqual(['30 credentials in a config map'])
  })

  test('under the policy of the recipe all bodies but those of pods are missing', () => {
    const blind = blindUnder(recipePolicy())
    expect(blind).toContain('58–60 cluster role bindings')
    expect(blind).toContain('33–40 deployments')
    expect(blind).not.toContain('33–43 pods')
    expect(blind).not.toContain('17–24 secret reads')
  })

  test('say why', () => {
    const policy = policyOf(
      'apiVersion: audit.k8s.io/v1\nkind: Policy\nomitStages: [ResponseComplete]\nrules: [{level: Metadata}]\n',
    )
    const why = blindNeeds(policy, detectionNeeds).map((blind) => blind.why)
    expect(why).toContain('rule 1 records Metadata, Request is needed')
    expect(why).toContain('rule 1 leaves out the stage ResponseComplete')
  })

  test('bodies of secrets and tokens are never recorded by the recommended policy', () => {
    const policy = policyOf(recommendedPolicy({ configMapBodies: true }))
    for (const [resource, subresource, apiGroup] of [
      ['secrets', '', ''],
      ['serviceaccounts', 'token', ''],
      ['tokenreviews', '', 'authentication.k8s.io'],
    ] as const) {
      for (const verb of ['get', 'list', 'create', 'update', 'patch', 'delete']) {
        expect(recordedLevel(policy, { ...someone, verb, resource, subresource, apiGroup }).level).toBe('Metadata')
      }
    }
  })
})
