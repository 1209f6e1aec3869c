/**
 * What the written object says, in words that a rule can compare: dangerous rights of roles, subjects of bindings, exposure of services, and
 * so on (the rows of k8s-detections that need more than one member of a body). Only called for writes of the resources named here.
 */
import { joined, registryOf, repositoryOf } from './image-names.ts'
import { memberMap, parsed, type Span, stringOf } from './json-bytes.ts'
import { resultingObject } from './patch-object.ts'
import { holdsPod, listLengthMax, podFacts } from './pod-template.ts'
import { type JsonRecord, listOf, recordOf, textIn, textsOf } from './untrusted.ts'

/** Facts by name, in the order in which they are written into the `kubernetes` object. */
export type Facts = Map<string, string | readonly string[]>

type Judge = (object: JsonRecord, facts: Facts, change: Change) => void

interface Change {
  readonly verb: string
  readonly resource: string
  /** The object is only what a patch changes, not what results. */
  readonly partial: boolean
}

const judges: ReadonlyMap<string, Judge> = new Map<string, Judge>([
  ['roles', judgeRole],
  ['clusterroles', judgeRole],
  ['rolebindings', judgeBinding],
  ['clusterrolebindings', judgeBinding],
  ['services', judgeService],
  ['ingresses', judgeIngress],
  ['namespaces', judgeNamespace],
  ['certificatesigningrequests', judgeSigningRequest],
])

/** Whether the body of a create, update or patch of this resource has something to tell. */
export function hasFacts(resource: string, subresource: string): boolean {
  if (subresource === '') return holdsPod(resource) || judges.has(resource) || resource === 'configmaps'
  return resource === 'pods' && subresource === 'ephemeralcontainers'
}

/** Facts of the request and response objects (spans of validated JSON) of a create, update or patch. */
export function objectFacts(
  bytes: Uint8Array,
  request: Span | undefined,
  response: Span | undefined,
  verb: string,
  resource: string,
): Facts {
  const facts: Facts = new Map()
  if (resource === 'configmaps') {
    const names = credentialNames(bytes, request)
    if (names.length > 0) facts.set('credentials', names)
    return facts
  }
  const { object, partial } = resultingObject(parsed(bytes, request), () => parsed(bytes, response), verb)
  if (object === undefined) return facts
  if (holdsPod(resource)) judgePod(object, facts, resource)
  else judges.get(resource)?.(object, facts, { verb, resource, partial })
  return facts
}

/** The command in a body of exec (PodExecOptions), where a sender puts it there: GKE, and servers that record options. */
export function commandInBody(bytes: Uint8Array, request: Span | undefined): string {
  const command = parsed(bytes, memberMap(bytes, request).get('command'))
  return typeof command === 'string' ? command : textsOf(command).join(' ')
}

/** `metadata.name` of an object whose request named none (generateName). */
export function nameIn(bytes: Uint8Array, object: Span | undefined): string | undefined {
  const metadata = memberMap(bytes, object).get('metadata')
  return stringOf(bytes, memberMap(bytes, metadata).get('name'))
}

function judgePod(object: JsonRecord, facts: Facts, resource: string): void {
  const pod = podFacts(resource, object)
  if (pod === null) return
  if (pod.findings.length > 0) facts.set('podSecurity', pod.findings)
  if (pod.images.length > 0) {
    facts.set('images', pod.images)
    facts.set('repositories', joined(pod.images, repositoryOf))
    facts.set('registries', joined(pod.images, registryOf))
  }
  if (pod.serviceAccount !== undefined && pod.serviceAccount !== '') facts.set('podServiceAccount', pod.serviceAccount)
}

const writeVerbs = new Set(['create', 'update', 'patch', 'delete', 'deletecollection', '*'])
const readVerbs = new Set(['get', 'list', 'watch', '*'])
const escalationVerbs = ['bind', 'escalate', 'impersonate']
/** Resources on which writing is as good as having more rights. */
const sensitiveWrites = new Set([
  'roles',
  'clusterroles',
  'rolebindings',
  'clusterrolebindings',
  'pods/exec',
  'pods/attach',
  'pods/ephemeralcontainers',
  'serviceaccounts/token',
  'nodes/proxy',
  'secrets',
  'mutatingwebhookconfigurations',
  'validatingwebhookconfigurations',
  'certificatesigningrequests/approval',
])

/** Rows 61–66: wildcards, escalation verbs, sensitive resources. */
function judgeRole(object: JsonRecord, facts: Facts): void {
  const rights = new Set<string>()
  for (const entry of listOf(object.rules)) {
    const rule = recordOf(entry)
    if (rule === undefined) continue
    const verbs = textsOf(rule.verbs)
    const resources = textsOf(rule.resources)
    const writes = verbs.some((verb) => writeVerbs.has(verb))
    const reads = verbs.some((verb) => readVerbs.has(verb))
    if (verbs.includes('*')) rights.add('verbs:*')
    if (resources.includes('*')) {
      rights.add('resources:*')
      if (reachesCore(rule)) for (const implied of ['pods/exec', 'nodes/proxy']) rights.add(implied)
    }
    for (const verb of escalationVerbs) if (verbs.includes(verb)) rights.add(`verb:${verb}`)
    if (writes) rights.add('write')
    for (const resource of resources) {
      if (/^(pods|\*)\/(exec|attach|\*)$/.test(resource)) rights.add('pods/exec')
      if (/^(nodes|\*)\/(proxy|\*)$/.test(resource)) rights.add('nodes/proxy')
      if (writes && sensitiveWrites.has(resource)) rights.add(`write:${resource}`)
      if (reads && resource === 'secrets') rights.add('read:secrets')
    }
  }
  if (rights.size > 0) facts.set('rights', [...rights].slice(0, listLengthMax))
}

