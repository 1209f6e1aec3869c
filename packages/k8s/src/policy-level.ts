/**
 * What an audit policy records of a request: the rules of audit.k8s.io/v1 Policy (kubernetes.md 1, "Policy"), first match decides. From it
 * follows which detections are blind under a policy: those that need a body, or an event, that the policy does not record. Pure.
 */
import { parseDocument } from 'yaml'
import { isRecord, listOf, recordOf, textIn, textsOf } from './untrusted.ts'

export const auditLevels = ['None', 'Metadata', 'Request', 'RequestResponse'] as const
export type AuditLevel = (typeof auditLevels)[number]

interface GroupResources {
  readonly group: string
  readonly resources: readonly string[]
  readonly resourceNames: readonly string[]
}

interface Rule {
  readonly level: AuditLevel
  readonly users: readonly string[]
  readonly userGroups: readonly string[]
  readonly verbs: readonly string[]
  readonly resources: readonly GroupResources[]
  readonly namespaces: readonly string[]
  readonly nonResourceURLs: readonly string[]
  readonly omitStages: readonly string[]
}

export interface AuditPolicy {
  readonly rules: readonly Rule[]
  readonly omitStages: readonly string[]
}

/** A request as the policy sees it. */
export interface AuditedRequest {
  readonly user: string
  readonly groups: readonly string[]
  readonly verb: string
  /** Absent for paths that are no resource. */
  readonly resource?: string
  readonly subresource?: string
  /** Empty or absent for the core group. */
  readonly apiGroup?: string
  /** Empty or absent for resources without a namespace. */
  readonly namespace?: string
  readonly name?: string
  /** For paths that are no resource, without the query. */
  readonly path?: string
}

/** What the policy does with a request. `rule` counts from 1; 0 when none matched, which records nothing. */
export interface Recorded {
  readonly level: AuditLevel
  readonly rule: number
  readonly omitStages: readonly string[]
}

/** The policy in a YAML text, or what is wrong with it, each with the number of its rule. */
export function readPolicy(text: string): AuditPolicy | readonly string[] {
  const document = parseDocument(text)
  if (document.errors.length > 0) return [`no valid YAML: ${document.errors[0]?.message.split('\n')[0] ?? ''}`]
  const policy: unknown = document.toJS({ maxAliasCount: 100 })
  if (!isRecord(policy)) return ['no YAML object']
  if (policy.kind !== 'Policy') return [`kind is ${String(policy.kind)}, not Policy`]
  const problems: string[] = []
  if (policy.apiVersion !== 'audit.k8s.io/v1')
    problems.push(`apiVersion is ${String(policy.apiVersion)}, not audit.k8s.io/v1`)
  const rules = listOf(policy.rules).flatMap((entry, n) => {
    const rule = readRule(entry)
    if (typeof rule !== 'string') return [rule]
    problems.push(`rule ${n + 1}: ${rule}`)
    return []
  })
  if (listOf(policy.rules).length === 0) problems.push('no rules: an API server refuses such a policy')
  return problems.length > 0 ? problems : { rules, omitStages: textsOf(policy.omitStages) }
}

function readRule(entry: unknown): Rule | string {
  const rule = recordOf(entry)
  if (rule === undefined) return 'no object'
  const level = auditLevels.find((one) => one === rule.level)
  if (level === undefined) return `level ${String(rule.level)} is none of ${auditLevels.join(', ')}`
  const resources = listOf(rule.resources).map((resource) => ({
    group: textIn(recordOf(resource)?.group) ?? '',
    resources: textsOf(recordOf(resource)?.resources),
    resourceNames: textsOf(recordOf(resource)?.resourceNames),
  }))
  const nonResourceURLs = textsOf(rule.nonResourceURLs)
  if (nonResourceURLs.length > 0 && (resources.length > 0 || listOf(rule.namespaces).length > 0))
    return 'resources and nonResourceURLs exclude each other'
  if (resources.some((one) => one.resourceNames.length > 0 && one.resources.length === 0))
    return 'resourceNames need resources'
  if (nonResourceURLs.some((url) => url.slice(0, -1).includes('*')))
    return 'a * stands only at the end of a nonResourceURL'
  return {
    level,
    users: textsOf(rule.users),
    userGroups: textsOf(rule.userGroups),
    verbs: textsOf(rule.verbs),
    resources,
    namespaces: textsOf(rule.namespaces),
    nonResourceURLs,
    omitStages: textsOf(rule.omitStages),
  }
}

