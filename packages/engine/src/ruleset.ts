/** A ruleset compiled: decoders, lists and rules from texts, everything that matching and writing alerts needs worked out once. No I/O. */
import { readXml, type XmlFile } from '@dogwatch/config'
import type { Problem } from '@dogwatch/schema'
import { type AttackTable, attackTable, mitreJson } from './attack.ts'
import { type CdbList, parseCdb } from './cdb.ts'
import type { DecoderSet } from './decoder.ts'
import { cutDescription, type DescriptionPart, parseDescription } from './description.ts'
import { FieldSlots } from './fields.ts'
import { jsonText } from './json-text.ts'
import { loadDecoders } from './load-decoders.ts'
import { loadRules } from './load-rules.ts'
import { Problems } from './problems.ts'
import type { FieldRef, Rule } from './rule.ts'

export interface RulesetSource {
  readonly path: string
  /** latin1: one code unit per byte. */
  readonly text: string
}

export interface ListSource extends RulesetSource {
  /** As rules refer to it, such as `etc/lists/audit-keys`. */
  readonly name: string
}

export interface RulesetSources {
  readonly decoders: readonly RulesetSource[]
  readonly rules: readonly RulesetSource[]
  readonly lists: readonly ListSource[]
}

export interface RulesetOptions {
  /** Lowest level that is written as an alert; 3 unless told. */
  readonly logAlertLevel?: number
  /** Lowest level that is marked for mail; 12 unless told. */
  readonly mailAlertLevel?: number
  /** ATT&CK names; null leaves `rule.mitre` out. */
  readonly attack?: AttackTable | null
}

/** What writing an alert needs of a rule. */
export interface RuleOutput {
  /** `"rule":{"level":5,"description":` */
  readonly head: string
  /** The description as JSON, when it has no variables. */
  readonly descriptionJson: string
  readonly description: string
  readonly descriptionParts: readonly DescriptionPart[] | null
  /** From behind the description to before `firedtimes`. */
  readonly middle: string
  /** From `mail` on, without the closing brace. */
  readonly tail: string
  /** Names of the arrays in the tail, to which an event's own compliance values are added. */
  readonly arrays: readonly (readonly [string, readonly string[]])[]
  readonly isRootcheck: boolean
  /** Numbers of the fields that must be kept of an event in whose candidates this rule is. */
  readonly fields: readonly number[]
  /** Whether events that end in this rule are ever looked at again. */
  readonly isRemembered: boolean
}

export interface Ruleset {
  readonly decoders: DecoderSet
  readonly lists: ReadonlyMap<string, CdbList>
  readonly rules: readonly Rule[]
  /** The rules, and behind them doubles of those whose children are not the same in all places; children and roots are of these. */
  readonly placed: readonly Rule[]
  readonly byId: ReadonlyMap<number, Rule>
  readonly roots: readonly Rule[]
  readonly slots: FieldSlots
  readonly outputs: readonly RuleOutput[]
  /** Fields that correlation compares, by number. */
  readonly fieldRefs: readonly FieldRef[]
  /** Whether any rule searches all remembered events. */
  readonly hasGlobalSearch: boolean
  /** Largest frequency of a rule, less 2. */
  readonly frequencyMax: number
  /** Tells two rulesets apart, for snapshots. */
  readonly fingerprint: string
  readonly logAlertLevel: number
}

/** Reads and links everything. `ruleset` is null when there is an error; warnings stand beside a ruleset that works. */
export function compileRuleset(
  sources: RulesetSources,
  options: RulesetOptions = {},
): { readonly ruleset: Ruleset | null; readonly problems: readonly Problem[] } {
  const { logAlertLevel = 3, mailAlertLevel = 12, attack = attackTable } = options
  const problems = new Problems()
  const slots = new FieldSlots()
  const decoders = loadDecoders(readFiles(sources.decoders, problems), slots, problems)
  const lists = new Map(sources.lists.map(({ name, text }) => [name, parseCdb(name, text)]))
  const { rules, placed, byId, roots } = loadRules(
    readFiles(sources.rules, problems),
    decoders,
    lists,
    slots,
    { logAlertLevel, mailAlertLevel },
    problems,
  )
  if (problems.errors > 0) return { ruleset: null, problems: problems.list }
  const refs = new FieldNumbers()
  const fields = correlationFields(rules, refs)
  const hasGlobalSearch = rules.some((rule) => rule.correlation?.source === 'all')
  const ruleset: Ruleset = {
    decoders,
    lists,
    rules,
    placed,
    byId,
    roots,
    slots,
    outputs: rules.map((rule, n) => ruleOutput(rule, attack, slots, fields[n] as readonly number[], hasGlobalSearch)),
    fieldRefs: refs.list,
    hasGlobalSearch,
    frequencyMax: rules.reduce((most, { frequency }) => Math.max(most, frequency), 0),
    fingerprint: fingerprint(sources),
    logAlertLevel,
  }
  return { ruleset, problems: problems.list }
}

