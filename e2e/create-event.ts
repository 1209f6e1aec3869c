/** The event that the scenarios begin with: somebody creates a deployment. */
import { randomUUID } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { sharedFolder } from '../scripts/repository.ts'

/** The acceptance event of the shared corpus where that is there, else one of the same kind. */
export function createEvent(): Buffer {
  const shared = sharedFolder()
  if (shared !== null) return readFileSync(join(shared, 'acceptance', 'k8s-create-deployment.json'))
  const time = '2026-11-24T08:00:00.000000Z'
  const item = {
    level: 'Metadata',
    auditID: randomUUID(),
    stage: 'ResponseComplete',
    requestURI: '/apis/apps/v1/namespaces/default/deployments?fieldManager=kubectl-create',
    verb: 'create',
    user: { username: 'jane', groups: ['system:authenticated'] },
    sourceIPs: ['192.0.2.7'],
    userAgent: 'kubectl/v1.32.0',
    objectRef: { resource: 'deployments', namespace: 'default', name: 'web', apiGroup: 'apps', apiVersion: 'v1' },
    responseStatus: { metadata: {}, code: 201 },
    requestReceivedTimestamp: time,
    stageTimestamp: time,
  }
  return Buffer.from(JSON.stringify({ kind: 'EventList', apiVersion: 'audit.k8s.io/v1', metadata: {}, items: [item] }))
}