/** Level, deciding rule, and stages that are left out. */
export function recordedLevel(policy: AuditPolicy, request: AuditedRequest): Recorded {
  const n = policy.rules.findIndex((rule) => matches(rule, request))
  const rule = policy.rules[n]
  if (rule === undefined) return { level: 'None', rule: 0, omitStages: policy.omitStages }
  return { level: rule.level, rule: n + 1, omitStages: [...new Set([...policy.omitStages, ...rule.omitStages])] }
}

function matches(rule: Rule, request: AuditedRequest): boolean {
  if (rule.users.length > 0 && !rule.users.includes(request.user)) return false
  if (rule.userGroups.length > 0 && !rule.userGroups.some((group) => request.groups.includes(group))) return false
  if (rule.verbs.length > 0 && !rule.verbs.includes(request.verb)) return false
  if (rule.namespaces.length > 0 || rule.resources.length > 0) return matchesResource(rule, request)
  if (rule.nonResourceURLs.length > 0) return matchesPath(rule, request)
  return true
}

function matchesResource(
  rule: Rule,
  { resource, subresource = '', apiGroup = '', namespace = '', name = '' }: AuditedRequest,
): boolean {
  if (resource === undefined) return false
  if (rule.namespaces.length > 0 && !rule.namespaces.includes(namespace)) return false
  if (rule.resources.length === 0) return true
  const whole = subresource === '' ? resource : `${resource}/${subresource}`
  return rule.resources.some(({ group, resources, resourceNames }) => {
    if (group !== apiGroup) return false
    if (resources.length === 0) return true
    if (resourceNames.length > 0 && !resourceNames.includes(name)) return false
    return resources.some(
      (one) =>
        one === '*' || one === whole || one === `${resource}/*` || (subresource !== '' && one === `*/${subresource}`),
    )
  })
}

function matchesPath(rule: Rule, { resource, path }: AuditedRequest): boolean {
  if (resource !== undefined || path === undefined) return false
  return rule.nonResourceURLs.some((url) => (url.endsWith('*') ? path.startsWith(url.slice(0, -1)) : path === url))
}

/** What a detection must see: a request of this kind, at least at this level. */
export interface Need {
  /** The detection, by whatever name the caller has for it. */
  readonly name: string
  readonly level: Exclude<AuditLevel, 'None'>
  readonly request: AuditedRequest
  /** The stage it waits for; default ResponseComplete. */
  readonly stage?: string
}

/** A need that the policy does not meet, and why. */
export interface Blind {
  readonly need: Need
  readonly recorded: Recorded
  readonly why: string
}

/** The needs that a policy leaves open, in their order. */
export function blindNeeds(policy: AuditPolicy, needs: readonly Need[]): Blind[] {
  return needs.flatMap((need) => {
    const recorded = recordedLevel(policy, need.request)
    const stage = need.stage ?? 'ResponseComplete'
    const place = recorded.rule === 0 ? 'no rule matches' : `rule ${recorded.rule}`
    if (auditLevels.indexOf(recorded.level) < auditLevels.indexOf(need.level)) {
      return [{ need, recorded, why: `${place} records ${recorded.level}, ${need.level} is needed` }]
    }
    return recorded.omitStages.includes(stage)
      ? [{ need, recorded, why: `${place} leaves out the stage ${stage}` }]
      : []
  })
}

const person = { user: 'somebody', groups: ['system:authenticated'], namespace: 'default', name: 'x' }
const anonymous = { user: 'system:anonymous', groups: ['system:unauthenticated'] }
const rbac = 'rbac.authorization.k8s.io'
const admission = 'admissionregistration.k8s.io'

function need(
  name: string,
  level: Need['level'],
  verb: string,
  resource: string,
  more: Partial<AuditedRequest> = {},
): Need {
  const [kind = resource, subresource] = resource.split('/')
  return {
    name,
    level,
    request: { ...person, verb, resource: kind, ...(subresource === undefined ? {} : { subresource }), ...more },
  }
}

