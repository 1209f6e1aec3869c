/** An ordinary hour of a busy cluster, so that the pages that are looked at have something to show. */

import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import type { DashboardStep } from './steps.ts'

const users = ['jane', 'bob@example.org', 'system:serviceaccount:ci:deployer', 'admin', 'omar']
const kinds = [
  ['apps', 'deployments'],
  ['', 'pods'],
  ['', 'secrets'],
  ['', 'configmaps'],
  ['rbac.authorization.k8s.io', 'clusterrolebindings'],
  ['rbac.authorization.k8s.io', 'roles'],
] as const
const verbs = ['create', 'delete', 'patch', 'get', 'update', 'list'] as const
const namespaces = ['default', 'kube-system', 'shop', 'ci'] as const
const eventCount = 160

export const steps: readonly DashboardStep[] = [
  {
    says: 'a busy hour arrives',
    async run({ sender }) {
      const items = Array.from({ length: eventCount }, (_, n) => eventOf(n))
      const batch = { kind: 'EventList', apiVersion: 'audit.k8s.io/v1', metadata: {}, items }
      assert.equal((await sender.post(Buffer.from(JSON.stringify(batch)))).status, 200)
    },
  },
]

function eventOf(n: number): object {
  const [apiGroup, resource] = of(kinds, n)
  const isSession = n % 12 === 1
  const isRefused = n % 11 === 0
  const verb = isSession ? 'create' : of(verbs, n * 7 + Math.floor(n / 6))
  const namespace = of(namespaces, n)
  const time = new Date(Date.now() - 1000).toISOString().replace('Z', '000Z')
  const name = `thing-${n % 17}`
  return {
    level: 'Metadata',
    auditID: randomUUID(),
    stage: 'ResponseComplete',
    requestURI: `/api/v1/namespaces/${namespace}/${resource}/${name}${isSession ? '/exec?command=sh&stdin=true&tty=true' : ''}`,
    verb,
    user: {
      username: of(users, n),
      groups: ['system:authenticated', ...(n % 40 === 9 ? ['system:masters'] : [])],
    },
    sourceIPs: [`192.0.2.${n % 20}`],
    userAgent: 'kubectl/v1.34.1 (linux/amd64) kubernetes/sample',
    objectRef: {
      resource: isSession ? 'pods' : resource,
      namespace,
      name,
      apiVersion: 'v1',
      ...(isSession ? { subresource: 'exec' } : apiGroup === '' ? {} : { apiGroup }),
    },
    responseStatus: { metadata: {}, code: isRefused ? 403 : verb === 'create' ? 201 : 200 },
    requestReceivedTimestamp: time,
    stageTimestamp: time,
    annotations: { 'authorization.k8s.io/decision': isRefused ? 'forbid' : 'allow', 'authorization.k8s.io/reason': '' },
  }
}

function of<T>(values: readonly T[], n: number): T {
  const value = values[n % values.length]
  if (value === undefined) throw new Error('nothing to choose from')
  return value
}
