/**
 * What the written object says, in words that a rule can compare: dangerous rights of roles, subjects of bindings, exposure of services, and
 * so on (the rows of k8s-detections that need more than one member of a body). Only called for writes of the resources named here.
 */

import { credentialNames } from './credential-names.ts'
import { weakenings } from './guard-facts.ts'
import { joined, registryOf, repositoryOf } from './image-names.ts'
import { memberMap, parsed, type Span, stringOf } from './json-bytes.ts'
import { podSecurityLevel } from './namespace-facts.ts'
import { changeOf, resultingObject } from './patch-object.ts'
import { changesPod, cleanPath, holdsPod, listLengthMax, podFacts } from './pod-template.ts'
import { type JsonRecord, listOf, recordOf, textIn, textsOf } from './untrusted.ts'

/** Facts by name, in the order in which they are written into the `kubernetes` object. */
export type Facts = Map<string, string | readonly string[]>

type Judge = (object: JsonRecord, facts: Facts, write: Write) => void

/** What a judge may want to know beside the object that results. */
interface Write {
  readonly verb: string
  readonly resource: string
  /** The object is only what a patch changes, not what results. */
  readonly partial: boolean
  /** What a patch sets, removals as null; undefined when it is not known, or it was no patch. */
  readonly change: JsonRecord | undefined
}

const judges: ReadonlyMap<string, Judge> = new Map<string, Judge>([
  ['roles', judgeRole],
  ['clusterroles', judgeRole],
  ['rolebindings', judgeBinding],
  ['clusterrolebindings', judgeBinding],
  ['services', judgeService],
  ['ingresses', judgeIngress],
  ['namespaces', judgeNamespace],
  ['nodes', judgeNode],
  ['persistentvolumes', judgeVolume],
  ['certificatesigningrequests', judgeSigningRequest],
  ['certificatesigningrequests/approval', judgeSigningRequest],
  ['networkpolicies', judgeGuard],
  ['mutatingwebhookconfigurations', judgeGuard],
  ['validatingwebhookconfigurations', judgeGuard],
  ['validatingadmissionpolicies', judgeGuard],
  ['validatingadmissionpolicybindings', judgeGuard],
  ['mutatingadmissionpolicies', judgeGuard],
])

/** Whether the body of a create, update or patch of this resource has something to tell. */
export function hasFacts(resource: string, subresource: string): boolean {
  if (subresource === '') return holdsPod(resource) || judges.has(resource) || resource === 'configmaps'
  if (resource === 'pods') return subresource === 'ephemeralcontainers'
  return subresource === 'approval' && resource === 'certificatesigningrequests'
}

/** Whether a patch changes what the judge of this resource looks at; labels count where they have power. */
function weighs(change: JsonRecord, resource: string): boolean {
  if (Object.hasOwn(change, '$patch')) return true
  if (holdsPod(resource)) return changesPod(resource, change)
  if (resource === 'namespaces') return Object.hasOwn(change, 'metadata')
  if (resource === 'services') {
    const spec = recordOf(change.spec)
    return change.spec === null || ['type', 'externalIPs', '$patch'].some((name) => spec !== undefined && name in spec)
  }
  return ['spec', 'rules', 'subjects', 'roleRef', 'aggregationRule', 'webhooks', 'status'].some((name) =>
    Object.hasOwn(change, name),
  )
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
  const asked = parsed(bytes, request)
  if (resource === 'configmaps') {
    const names = credentialNames(changeOf(asked))
    if (names.length > 0) facts.set('credentials', names)
    return facts
  }
  const { object, partial, change } = resultingObject(
    asked,
    () => parsed(bytes, response),
    verb,
    (patch) => weighs(patch, resource),
  )
  if (object === undefined) return facts
  if (holdsPod(resource)) judgePod(object, facts, resource)
  else judges.get(resource)?.(object, facts, { verb, resource, partial, change })
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
const escalationVerbs = ['bind', 'escalate', 'impersonate', 'approve', 'sign']
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
  'mutatingadmissionpolicies',
  'validatingadmissionpolicies',
  'validatingadmissionpolicybindings',
  'certificatesigningrequests/approval',
])

/**
 * Rows 61–66: wildcards, escalation verbs, sensitive resources. A patch may name resources without their verbs (`/rules/0/resources/-`);
 * then any verb is possible. All verbs on the kinds of an add-on's own API group are told apart (`own:*`): operators come with that.
 */
function judgeRole(object: JsonRecord, facts: Facts, { partial }: Write): void {
  const rights = new Set<string>()
  for (const entry of listOf(object.rules)) {
    const rule = recordOf(entry)
    if (rule === undefined) continue
    const verbs = textsOf(rule.verbs)
    const resources = textsOf(rule.resources)
    const isOpen = partial && verbs.length === 0
    const writes = isOpen || verbs.some((verb) => writeVerbs.has(verb))
    const reads = isOpen || verbs.some((verb) => readVerbs.has(verb))
    const isOwn = isOfAddOn(rule)
    if (isOwn && (verbs.includes('*') || resources.includes('*'))) rights.add('own:*')
    if (!isOwn && verbs.includes('*')) rights.add('verbs:*')
    if (!isOwn && resources.includes('*')) {
      rights.add('resources:*')
      if (reachesCore(rule)) for (const implied of ['pods/exec', 'nodes/proxy']) rights.add(implied)
    }
    if (!isOwn) for (const verb of escalationVerbs) if (verbs.includes(verb)) rights.add(`verb:${verb}`)
    if (writes) rights.add('write')
    for (const resource of resources) {
      if (isOwn) continue
      if (/^(pods|\*)\/(exec|attach|\*)$/.test(resource)) rights.add('pods/exec')
      if (/^(nodes|\*)\/(proxy|\*)$/.test(resource)) rights.add('nodes/proxy')
      if (writes && sensitiveWrites.has(resource)) rights.add(`write:${resource}`)
      if (reads && resource === 'secrets') rights.add('read:secrets')
    }
  }
  if (selectsEveryRole(object)) rights.add('aggregates:*')
  if (rights.size > 0) facts.set('rights', [...rights].slice(0, listLengthMax))
}

