/**
 * Audit policies to hand to an API server: the one that our detections need, with a reason in front of each rule (kubernetes.md 6), and the
 * short one of the recipe. Text out; nothing is read.
 */

export interface PolicyOptions {
  /**
   * True records the bodies of config map writes: passwords in them are found (row 30), but what is in config maps then lies in the audit log
   * too. The operator's choice, hence no default.
   */
  readonly configMapBodies: boolean
  /** Leaves out `omitManagedFields`, which API servers before 1.23 refuse. Default false. */
  readonly beforeVersion123?: boolean
}

interface PolicyRule {
  readonly why: string
  readonly yaml: string
}

const writes = '[create, update, patch, delete, deletecollection]'

function rules({ configMapBodies }: PolicyOptions): PolicyRule[] {
  return [
    {
      why: 'Health checks come every few seconds from load balancers and kubelets; nobody attacks through them.',
      yaml: `- level: None
  nonResourceURLs: ['/healthz*', '/livez*', '/readyz*']`,
    },
    {
      why: 'Secrets and tokens: who touched which one, never the contents. First, so that no later rule records a body or drops the read.',
      yaml: `- level: Metadata
  resources:
    - group: ''
      resources: [secrets, serviceaccounts/token]
    - group: authentication.k8s.io
      resources: [tokenreviews]`,
    },
    {
      why: 'Leader election and node heartbeats: most of what an idle cluster writes, without meaning for security.',
      yaml: `- level: None
  verbs: [get, list, watch, create, update, patch]
  resources:
    - group: coordination.k8s.io
      resources: [leases]`,
    },
    {
      why: 'Events that components write about their work. Deleting events hides traces, so that stays recorded.',
      yaml: `- level: None
  verbs: [get, list, watch, create, update, patch]
  resources:
    - group: ''
      resources: [events]
    - group: events.k8s.io
      resources: [events]`,
    },
    {
      why: 'The control plane reads everything all the time. These names cannot be taken by others.',
      yaml: `- level: None
  users:
    - system:apiserver
    - system:kube-controller-manager
    - system:kube-scheduler
    - system:kube-proxy
    - system:serviceaccount:kube-system:generic-garbage-collector
    - system:serviceaccount:kube-system:namespace-controller
    - system:serviceaccount:kube-system:resourcequota-controller
  verbs: [get, list, watch]`,
    },
    {
      why: 'Kubelets read what runs on their node and report its state. Other reads and all other writes of a node identity stay recorded.',
      yaml: `- level: None
  userGroups: [system:nodes]
  verbs: [get, list, watch]
  resources:
    - group: ''
      resources: [nodes, pods, services, configmaps]
    - group: storage.k8s.io
    - group: node.k8s.io`,
    },
    {
      why: 'The state that kubelets report.',
      yaml: `- level: None
  userGroups: [system:nodes]
  verbs: [update, patch]
  resources:
    - group: ''
      resources: [nodes/status, pods/status]`,
    },
    {
      why: 'What kubelets ask about those who come to them directly: the only trace of a request that goes past the API server.',
      yaml: `- level: Request
  userGroups: [system:nodes]
  verbs: [create]
  resources:
    - group: authorization.k8s.io
      resources: [subjectaccessreviews]`,
    },
    {
      why: 'Sessions into containers and through the API server to nodes. They have no body: command and target are in the URL.',
      yaml: `- level: RequestResponse
  resources:
    - group: ''
      resources: [pods/exec, pods/attach, pods/portforward, pods/proxy, services/proxy, nodes/proxy, pods/ephemeralcontainers]`,
    },
    {
      why: 'What will run: privileges, host paths, images. Patches are judged by the object that results, hence the response.',
      yaml: `- level: RequestResponse
  verbs: ${writes}
  resources:
    - group: ''
      resources: [pods, podtemplates, replicationcontrollers]
    - group: apps
      resources: [deployments, daemonsets, statefulsets, replicasets]
    - group: batch
      resources: [jobs, cronjobs]`,
    },
    {
      why: 'Who may do what: roles, bindings, certificates, admission. The rights themselves are in the bodies.',
      yaml: `- level: RequestResponse
  verbs: ${writes}
  resources:
    - group: rbac.authorization.k8s.io
    - group: certificates.k8s.io
    - group: admissionregistration.k8s.io
    - group: ''
      resources: [serviceaccounts]`,
    },
    {
      why: 'What is reachable and where walls are: services, ingresses, network policies, namespaces and their labels, nodes, volumes on them.',
      yaml: `- level: RequestResponse
  verbs: ${writes}
  resources:
    - group: ''
      resources: [services, namespaces, nodes, persistentvolumes]
    - group: networking.k8s.io
      resources: [ingresses, networkpolicies]`,
    },
    configMapBodies
      ? {
          why: 'Config maps with their contents: passwords in them are found. Whoever reads the audit log reads them too.',
          yaml: `- level: RequestResponse
  verbs: ${writes}
  resources:
    - group: ''
      resources: [configmaps]`,
        }
      : {
          why: 'Config maps without their contents, which may hold passwords. Changes to aws-auth and CoreDNS are still seen by name.',
          yaml: `- level: Metadata
  verbs: ${writes}
  resources:
    - group: ''
      resources: [configmaps]`,
        },
    {
      why: 'Everything else: who, what, when, from where and with what result, without bodies.',
      yaml: '- level: Metadata',
    },
  ]
}

function indent(text: string, blanks: number): string {
  return text
    .split('\n')
    .map((line) => (line === '' ? line : ' '.repeat(blanks) + line))
    .join('\n')
}

/** The policy that lights all detections, as YAML with a reason in front of each rule. */
export function recommendedPolicy(options: PolicyOptions): string {
  const managed =
    options.beforeVersion123 === true
      ? []
      : ['# Field managers double the size of bodies and say nothing about the change.', 'omitManagedFields: true']
  return [
    '# Audit policy written by dogwatch. The first rule that matches decides; what matches none is not recorded.',
    'apiVersion: audit.k8s.io/v1',
    'kind: Policy',
    '# Each request is told once, when it has been answered, not also when it arrives.',
    'omitStages: [RequestReceived]',
    ...managed,
    'rules:',
    ...rules(options).map(({ why, yaml }) => `  # ${why}\n${indent(yaml, 2)}`),
    '',
  ].join('\n')
}

/** The short policy of the recipe: bodies of pods and access reviews, metadata of all else. Many detections are blind with it. */
export function recipePolicy(): string {
  const resource = (group: string, name: string) => `    resources:
      - group: '${group}'
        resources: ['${name}']`
  const omit = `    omitStages:
      - RequestReceived`
  return `apiVersion: audit.k8s.io/v1
kind: Policy
rules:
  # Health, metrics and version pages are not recorded.
  - level: None
    nonResourceURLs:
      - '/healthz*'
      - '/logs'
      - '/metrics'
      - '/swagger*'
      - '/version'
  # No bodies of token reviews: they hold tokens.
  - level: Metadata
${omit}
${resource('authentication.k8s.io', 'tokenreviews')}
  # Access reviews with question and answer.
  - level: RequestResponse
${omit}
${resource('authorization.k8s.io', 'subjectaccessreviews')}
  # Changes of pods with their bodies.
  - level: RequestResponse
${omit}
${resource('', 'pods')}
    verbs: ['create', 'patch', 'update', 'delete']
  # Everything else without bodies.
  - level: Metadata
${omit}
`
}