/** Base names decide the order, bytewise, whatever the folder (spec: engine, part 4.3). */
export function baseName(path: string): string {
  return path.slice(path.lastIndexOf('/') + 1)
}

function readFiles(sources: readonly RulesetSource[], problems: Problems): XmlFile[] {
  const sorted = [...sources].sort((a, b) => {
    const [x, y] = [baseName(a.path), baseName(b.path)]
    return x < y ? -1 : x > y ? 1 : 0
  })
  const files: XmlFile[] = []
  for (const { path, text } of sorted) {
    const read = readXml(path, text)
    if ('problem' in read) problems.add(read.problem)
    else files.push(read.file)
  }
  return files
}

/** Numbers the parts of events that correlation compares. */
class FieldNumbers {
  readonly list: FieldRef[] = []
  readonly #numbers = new Map<string, number>()

  of(ref: FieldRef): number {
    const key = ref.kind === 'static' ? `s${ref.index}` : ref.kind === 'dynamic' ? `d${ref.slot}` : 'location'
    let number = this.#numbers.get(key)
    if (number === undefined) {
      number = this.list.length
      this.#numbers.set(key, number)
      this.list.push(ref)
    }
    return number
  }
}

/** For each rule: the fields of its own correlation and of every correlation that may look at its events later. */
function correlationFields(rules: readonly Rule[], refs: FieldNumbers): number[][] {
  const sets = rules.map(() => new Set<number>())
  for (const rule of rules) {
    const { correlation } = rule
    if (correlation === null) continue
    const numbers = [...correlation.same, ...correlation.different].map((ref) => refs.of(ref))
    const owners =
      correlation.source === 'all'
        ? rules
        : correlation.source === 'sid'
          ? rules.filter(({ id }) => id === correlation.sid)
          : rules.filter((other) => other.groupConsumers.includes(rule))
    for (const owner of [rule, ...owners]) for (const number of numbers) sets[owner.index]?.add(number)
  }
  return sets.map((set) => [...set])
}

const compliancePrefixes = ['pci_dss', 'cis', 'gdpr', 'gpg13', 'hipaa', 'nist_800_53', 'tsc'] as const

/** Group text into `groups` and the compliance arrays, in order of first occurrence (spec: engine, part 13.2). */
export function splitGroups(groupText: string): [string, string[]][] {
  const groups: string[] = []
  const arrays = new Map<string, string[]>()
  for (const part of groupText.slice(0, 1023).split(',')) {
    if (part === '') continue
    const prefix = compliancePrefixes.find((name) => part.startsWith(`${name}_`))
    if (prefix === undefined) groups.push(part)
    else {
      const value = part.slice(prefix.length + 1)
      const array = arrays.get(prefix)
      if (array === undefined) arrays.set(prefix, [value])
      else array.push(value)
    }
  }
  return [['groups', groups], ...arrays]
}

export function arraysJson(arrays: readonly (readonly [string, readonly string[]])[]): string {
  return arrays.map(([name, values]) => `${jsonText(name)}:[${values.map(jsonText).join(',')}]`).join(',')
}

function ruleOutput(
  rule: Rule,
  attack: AttackTable | null,
  slots: FieldSlots,
  fields: readonly number[],
  hasGlobalSearch: boolean,
): RuleOutput {
  const arrays = splitGroups(rule.groupText)
  const mitre = rule.mitre === null || attack === null ? '' : mitreJson(rule.mitre, attack)
  const description = cutDescription(rule.description)
  let middle = `,"id":"${rule.id}"`
  if (mitre !== '') middle += `,"mitre":${mitre}`
  if (rule.cve !== null) middle += `,"cve":${jsonText(rule.cve)}`
  if (rule.info !== null) middle += `,"info":${jsonText(rule.info)}`
  if (rule.correlation !== null) middle += `,"frequency":${rule.frequency + 2}`
  return {
    head: rule.level === 0 ? '"rule":{"description":' : `"rule":{"level":${rule.level},"description":`,
    description,
    descriptionJson: jsonText(description),
    descriptionParts: parseDescription(rule.description, slots),
    middle,
    tail: `,"mail":${rule.mail},${arraysJson(arrays)}`,
    arrays,
    isRootcheck: arrays[0]?.[1].includes('rootcheck') === true,
    fields,
    isRemembered: rule.isMatchedSid || rule.groupConsumers.length > 0 || hasGlobalSearch,
  }
}

/** FNV-1a over all texts: enough to tell one ruleset from the next. */
function fingerprint({ decoders, rules, lists }: RulesetSources): string {
  let hash = 0x811c9dc5
  let length = 0
  for (const { text } of [...decoders, ...rules, ...lists]) {
    length += text.length
    for (let n = 0; n < text.length; n++) hash = Math.imul(hash ^ text.charCodeAt(n), 0x01000193)
  }
  return `${(hash >>> 0).toString(16)}-${length}`
}
