import { gzipSync } from 'node:zlib'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { auditFiles, readLines } from './shared-data.ts'
import { fuzz } from './split.fuzz.ts'
import { parseLine, type SplitContext, splitBody } from './split.ts'

const context: SplitContext = { cluster: 'prod' }
const minute = '"requestReceivedTimestamp":"2026-11-22T01:00:00.000001Z"'

function list(...items: string[]): Buffer {
  return Buffer.from(`{"kind":"EventList","apiVersion":"audit.k8s.io/v1","metadata":{},"items":[${items.join(',')}]}`)
}

function item(n: number, more = ''): string {
  return `{"level":"Metadata","auditID":"00000000-0000-4000-8000-${String(n).padStart(12, '0')}","stage":"ResponseComplete","verb":"get"${more}}`
}

/** The text in front of `, "kubernetes"`. */
function membersOf(text: string): string {
  return text.slice(0, text.lastIndexOf(', "kubernetes": '))
}

function kubernetesOf(body: Buffer | string, more: Partial<SplitContext> = {}): Record<string, unknown> {
  const { events, rejected } = splitBody(Buffer.from(body), { ...context, ...more })
  expect(rejected).toEqual([])
  return JSON.parse(Buffer.from(events[0]?.text ?? '', 'latin1').toString()).kubernetes
}

