import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { actorKindOf } from './actor.ts'
import { commandIn, isPublicAddress } from './kubernetes-object.ts'
import { signingSubject } from './object-facts.ts'
import { resultingObject } from './patch-object.ts'
import { podFacts } from './pod-template.ts'
import { splitBody } from './split.ts'

describe('kinds of actors', () => {
  const cases: [name: string, kind: string][] = [
    ['', 'anonymous'],
    ['system:anonymous', 'anonymous'],
    ['alice', 'person'],
    ['system:admin', 'person'],
    ['system:serviceaccount:shop:web', 'serviceaccount'],
    ['system:serviceaccount:kube-system:replicaset-controller', 'control-plane'],
    ['system:serviceaccount:kube-system:evil-controller', 'serviceaccount'],
    ['system:serviceaccount:shop:replicaset-controller', 'serviceaccount'],
    ['system:node:n1', 'node'],
    ['system:bootstrap:abc', 'node'],
    ['system:apiserver', 'control-plane'],
    ['system:apiserver2', 'person'],
    ['eks:node-manager', 'control-plane'],
    ['aksService', 'control-plane'],
    ['service-1@container-engine-robot.iam.gserviceaccount.com', 'control-plane'],
    ['a@p.iam.gserviceaccount.com', 'person'],
  ]
  test.each(cases)('%s is %s', (name, kind) => expect(actorKindOf(name)).toBe(kind))
})

describe('commands in a URI', () => {
  const cases: [says: string, uri: string, command: string][] = [
    ['joins the parts', '/exec?command=ls&command=-l', 'ls -l'],
    ['leaves out other parameters', '/exec?container=command&stdin=true&command=sh&tty=true', 'sh'],
    ['unescapes blanks and bytes', '/exec?command=cat+%2Fetc%2fpasswd%20x', 'cat /etc/passwd x'],
    ['reads UTF-8', '/exec?command=%C3%A4', 'ä'],
    ['leaves what is no escape', '/exec?command=100%+%zz', '100% %zz'],
    ['knows escaped names', '/exec?c%6fmmand=id', 'id'],
    ['knows the name of the kubelet', '/run?cmd=id', 'id'],
    ['takes an empty command', '/exec?command=&command', ' '],
    ['says nothing without a query', '/command=id', ''],
  ]
  test.each(cases)('%s', (_, uri, command) => expect(commandIn(uri)).toBe(command))
  test('never throws', () =>
    fc.assert(fc.property(fc.string({ unit: 'binary' }), (text) => typeof commandIn(`?command=${text}`) === 'string')))
})

describe('public addresses', () => {
  const cases: [address: string, isPublic: boolean][] = [
    ['8.8.8.8', true],
    ['172.15.0.1', true],
    ['172.16.0.1', false],
    ['172.31.255.255', false],
    ['10.0.0.1', false],
    ['192.168.1.1', false],
    ['127.0.0.1', false],
    ['169.254.1.1', false],
    ['100.64.0.1', false],
    ['100.128.0.1', true],
    ['224.0.0.1', false],
    ['0.0.0.0', false],
    ['2001:4860:4860::8888', true],
    ['::1', false],
    ['fe80::1', false],
    ['fd00::1', false],
    ['::ffff:8.8.8.8', true],
    ['::ffff:10.0.0.1', false],
    ['<b>', false],
    ['', false],
  ]
  test.each(cases)('%s: %s', (address, isPublic) => {
    const bytes = Buffer.from(`"${address}"`)
    expect(isPublicAddress(bytes, 0, bytes.length)).toBe(isPublic)
  })
})

