/**
 * What takes strength out of a guard (k8s-detections rows 73 and 82): admission webhooks and policies, network policies. The changed parts of
 * an update or patch go in, short words come out, such as `failurePolicy:Ignore`. Untrusted objects; never throws.
 */
import { isRecord, type JsonRecord, listOf, recordOf, textsOf } from './untrusted.ts'

/** Members of a webhook or policy that say to which requests it applies: a patch of them can leave some out. */
const selectors = ['namespaceSelector', 'objectSelector', 'matchConditions', 'matchConstraints', 'matchResources']

/** What `part` weakens; it is only what changes when `isPatch`, else the whole object. */
export function weakenings(resource: string, part: JsonRecord, isPatch: boolean): string[] {
  const found = new Set<string>()
  if (resource === 'networkpolicies') ofNetworkPolicy(part, found)
  else if (resource.endsWith('webhookconfigurations')) ofWebhooks(part, isPatch, found)
  else ofPolicy(part, isPatch, found)
  return [...found]
}

function ofWebhooks(part: JsonRecord, isPatch: boolean, found: Set<string>): void {
  if (!isPatch || Object.hasOwn(part, 'webhooks')) {
    if (!Array.isArray(part.webhooks) && !isRecord(part.webhooks)) found.add('webhooks:none')
    if (Array.isArray(part.webhooks) && part.webhooks.length === 0) found.add('webhooks:none')
  }
  const entries = Array.isArray(part.webhooks) ? part.webhooks : Object.values(recordOf(part.webhooks) ?? {})
  for (const entry of entries) {
    const webhook = recordOf(entry)
    if (webhook === undefined || webhook.$patch === 'delete') found.add('webhooks:removed')
    else ofMatching(webhook, isPatch, found)
    if (webhook !== undefined && Array.isArray(webhook.rules) && webhook.rules.length === 0) found.add('rules:none')
  }
}

function ofPolicy(part: JsonRecord, isPatch: boolean, found: Set<string>): void {
  const spec = recordOf(part.spec)
  if (spec === undefined) return
  ofMatching(spec, isPatch, found)
  for (const list of ['validations', 'mutations'])
    if (Array.isArray(spec[list]) && listOf(spec[list]).length === 0) found.add(`${list}:none`)
  if (Object.hasOwn(spec, 'validationActions') && !textsOf(spec.validationActions).includes('Deny'))
    found.add('validationActions:noDeny')
}

function ofMatching(guard: JsonRecord, isPatch: boolean, found: Set<string>): void {
  if (guard.failurePolicy === 'Ignore') found.add('failurePolicy:Ignore')
  if (isPatch) for (const name of selectors) if (Object.hasOwn(guard, name)) found.add(name)
}

/** A rule without peers, or with the whole internet as one, lets everybody in or everything out. */
function ofNetworkPolicy(part: JsonRecord, found: Set<string>): void {
  const spec = recordOf(part.spec)
  for (const [direction, peers] of [
    ['ingress', 'from'],
    ['egress', 'to'],
  ] as const) {
    for (const entry of listOf(spec?.[direction])) {
      const rule = recordOf(entry)
      if (rule === undefined || rule.ports !== undefined) continue
      const from = listOf(rule[peers])
      if (from.length === 0 || from.some(isEverywhere)) found.add(`${direction}:all`)
    }
  }
}

function isEverywhere(peer: unknown): boolean {
  const block = recordOf(recordOf(peer)?.ipBlock)
  return (block?.cidr === '0.0.0.0/0' || block?.cidr === '::/0') && listOf(block.except).length === 0
}