describe('the event text', () => {
  const cases: [says: string, body: string, members: string][] = [
    [
      'puts kind and the version of the list in front',
      '{"kind":"EventList","apiVersion":"audit.k8s.io/v1","items":[{"a":1}]}',
      '{"kind": "Event", "apiVersion": "audit.k8s.io/v1", "a": 1',
    ],
    [
      'leaves kind and version of an item where they are',
      '{"verb":"get","kind":"Event","apiVersion":"audit.k8s.io/v1"}',
      '{"verb": "get", "kind": "Event", "apiVersion": "audit.k8s.io/v1"',
    ],
    [
      'adds only what is missing',
      '{"kind":"Event","verb":"get"}',
      '{"apiVersion": "audit.k8s.io/v1", "kind": "Event", "verb": "get"',
    ],
    [
      'knows the version of a list whose items come first',
      '{"items":[{"a":1}],"apiVersion":"audit.k8s.io/v1","kind":"EventList"}',
      '{"kind": "Event", "apiVersion": "audit.k8s.io/v1", "a": 1',
    ],
    [
      'puts one blank behind : and , and drops other white space',
      '{"verb" :\t"get"\n,"user":{ "groups":[ "a" ,"b" ] , "e":{ },"f":[\r] }}',
      '{"kind": "Event", "apiVersion": "audit.k8s.io/v1", "verb": "get", "user": {"groups": ["a", "b"], "e": {}, "f": []}',
    ],
    [
      'touches nothing inside strings',
      '{"verb":"a:b,c","user":{"x":"\\u00e4\\/\\"\\\\ : , {}ä€😀"}}',
      '{"kind": "Event", "apiVersion": "audit.k8s.io/v1", "verb": "a:b,c", "user": {"x": "\\u00e4\\/\\"\\\\ : , {}ä€😀"}',
    ],
    [
      'touches no number',
      `{"verb":"get","n":[1.0,-0,1e5,0.10,${'9'.repeat(400)},1E+2]}`,
      `{"kind": "Event", "apiVersion": "audit.k8s.io/v1", "verb": "get", "n": [1.0, -0, 1e5, 0.10, ${'9'.repeat(400)}, 1E+2]`,
    ],
    [
      'keeps the order of names, integer-like ones and repeated ones too',
      '{"verb":"get","2":1,"1":2,"2":3,"__proto__":{"x":1},"constructor":null}',
      '{"kind": "Event", "apiVersion": "audit.k8s.io/v1", "verb": "get", "2": 1, "1": 2, "2": 3, "__proto__": {"x": 1}, "constructor": null',
    ],
    [
      'leaves out a kubernetes member of the sender, wherever it stands',
      '{"kubernetes":{"actor":"me"},"verb":"get","kubern\\u0065tes":1}',
      '{"kind": "Event", "apiVersion": "audit.k8s.io/v1", "verb": "get"',
    ],
    [
      'maps old versions and their single time',
      '{"kind":"EventList","apiVersion":"audit.k8s.io/v1beta1","items":[{"timestamp":"2017-09-11T19:55:05Z","verb":"get"}]}',
      '{"kind": "Event", "apiVersion": "audit.k8s.io/v1", "timestamp": "2017-09-11T19:55:05Z", "verb": "get", "requestReceivedTimestamp": "2017-09-11T19:55:05Z", "stageTimestamp": "2017-09-11T19:55:05Z"',
    ],
    [
      'maps the old version of an item',
      '{"kind":"Event","apiVersion":"audit.k8s.io/v1alpha1","verb":"get"}',
      '{"kind": "Event", "apiVersion": "audit.k8s.io/v1", "verb": "get"',
    ],
  ]
  test.each(cases)('%s', (_, body, expected) => {
    const { events, rejected } = splitBody(Buffer.from(body), context)
    expect(rejected).toEqual([])
    expect(membersOf(events[0]?.text ?? '')).toBe(Buffer.from(expected).toString('latin1'))
    expect(() => JSON.parse(events[0]?.text ?? '')).not.toThrow()
  })

  test('is one code unit a byte', () => {
    const { events } = splitBody(Buffer.from('{"verb":"ä"}'), context)
    expect(Buffer.from(events[0]?.text ?? '', 'latin1').toString()).toContain('"verb": "ä"')
  })

  test('of an empty item has only what is ours', () => {
    expect(splitBody(list('{}'), context).events[0]?.text).toBe(
      '{"kind": "Event", "apiVersion": "audit.k8s.io/v1", "kubernetes": {"cluster": "prod", "final": "true"}}',
    )
  })

  test('is what the recipe rules look for', () => {
    const body = list('{"requestURI":"/apis","verb":"create"}')
    expect(splitBody(body, context).events[0]?.text).toMatch(/requestURI":.+", "verb": "create/)
  })

  test('escapes the name of the cluster', () => {
    expect(kubernetesOf(list('{}'), { cluster: 'a"b\\ä' })).toMatchObject({ cluster: 'a"b\\ä' })
  })
})

describe('bodies', () => {
  const cases: [says: string, body: string | Buffer, events: number, reasons: string[]][] = [
    ['a list', list(item(1), item(2)), 2, []],
    ['an empty list, as doctor posts it', list(), 0, []],
    ['a list whose items are null', '{"kind":"EventList","apiVersion":"audit.k8s.io/v1","items":null}', 0, []],
    ['a single event', item(1), 1, []],
    ['a JSON array', `[${item(1)},${item(2)}]`, 2, []],
    ['an array of lists', `[${list(item(1))},${list(item(2), item(3))}]`, 3, []],
    ['one event a line', `${item(1)}\n${item(2)}\r\n\n${item(3)}\n`, 3, []],
    ['a byte order mark', `\ufeff${item(1)}`, 1, []],
    [
      'two items keys: both count',
      `{"kind":"EventList","items":[${item(1)}],"items":[${item(2)}],"apiVersion":"audit.k8s.io/v1"}`,
      2,
      [],
    ],
    ['nothing', '', 0, ['empty']],
    ['white space', ' \n\t', 0, ['empty']],
    ['plain text', 'hello', 0, ['not-json']],
    ['a number', '12', 0, ['not-json']],
    ['an object of another kind', '{"kind":"Pod","apiVersion":"v1"}', 0, ['wrong-kind']],
    ['a list of another kind', '{"kind":"PodList","apiVersion":"v1","items":[{"a":1}]}', 0, ['wrong-kind']],
    ['events of the core group', '{"kind":"EventList","apiVersion":"v1","items":[{"a":1}]}', 0, ['wrong-kind']],
    ['a core event', '{"kind":"Event","apiVersion":"v1","verb":"get"}', 0, ['wrong-kind']],
    ['an object that says nothing', '{"a":{"b":1}}', 0, ['not-an-audit-entry']],
    ['items that are an object', '{"kind":"EventList","apiVersion":"audit.k8s.io/v1","items":{}}', 0, ['wrong-kind']],
    ['a body that stops midway', list(item(1), item(2)).subarray(0, -20), 1, ['truncated']],
    ['a broken line between good ones', `${item(1)}\n{"verb":\n${item(2)}`, 2, ['truncated']],
  ]
  test.each(cases)('%s', (_, body, events, reasons) => {
    const result = splitBody(Buffer.from(body), context)
    expect(result.events.length).toBe(events)
    expect(result.rejected.map(({ reason }) => reason)).toEqual(reasons)
  })
})

describe('a bad item inside a good list', () => {
  const cases: [says: string, bad: string | Buffer, reason: string][] = [
    ['a word that is no literal', '{"verb":tru}', 'not-json'],
    ['no value', '{"verb":}', 'not-json'],
    ['a comma too many', '{"verb":"a",}', 'not-json'],
    ['a bracket of the wrong kind', '{"verb":["a"}}', 'not-json'],
    ['a name without quotes', '{verb:1}', 'not-json'],
    ['a number that begins with 0', '{"n":01}', 'not-json'],
    ['a number that ends in a dot', '{"n":1.}', 'not-json'],
    ['an escape that is none', '{"verb":"\\x41"}', 'not-json'],
    ['half an escape', '{"verb":"\\u12g4"}', 'not-json'],
    ['a NUL byte in a string', '{"verb":"a\0b"}', 'control-character'],
    ['a line end in a string', '{"verb":"a\nb"}', 'control-character'],
    [
      'a string that is not UTF-8',
      Buffer.concat([Buffer.from('{"verb":"'), Buffer.from([0xff]), Buffer.from('"}')]),
      'invalid-utf8',
    ],
    [
      'an overlong form',
      Buffer.concat([Buffer.from('{"verb":"'), Buffer.from([0xc0, 0xaf]), Buffer.from('"}')]),
      'invalid-utf8',
    ],
    [
      'a surrogate in UTF-8',
      Buffer.concat([Buffer.from('{"verb":"'), Buffer.from([0xed, 0xa0, 0x80]), Buffer.from('"}')]),
      'invalid-utf8',
    ],
    ['nesting of 10,000', `{"a":${'['.repeat(10_000)}${']'.repeat(10_000)}}`, 'too-deep'],
    ['objects nested 10,000 deep', `{"a":${'{"a":'.repeat(10_000)}1${'}'.repeat(10_000)}}`, 'too-deep'],
    ['a number', '12', 'not-an-object'],
    ['null', 'null', 'not-an-object'],
    ['a list', '[{"verb":"get"}]', 'not-an-object'],
    ['a pod', '{"kind":"Pod"}', 'wrong-kind'],
    ['an event of another group', '{"kind":"Event","apiVersion":"events.k8s.io/v1"}', 'wrong-kind'],
    ['a string that never ends', '{"verb":"get', 'not-json'],
    ['an object that never ends', '{"verb":"get"', 'not-json'],
    ['more than 1 MiB', `{"verb":"${'x'.repeat(1_048_576)}"}`, 'oversize'],
  ]
  test.each(cases)('%s: named, and its neighbours come through', (_, bad, reason) => {
    const good = [item(1), item(2)]
    const body = Buffer.concat([
      list().subarray(0, -2),
      Buffer.from(`${good[0]},`),
      Buffer.from(bad),
      Buffer.from(`,${good[1]}]}`),
    ])
    const { events, rejected } = splitBody(body, context)
    expect(rejected.map((one) => one.reason)).toEqual([reason])
    expect(events.map(({ offset, rawLength }) => body.toString('latin1', offset, offset + rawLength))).toEqual(good)
    expect(rejected[0]?.offset).toBe(body.indexOf(good[0] ?? '') + (good[0]?.length ?? 0) + 1)
  })

  test('takes 256 levels, not 257', () => {
    const nested = (levels: number) => `{"a":${'['.repeat(levels - 1)}${']'.repeat(levels - 1)}}`
    expect(splitBody(list(nested(256)), context).events.length).toBe(1)
    expect(splitBody(list(nested(257)), context).rejected[0]?.reason).toBe('too-deep')
  })

  test('takes an item of exactly the limit', () => {
    const exact = `{"verb":"${'x'.repeat(100)}"}`
    expect(splitBody(list(exact), { ...context, eventLengthMax: exact.length }).events.length).toBe(1)
    expect(splitBody(list(exact), { ...context, eventLengthMax: exact.length - 1 }).rejected[0]?.reason).toBe(
      'oversize',
    )
  })

  test('takes 10,000 items and a string of nearly 1 MiB', () => {
    const items = Array.from({ length: 10_000 }, (_, n) => item(n))
    items.push(`{"verb":"${'ä'.repeat(500_000)}"}`)
    const { events, rejected } = splitBody(list(...items), context)
    expect(rejected).toEqual([])
    expect(events.length).toBe(10_001)
  })

  test('names the audit ID of what it hands back', () => {
    const [one] = splitBody(list(item(7, ',"x":tru')), context).rejected
    expect(one).toMatchObject({ reason: 'not-json', auditID: '00000000-0000-4000-8000-000000000007' })
  })

  test('does not take what a broken item held for an event of its own', () => {
    const inner = '{"verb":"create","auditID":"x"}'
    const { events } = splitBody(list(`{"a":tru,"b":[1,${inner}]}`, item(1)), context)
    expect(events.map(({ text }) => text)).toEqual([expect.stringContaining('000000000001')])
  })
})

describe('the key for duplicates', () => {
  const one = splitBody(list(item(1)), context).events[0]
  const cases: [says: string, body: Buffer, cluster: string, isSame: boolean][] = [
    ['is the same in another list', list(item(2), item(1)), 'prod', true],
    ['differs in another cluster', list(item(1)), 'test', false],
    ['differs when a byte differs', list(item(1, ',"x":1')), 'prod', false],
    ['differs by white space, since bytes count', list(item(1).replace(':', ': ')), 'prod', false],
  ]
  test.each(cases)('%s', (_, body, cluster, isSame) => {
    expect(splitBody(body, { cluster }).events.at(-1)?.hash === one?.hash).toBe(isSame)
  })

  test('is 32 bytes, or empty when nobody asks', () => {
    expect(one?.hash.length).toBe(32)
    expect(splitBody(list(item(1)), { cluster: 'prod', hash: false }).events[0]?.hash).toBe('')
  })
})

describe('the kubernetes object', () => {
  const cases: [says: string, members: string, expected: Record<string, unknown>][] = [
    [
      'says who did what to which object, from where and with what',
      '"verb":"create","user":{"username":"alice","groups":["x"]},"objectRef":{"resource":"pods","namespace":"shop","name":"web","subresource":"exec"},"responseStatus":{"code":101},"sourceIPs":["9.9.9.9","10.1.2.3"],"userAgent":"kubectl/v1.30 (linux)","annotations":{"authorization.k8s.io/decision":"allow"},"stage":"ResponseStarted","requestURI":"/x?command=sh&command=-c&container=a&command=cat+%2Fetc%2Fpasswd"',
      {
        cluster: 'prod',
        actor: 'alice',
        actorKind: 'person',
        verb: 'create',
        resource: 'pods/exec',
        namespace: 'shop',
        name: 'web',
        allowed: 'true',
        outcome: 'allowed',
        code: '101',
        sourceIP: '10.1.2.3',
        client: 'kubectl',
        hand: 'person',
        platform: 'false',
        final: 'true',
        command: 'sh -c cat /etc/passwd',
        request: expect.stringMatching(/^[0-9a-f]{16}$/),
      },
    ],
    [
      'names both identities of an impersonation',
      '"verb":"get","user":{"username":"admin"},"impersonatedUser":{"username":"system:serviceaccount:a:b"}',
      {
        cluster: 'prod',
        actor: 'system:serviceaccount:a:b',
        impersonator: 'admin',
        actorKind: 'serviceaccount',
        verb: 'get',
        platform: 'false',
        final: 'true',
      },
    ],
    [
      'takes an empty user for anonymous',
      '"verb":"get","user":{},"responseStatus":{"code":401},"stage":"ResponseStarted"',
      {
        cluster: 'prod',
        actorKind: 'anonymous',
        verb: 'get',
        allowed: 'false',
        outcome: 'refused',
        code: '401',
        final: 'true',
      },
    ],
    [
      'tells failed from refused',
      '"verb":"get","responseStatus":{"code":404},"annotations":{"authorization.k8s.io/decision":"allow"}',
      { cluster: 'prod', verb: 'get', allowed: 'false', outcome: 'failed', code: '404', final: 'true' },
    ],
    ['does not judge before the end', '"verb":"get","stage":"RequestReceived"', { cluster: 'prod', verb: 'get' }],
    [
      'sees public addresses',
      '"verb":"get","sourceIPs":["8.8.8.8"]',
      { cluster: 'prod', verb: 'get', sourceIP: '8.8.8.8', sourceScope: 'public', final: 'true' },
    ],
    [
      'lets the last of equal names count',
      '"verb":"get","verb":"list","user":{"username":"a"},"user":{"username":"b"}',
      {
        cluster: 'prod',
        actor: 'b',
        actorKind: 'person',
        verb: 'list',
        hand: 'person',
        platform: 'false',
        final: 'true',
      },
    ],
    [
      'sees the hand of a person behind the token of a service account',
      '"verb":"get","user":{"username":"system:serviceaccount:a:b"},"userAgent":"curl/8.1"',
      {
        cluster: 'prod',
        actor: 'system:serviceaccount:a:b',
        actorKind: 'serviceaccount',
        verb: 'get',
        client: 'curl',
        hand: 'person',
        platform: 'false',
        final: 'true',
      },
    ],
    [
      'leaves a program of its own its token',
      '"verb":"get","user":{"username":"system:serviceaccount:a:b"},"userAgent":"kube-state-metrics/v2"',
      {
        cluster: 'prod',
        actor: 'system:serviceaccount:a:b',
        actorKind: 'serviceaccount',
        verb: 'get',
        client: 'kube-state-metrics',
        platform: 'false',
        final: 'true',
      },
    ],
    [
      'takes who is in the group without credentials for anonymous, whatever the name',
      '"verb":"get","user":{"username":"guest","groups":["a", "system:unauthenticated"]}',
      { cluster: 'prod', actor: 'guest', actorKind: 'anonymous', verb: 'get', final: 'true' },
    ],
    [
      'reads names that are written with escapes',
      '"v\\u0065rb":"get","user":{"usern\\u0061me":"system:\\u006eode:x"}',
      { cluster: 'prod', actor: 'system:node:x', actorKind: 'node', verb: 'get', final: 'true' },
    ],
    [
      'sees an audit ID that is none',
      '"verb":"get","auditID":"<b>"',
      { cluster: 'prod', verb: 'get', final: 'true', oddAuditID: 'true' },
    ],
    [
      'gives telling annotations plain names',
      '"verb":"get","annotations":{"k8s.io/deprecated":"true","failed-open.validating.webhook.admission.k8s.io/round_0_index_1":"w","audit.k8s.io/truncated":"true","x":"y","authentication.k8s.io/stale-token":"subject: a"}',
      {
        cluster: 'prod',
        verb: 'get',
        final: 'true',
        deprecated: 'true',
        failedOpen: 'w',
        truncated: 'true',
        staleToken: 'subject: a',
      },
    ],
    [
      'judges a pod',
      '"verb":"create","objectRef":{"resource":"pods"},"requestObject":{"spec":{"hostPID":true,"serviceAccountName":"sa","volumes":[{"hostPath":{"path":"/etc//"}}],"containers":[{"image":"a:1","securityContext":{"privileged":true}}],"initContainers":[{"image":"b","securityContext":{"capabilities":{"add":["CAP_SYS_ADMIN","net_admin"]}}}],"ephemeralContainers":[{"image":"a:1"}]}},"responseObject":{"metadata":{"name":"web-x1"}}',
      {
        cluster: 'prod',
        verb: 'create',
        resource: 'pods',
        final: 'true',
        name: 'web-x1',
        podSecurity: ['hostPID', 'hostPath:/etc', 'privileged', 'capabilities:SYS_ADMIN', 'capabilities:NET_ADMIN'],
        images: ['a:1', 'b'],
        repositories: 'a,b',
        registries: 'docker.io',
        podServiceAccount: 'sa',
      },
    ],
    [
      'judges the template of a cron job',
      '"verb":"update","objectRef":{"resource":"cronjobs","name":"n"},"requestObject":{"spec":{"jobTemplate":{"spec":{"template":{"spec":{"hostNetwork":true,"containers":[{"image":"i"}]}}}}}}',
      {
        cluster: 'prod',
        verb: 'update',
        resource: 'cronjobs',
        name: 'n',
        final: 'true',
        podSecurity: ['hostNetwork'],
        images: ['i'],
        repositories: 'i',
        registries: 'docker.io',
      },
    ],
    [
      'judges what a patch leaves behind',
      '"verb":"patch","objectRef":{"resource":"deployments","name":"n"},"requestObject":{"spec":{"template":{"spec":{"dnsPolicy":"Default"}}}},"responseObject":{"spec":{"template":{"spec":{"hostIPC":true}}}}',
      { cluster: 'prod', verb: 'patch', resource: 'deployments', name: 'n', final: 'true', podSecurity: ['hostIPC'] },
    ],
    [
      'does not judge again what a patch left alone',
      '"verb":"patch","objectRef":{"resource":"deployments","name":"n"},"requestObject":{"metadata":{"annotations":{"a":"b"}}},"responseObject":{"spec":{"template":{"spec":{"hostIPC":true}}}}',
      { cluster: 'prod', verb: 'patch', resource: 'deployments', name: 'n', final: 'true' },
    ],
    [
      'follows a JSON patch',
      '"verb":"patch","objectRef":{"resource":"deployments","name":"n"},"requestObject":[{"op":"add","path":"/spec/template/spec/containers/0/securityContext","value":{"privileged":true}},{"op":"add","path":"/__proto__/x","value":1}]',
      {
        cluster: 'prod',
        verb: 'patch',
        resource: 'deployments',
        name: 'n',
        final: 'true',
        podSecurity: ['privileged'],
      },
    ],
    [
      'names the rights of a role',
      '"verb":"create","objectRef":{"resource":"clusterroles","name":"n"},"requestObject":{"rules":[{"verbs":["*"],"resources":["nodes/*"]},{"verbs":["get"],"resources":["secrets"]},{"verbs":["create"],"resources":["pods/exec"]},{"verbs":["impersonate"],"resources":["users"]}]}',
      {
        cluster: 'prod',
        verb: 'create',
        resource: 'clusterroles',
        name: 'n',
        final: 'true',
        rights: ['verbs:*', 'write', 'nodes/proxy', 'read:secrets', 'pods/exec', 'write:pods/exec', 'verb:impersonate'],
      },
    ],
    [
      'names role and subjects of a binding',
      '"verb":"create","objectRef":{"resource":"rolebindings","name":"n"},"requestObject":{"roleRef":{"name":"cluster-admin"},"subjects":[{"kind":"Group","name":"system:masters"},{"kind":"ServiceAccount","namespace":"a","name":"default"}]}',
      {
        cluster: 'prod',
        verb: 'create',
        resource: 'rolebindings',
        name: 'n',
        final: 'true',
        role: 'cluster-admin',
        subjects: ['Group:system:masters', 'ServiceAccount:a/default'],
      },
    ],
    [
      'sees names of credentials in a config map, not their values',
      '"verb":"create","objectRef":{"resource":"configmaps","name":"n"},"requestObject":{"data":{"DB_PASSWORD":"hunter2","x":"aws_access_key_id=1"}}',
      {
        cluster: 'prod',
        verb: 'create',
        resource: 'configmaps',
        name: 'n',
        final: 'true',
        credentials: ['db_password', 'aws_access_key_id'],
      },
    ],
  ]
  test.each(cases)('%s', (_, members, expected) => {
    expect(kubernetesOf(`{${members}}`)).toEqual(expected)
  })
})

describe('redaction', () => {
  const secret = (members: string) => `{"verb":"create","objectRef":{"resource":"secrets","name":"s"},${members}}`
  const cases: [says: string, event: string, hidden: string[], kept: string[]][] = [
    [
      'hides the data of a secret, not its names',
      secret(
        '"requestObject":{"kind":"Secret","data":{"key":"aHVudGVyMg=="},"stringData":{"k2":"hunter2"},"type":"Opaque"}',
      ),
      ['aHVudGVyMg==', 'hunter2'],
      ['"key": "[redacted: 12 bytes]"', '"k2": "[redacted: 7 bytes]"', '"type": "Opaque"'],
    ],
    [
      'hides it in lists',
      secret('"responseObject":{"kind":"SecretList","items":[{"data":{"a":"SECRET1"}},{"data":{"b":"SECRET2"}}]}'),
      ['SECRET1', 'SECRET2'],
      ['"a": "[redacted: 7 bytes]"'],
    ],
    [
      'hides it in a merge patch',
      secret('"requestObject":{"data":{"a":"SECRET1","b":null}}'),
      ['SECRET1'],
      ['"b": null'],
    ],
    [
      'hides it in a JSON patch',
      secret(
        '"requestObject":[{"op":"add","path":"/data/a","value":"SECRET1"},{"op":"add","path":"/metadata/labels/x","value":"kept"}]',
      ),
      ['SECRET1'],
      ['"kept"'],
    ],
    [
      'hides the copy that kubectl leaves',
      secret(
        '"requestObject":{"metadata":{"annotations":{"kubectl.kubernetes.io/last-applied-configuration":"{SECRET1}"}}}',
      ),
      ['SECRET1'],
      ['[redacted: 9 bytes]'],
    ],
    ['hides data that is no object', secret('"requestObject":{"data":["SECRET1"]}'), ['SECRET1'], []],
    [
      'hides the token of a review',
      '{"verb":"create","objectRef":{"resource":"tokenreviews"},"requestObject":{"spec":{"token":"SECRET1"}},"responseObject":{"spec":{"token":"SECRET1"},"status":{"authenticated":true}}}',
      ['SECRET1'],
      ['"authenticated": true'],
    ],
    [
      'hides a requested token',
      '{"verb":"create","objectRef":{"resource":"serviceaccounts","subresource":"token"},"responseObject":{"status":{"token":"SECRET1"}}}',
      ['SECRET1'],
      [],
    ],
    [
      'knows a secret by its kind',
      '{"verb":"create","requestObject":{"kind":"Secret","data":{"a":"SECRET1"}}}',
      ['SECRET1'],
      [],
    ],
    [
      'knows it also when the body comes before objectRef',
      '{"verb":"create","requestObject":{"data":{"a":"SECRET1"}},"objectRef":{"resource":"secrets"}}',
      ['SECRET1'],
      [],
    ],
    [
      'leaves other bodies alone',
      '{"verb":"create","objectRef":{"resource":"configmaps"},"requestObject":{"data":{"a":"kept"}}}',
      [],
      ['"kept"'],
    ],
  ]
  test.each(cases)('%s', (_, event, hidden, kept) => {
    const { events, rejected } = splitBody(Buffer.from(event), context)
    expect(rejected).toEqual([])
    const text = events[0]?.text ?? ''
    for (const word of hidden) expect(text).not.toContain(word)
    for (const word of kept) expect(text).toContain(word)
    expect(() => JSON.parse(text)).not.toThrow()
  })

  test('hides config maps when asked, and still names credentials', () => {
    const event =
      '{"verb":"create","objectRef":{"resource":"configmaps"},"requestObject":{"data":{"password":"hunter2"}}}'
    const redact = { secrets: true, tokens: true, configMaps: true }
    const text = splitBody(Buffer.from(event), { ...context, redact }).events[0]?.text
    expect(text).not.toContain('hunter2')
    expect(text).toContain('"credentials": ["password"]')
  })

  test('hides nothing when switched off', () => {
    const redact = { secrets: false, tokens: false, configMaps: false }
    const text = splitBody(Buffer.from(secret('"requestObject":{"data":{"a":"SECRET1"}}')), { ...context, redact })
      .events[0]?.text
    expect(text).toContain('SECRET1')
  })

  test('keeps the duplicate key of the item as it came', () => {
    const one = (value: string) =>
      splitBody(Buffer.from(secret(`"requestObject":{"data":{"a":"${value}"}}`)), context).events[0]
    expect(one('AAAA')?.text).toBe(one('BBBB')?.text)
    expect(one('AAAA')?.hash).not.toBe(one('BBBB')?.hash)
  })
})

describe('clouds', () => {
  const event = `{"kind":"Event","apiVersion":"audit.k8s.io/v1","verb":"get","auditID":"00000000-0000-4000-8000-000000000001",${minute},"n":1.0}`
  const members = membersOf(splitBody(Buffer.from(event), context).events[0]?.text ?? '')
  const watch = {
    messageType: 'DATA_MESSAGE',
    owner: '1',
    logGroup: '/aws/eks/c/cluster',
    logStream: 's',
    logEvents: [{ id: '1', timestamp: 1, message: event }],
  }
  const packed = gzipSync(JSON.stringify(watch)).toString('base64')
  const eks = { provider: 'eks', account: '1', logGroup: '/aws/eks/c/cluster', logStream: 's' }
  const record = (log: unknown) => ({ time: 't', category: 'kube-audit', resourceId: '/s/c', properties: { log } })
  const aks = { provider: 'aks', category: 'kube-audit', resourceId: '/s/c' }
  const cases: [says: string, body: string, cloud: Record<string, unknown> | undefined][] = [
    ['EKS: an envelope', JSON.stringify(watch), eks],
    ['EKS: packed for Lambda', JSON.stringify({ awslogs: { data: packed } }), eks],
    ['EKS: packed by Firehose', JSON.stringify({ requestId: 'r', timestamp: 1, records: [{ data: packed }] }), eks],
    ['EKS: packed, bare', packed, eks],
    ['AKS: a batch of Event Hub', JSON.stringify({ records: [record(event)] }), aks],
    ['AKS: one record', JSON.stringify(record(event)), aks],
    [
      'AKS: a log that a shipper has parsed',
      `{"category":"kube-audit","resourceId":"/s/c","properties":{"log":${event}}}`,
      aks,
    ],
    [
      'AKS: a row of AzureDiagnostics',
      JSON.stringify({ Category: 'kube-audit', ResourceId: '/s/c', log_s: event }),
      aks,
    ],
  ]
  test.each(cases)('%s', (_, body, cloud) => {
    const { events, rejected } = splitBody(Buffer.from(body), context)
    expect(rejected).toEqual([])
    expect(events.length).toBe(1)
    expect(membersOf(events[0]?.text ?? '')).toBe(members)
    expect(JSON.parse(events[0]?.text ?? '{}').kubernetes.cloud).toEqual(cloud)
  })

  test('AKS: a row of AKSAudit becomes an event', () => {
    const row = {
      AuditId: 'a',
      Verb: 'create',
      Stage: 'ResponseComplete',
      User: '{"username":"u"}',
      ObjectRef: { resource: 'pods', namespace: 'n', name: 'p' },
      ResponseStatus: '{"code":201}',
      SourceIps: '["10.0.0.1"]',
      RequestUri: '/x',
    }
    expect(kubernetesOf(JSON.stringify(row))).toMatchObject({
      actor: 'u',
      verb: 'create',
      resource: 'pods',
      namespace: 'n',
      name: 'p',
      code: '201',
      sourceIP: '10.0.0.1',
    })
  })

  const gke = (payload: object, more: object = {}) =>
    JSON.stringify({
      insertId: 'i',
      timestamp: '2026-01-01T00:00:00Z',
      protoPayload: { serviceName: 'k8s.io', ...payload },
      resource: { type: 'k8s_cluster', labels: { cluster_name: 'c1', location: 'l', project_id: 'p' } },
      ...more,
    })
  const gkeCases: [says: string, entry: string, expected: Record<string, unknown>][] = [
    [
      'a request',
      gke({
        methodName: 'io.k8s.core.v1.pods.exec.create',
        resourceName: 'core/v1/namespaces/shop/pods/web/exec',
        authenticationInfo: { principalEmail: 'a@b.c' },
        authorizationInfo: [{ granted: true }],
        requestMetadata: { callerIp: '8.8.8.8', callerSuppliedUserAgent: 'kubectl/v1' },
      }),
      {
        actor: 'a@b.c',
        verb: 'create',
        resource: 'pods/exec',
        namespace: 'shop',
        name: 'web',
        allowed: 'true',
        sourceIP: '8.8.8.8',
        sourceScope: 'public',
        client: 'kubectl',
      },
    ],
    [
      'a refusal',
      gke({
        methodName: 'io.k8s.core.v1.secrets.list',
        resourceName: 'core/v1/secrets',
        status: { code: 7, message: 'no' },
      }),
      { verb: 'list', resource: 'secrets', allowed: 'false', outcome: 'refused', code: '403' },
    ],
    [
      'a namespace',
      gke({ methodName: 'io.k8s.core.v1.namespaces.delete', resourceName: 'core/v1/namespaces/shop' }),
      { verb: 'delete', resource: 'namespaces', name: 'shop' },
    ],
    [
      'no resource',
      gke({
        methodName: 'io.k8s.get',
        resourceName: 'healthz',
        authenticationInfo: { principalEmail: 'system:anonymous' },
      }),
      { verb: 'get', actorKind: 'anonymous' },
    ],
    [
      'a deleted cluster',
      gke(
        {
          serviceName: 'container.googleapis.com',
          methodName: 'google.container.v1.ClusterManager.DeleteCluster',
          resourceName: 'projects/p/zones/z/clusters/c1',
        },
        { operation: { id: 'o', first: true } },
      ),
      {
        verb: 'delete',
        resource: 'clusters',
        name: 'c1',
        cloud: expect.objectContaining({ method: 'google.container.v1.ClusterManager.DeleteCluster', operation: 'o' }),
      },
    ],
  ]
  test.each(gkeCases)('GKE: %s', (_, entry, expected) => {
    expect(kubernetesOf(entry)).toMatchObject({ cluster: 'prod', ...expected })
  })

  test('GKE: a refusal without a label has the decision all the same', () => {
    const entry = gke({
      methodName: 'io.k8s.core.v1.secrets.list',
      resourceName: 'core/v1/secrets',
      status: { code: 7 },
    })
    expect(splitBody(Buffer.from(entry), context).events[0]?.text).toContain(
      '"authorization.k8s.io/decision": "forbid"',
    )
  })

  test('GKE: an insertId is no odd audit ID', () => {
    expect(
      kubernetesOf(gke({ methodName: 'io.k8s.core.v1.pods.list', resourceName: 'core/v1/pods' })),
    ).not.toHaveProperty('oddAuditID')
  })

  test('what only the cloud has stays small, however long it came', () => {
    const body = JSON.stringify({ ...watch, logGroup: '\u0001'.repeat(2_000_000), logStream: '"'.repeat(2_000_000) })
    expect(JSON.stringify(kubernetesOf(body).cloud).length).toBeLessThan(20_000)
  })

  test('the longest item still gives JSON, with everything in it that grows', () => {
    const uri = `/exec?command=${'%00'.repeat(300_000)}`
    const body = `{"verb":"create","objectRef":{"resource":"pods","subresource":"exec"},"requestURI":"${uri}","user":{"username":"${'x'.repeat(100_000)}"}}`
    expect(kubernetesOf(body)).toMatchObject({ command: '\0'.repeat(300_000), actor: 'x'.repeat(100_000) })
  })

  test('GKE: bodies are copied, not printed again', () => {
    const entry = gke({
      methodName: 'io.k8s.core.v1.pods.create',
      resourceName: 'core/v1/namespaces/n/pods/p',
    }).replace('"serviceName"', '"request":{"n":1.0,"z":1,"1":2},"serviceName"')
    expect(splitBody(Buffer.from(entry), context).events[0]?.text).toContain(
      '"requestObject": {"n": 1.0, "z": 1, "1": 2}',
    )
  })

  const refused: [says: string, body: string, reason: string][] = [
    ['other AKS categories', JSON.stringify({ category: 'guard', properties: { log: '{}' } }), 'not-an-audit-entry'],
    ['plain text in AKS', JSON.stringify(record('plain')), 'not-an-audit-entry'],
    [
      'plain text in CloudWatch',
      JSON.stringify({ ...watch, logEvents: [{ message: 'time=x' }] }),
      'not-an-audit-entry',
    ],
    ['a message that was cut', JSON.stringify({ ...watch, logEvents: [{ message: event.slice(0, 90) }] }), 'truncated'],
    ['base64 that is none', JSON.stringify({ awslogs: { data: '!!' } }), 'bad-encoding'],
    ['gzip that was cut', JSON.stringify({ awslogs: { data: packed.slice(0, 80) } }), 'bad-encoding'],
    [
      'a bomb',
      JSON.stringify({ awslogs: { data: gzipSync(Buffer.alloc(20 * 1_048_576)).toString('base64') } }),
      'inflated-too-big',
    ],
    ['logs that are no audit', JSON.stringify({ insertId: 'i', jsonPayload: {} }), 'not-an-audit-entry'],
  ]
  test.each(refused)('%s: named', (_, body, reason) => {
    const { events, rejected } = splitBody(Buffer.from(body), context)
    expect(events).toEqual([])
    expect(rejected.map((one) => one.reason)).toEqual([reason])
  })

  test('a cut message keeps its audit ID', () => {
    const body = JSON.stringify({ ...watch, logEvents: [{ message: event.slice(0, 120) }, { message: event }] })
    const { events, rejected } = splitBody(Buffer.from(body), context)
    expect(events.length).toBe(1)
    expect(rejected[0]?.auditID).toBe('00000000-0000-4000-8000-000000000001')
  })

  test('wrappings inside each other end somewhere', () => {
    let body = event
    for (let n = 0; n < 6; n++) body = JSON.stringify({ awslogs: { data: Buffer.from(body).toString('base64') } })
    expect(splitBody(Buffer.from(body), context).rejected.map(({ reason }) => reason)).toEqual(['wrapped-too-often'])
  })
})

describe('random documents', () => {
  const space = fc.stringMatching(/^[ \t\r\n]{0,3}$/)
  const scalar = fc.oneof(
    fc.integer().map(String),
    fc.boolean().map(String),
    fc.constant('null'),
    fc.string({ unit: 'binary' }).map((s) => JSON.stringify(s.toWellFormed())),
  )
  /** Pairs of two spellings of one value: with random white space, and as Python's json.dumps spells it. */
  const { value } = fc.letrec<{ value: [string, string] }>((tie) => ({
    value: fc.oneof(
      { maxDepth: 5 },
      scalar.map((s): [string, string] => [s, s]),
      fc
        .tuple(fc.array(fc.tuple(tie('value'), space, space), { maxLength: 4 }), space)
        .map(([parts, inside]): [string, string] => [
          `[${inside}${parts.map(([v, a, b]) => a + v[0] + b).join(',')}]`,
          `[${parts.map(([v]) => v[1]).join(', ')}]`,
        ]),
      fc
        .tuple(
          fc.array(
            fc.tuple(
              fc.string().map((s) => JSON.stringify(s.toWellFormed())),
              tie('value'),
              space,
              space,
            ),
            { maxLength: 4 },
          ),
          space,
        )
        .map(([parts, inside]): [string, string] => [
          `{${inside}${parts.map(([k, v, a, b]) => `${a}${k}${b}:${a}${v[0]}${b}`).join(',')}}`,
          `{${parts.map(([k, v]) => `${k}: ${v[1]}`).join(', ')}}`,
        ]),
    ),
  }))

  test('are spelt as Python spells them, whatever the white space', () => {
    fc.assert(
      fc.property(value, ([spelt, canonical]) => {
        const { events, rejected } = splitBody(list(`{"verb":"get","x":${spelt}}`), context)
        expect(rejected).toEqual([])
        expect(membersOf(events[0]?.text ?? '')).toBe(
          Buffer.from(`{"kind": "Event", "apiVersion": "audit.k8s.io/v1", "verb": "get", "x": ${canonical}`).toString(
            'latin1',
          ),
        )
      }),
      { numRuns: 300 },
    )
  })

  test('hostile bytes inside an item throw nothing and cost no good neighbour', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 60 }), fc.nat(60), (noise, at) => {
        const bad = Buffer.from(item(5, ',"user":{"username":"x"}'))
        noise.forEach((byte, n) => {
          bad[(at + n * 7) % bad.length] = byte
        })
        const body = Buffer.concat([
          list().subarray(0, -2),
          Buffer.from(`${item(1)},`),
          bad,
          Buffer.from(`,${item(2)},${item(3)}]}`),
        ])
        const texts = splitBody(body, context).events.map(({ text }) => text)
        for (const n of [1, 2, 3])
          expect(texts.filter((text) => text.includes(`"00000000-0000-4000-8000-00000000000${n}"`)).length).toBe(1)
      }),
      { numRuns: 500 },
    )
  })

  test('a second of fuzzing finds nothing', () => {
    expect(fuzz(1, 20261122).failures.map((failure) => failure.slice(0, 200))).toEqual([])
  })
})