describe('the subject of a certificate request', () => {
  const request =
    'LS0tLS1CRUdJTiBDRVJUSUZJQ0FURSBSRVFVRVNULS0tLS0KTUlIbU1JR05BZ0VBTUNzeEZ6QVZCZ05WQkFvTURuTjVjM1JsYlRwdFlYTjBaWEp6TVJBd0RnWURWUVFEREFkdApZV3hzYjNKNU1Ga3dFd1lIS29aSXpqMENBUVlJS29aSXpqMERBUWNEUWdBRVl2R2poeUp3ZGZSZ0EwQVdGL0ovCi93OWRtc0VsaC93dHNMRDUwZHN6N2taUUIxMEN2VndwMHArTnhIZmo5cjFIdmE3ZmJMOTBaVVlLdllES2NGMmgKR3FBQU1Bb0dDQ3FHU000OUJBTUNBMGdBTUVVQ0lFQzJTRXNWZVY1c2RKV2tvY0Y4SVgzeStQaW12WUNoUHRWVQpZdXlKdkx2REFpRUE2bGgrWEh5Q1pPVzh6ZHViNDFLdVYxeXV1M1VRNGt2QnNWRzRhNVBFQ2pjPQotLS0tLUVORCBDRVJUSUZJQ0FURSBSRVFVRVNULS0tLS0K'
  test('is read from the request', () => expect(signingSubject(request)).toEqual(['O=system:masters', 'CN=mallory']))
  test.each([['', 'no base64 at all !!', 'aGVsbG8=', request.slice(0, 200)]])(
    'of something else is empty',
    (...texts) => {
      for (const text of texts) expect(signingSubject(text)).toEqual([])
    },
  )
  test('never throws', () =>
    fc.assert(
      fc.property(
        fc.uint8Array(),
        (bytes) =>
          signingSubject(
            Buffer.from(
              `-----BEGIN CERTIFICATE REQUEST-----\n${Buffer.from(bytes).toString('base64')}\n-----END`,
            ).toString('base64'),
          ).length >= 0,
      ),
    ))
  test('goes into the event', () => {
    const body = `{"verb":"create","objectRef":{"resource":"certificatesigningrequests"},"requestObject":{"spec":{"signerName":"s","request":"${request}"}}}`
    expect(JSON.parse(splitBody(Buffer.from(body), { cluster: 'c' }).events[0]?.text ?? '').kubernetes).toMatchObject({
      signer: 's',
      requestedSubject: ['O=system:masters', 'CN=mallory'],
    })
  })
})

describe('outcomes', () => {
  const cases: [says: string, members: string, outcome: string | undefined, allowed: string | undefined][] = [
    ['403 alone is a refusal', '"responseStatus":{"code":403}', 'refused', 'false'],
    ['401 alone is a refusal', '"responseStatus":{"code":401}', 'refused', 'false'],
    ['forbid alone is a refusal', '"annotations":{"authorization.k8s.io/decision":"forbid"}', 'refused', 'false'],
    ['500 is a failure', '"responseStatus":{"code":500}', 'failed', 'false'],
    ['101 is a success', '"responseStatus":{"code":101}', 'allowed', 'true'],
    [
      'allow without an answer is a success',
      '"annotations":{"authorization.k8s.io/decision":"allow"}',
      'allowed',
      'true',
    ],
    ['nothing known is nothing said', '"responseStatus":{}', undefined, undefined],
    ['a code that is none is nothing', '"responseStatus":{"code":"200"}', undefined, undefined],
  ]
  test.each(cases)('%s', (_, members, outcome, allowed) => {
    const text = splitBody(Buffer.from(`{"verb":"get",${members}}`), { cluster: 'c' }).events[0]?.text ?? ''
    expect([JSON.parse(text).kubernetes.outcome, JSON.parse(text).kubernetes.allowed]).toEqual([outcome, allowed])
  })
})