/** Whether every API group of a rule belongs to an add-on: a domain, and none of Kubernetes itself. */
function isOfAddOn(rule: JsonRecord): boolean {
  const groups = listOf(rule.apiGroups)
  return (
    groups.length > 0 &&
    groups.every((group) => typeof group === 'string' && group.includes('.') && !/(?:^|\.)k8s\.io$/.test(group))
  )
}

/** An aggregated role whose selector is empty takes in the rules of all roles, those of cluster-admin too. */
function selectsEveryRole(object: JsonRecord): boolean {
  return listOf(recordOf(object.aggregationRule)?.clusterRoleSelectors).some((entry) => {
    const selector = recordOf(entry)
    if (selector === undefined) return false
    return (
      Object.keys(recordOf(selector.matchLabels) ?? {}).length === 0 && listOf(selector.matchExpressions).length === 0
    )
  })
}

/** Whether a rule speaks of the core group, where pods, nodes and secrets are; a rule without groups is taken to. */
function reachesCore(rule: JsonRecord): boolean {
  const groups = listOf(rule.apiGroups)
  return groups.length === 0 || groups.includes('') || groups.includes('*')
}

/** Rows 58–60: which role goes to whom. Service accounts as `ServiceAccount:<namespace>/<name>`. */
function judgeBinding(object: JsonRecord, facts: Facts): void {
  const role = textIn(recordOf(object.roleRef)?.name)
  const subjects = listOf(object.subjects).flatMap((entry) => {
    const subject = recordOf(entry)
    const name = textIn(subject?.name)
    if (subject === undefined || name === undefined) return []
    const kind = textIn(subject.kind) ?? ''
    const namespace = textIn(subject.namespace)
    return [kind === 'ServiceAccount' && namespace !== undefined ? `${kind}:${namespace}/${name}` : `${kind}:${name}`]
  })
  // A patch that adds a subject does not say to what; a rule must be able to look at it all the same.
  if (role !== undefined) facts.set('role', role)
  else if (subjects.length > 0) facts.set('role', 'unknown')
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
function judgeIngress(object: JsonRecord, facts: Facts, { partial }: Write): void {
  const spec = recordOf(object.spec)
  const hasTls = listOf(spec?.tls).length > 0
  if (hasTls) facts.set('tls', 'true')
  else if (!partial || (spec !== undefined && Object.hasOwn(spec, 'tls'))) facts.set('tls', 'false')
}

/** Row 85. */
function judgeNamespace(object: JsonRecord, facts: Facts, { verb, change }: Write): void {
  const level = podSecurityLevel(object, change, verb)
  if (level !== undefined) facts.set('podSecurityLevel', level)
}

/** Row 84: a patch or update that closes the node for new pods. */
function judgeNode(object: JsonRecord, facts: Facts, { change, verb }: Write): void {
  if (verb !== 'create' && recordOf((change ?? object).spec)?.unschedulable === true) facts.set('unschedulable', 'true')
}

/** Row 38: a persistent volume is a path of the node that the pod's own text does not show. */
function judgeVolume(object: JsonRecord, facts: Facts): void {
  const spec = recordOf(object.spec)
  const paths = [recordOf(spec?.hostPath)?.path, recordOf(spec?.local)?.path].flatMap((path) => textIn(path) ?? [])
  if (paths.length > 0)
    facts.set(
      'podSecurity',
      paths.map((path) => `hostPath:${cleanPath(path)}`),
    )
}

/** Rows 73 and 82: what takes strength out of a guard that is there. */
function judgeGuard(object: JsonRecord, facts: Facts, { verb, resource, change }: Write): void {
  const found = verb === 'create' ? [] : weakenings(resource, change ?? object, change !== undefined)
  if (found.length > 0) facts.set('weakens', found.slice(0, listLengthMax))
}

/**
 * Row 74: signer and the subject that is asked for (CN and O of the PKCS#10 request); of an approval its decision too. `unknown` says that
 * the body does not tell, as the patch of an approval.
 */
function judgeSigningRequest(object: JsonRecord, facts: Facts, { verb }: Write): void {
  const spec = recordOf(object.spec)
  facts.set('signer', textIn(spec?.signerName) ?? 'unknown')
  const subject = signingSubject(textIn(spec?.request) ?? '')
  if (subject.length > 0) facts.set('requestedSubject', subject)
  const conditions = listOf(recordOf(object.status)?.conditions).map((entry) => textIn(recordOf(entry)?.type))
  const decision = conditions.findLast((type) => type === 'Approved' || type === 'Denied')
  if (decision !== undefined || verb !== 'create') facts.set('approval', decision ?? 'unknown')
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
