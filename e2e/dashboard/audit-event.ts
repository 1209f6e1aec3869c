/** A batch of one audit event, as an API server would send it. */
import { randomUUID } from 'node:crypto'

export interface AuditEventParts {
  readonly user: string
  /** Of the deployment that it is about. */
  readonly name: string
  readonly verb?: string
}

export function auditEvent({ user, name, verb = 'create' }: AuditEventParts): Buffer {
  const time = new Date().toISOString().replace('Z', '000Z')
  const item = {
    level: 'Metadata',
    auditID: randomUUID(),
    stage: 'ResponseComplete',
    requestURI: '/apis/apps/v1/namespaces/default/deployments',
    verb,
    user: { username: user, groups: ['system:authenticated'] },
    sourceIPs: ['192.0.2.7'],
    userAgent: 'kubectl/v1.34.1',
    objectRef: { resource: 'deployments', namespace: 'default', name, apiGroup: 'apps', apiVersion: 'v1' },
    responseStatus: { metadata: {}, code: verb === 'create' ? 201 : 200 },
    requestReceivedTimestamp: time,
    stageTimestamp: time,
  }
  return Buffer.from(JSON.stringify({ kind: 'EventList', apiVersion: 'audit.k8s.io/v1', metadata: {}, items: [item] }))
}