describe('facts of objects', () => {
  const cases: [says: string, resource: string, verb: string, request: string, response: string, expected: object][] = [
    ['an ingress with TLS', 'ingresses', 'create', '{"spec":{"tls":[{}]}}', '{}', { tls: 'true' }],
    ['an ingress without', 'ingresses', 'create', '{"spec":{}}', '{}', { tls: 'false' }],
    ['a patch of an ingress that does not speak of TLS', 'ingresses', 'patch', '{"spec":{"rules":[]}}', 'null', {}],
    [
      'a load balancer with external addresses',
      'services',
      'create',
      '{"spec":{"type":"LoadBalancer","externalIPs":["1.2.3.4"]}}',
      '{}',
      { serviceType: 'LoadBalancer', externalIPs: ['1.2.3.4'] },
    ],
    [
      'a namespace that is made privileged',
      'namespaces',
      'patch',
      '{"metadata":{"labels":{"pod-security.kubernetes.io/enforce":"privileged"}}}',
      'null',
      { podSecurityLevel: 'privileged' },
    ],
    [
      'a namespace whose level is taken away',
      'namespaces',
      'patch',
      '{"metadata":{"labels":{"pod-security.kubernetes.io/enforce":null}}}',
      'null',
      { podSecurityLevel: 'none' },
    ],
    [
      'a JSON patch that takes it away',
      'namespaces',
      'patch',
      '[{"op":"remove","path":"/metadata/labels/pod-security.kubernetes.io~1enforce"}]',
      'null',
      { podSecurityLevel: 'none' },
    ],
    ['a namespace that has no level', 'namespaces', 'create', '{"metadata":{"labels":{}}}', '{}', {}],
    [
      'a role with all resources of the core group',
      'roles',
      'create',
      '{"rules":[{"apiGroups":[""],"verbs":["get"],"resources":["*"]}]}',
      '{}',
      { rights: ['resources:*', 'pods/exec', 'nodes/proxy'] },
    ],
    [
      'a role with all resources of another group',
      'roles',
      'create',
      '{"rules":[{"apiGroups":["apps"],"verbs":["get"],"resources":["*"]}]}',
      '{}',
      { rights: ['resources:*'] },
    ],
    [
      'a pod that may run as root',
      'pods',
      'create',
      '{"spec":{"securityContext":{"runAsNonRoot":false,"sysctls":[{"name":"kernel.msgmax"}]},"containers":[{"ports":[{"hostPort":80}],"securityContext":{"runAsUser":0,"procMount":"Unmasked","seccompProfile":{"type":"Unconfined"}}}]}}',
      '{}',
      {
        podSecurity: [
          'runAsNonRoot:false',
          'sysctl:kernel.msgmax',
          'hostPort:80',
          'procMount:Unmasked',
          'seccomp:Unconfined',
          'runAsRoot',
        ],
      },
    ],
    [
      'an ephemeral container',
      'pods',
      'update',
      '{"spec":{"ephemeralContainers":[{"image":"e","securityContext":{"privileged":true}}]}}',
      '{}',
      { podSecurity: ['privileged'], images: ['e'], repositories: 'e', registries: 'docker.io' },
    ],
    [
      'a refused patch, answered by a Status',
      'pods',
      'patch',
      '{"spec":{"hostPID":true}}',
      '{"kind":"Status"}',
      { podSecurity: ['hostPID'] },
    ],
    [
      'types that are not what they should be',
      'pods',
      'create',
      '{"spec":{"containers":"x","volumes":[1,null,{"hostPath":3}],"initContainers":[[],{"image":7}],"securityContext":[]}}',
      '[]',
      {},
    ],
    ['a role of odd types', 'roles', 'create', '{"rules":[null,1,{"verbs":"*","resources":[1]}]}', '{}', {}],
  ]
  test.each(cases)('%s', (_, resource, verb, request, response, expected) => {
    const body = `{"verb":"${verb}","objectRef":{"resource":"${resource}","name":"n"},"requestObject":${request},"responseObject":${response}}`
    const {
      cluster: _cluster,
      verb: _verb,
      resource: _resource,
      name: _name,
      final: _final,
      ...facts
    } = JSON.parse(splitBody(Buffer.from(body), { cluster: 'c' }).events[0]?.text ?? '').kubernetes
    expect(facts).toEqual(expected)
  })

  test('a command in the body of exec, when the URI has none', () => {
    const body =
      '{"verb":"create","objectRef":{"resource":"pods","subresource":"exec"},"requestObject":{"command":["cat","/x"]}}'
    expect(JSON.parse(splitBody(Buffer.from(body), { cluster: 'c' }).events[0]?.text ?? '').kubernetes.command).toBe(
      'cat /x',
    )
  })

  test('no document breaks the judges, and none reaches a prototype', () => {
    fc.assert(
      fc.property(
        fc.jsonValue({ maxDepth: 6 }),
        fc.constantFrom('pods', 'cronjobs', 'roles', 'services', 'namespaces'),
        (value, resource) => {
          expect(podFacts(resource, value)?.findings.length ?? 0).toBeLessThanOrEqual(64)
          const body = `{"verb":"patch","objectRef":{"resource":"${resource}"},"requestObject":${JSON.stringify(value)},"responseObject":${JSON.stringify(value)}}`
          expect(splitBody(Buffer.from(body), { cluster: 'c' }).events.length).toBe(1)
        },
      ),
    )
    resultingObject(
      [
        { op: 'add', path: '/__proto__/polluted', value: true },
        { op: 'add', path: '/constructor/prototype/polluted', value: true },
      ],
      () => undefined,
      'patch',
    )
    expect('polluted' in {}).toBe(false)
  })
})
