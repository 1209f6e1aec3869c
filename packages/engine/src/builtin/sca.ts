/** SCA results of agents: a check is told to rules only when its result changed (spec: engine, part 16.2). */
import type { EventDecoder } from '../decode.ts'
import type { Event } from '../event.ts'
import { jsonText } from '../json-text.ts'
import { ownCopy } from '../latin1.ts'
import {
  bounded,
  claim,
  type JsonObject,
  member,
  numberMember,
  objectMember,
  put,
  readObject,
  scalarText,
  textMember,
} from './store.ts'

/** Most results, and most summaries, kept; the oldest go, and are told anew when they come again. */
const resultsMax = 500_000

/** What is remembered of agents' scans: results by agent, policy and check; summary hashes by agent and policy. Texts are kept as `bounded` has them. */
export class ScaState {
  readonly results = new Map<string, { scan: number; result: string }>()
  readonly summaries = new Map<string, string>()

  snapshot(): unknown {
    return { results: [...this.results], summaries: [...this.summaries] }
  }

  restore(data: unknown): void {
    const { results, summaries } = data as {
      results: [string, { scan: number; result: string }][]
      summaries: [string, string][]
    }
    for (const [key, value] of results) this.results.set(key, value)
    for (const [key, value] of summaries) this.summaries.set(key, value)
  }

  decode(event: Event, decoder: EventDecoder): boolean {
    const message = readObject(event.fullLog)
    const type = textMember(message ?? undefined, 'type')
    if (message === null || type === undefined) return false
    claim(event, decoder, 'sca')
    if (type === 'check') this.#check(event, message)
    else if (type === 'summary') this.#summary(event, message)
    else if (type === 'policies') this.#policies(event, message)
    else if (type === 'dump_end') this.#dumpEnd(event, message)
    return true
  }

  #check(event: Event, message: JsonObject): void {
    const check = objectMember(message, 'check')
    const scan = numberMember(message, 'id')
    const policy = textMember(message, 'policy')
    const policyId = textMember(message, 'policy_id')
    const id = numberMember(check, 'id')
    const title = textMember(check, 'title')
    if (
      check === undefined ||
      scan === undefined ||
      policy === undefined ||
      policyId === undefined ||
      id === undefined ||
      title === undefined
    )
      return
    const result = textMember(check, 'result') ?? 'not applicable'
    const key = ownCopy(`${event.agentId} ${bounded(policyId)} ${id}`)
    const kept = bounded(result)
    const before = this.results.get(key)?.result
    this.results.delete(key)
    if (this.results.size >= resultsMax) this.results.delete(this.results.keys().next().value as string)
    this.results.set(key, { scan, result: kept })
    if (before === kept) return
    put(event, 'sca.type', 'check')
    put(event, 'sca.scan_id', String(scan))
    put(event, 'sca.policy', policy)
    put(event, 'sca.check.id', String(id))
    put(event, 'sca.check.title', title)
    for (const name of ['description', 'rationale', 'remediation'])
      put(event, `sca.check.${name}`, textMember(check, name))
    const compliance = objectMember(check, 'compliance')
    for (const [name, value] of compliance?.members ?? []) {
      const text = scalarText(value)
      put(event, `sca.check.compliance.${name}`, text)
      if (text !== undefined)
        (event.compliance ??= []).push([
          name,
          text
            .split(',')
            .map((part) => part.trim())
            .filter((part) => part !== ''),
        ])
    }
    put(event, 'sca.check.references', textMember(check, 'references'))
    for (const name of ['file', 'directory', 'registry', 'process', 'command']) {
      const text = textMember(check, name)
      if (text !== undefined) put(event, `sca.check.${name}`, `[${text.split(',').map(jsonText).join(',')}]`)
    }
    put(event, 'sca.check.result', result)
    put(event, 'sca.check.reason', textMember(check, 'reason'))
    put(event, 'sca.check.previous_result', before)
  }

  #summary(event: Event, message: JsonObject): void {
    const policyId = textMember(message, 'policy_id')
    const scan = numberMember(message, 'scan_id')
    const hash = textMember(message, 'hash')
    const name = textMember(message, 'name')
    if (policyId === undefined || scan === undefined || scan < 0 || hash === undefined || name === undefined) return
    for (const needed of [
      'start_time',
      'end_time',
      'passed',
      'failed',
      'invalid',
      'total_checks',
      'score',
      'hash_file',
      'file',
    ]) {
      if (member(message, needed) === undefined) return
    }
    const key = ownCopy(`${event.agentId} ${bounded(policyId)}`)
    const kept = bounded(hash)
    const isNew = this.summaries.get(key) !== kept
    this.summaries.delete(key)
    if (this.summaries.size >= resultsMax) this.summaries.delete(this.summaries.keys().next().value as string)
    this.summaries.set(key, kept)
    const isTold =
      (isNew && member(message, 'first_scan') === undefined) || member(message, 'force_alert') !== undefined
    if (!isTold) return
    put(event, 'sca.type', 'summary')
    put(event, 'sca.scan_id', String(scan))
    put(event, 'sca.policy', name)
    put(event, 'sca.description', textMember(message, 'description'))
    put(event, 'sca.policy_id', policyId)
    for (const field of ['passed', 'failed', 'invalid', 'total_checks', 'score', 'file'])
      put(event, `sca.${field}`, scalarText(member(message, field)))
  }

  /** Forgets policies that the agent no longer has. */
  #policies(event: Event, message: JsonObject): void {
    const list = member(message, 'policies')
    if (list?.kind !== 'array') return
    const active = new Set(list.items.flatMap((item) => (item.kind === 'string' ? [bounded(item.text)] : [])))
    for (const map of [this.results, this.summaries]) {
      for (const key of map.keys()) {
        const [agent, policy = ''] = key.split(' ')
        if (agent === event.agentId && !active.has(policy)) map.delete(key)
      }
    }
  }

  /** Forgets results of other scans than the one that was dumped. */
  #dumpEnd(event: Event, message: JsonObject): void {
    const policyId = textMember(message, 'policy_id')
    const scan = numberMember(message, 'scan_id')
    if (policyId === undefined || scan === undefined) return
    const prefix = `${event.agentId} ${bounded(policyId)} `
    for (const [key, result] of this.results)
      if (key.startsWith(prefix) && result.scan !== scan) this.results.delete(key)
  }
}