/** What the rows of k8s-detections (audit table) need, by row; one representative request each. Correlated rows need what their parts need. */
export const detectionNeeds: readonly Need[] = [
  {
    name: '1 anonymous request allowed',
    level: 'Metadata',
    request: { ...anonymous, verb: 'list', resource: 'pods', namespace: 'default' },
  },
  { name: '2 anonymous request refused', level: 'Metadata', request: { ...anonymous, verb: 'get', path: '/api' } },
  need('3 anonymous write of a pod', 'Metadata', 'create', 'pods', anonymous),
  need('4–11 users and refusals', 'Metadata', 'list', 'pods'),
  need('12 permission self-review', 'Metadata', 'create', 'selfsubjectaccessreviews', {
    apiGroup: 'authorization.k8s.io',
    namespace: '',
  }),
  need('17–24 secret reads', 'Metadata', 'get', 'secrets'),
  need('19–20 secret lists', 'Metadata', 'list', 'secrets'),
  need('25–26 secret writes', 'Metadata', 'deletecollection', 'secrets'),
  need('28 token requested', 'Metadata', 'create', 'serviceaccounts/token'),
  need('30 credentials in a config map', 'Request', 'create', 'configmaps'),
  need('31 aws-auth changed', 'Metadata', 'update', 'configmaps', { namespace: 'kube-system', name: 'aws-auth' }),
  need('32 CoreDNS changed', 'Metadata', 'patch', 'configmaps', { namespace: 'kube-system', name: 'coredns' }),
  need('33–43 pods', 'Request', 'create', 'pods'),
  need('33–43 patched pods', 'RequestResponse', 'patch', 'pods'),
  need('33–40 deployments', 'Request', 'create', 'deployments', { apiGroup: 'apps' }),
  need('33–40 patched deployments', 'RequestResponse', 'patch', 'deployments', { apiGroup: 'apps' }),
  need('56 daemon sets', 'Request', 'create', 'daemonsets', { apiGroup: 'apps' }),
  need('57 cron jobs', 'Request', 'create', 'cronjobs', { apiGroup: 'batch' }),
  need('44, 47–52 exec', 'Metadata', 'create', 'pods/exec'),
  need('44 exec through a web socket', 'Metadata', 'get', 'pods/exec'),
  need('45 attach', 'Metadata', 'create', 'pods/attach'),
  need('46 port forward', 'Metadata', 'create', 'pods/portforward'),
  need('53 ephemeral container', 'Metadata', 'patch', 'pods/ephemeralcontainers'),
  need('58–60 cluster role bindings', 'Request', 'create', 'clusterrolebindings', { apiGroup: rbac, namespace: '' }),
  need('58–60 role bindings', 'Request', 'create', 'rolebindings', { apiGroup: rbac }),
  need('61–66 roles', 'Request', 'create', 'roles', { apiGroup: rbac }),
  need('62 patched cluster roles', 'RequestResponse', 'patch', 'clusterroles', { apiGroup: rbac, namespace: '' }),
  need('67 built-in role changed', 'Metadata', 'delete', 'clusterroles', {
    apiGroup: rbac,
    namespace: '',
    name: 'system:node',
  }),
  need('70 service account created', 'Metadata', 'create', 'serviceaccounts'),
  need('71 impersonation', 'Metadata', 'get', 'pods'),
  need('72 request proxied to a kubelet', 'Metadata', 'get', 'nodes/proxy', { namespace: '' }),
  need('73 admission webhook written', 'Metadata', 'create', 'mutatingwebhookconfigurations', {
    apiGroup: admission,
    namespace: '',
  }),
  need('74 certificate request', 'Request', 'create', 'certificatesigningrequests', {
    apiGroup: 'certificates.k8s.io',
    namespace: '',
  }),
  need('74 certificate approved', 'Metadata', 'update', 'certificatesigningrequests/approval', {
    apiGroup: 'certificates.k8s.io',
    namespace: '',
  }),
  need('75 events deleted', 'Metadata', 'deletecollection', 'events'),
  need('75 events deleted, new group', 'Metadata', 'deletecollection', 'events', { apiGroup: 'events.k8s.io' }),
  need('76–77 namespaces', 'Metadata', 'delete', 'namespaces', { namespace: 'x' }),
  need('78 workloads deleted', 'Metadata', 'delete', 'deployments', { apiGroup: 'apps' }),
  need('79–80 services', 'Request', 'create', 'services'),
  need('81 ingress without TLS', 'Request', 'create', 'ingresses', { apiGroup: 'networking.k8s.io' }),
  need('82 network policy', 'Metadata', 'delete', 'networkpolicies', { apiGroup: 'networking.k8s.io' }),
  need('83 node joined', 'Metadata', 'create', 'nodes', {
    user: 'system:node:x',
    groups: ['system:nodes'],
    namespace: '',
  }),
  need('84 node deleted', 'Metadata', 'delete', 'nodes', { namespace: '' }),
  need('85 pod security level relaxed', 'RequestResponse', 'patch', 'namespaces', { namespace: 'x' }),
]
