/**
 * Who acts: the kinds of identity that rules tell apart. Names are compared exactly; a prefix decides only where Kubernetes or the cloud
 * reserves it, so nobody joins the control plane by choosing a name.
 */

export type ActorKind = 'person' | 'serviceaccount' | 'node' | 'control-plane' | 'anonymous'

/** Identities of the API server and its companions (kubernetes.io, "Default roles: component roles"), and of managed control planes. */
const componentNames: ReadonlySet<string> = new Set([
  'system:apiserver',
  'system:aggregator',
  'system:kube-aggregator',
  'system:kube-apiserver',
  'system:kube-controller-manager',
  'system:kube-scheduler',
  'system:kube-proxy',
  'system:cloud-controller-manager',
  'system:volume-scheduler',
  'system:konnectivity-server',
  'system:addon-manager',
  'system:gcp-controller-manager',
  'system:gke-common-webhooks',
  'system:gke-controller',
  'system:gke-hpa-actor',
  'system:glbc',
  'system:clustermetrics',
  'system:managed-certificate-controller',
  'system:storageversionmigrator',
  'system:vpa-recommender',
  'system:kube-dns',
  'system:k3s-controller',
  'system:rke2-controller',
  'kube-apiserver',
  'kube-apiserver-kubelet-client',
  'kube-controller-manager',
  'kube-scheduler',
  'aksService',
  'aksProblemDetector',
])

/** Service accounts of kube-system that the controller manager uses for its own controllers. */
const controllerNames: ReadonlySet<string> = new Set(
  [
    'attachdetach-controller bootstrap-signer certificate-controller cloud-node-lifecycle-controller cloud-provider',
    'clusterrole-aggregation-controller cronjob-controller daemon-set-controller deployment-controller disruption-controller',
    'endpoint-controller endpointslice-controller endpointslicemirroring-controller ephemeral-volume-controller expand-controller',
    'generic-garbage-collector horizontal-pod-autoscaler job-controller legacy-service-account-token-cleaner namespace-controller',
    'node-controller node-ipam-controller persistent-volume-binder pod-garbage-collector podgc-controller pv-protection-controller',
    'pvc-protection-controller replicaset-controller replication-controller resourcequota-controller resource-claim-controller',
    'root-ca-cert-publisher route-controller selinux-warning-controller service-account-controller service-cidrs-controller',
    'service-controller statefulset-controller storage-version-garbage-collector storage-version-migrator-controller',
    'taint-eviction-controller token-cleaner tokens-controller ttl-after-finished-controller ttl-controller',
    'validatingadmissionpolicy-status-controller volumeattributesclass-protection-controller device-taint-eviction-controller',
  ]
    .join(' ')
    .split(' ')
    .map((name) => `system:serviceaccount:kube-system:${name}`),
)

/** What kind of identity a user name is; the empty name is anonymous (an unauthenticated request, audited with an empty user). */
export function actorKindOf(name: string): ActorKind {
  if (name === '' || name === 'system:anonymous') return 'anonymous'
  if (name.startsWith('system:serviceaccount:')) return controllerNames.has(name) ? 'control-plane' : 'serviceaccount'
  if (name.startsWith('system:node:') || name.startsWith('system:bootstrap:')) return 'node'
  if (componentNames.has(name)) return 'control-plane'
  // EKS refuses access entries whose user name begins with eks:; GKE's own agents come from a project of Google's.
  if (name.startsWith('eks:') || name.endsWith('@container-engine-robot.iam.gserviceaccount.com'))
    return 'control-plane'
  return 'person'
}

/** Namespaces whose service accounts belong to the platform: of Kubernetes itself, of network plug-ins, of distributions and clouds. */
const platformNamespaces =
  /^(?:kube-system|kube-public|kube-node-lease|gke-[^:]+|gmp-system|gmp-public|calico-system|calico-apiserver|tigera-operator|openshift[^:]*|cattle-[^:]+|fleet-[^:]+|eks-[^:]+|amazon-[^:]+|aks-[^:]+|azure-arc(?!-kube-aad-proxy)[^:]*):/
const platformNames =
  /^system:(?!(?:admin|masters|unauthenticated)$)|^(?:cluster-autoscaler|kubelet|kube-[a-z-]+|konnectivity-[a-z-]+|gke-[a-z-]+|service-[0-9]+@[a-z-]+\.iam\.gserviceaccount\.com)$/
const accountPrefix = 'system:serviceaccount:'

/** Names that were judged before; few identities make most of the events. */
const judged = new Map<string, boolean>()
const judgedMax = 4096

/**
 * Whether an identity of kind person or serviceaccount is one of the platform's own: components, add-ons, agents of clouds. The account
 * `default`, which nobody has to make, is none.
 */
export function isOfPlatform(name: string): boolean {
  const known = judged.get(name)
  if (known !== undefined) return known
  if (judged.size === judgedMax) judged.clear()
  const isAccount = name.startsWith(accountPrefix)
  const is = isAccount
    ? platformNamespaces.test(name.slice(accountPrefix.length)) && !name.endsWith(':default')
    : platformNames.test(name)
  judged.set(name, is)
  return is
}
