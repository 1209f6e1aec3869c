/**
 * What is dangerous about a pod: findings and images of a pod or of the pod template of a workload, the same conditions for all containers,
 * init and ephemeral ones too (k8s-detections, "Things all of them have in common"). Untrusted objects in, short words out; never throws.
 */
import { posix } from 'node:path'
import { isRecord, type JsonRecord, listOf, recordOf, textIn } from './untrusted.ts'

/** Where the pod's spec lies in an object of each kind of resource. */
const specPaths: ReadonlyMap<string, readonly string[]> = new Map([
  ['pods', ['spec']],
  ['podtemplates', ['template', 'spec']],
  ['deployments', ['spec', 'template', 'spec']],
  ['daemonsets', ['spec', 'template', 'spec']],
  ['statefulsets', ['spec', 'template', 'spec']],
  ['replicasets', ['spec', 'template', 'spec']],
  ['replicationcontrollers', ['spec', 'template', 'spec']],
  ['jobs', ['spec', 'template', 'spec']],
  ['cronjobs', ['spec', 'jobTemplate', 'spec', 'template', 'spec']],
  // Kinds of OpenShift and of Argo that stand for a deployment.
  ['deploymentconfigs', ['spec', 'template', 'spec']],
  ['rollouts', ['spec', 'template', 'spec']],
])

/** Most findings and images that one event names; a longer list says nothing more to a reader. */
export const listLengthMax = 64

export interface PodFacts {
  readonly findings: readonly string[]
  readonly images: readonly string[]
  readonly serviceAccount: string | undefined
}

/** Whether objects of this resource (no subresource) hold a pod or a pod template. */
export function holdsPod(resource: string): boolean {
  return specPaths.has(resource)
}

/** Members of a pod's spec that say where and how long it runs, not what it may do. */
const harmless: ReadonlySet<string> = new Set([
  'activeDeadlineSeconds',
  'terminationGracePeriodSeconds',
  'tolerations',
  'schedulingGates',
  'nodeName',
  'nodeSelector',
  'affinity',
  'topologySpreadConstraints',
  'priorityClassName',
])

/** Whether a patch of this resource changes what a pod may do: scaling, a restart, labels do not. */
export function changesPod(resource: string, change: JsonRecord): boolean {
  let part: unknown = change
  for (const name of specPaths.get(resource) ?? ['spec']) {
    const record = recordOf(part)
    if (record === undefined) return part === null
    if (Object.hasOwn(record, '$patch')) return true
    if (!Object.hasOwn(record, name)) return false
    part = record[name]
  }
  const spec = recordOf(part)
  return spec === undefined || Object.keys(spec).some((name) => !harmless.has(name))
}

/** Facts of the pod in `object`, an object of kind `resource`; null when there is no pod spec in it. */
export function podFacts(resource: string, object: unknown): PodFacts | null {
  let spec: unknown = object
  for (const name of specPaths.get(resource) ?? ['spec']) spec = recordOf(spec)?.[name]
  if (!isRecord(spec)) return null
  const findings = new Set<string>()
  const images = new Set<string>()
  for (const flag of ['hostNetwork', 'hostPID', 'hostIPC']) if (spec[flag] === true) findings.add(flag)
  for (const volume of listOf(spec.volumes)) {
    const path = textIn(recordOf(recordOf(volume)?.hostPath)?.path)
    if (path !== undefined) findings.add(`hostPath:${cleanPath(path)}`)
  }
  contextFindings(recordOf(spec.securityContext), findings)
  for (const list of ['containers', 'initContainers', 'ephemeralContainers']) {
    for (const container of listOf(spec[list])) containerFacts(recordOf(container), findings, images)
  }
  return {
    findings: [...findings].slice(0, listLengthMax),
    images: [...images].slice(0, listLengthMax),
    serviceAccount: textIn(spec.serviceAccountName) ?? textIn(spec.serviceAccount),
  }
}

function containerFacts(container: JsonRecord | undefined, findings: Set<string>, images: Set<string>): void {
  if (container === undefined) return
  const image = textIn(container.image)
  if (image !== undefined && image !== '') images.add(image)
  for (const port of listOf(container.ports)) {
    const hostPort = recordOf(port)?.hostPort
    if (typeof hostPort === 'number' && hostPort > 0) findings.add(`hostPort:${hostPort}`)
  }
  const context = recordOf(container.securityContext)
  if (context === undefined) return
  if (context.privileged === true) findings.add('privileged')
  if (context.allowPrivilegeEscalation === true) findings.add('allowPrivilegeEscalation')
  if (context.procMount === 'Unmasked') findings.add('procMount:Unmasked')
  for (const capability of listOf(recordOf(context.capabilities)?.add)) {
    if (typeof capability === 'string') findings.add(`capabilities:${capability.toUpperCase().replace(/^CAP_/, '')}`)
  }
  contextFindings(context, findings)
}

/** What a pod's and a container's security context share. */
function contextFindings(context: JsonRecord | undefined, findings: Set<string>): void {
  if (context === undefined) return
  if (recordOf(context.seccompProfile)?.type === 'Unconfined') findings.add('seccomp:Unconfined')
  if (recordOf(context.appArmorProfile)?.type === 'Unconfined') findings.add('appArmor:Unconfined')
  if (recordOf(context.windowsOptions)?.hostProcess === true) findings.add('hostProcess')
  if (context.runAsUser === 0) findings.add('runAsRoot')
  if (context.runAsNonRoot === false) findings.add('runAsNonRoot:false')
  for (const sysctl of listOf(context.sysctls)) {
    const name = textIn(recordOf(sysctl)?.name)
    if (name !== undefined) findings.add(`sysctl:${name}`)
  }
}

/** A volume's path of the node in one spelling: `//etc/../root/` is `/root`, so that a list of paths can be compared. */
export function cleanPath(path: string): string {
  const clean = posix.normalize(path)
  return clean.length > 1 && clean.endsWith('/') ? clean.slice(0, -1) : clean
}
