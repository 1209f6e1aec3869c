/**
 * Audit events in the wrappings of managed clusters (kubernetes.md 5): EKS through CloudWatch, GKE through Cloud Logging, AKS through
 * diagnostic settings. A wrapped entry goes in, the bytes of an audit.k8s.io/v1 Event come out, bodies copied as they are spelt; what only the
 * cloud knows becomes the JSON of `kubernetes.cloud`.
 */
import { gunzipSync } from 'node:zlib'
import { memberMap, parsed, type Reason, type Span, stringOf, textOf } from './json-bytes.ts'
import { listOf, recordOf, textIn } from './untrusted.ts'

/** What an entry held: an event, a body to be split again, or nothing that is for us. */
export type Unwrapped =
  | { readonly kind: 'event'; readonly bytes: Uint8Array; readonly cloud: string }
  | { readonly kind: 'body'; readonly bytes: Uint8Array; readonly cloud: string | undefined }
  | { readonly kind: 'refused'; readonly reason: Reason; readonly detail: string }

type Members = Map<string, Span>

/** JSON as Python prints it (a blank behind `:` and `,`), undefined members left out. */
function print(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(print).join(', ')}]`
  if (typeof value === 'object' && value !== null) {
    const members = Object.entries(value).filter(([, part]) => part !== undefined)
    return `{${members.map(([name, part]) => `${JSON.stringify(name)}: ${print(part)}`).join(', ')}}`
  }
  return JSON.stringify(value) ?? 'null'
}

/** Longest text of one member of `kubernetes.cloud`, in code units: senders choose them, and the object must stay small. */
const cloudTextMax = 1024

/** `kubernetes.cloud` as JSON. */
function printCloud(members: Readonly<Record<string, string | undefined>>): string {
  return print(
    Object.fromEntries(Object.entries(members).map(([name, value]) => [name, value?.slice(0, cloudTextMax)])),
  )
}

function refuse(reason: Reason, detail: string): Unwrapped[] {
  return [{ kind: 'refused', reason, detail }]
}

function text(bytes: Uint8Array, members: Members, ...names: string[]): string | undefined {
  for (const name of names) {
    const value = stringOf(bytes, members.get(name))
    if (value !== undefined) return value
  }
  return undefined
}

/** Base64, with or without gzip inside, as CloudWatch subscriptions send; bounded by `inflatedMax` bytes. */
export function inflate(base64: string, inflatedMax: number, cloud: string | undefined): Unwrapped {
  if (!/^[A-Za-z0-9+/]+={0,2}\s*$/.test(base64))
    return { kind: 'refused', reason: 'bad-encoding', detail: 'data is no base64' }
  const bytes = Buffer.from(base64, 'base64')
  if (bytes[0] !== 0x1f || bytes[1] !== 0x8b) return { kind: 'body', bytes, cloud }
  try {
    return { kind: 'body', bytes: gunzipSync(bytes, { maxOutputLength: inflatedMax }), cloud }
  } catch (error) {
    const isTooBig = error instanceof RangeError
    return {
      kind: 'refused',
      reason: isTooBig ? 'inflated-too-big' : 'bad-encoding',
      detail: isTooBig ? `gzip data inflates to more than ${inflatedMax} bytes` : 'gzip data is damaged or cut short',
    }
  }
}

/** CloudWatch: a subscription's envelope, its Lambda form `awslogs`, or one log event. */
export function unwrapEks(bytes: Uint8Array, span: Span, inflatedMax: number): Unwrapped[] {
  const members = memberMap(bytes, span)
  const packed = text(bytes, memberMap(bytes, members.get('awslogs')), 'data')
  if (packed !== undefined) return [inflate(packed, inflatedMax, undefined)]
  if (text(bytes, members, 'messageType') === 'CONTROL_MESSAGE') return []
  const cloud = printCloud({
    provider: 'eks',
    account: text(bytes, members, 'owner'),
    logGroup: text(bytes, members, 'logGroup'),
    logStream: text(bytes, members, 'logStream'),
  })
  const events = parsed(bytes, members.get('logEvents'))
  const messages = Array.isArray(events)
    ? events.map((event) => recordOf(event)?.message)
    : [text(bytes, members, 'message')]
  return messages.map((message) => {
    if (typeof message !== 'string')
      return { kind: 'refused', reason: 'not-an-audit-entry', detail: 'log event without a message' }
    if (!message.trimStart().startsWith('{'))
      return { kind: 'refused', reason: 'not-an-audit-entry', detail: 'message is no JSON object' }
    return { kind: 'event', bytes: Buffer.from(message), cloud }
  })
}

const aksCategories: ReadonlySet<string> = new Set(['kube-audit', 'kube-audit-admin'])

/** Columns of the tables AKSAudit and AKSAuditAdmin with the members of Event that they stand for. */
const aksColumns: readonly (readonly [column: string, member: string])[] = [
  ['Level', 'level'],
  ['AuditId', 'auditID'],
  ['Stage', 'stage'],
  ['RequestUri', 'requestURI'],
  ['Verb', 'verb'],
  ['User', 'user'],
  ['ImpersonatedUser', 'impersonatedUser'],
  ['SourceIps', 'sourceIPs'],
  ['UserAgent', 'userAgent'],
  ['ObjectRef', 'objectRef'],
  ['ResponseStatus', 'responseStatus'],
  ['RequestObject', 'requestObject'],
  ['ResponseObject', 'responseObject'],
  ['RequestReceivedTime', 'requestReceivedTimestamp'],
  ['StageReceivedTime', 'stageTimestamp'],
  ['Annotations', 'annotations'],
]
const aksObjects: ReadonlySet<string> = new Set(
  'User ImpersonatedUser SourceIps ObjectRef ResponseStatus RequestObject ResponseObject Annotations'.split(' '),
)

/** One AKS record: a diagnostic record of Event Hub, a row of AzureDiagnostics, or a row of AKSAudit. */
export function unwrapAks(bytes: Uint8Array, span: Span): Unwrapped[] {
  const members = memberMap(bytes, span)
  const category = text(bytes, members, 'category', 'Category', 'Type')
  const cloud = printCloud({
    provider: 'aks',
    category,
    resourceId: text(bytes, members, 'resourceId', 'ResourceId', '_ResourceId'),
  })
  if (members.has('AuditId')) return [{ kind: 'event', bytes: tableRow(bytes, members), cloud }]
  if (category !== undefined && !aksCategories.has(category))
    return refuse('not-an-audit-entry', `category ${category.slice(0, 60)}`)
  const log = memberMap(bytes, members.get('properties')).get('log') ?? members.get('log') ?? members.get('log_s')
  if (log === undefined) return refuse('not-an-audit-entry', 'record without properties.log')
  if (bytes[log.start] === 0x7b) return [{ kind: 'event', bytes: bytes.subarray(log.start, log.end), cloud }]
  const line = stringOf(bytes, log)
  if (line === undefined || !line.trimStart().startsWith('{'))
    return refuse('not-an-audit-entry', 'properties.log is no JSON object')
  return [{ kind: 'event', bytes: Buffer.from(line), cloud }]
}

/** A row whose dynamic columns are objects, or JSON in a string. */
function tableRow(bytes: Uint8Array, members: Members): Uint8Array {
  const parts = ['"kind":"Event","apiVersion":"audit.k8s.io/v1"']
  for (const [column, name] of aksColumns) {
    const span = members.get(column)
    if (span === undefined || bytes[span.start] === 0x6e) continue
    const inner = aksObjects.has(column) ? stringOf(bytes, span) : undefined
    if (inner === '') continue
    parts.push(`"${name}":${inner ?? textOf(bytes, span)}`)
  }
  return Buffer.from(`{${parts.join(',')}}`)
}

/** HTTP statuses of gRPC codes (google.rpc.Code); Cloud Audit Logs give only the latter. */
const httpOfGrpc: readonly number[] = [
  200, 499, 500, 400, 504, 404, 409, 403, 429, 400, 409, 400, 501, 500, 503, 500, 401,
]

interface GkeMethod {
  readonly verb: string
  readonly resource: string | undefined
  readonly subresource: string | undefined
}

/** `io.k8s.<group>.<version>.<resource>[.<sub>].<verb>`; without a version part it is a path that is no resource. */
function kubernetesMethod(methodName: string): GkeMethod {
  const steps = methodName.split('.')
  const verb = steps.pop() ?? ''
  const version = steps.findIndex((step) => /^v\d+(?:(?:alpha|beta)\d+)?$/.test(step))
  if (version < 0) return { verb, resource: undefined, subresource: undefined }
  return { verb, resource: steps[version + 1], subresource: steps[version + 2] }
}

/** `google.container.v1.ClusterManager.DeleteNodePool`, `compute.instances.list`: what happens to what kind of thing. */
function managementMethod(methodName: string): GkeMethod {
  const last = methodName.split('.').at(-1) ?? ''
  const parts = /^(Create|Delete|Update|Set|Get|List|Patch|Insert)([A-Z]\w*)?$/i.exec(last)
  const action = parts?.[1]?.toLowerCase() ?? 'update'
  const verb = action === 'set' ? 'update' : action === 'insert' ? 'create' : action
  return { verb, resource: undefined, subresource: undefined }
}

/** Namespace and name in `<group>/<version>/[namespaces/<ns>/]<resource>[/<name>[/<sub>]]`. */
function placeOf(resourceName: string, resource: string | undefined): Record<string, string | undefined> {
  const [group, version, ...steps] = resourceName.split('/')
  const apiGroup = group === 'core' ? undefined : group
  if (steps[0] === 'namespaces' && resource !== 'namespaces' && steps.length > 2) {
    return { apiGroup, apiVersion: version, namespace: steps[1], name: steps[3] }
  }
  return { apiGroup, apiVersion: version, name: steps[1] }
}

/** Resource and name in `projects/…/clusters/<c>[/nodePools/<n>]`. */
function managedThing(resourceName: string): { resource: string; name: string } | undefined {
  const steps = resourceName.split('/')
  const resource = steps.at(-2)
  const name = steps.at(-1)
  return resource === undefined || name === undefined ? undefined : { resource: resource.toLowerCase(), name }
}

/** The path that a client would have asked for. */
function pathOf(
  place: Record<string, string | undefined>,
  resource: string | undefined,
  sub: string | undefined,
): string {
  const root = place.apiGroup === undefined ? `/api/${place.apiVersion}` : `/apis/${place.apiGroup}/${place.apiVersion}`
  const steps = [place.namespace === undefined ? undefined : `namespaces/${place.namespace}`, resource, place.name, sub]
  return [root, ...steps.filter((step) => step !== undefined && step !== '')].join('/')
}

/** A Cloud Logging entry: requests to the API server of a GKE cluster, or management operations on clusters and node pools. */
export function unwrapGke(bytes: Uint8Array, span: Span): Unwrapped[] {
  const entry = memberMap(bytes, span)
  const payload = memberMap(bytes, entry.get('protoPayload'))
  const methodName = text(bytes, payload, 'methodName')
  if (methodName === undefined) return refuse('not-an-audit-entry', 'log entry without protoPayload.methodName')
  const resourceName = text(bytes, payload, 'resourceName') ?? ''
  const service = text(bytes, payload, 'serviceName')
  const isRequest = service === 'k8s.io' || methodName.startsWith('io.k8s.')
  const method = isRequest ? kubernetesMethod(methodName) : managementMethod(methodName)
  const operation = recordOf(parsed(bytes, entry.get('operation')))
  const stage = operation?.first === true && operation.last !== true ? 'ResponseStarted' : 'ResponseComplete'
  const labels = recordOf(parsed(bytes, entry.get('labels')))
  const granted = listOf(parsed(bytes, payload.get('authorizationInfo'))).map((info) => recordOf(info)?.granted)
  const grpc = recordOf(parsed(bytes, payload.get('status')))
  const grpcCode = typeof grpc?.code === 'number' ? grpc.code : 0
  const isForbidden = grpcCode === 7 || (granted.length > 0 && granted.some((one) => one !== true))
  const decision =
    textIn(labels?.['authorization.k8s.io/decision']) ??
    (isForbidden ? 'forbid' : granted.length > 0 ? 'allow' : undefined)
  const code =
    grpcCode === 0 ? (isForbidden ? 403 : method.verb === 'create' ? 201 : 200) : (httpOfGrpc[grpcCode] ?? 500)
  const agent = recordOf(parsed(bytes, payload.get('requestMetadata')))
  const caller = textIn(agent?.callerIp) ?? textIn(agent?.callerIP)
  const time = text(bytes, entry, 'timestamp') ?? text(bytes, entry, 'receiveTimestamp')
  const place = isRequest ? placeOf(resourceName, method.resource) : {}
  const thing = isRequest ? undefined : managedThing(resourceName)
  const objectRef = isRequest
    ? method.resource === undefined
      ? undefined
      : { resource: method.resource, ...place, subresource: method.subresource }
    : { resource: thing?.resource, name: thing?.name, apiGroup: service }
  const path =
    isRequest && method.resource !== undefined ? pathOf(place, method.resource, method.subresource) : `/${resourceName}`
  const request = payload.get('request')
  const response = payload.get('response')
  const labelsOfCluster = recordOf(recordOf(parsed(bytes, entry.get('resource')))?.labels)
  const members: [string, string | undefined][] = [
    [
      'level',
      JSON.stringify(response !== undefined ? 'RequestResponse' : request !== undefined ? 'Request' : 'Metadata'),
    ],
    ['auditID', rawOf(bytes, entry.get('insertId'))],
    ['stage', JSON.stringify(stage)],
    ['requestURI', rawOf(bytes, payload.get('requestURI')) ?? JSON.stringify(path)],
    ['verb', JSON.stringify(method.verb)],
    ['user', userOf(bytes, payload)],
    ['sourceIPs', caller === undefined ? undefined : print([caller])],
    [
      'userAgent',
      textIn(agent?.callerSuppliedUserAgent) === undefined ? undefined : JSON.stringify(agent?.callerSuppliedUserAgent),
    ],
    ['objectRef', objectRef === undefined ? undefined : print(objectRef)],
    ['responseStatus', print({ metadata: {}, message: textIn(grpc?.message), code })],
    ['requestObject', rawOf(bytes, request)],
    ['responseObject', rawOf(bytes, response)],
    ['requestReceivedTimestamp', time === undefined ? undefined : JSON.stringify(time)],
    ['stageTimestamp', time === undefined ? undefined : JSON.stringify(time)],
    ['annotations', annotationsOf(labels, decision)],
  ]
  const printed = members.filter(([, value]) => value !== undefined).map(([name, value]) => `"${name}":${value}`)
  const cloud = printCloud({
    provider: 'gke',
    service,
    method: methodName,
    resourceName: resourceName === '' ? undefined : resourceName,
    cluster: textIn(labelsOfCluster?.cluster_name),
    location: textIn(labelsOfCluster?.location),
    project: textIn(labelsOfCluster?.project_id),
    operation: textIn(operation?.id),
  })
  return [
    {
      kind: 'event',
      bytes: Buffer.from(`{"kind":"Event","apiVersion":"audit.k8s.io/v1",${printed.join(',')}}`),
      cloud,
    },
  ]
}

function rawOf(bytes: Uint8Array, span: Span | undefined): string | undefined {
  return span === undefined ? undefined : textOf(bytes, span)
}

/** The caller; management operations that have only ended name nobody. */
function userOf(bytes: Uint8Array, payload: Members): string | undefined {
  const info = memberMap(bytes, payload.get('authenticationInfo'))
  const name = text(bytes, info, 'principalEmail', 'principalSubject', 'authoritySelector')
  if (name === undefined) return undefined
  return print(
    name === 'system:anonymous' ? { username: name, groups: ['system:unauthenticated'] } : { username: name },
  )
}

function annotationsOf(labels: ReturnType<typeof recordOf>, decision: string | undefined): string | undefined {
  const annotations = Object.entries(labels ?? {}).filter(
    ([name, value]) => name !== 'authorization.k8s.io/decision' && typeof value === 'string',
  )
  if (decision !== undefined) annotations.unshift(['authorization.k8s.io/decision', decision])
  if (annotations.length === 0) return undefined
  return `{${annotations.map(([name, value]) => `${JSON.stringify(name)}:${JSON.stringify(value)}`).join(',')}}`
}
