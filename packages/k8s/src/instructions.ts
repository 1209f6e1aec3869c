/** How auditing is switched on where there is no static-pod manifest to patch (kubernetes.md 4 and 5): text for people. */

export const distributions = ['kubeadm', 'minikube', 'kind', 'k3s', 'rke2', 'microk8s', 'eks', 'gke', 'aks'] as const
export type Distribution = (typeof distributions)[number]

export interface InstructionFacts {
  /** Where the two files were written. */
  readonly policyFile: string
  readonly webhookFile: string
  /** URL of the receiver for this cluster. */
  readonly url: string
}

/** Steps for one distribution, as lines of plain text. */
export function instructionsFor(
  distribution: Distribution,
  { policyFile, webhookFile, url }: InstructionFacts,
): string {
  const cloud = (lines: readonly string[]) =>
    [
      ...lines,
      `The forwarder posts what it gets, unchanged, to ${url} with the header "Authorization: Bearer <token>".`,
    ].join('\n')
  switch (distribution) {
    case 'kubeadm':
      return `On each control plane node: run "dogwatch k8s setup" there, or copy ${policyFile} and ${webhookFile} and patch
/etc/kubernetes/manifests/kube-apiserver.yaml the same way. To keep the flags over "kubeadm upgrade", put them into
apiServer.extraArgs and apiServer.extraVolumes of the ClusterConfiguration ("kubectl -n kube-system edit cm kubeadm-config").`
    case 'minikube':
      return `mkdir -p ~/.minikube/files/etc/ssl/certs
cp ${policyFile} ~/.minikube/files/etc/ssl/certs/audit-policy.yaml
cp ${webhookFile} ~/.minikube/files/etc/ssl/certs/audit-webhook.yaml
minikube start \\
  --extra-config=apiserver.audit-policy-file=/etc/ssl/certs/audit-policy.yaml \\
  --extra-config=apiserver.audit-webhook-config-file=/etc/ssl/certs/audit-webhook.yaml
(That folder is mounted into the API server's pod. With --driver=none, patch the manifest as with kubeadm.)`
    case 'kind':
      return `Create the cluster with this configuration (kind create cluster --config FILE):

kind: Cluster
apiVersion: kind.x-k8s.io/v1alpha4
nodes:
  - role: control-plane
    extraMounts:
      - hostPath: ${policyFile}
        containerPath: /etc/kubernetes/dogwatch/audit-policy.yaml
        readOnly: true
      - hostPath: ${webhookFile}
        containerPath: /etc/kubernetes/dogwatch/audit-webhook.yaml
        readOnly: true
    kubeadmConfigPatches:
      - |
        kind: ClusterConfiguration
        apiServer:
          extraArgs:
            audit-policy-file: /etc/kubernetes/dogwatch/audit-policy.yaml
            audit-webhook-config-file: /etc/kubernetes/dogwatch/audit-webhook.yaml
          extraVolumes:
            - name: dogwatch-audit
              hostPath: /etc/kubernetes/dogwatch
              mountPath: /etc/kubernetes/dogwatch
              readOnly: true
              pathType: Directory`
    case 'k3s':
      return `On each server: copy both files to /var/lib/rancher/k3s/server/, then add to /etc/rancher/k3s/config.yaml:

kube-apiserver-arg:
  - audit-policy-file=/var/lib/rancher/k3s/server/audit-policy.yaml
  - audit-webhook-config-file=/var/lib/rancher/k3s/server/audit-webhook.yaml

(Where the list is there already, add the two lines to it.) Then: systemctl restart k3s`
    case 'rke2':
      return `On each server: copy both files to /etc/rancher/rke2/, then add to /etc/rancher/rke2/config.yaml:

audit-policy-file: /etc/rancher/rke2/audit-policy.yaml
kube-apiserver-arg:
  - audit-webhook-config-file=/etc/rancher/rke2/audit-webhook.yaml
kube-apiserver-extra-mount:
  - /etc/rancher/rke2:/etc/rancher/rke2:ro

Then: systemctl restart rke2-server`
    case 'microk8s':
      return `On each control plane node: copy both files to /var/snap/microk8s/current/args/, then add to /var/snap/microk8s/current/args/kube-apiserver:

--audit-policy-file=\${SNAP_DATA}/args/audit-policy.yaml
--audit-webhook-config-file=\${SNAP_DATA}/args/audit-webhook.yaml

Then: snap restart microk8s.daemon-kubelite`
    case 'eks':
      return cloud([
        'EKS has no webhook flag; its audit log goes to CloudWatch Logs.',
        'aws eks update-cluster-config --name CLUSTER --logging \'{"clusterLogging":[{"types":["audit"],"enabled":true}]}\'',
        'Then a subscription filter on the group /aws/eks/CLUSTER/cluster, filter pattern "" and streams kube-apiserver-audit-*, to a',
        'Firehose stream with an HTTP endpoint, or to a Lambda function that posts the event it receives.',
      ])
    case 'gke':
      return cloud([
        'GKE has no webhook flag; its audit log goes to Cloud Logging. Writes are there already; reads of the API server must be switched on',
        'as "Data Access" audit logs of the service "Kubernetes Engine API" (IAM, Audit Logs).',
        'Then a log sink with the filter',
        '  protoPayload.serviceName=("k8s.io" OR "container.googleapis.com") AND logName:"cloudaudit.googleapis.com"',
        'to a Pub/Sub topic, and a push subscription or a forwarder behind it.',
      ])
    case 'aks':
      return cloud([
        'AKS has no webhook flag; its audit log is a diagnostic setting.',
        'az monitor diagnostic-settings create --name dogwatch --resource CLUSTER_RESOURCE_ID \\',
        '  --event-hub HUB --event-hub-rule RULE_ID --logs \'[{"category":"kube-audit","enabled":true}]\'',
        '(kube-audit-admin is cheaper and leaves out get and list: detections of secret reads are then blind.)',
        'Then a function or forwarder that reads the hub.',
      ])
  }
}