/** Whether a rule speaks of the core group, where pods, nodes and secrets are; a rule without groups is taken to. */
function reachesCore(rule: JsonRecord): boolean {
  const groups = listOf(rule.apiGroups)
  return groups.length === 0 || groups.includes('') || groups.includes('*')
}

/** Rows 58–60: which role goes to whom. Service accounts as `ServiceAccount:<namespace>/<name>`. */
function judgeBinding(object: JsonRecord, facts: Facts): void {
  const role = textIn(recordOf(object.roleRef)?.name)
  if (role !== undefined) facts.set('role', role)
  const subjects = listOf(object.subjects).flatMap((entry) => {
    const subject = recordOf(entry)
    const name = textIn(subject?.name)
    if (subject === undefined || name === undefined) return []
    const kind = textIn(subject.kind) ?? ''
    const namespace = textIn(subject.namespace)
    return [kind === 'ServiceAccount' && namespace !== undefined ? `${kind}:${namespace}/${name}` : `${kind}:${name}`]
  })
  if (subjects.length > 0) facts.set('subjects', subjects.slice(0, listLengthMax))
}

/** Rows 79 and 80. */
function judgeService(object: JsonRecord, facts: Facts): void {
  const spec = recordOf(object.spec)
  const type = textIn(spec?.type)
  if (type !== undefined) facts.set('serviceType', type)
  const addresses = textsOf(spec?.externalIPs)
  if (addresses.length > 0) facts.set('externalIPs', addresses.slice(0, listLengthMax))
}

/** Row 81. A patch that does not speak of TLS leaves it as it was, so nothing is said. */
function judgeIngress(object: JsonRecord, facts: Facts, { partial }: Change): void {
  const spec = recordOf(object.spec)
  const hasTls = listOf(spec?.tls).length > 0
  if (hasTls) facts.set('tls', 'true')
  else if (!partial || (spec !== undefined && Object.hasOwn(spec, 'tls'))) facts.set('tls', 'false')
}

const enforceLabel = 'pod-security.kubernetes.io/enforce'

/** Row 85: the level that holds afterwards; `none` when a change leaves or makes it empty. */
function judgeNamespace(object: JsonRecord, facts: Facts, { verb, partial }: Change): void {
  const labels = recordOf(recordOf(object.metadata)?.labels)
  const level = labels?.[enforceLabel]
  if (typeof level === 'string') facts.set('podSecurityLevel', level)
  else if (level === null || (verb !== 'create' && !partial)) facts.set('podSecurityLevel', 'none')
}

/** Row 74: signer and the subject that is asked for (CN and O of the PKCS#10 request). */
function judgeSigningRequest(object: JsonRecord, facts: Facts): void {
  const spec = recordOf(object.spec)
  const signer = textIn(spec?.signerName)
  if (signer !== undefined) facts.set('signer', signer)
  const subject = signingSubject(textIn(spec?.request) ?? '')
  if (subject.length > 0) facts.set('requestedSubject', subject)
}

/** CN (2.5.4.3) and O (2.5.4.10) values of a base64 PEM certificate request, found by their object identifiers; [] when it cannot be read. */
export function signingSubject(request: string): string[] {
  const pem = Buffer.from(request, 'base64').toString('latin1')
  const body = /-----BEGIN (?:NEW )?CERTIFICATE REQUEST-----([A-Za-z0-9+/=\s]{1,16384})-----END/.exec(pem)?.[1]
  if (body === undefined) return []
  const der = Buffer.from(body, 'base64')
  const values: string[] = []
  for (let i = 0; i + 7 < der.length && values.length < listLengthMax; i++) {
    // 06 03 55 04 xx: an attribute type of the X.520 arc; behind it one string: tag, length below 128, bytes.
    if (der[i] !== 0x06 || der[i + 1] !== 0x03 || der[i + 2] !== 0x55 || der[i + 3] !== 0x04) continue
    const name = der[i + 4] === 0x03 ? 'CN' : der[i + 4] === 0x0a ? 'O' : null
    const length = der[i + 6] ?? 0
    if (name !== null && length < 0x80) values.push(`${name}=${der.toString('utf8', i + 7, i + 7 + length)}`)
  }
  return values
}

const credentialPattern =
  /(?:pass(?:word|wd|phrase)|secret[_-]?(?:access[_-]?)?key|access[_-]?key(?:[_-]?id)?|api[_-]?key|private[_-]?key|auth[_-]?token|client[_-]?secret)/gi

/** Row 30: names that hint at credentials in the data of a config map, lower case, without repeats; the values are not looked at. */
function credentialNames(bytes: Uint8Array, request: Span | undefined): string[] {
  const members = memberMap(bytes, request)
  const text = ['data', 'binaryData']
    .map((name) => members.get(name))
    .map((span) =>
      span === undefined
        ? ''
        : Buffer.from(bytes.buffer, bytes.byteOffset + span.start, span.end - span.start).toString('latin1'),
    )
    .join('\n')
  return [...new Set(text.match(credentialPattern)?.map((name) => name.toLowerCase()))].slice(0, listLengthMax)
}
