import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { actorKindOf, isOfPlatform } from './actor.ts'
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

describe('identities of the platform', () => {
  const cases: [name: string, is: boolean][] = [
    ['system:serviceaccount:kube-system:coredns', true],
    ['system:serviceaccount:kube-system:default', false],
    ['system:serviceaccount:kube-system2:coredns', false],
    ['system:serviceaccount:openshift-dns:dns', true],
    ['system:serviceaccount:azure-arc-kube-aad-proxy:x', false],
    ['system:serviceaccount:shop:kube-system', false],
    ['system:monitoring', true],
    ['system:admin', false],
    ['cluster-autoscaler', true],
    ['kubernetes-admin', false],
    ['alice', false],
  ]
  test.each(cases)('%s: %s', (name, is) => {
    expect(isOfPlatform(name)).toBe(is)
    expect(isOfPlatform(name)).toBe(is)
  })
  test('more names than are remembered are judged all the same', () => {
    for (let n = 0; n < 5000; n++) expect(isOfPlatform(`system:serviceaccount:kube-system:a${n}`)).toBe(true)
  })
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
    ['a read stays one', '"responseStatus":{"code":200},"requestURI":"/api/v1/secrets?dryRun=All"', 'allowed', 'true'],
    ['nothing known is nothing said', '"responseStatus":{}', undefined, undefined],
    ['a code that is none is nothing', '"responseStatus":{"code":"200"}', undefined, undefined],
  ]
  test.each([
    ['/api/v1/namespaces/a/pods?dryRun=All&fieldManager=x', 'create', 'rehearsed'],
    ['/api/v1/namespaces/a/pods/x?fieldManager=x&dryRun=All', 'patch', 'rehearsed'],
    ['/api/v1/namespaces/a/pods/x?fieldManager=x\\u0026dryRun=All', 'patch', 'rehearsed'],
    ['/api/v1/namespaces/a/pods?dryRun=Allx', 'create', 'allowed'],
    ['/api/v1/namespaces/a/pods?x=dryRun=All', 'create', 'allowed'],
    ['/api/v1/namespaces/a/pods/x/exec?command=dryRun=All&dryRun=All', 'create', 'allowed'],
  ])('%s, %s: %s', (uri, verb, outcome) => {
    const sub = uri.includes('/exec') ? ',"subresource":"exec"' : ''
    const event = `{"verb":"${verb}","user":{"username":"a"},"objectRef":{"resource":"pods"${sub}},"responseStatus":{"code":201},"requestURI":"${uri}"}`
    const text = splitBody(Buffer.from(event), { cluster: 'c' }).events[0]?.text ?? ''
    expect(JSON.parse(text).kubernetes.outcome).toBe(outcome)
  })
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
      { podSecurityLevel: 'removed' },
    ],
    [
      'a JSON patch that takes it away',
      'namespaces',
      'patch',
      '[{"op":"remove","path":"/metadata/labels/pod-security.kubernetes.io~1enforce"}]',
      'null',
      { podSecurityLevel: 'removed' },
    ],
    [
      'an update without a level, by a client that never knew one',
      'namespaces',
      'update',
      '{"metadata":{"labels":{"team":"x"}}}',
      '{}',
      { podSecurityLevel: 'none' },
    ],
    [
      'an update without a level that a manager still owns',
      'namespaces',
      'update',
      '{"metadata":{"labels":{},"managedFields":[1,{"fieldsV1":{"f:metadata":{"f:labels":{"f:pod-security.kubernetes.io/enforce":{}}}}}]}}',
      '{}',
      { podSecurityLevel: 'removed' },
    ],
    [
      'an update without a level that stands in the copy of kubectl',
      'namespaces',
      'update',
      '{"metadata":{"annotations":{"kubectl.kubernetes.io/last-applied-configuration":"{\\"metadata\\":{\\"labels\\":{\\"pod-security.kubernetes.io/enforce\\":\\"baseline\\"}}}"}}}',
      '{}',
      { podSecurityLevel: 'removed' },
    ],
    [
      'an update with an empty level',
      'namespaces',
      'update',
      '{"metadata":{"labels":{"pod-security.kubernetes.io/enforce":""}}}',
      '{}',
      { podSecurityLevel: 'removed' },
    ],
    [
      'a merge patch of all labels',
      'namespaces',
      'patch',
      '{"metadata":{"labels":null}}',
      '{}',
      { podSecurityLevel: 'removed' },
    ],
    [
      'a strategic merge that keeps no other label',
      'namespaces',
      'patch',
      '{"metadata":{"labels":{"$patch":"replace","team":"x"}}}',
      '{}',
      { podSecurityLevel: 'removed' },
    ],
    [
      'a JSON patch that replaces all labels',
      'namespaces',
      'patch',
      '[{"op":"replace","path":"/metadata/labels","value":{"team":"x"}}]',
      '{}',
      { podSecurityLevel: 'removed' },
    ],
    [
      'a JSON patch that moves the level away',
      'namespaces',
      'patch',
      '[{"op":"move","from":"/metadata/labels/pod-security.kubernetes.io~1enforce","path":"/metadata/labels/old"}]',
      '{}',
      { podSecurityLevel: 'removed' },
    ],
    [
      'a patch of another label, where the level was privileged before',
      'namespaces',
      'patch',
      '{"metadata":{"labels":{"team":"x"}}}',
      '{"metadata":{"labels":{"pod-security.kubernetes.io/enforce":"privileged","team":"x"}}}',
      {},
    ],
    [
      'a patch of another label, where there was no level',
      'namespaces',
      'patch',
      '[{"op":"add","path":"/metadata/labels/team","value":"x"}]',
      '{"metadata":{"labels":{"team":"x"}}}',
      {},
    ],
    [
      'a persistent volume on a path of the node',
      'persistentvolumes',
      'create',
      '{"spec":{"hostPath":{"path":"/etc/../root/"}}}',
      '{}',
      { podSecurity: ['hostPath:/root'] },
    ],
    [
      'a local persistent volume',
      'persistentvolumes',
      'update',
      '{"spec":{"local":{"path":"/var/lib/kubelet"}}}',
      '{}',
      { podSecurity: ['hostPath:/var/lib/kubelet'] },
    ],
    [
      'a persistent volume of a driver',
      'persistentvolumes',
      'create',
      '{"spec":{"csi":{"driver":"ebs.csi.aws.com","volumeHandle":"/etc"}}}',
      '{}',
      {},
    ],
    [
      'a JSON patch that closes a node',
      'nodes',
      'patch',
      '[{"op":"replace","path":"/spec/unschedulable","value":true}]',
      '{"spec":{"unschedulable":true}}',
      { unschedulable: 'true' },
    ],
    [
      'a patch of a node that was closed before',
      'nodes',
      'patch',
      '{"spec":{"taints":[]}}',
      '{"spec":{"unschedulable":true}}',
      {},
    ],
    [
      'a patch of a service that leaves its type alone',
      'services',
      'patch',
      '{"spec":{"ports":[{"port":81}]}}',
      '{"spec":{"type":"NodePort"}}',
      {},
    ],
    [
      'a patch that opens a service',
      'services',
      'patch',
      '[{"op":"replace","path":"/spec/type","value":"NodePort"}]',
      '{"spec":{"type":"NodePort"}}',
      { serviceType: 'NodePort' },
    ],
    [
      'a scaled deployment',
      'deployments',
      'patch',
      '{"spec":{"replicas":2}}',
      '{"spec":{"template":{"spec":{"hostIPC":true}}}}',
      {},
    ],
    [
      'a restarted deployment',
      'deployments',
      'patch',
      '{"spec":{"template":{"metadata":{"annotations":{"kubectl.kubernetes.io/restartedAt":"x"}}}}}',
      '{"spec":{"template":{"spec":{"hostIPC":true}}}}',
      {},
    ],
    [
      'a template that is replaced as a whole',
      'cronjobs',
      'patch',
      '[{"op":"replace","path":"/spec/jobTemplate","value":{"spec":{"template":{"spec":{"hostIPC":true}}}}}]',
      'null',
      { podSecurity: ['hostIPC'] },
    ],
    [
      'a verb that is put into a rule',
      'clusterroles',
      'patch',
      '[{"op":"add","path":"/rules/0/verbs/-","value":"*"}]',
      'null',
      { rights: ['verbs:*', 'write'] },
    ],
    [
      'a resource that is put into a rule whose verbs are not told',
      'clusterroles',
      'patch',
      '[{"op":"add","path":"/rules/0/resources/-","value":"secrets"}]',
      'null',
      { rights: ['write', 'write:secrets', 'read:secrets'] },
    ],
    [
      'all verbs on the kinds of an add-on',
      'clusterroles',
      'create',
      '{"rules":[{"apiGroups":["cert-manager.io"],"verbs":["*"],"resources":["*"]}]}',
      '{}',
      { rights: ['own:*', 'write'] },
    ],
    [
      'all verbs on a group of Kubernetes',
      'clusterroles',
      'create',
      '{"rules":[{"apiGroups":["rbac.authorization.k8s.io"],"verbs":["*"],"resources":["roles"]}]}',
      '{}',
      { rights: ['verbs:*', 'write', 'write:roles'] },
    ],
    [
      'a role that takes in all roles',
      'clusterroles',
      'create',
      '{"aggregationRule":{"clusterRoleSelectors":[{"matchLabels":{}}]},"rules":[]}',
      '{}',
      { rights: ['aggregates:*'] },
    ],
    [
      'a role that takes in some roles',
      'clusterroles',
      'create',
      '{"aggregationRule":{"clusterRoleSelectors":[{"matchLabels":{"a":"b"}}]},"rules":[]}',
      '{}',
      {},
    ],
    [
      'a subject that is put into a binding',
      'clusterrolebindings',
      'patch',
      '[{"op":"add","path":"/subjects/-","value":{"kind":"Group","name":"system:unauthenticated"}}]',
      'null',
      { role: 'unknown', subjects: ['Group:system:unauthenticated'] },
    ],
    [
      'a webhook that no longer stops anything',
      'validatingwebhookconfigurations',
      'patch',
      '[{"op":"replace","path":"/webhooks/0/failurePolicy","value":"Ignore"}]',
      '{}',
      { weakens: ['failurePolicy:Ignore'] },
    ],
    [
      'a webhook that is taken out',
      'validatingwebhookconfigurations',
      'patch',
      '[{"op":"remove","path":"/webhooks/0"}]',
      '{"webhooks":[]}',
      { weakens: ['webhooks:removed'] },
    ],
    [
      'a webhook without any rule',
      'mutatingwebhookconfigurations',
      'update',
      '{"webhooks":[]}',
      '{}',
      { weakens: ['webhooks:none'] },
    ],
    [
      'a webhook that leaves out namespaces',
      'validatingwebhookconfigurations',
      'patch',
      '{"webhooks":[{"name":"a","namespaceSelector":{"matchLabels":{"x":"y"}}}]}',
      '{}',
      { weakens: ['namespaceSelector'] },
    ],
    [
      'a webhook with a new authority',
      'mutatingwebhookconfigurations',
      'patch',
      '{"webhooks":[{"name":"a","clientConfig":{"caBundle":"x"}}]}',
      '{}',
      {},
    ],
    [
      'a new webhook that may fail',
      'mutatingwebhookconfigurations',
      'create',
      '{"webhooks":[{"failurePolicy":"Ignore"}]}',
      '{}',
      {},
    ],
    [
      'a policy that only watches',
      'validatingadmissionpolicybindings',
      'patch',
      '{"spec":{"validationActions":["Audit"]}}',
      'null',
      { weakens: ['validationActions:noDeny'] },
    ],
    [
      'a wall with a door for everybody',
      'networkpolicies',
      'update',
      '{"spec":{"ingress":[{}],"egress":[{"to":[{"ipBlock":{"cidr":"0.0.0.0/0"}}]}]}}',
      'null',
      { weakens: ['ingress:all', 'egress:all'] },
    ],
    [
      'a wall with a door for some',
      'networkpolicies',
      'update',
      '{"spec":{"ingress":[{"from":[{"podSelector":{}}]},{"ports":[{"port":53}]}]}}',
      'null',
      {},
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
        fc.constantFrom(
          ...[
            'pods',
            'cronjobs',
            'roles',
            'rolebindings',
            'services',
            'ingresses',
            'namespaces',
            'nodes',
            'configmaps',
          ],
          ...['persistentvolumes', 'networkpolicies', 'validatingwebhookconfigurations', 'mutatingadmissionpolicies'],
          ...['validatingadmissionpolicybindings', 'certificatesigningrequests'],
        ),
        (value, resource) => {
          expect(podFacts(resource, value)?.findings.length ?? 0).toBeLessThanOrEqual(64)
          const json = JSON.stringify(value)
          const bodies = [
            json,
            `{"metadata":${json},"spec":${json},"webhooks":[${json}],"rules":[${json}],"subjects":[${json}],"data":${json}}`,
          ]
          bodies.push(
            `[{"op":"replace","path":"/spec/template","value":${json}},{"op":"add","path":"/webhooks/0","value":${json}},${json}]`,
          )
          for (const body of bodies)
            for (const verb of ['create', 'update', 'patch']) {
              const event = `{"verb":"${verb}","objectRef":{"resource":"${resource}"},"requestObject":${body},"responseObject":${json}}`
              expect(splitBody(Buffer.from(event), { cluster: 'c' }).events.length).toBe(1)
            }
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