describe('real and recorded events', () => {
  const files = auditFiles()
  const expected: [file: string, events: number, refused: number][] = [
    ['apiserver-1.26-webhook.jsonl', 983, 0],
    ['microk8s-1.25-baseline.jsonl', 2971, 0],
    ['audit2rbac-demo.jsonl', 37, 0],
    ['khi-gke-pod-lifecycle.jsonl', 3, 0],
    ['khi-gke-cluster-operations.jsonl', 9, 0],
    ['khi-oss-event.jsonl', 1, 0],
    ['khi-node-runtime-logs.jsonl', 0, 5],
    ['panther-unified.jsonl', 236, 1], // one line is an activity of a virtual machine, not of a cluster
  ]
  test.skipIf(files === null).each(expected)('%s: %i events, %i refused', (file, count, refused) => {
    const results = readLines(file).map((line) => parseLine(line, context))
    expect(results.flatMap(({ rejected }) => rejected).length).toBe(refused)
    const events = results.flatMap(({ events }) => events)
    expect(events.length).toBe(count)
    for (const { text } of events) expect(JSON.parse(text).kubernetes.cluster).toBe('prod')
    const hashes = new Set(events.map(({ hash }) => hash))
    if (file === 'apiserver-1.26-webhook.jsonl') expect(hashes.size).toBe(count)
  })

  test.skipIf(files === null)('bodies of a real API server are spelt as Python spells them', () => {
    for (const line of readLines('apiserver-1.26-webhook.jsonl')) {
      const { events } = parseLine(line, context)
      const items: unknown[] = JSON.parse(line).items
      // Go escapes < > & and U+2028; what JSON.stringify prints differs only there.
      events.forEach(({ text }, n) => {
        if (/\\u00(?:3c|3e|26)|REDACTED|\[redacted/.test(text)) return
        expect(membersOf(text)).toBe(
          `{"kind": "Event", "apiVersion": "audit.k8s.io/v1", ${print(items[n]).slice(1, -1)}`,
        )
      })
    }
  })
})

/** Independent of the scanner: prints what JSON.parse gave. */
function print(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(print).join(', ')}]`
  if (typeof value === 'object' && value !== null)
    return `{${Object.entries(value)
      .map(([k, v]) => `${JSON.stringify(k)}: ${print(v)}`)
      .join(', ')}}`
  return JSON.stringify(value)
}
