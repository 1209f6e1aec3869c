/**
 * Blind detections: which Kubernetes rules cannot fire under an audit policy, or in view of what arrives, and the smallest addition to the policy that lights
 * them. What a rule needs is not written down but tried: its golden events are judged once without bodies, once with the request's, once with both.
 */
import type { Ruleset } from '@dogwatch/engine'
import {
  type AuditedRequest,
  type AuditLevel,
  type AuditPolicy,
  auditLevels,
  type Blind,
  type Need,
  readPolicy,
  recordedLevel,
} from '@dogwatch/k8s'
import { type GoldenCase, lastRule } from './k8s-golden.ts'

type Recording = Exclude<AuditLevel, 'None'>
type Fields = Readonly<Record<string, unknown>>

const isFields = (value: unknown): value is Fields =>
  typeof value === 'object' && value !== null && !Array.isArray(value)
const fieldsOf = (value: unknown): Fields => (isFields(value) ? value : {})
const textOf = (value: unknown): string => (typeof value === 'string' ? value : '')
const textsOf = (value: unknown): string[] =>
  Array.isArray(value) ? value.filter((one) => typeof one === 'string') : []

/** The request that an audit event tells of; null when it is no audit event of an API server. */
export function requestOf(event: unknown): AuditedRequest | null {
  const { verb, user, objectRef, requestURI } = fieldsOf(event)
  if (typeof verb !== 'string') return null
  const who = { user: textOf(fieldsOf(user).username), groups: textsOf(fieldsOf(user).groups), verb }
  const ref = fieldsOf(objectRef)
  if (typeof ref.resource !== 'string') return { ...who, path: textOf(requestURI).split('?')[0] ?? '' }
  return {
    ...who,
    resource: ref.resource,
    apiGroup: textOf(ref.apiGroup),
    namespace: textOf(ref.namespace),
    name: textOf(ref.name),
    ...(typeof ref.subresource === 'string' ? { subresource: ref.subresource } : {}),
  }
}

/** The event as a server would send it at a level. */
function recordedAt(event: unknown, level: Recording): object {
  const { requestObject, responseObject, ...rest } = fieldsOf(event)
  return {
    ...rest,
    level,
    ...(level === 'Metadata' || requestObject === undefined ? {} : { requestObject }),
    ...(level !== 'RequestResponse' || responseObject === undefined ? {} : { responseObject }),
  }
}

/** A description without its variables: `$(kubernetes.actor)` becomes `actor`. */
function spoken(description: string): string {
  return description.replace(/^Kubernetes: /, '').replace(/\$\((?:[^)]*\.)?([^).]*)\)/g, '$1')
}

/** What each rule with golden audit events needs; named `<rule> <description>`. */
export function needsOf(
  ruleset: Ruleset,
  descriptions: ReadonlyMap<number, string>,
  cases: readonly GoldenCase[],
): Need[] {
  const needs = new Map<string, Need>()
  for (const { rule, format, log, expect } of cases) {
    if (format !== 'k8s' || !('rule' in expect)) continue
    const request = requestOf(log.at(-1))
    if (request === null) continue
    const fires = (level: Recording): boolean =>
      lastRule(
        ruleset,
        format,
        log.map((event) => recordedAt(event, level)),
      ) === rule
    const level = (['Metadata', 'Request', 'RequestResponse'] as const).find(fires)
    if (level === undefined) continue
    const name = `${rule} ${spoken(descriptions.get(rule) ?? '')}`
    needs.set([rule, level, request.verb, request.resource, request.subresource].join(' '), { name, level, request })
  }
  return [...needs.values()]
}

/** Whether lighting the need would record bodies that hold credentials: better blind. */
export function isSecretive({ level, request }: Need): boolean {
  const { resource, subresource } = request
  return level !== 'Metadata' && (resource === 'secrets' || (resource === 'serviceaccounts' && subresource === 'token'))
}

/** YAML of rules that, put first in the policy, light what is blind; empty when nothing is. */
export function smallestChange(blind: readonly Blind[]): string {
  const wanted = new Map<string, { level: Recording; group: string; verbs: Set<string>; resources: Set<string> }>()
  const paths = new Set<string>()
  for (const { need } of blind) {
    const { resource, subresource, apiGroup = '', verb, path } = need.request
    if (resource === undefined) {
      if (path !== undefined) paths.add(path)
      continue
    }
    if (isSecretive(need)) continue
    const key = `${need.level} ${apiGroup}`
    const entry = wanted.get(key) ?? { level: need.level, group: apiGroup, verbs: new Set(), resources: new Set() }
    for (const one of need.level !== 'Metadata' && verb === 'create' ? ['create', 'update', 'patch'] : [verb])
      entry.verbs.add(one)
    entry.resources.add(subresource === undefined ? resource : `${resource}/${subresource}`)
    wanted.set(key, entry)
  }
  const order = (level: Recording): number => -auditLevels.indexOf(level)
  const rules = [...wanted.values()]
    .sort((a, b) => order(a.level) - order(b.level))
    .map(
      ({ level, group, verbs, resources }) =>
        `  - level: ${level}\n    verbs: [${[...verbs].sort().join(', ')}]\n    resources:\n      - group: '${group}'\n        resources: [${[...resources].sort().join(', ')}]`,
    )
  if (paths.size > 0)
    rules.push(
      `  - level: Metadata\n    nonResourceURLs: [${[...paths]
        .sort()
        .map((path) => `'${path}'`)
        .join(', ')}]`,
    )
  return rules.join('\n')
}

/** A policy with further rules in front; what is wrong with it comes back as text. */
export function policyWith(policyText: string, rulesYaml: string): AuditPolicy | readonly string[] {
  return readPolicy(policyText.replace(/^rules:[ \t]*$/m, () => `rules:\n${rulesYaml}`))
}

/** How many events of a set each rule of a policy decides, and how many bytes these have. Index 0: no rule matched. */
export function costs(
  policy: AuditPolicy,
  events: readonly { readonly event: unknown; readonly length: number }[],
): {
  readonly level: AuditLevel
  readonly events: number
  readonly bytes: number
}[] {
  const table = ['None' as AuditLevel, ...policy.rules.map(({ level }) => level)].map((level) => ({
    level,
    events: 0,
    bytes: 0,
  }))
  for (const { event, length } of events) {
    const request = requestOf(event)
    const row = request === null ? undefined : table[recordedLevel(policy, request).rule]
    if (row === undefined) continue
    row.events++
    row.bytes += length
  }
  return table
}

/** What arrived of the kind that a need asks for. */
export interface Arrival {
  readonly need: Need
  /** Highest level seen for the same verb and resource; None when nothing of the kind came. */
  readonly level: AuditLevel
}

/** The needs that what arrived does not meet. `None` may also mean that nobody did such a thing. */
export function unmetBy(needs: readonly Need[], events: readonly unknown[]): Arrival[] {
  const highest = new Map<string, AuditLevel>()
  const keyOf = ({ verb, resource = '', subresource = '' }: AuditedRequest): string =>
    `${verb} ${resource}/${subresource}`
  for (const event of events) {
    const request = requestOf(event)
    const level = auditLevels.find((one) => one === fieldsOf(event).level)
    if (request === null || level === undefined) continue
    const before = highest.get(keyOf(request)) ?? 'None'
    if (auditLevels.indexOf(level) > auditLevels.indexOf(before)) highest.set(keyOf(request), level)
  }
  return needs.flatMap((need): Arrival[] => {
    const level = highest.get(keyOf(need.request)) ?? 'None'
    return auditLevels.indexOf(level) < auditLevels.indexOf(need.level) ? [{ need, level }] : []
  })
}
