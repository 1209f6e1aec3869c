/** Reads rule files and builds the tree (spec: engine, parts 4, 8). Errors refuse the whole ruleset; what the reference passes over is a warning. */
import { spanAt, type XmlAttribute, type XmlElement, type XmlFile } from '@dogwatch/config'
import {
  type Compiled,
  compileOsmatch,
  compileOsregex,
  compilePcre2,
  compileString,
  type Pattern,
  wordMatch,
} from '@dogwatch/pattern'
import { type AddressList, parseNetwork } from './address.ts'
import { type CdbList, type Lookup, lookups } from './cdb.ts'
import {
  addressCondition,
  compiledRules,
  fieldCondition,
  isStaticFieldName,
  listCondition,
  patternCondition,
  plainCondition,
  timeCondition,
  weekdayCondition,
} from './conditions.ts'
import type { DecoderSet } from './decoder.ts'
import { categories, dynamicFieldsMax, type FieldSlots, staticIndex } from './fields.ts'
import type { Problems } from './problems.ts'
import type { Condition, Correlation, FieldRef, Rule, RuleBody, RuleMitre } from './rule.ts'
import { type Place, RuleTree } from './rule-tree.ts'
import { emptyRoundReason, runawayReason } from './runaway.ts'
import { parseTimeWindow, parseWeekdays } from './time-window.ts'
import { expandVariables } from './variables.ts'

export interface RuleLoadOptions {
  /** Lowest level that is written as an alert, and lowest that is marked for mail. */
  readonly logAlertLevel: number
  readonly mailAlertLevel: number
}

export interface RuleSet {
  /** All rules by table index. */
  readonly rules: readonly Rule[]
  /** The same, and behind them the doubles of those whose children are not the same in all places. */
  readonly placed: readonly Rule[]
  readonly byId: ReadonlyMap<number, Rule>
  readonly roots: readonly Rule[]
}

/** Seconds that a correlation looks back when a rule does not say. */
export const timeframeDefault = 360
/** Longest piece of one text element, in bytes. */
const pieceLengthMax = 2048

type PatternElement = keyof typeof patternDefaults
const patternDefaults = {
  match: 'osmatch',
  regex: 'osregex',
  user: 'osmatch',
  id: 'osmatch',
  srcport: 'osmatch',
  dstport: 'osmatch',
  status: 'osmatch',
  hostname: 'osmatch',
  data: 'osmatch',
  extra_data: 'osmatch',
  program_name: 'osmatch',
  location: 'osmatch',
  protocol: 'osmatch',
  system_name: 'osmatch',
  srcgeoip: 'osmatch',
  dstgeoip: 'osmatch',
  url: 'osmatch',
  action: 'string',
} as const
const isPatternElement = (name: string): name is PatternElement => Object.hasOwn(patternDefaults, name)

const ruleAttributes: Readonly<Record<string, RegExp>> = {
  id: /^\d{1,6}$/,
  level: /^\d{1,2}$/,
  maxsize: /^\d+/,
  frequency: /^\d+$/,
  timeframe: /^\d+$/,
  ignore: /^\d+$/,
  overwrite: /^(yes|no)$/,
  noalert: /^[01]$/,
  accuracy: /^\d+$/,
}

/** Names behind `same_` and `different_` that are fields of an event; the value is the field's own name. */
const comparable: Readonly<Record<string, string>> = {
  source_ip: 'srcip',
  srcip: 'srcip',
  dstip: 'dstip',
  src_port: 'srcport',
  srcport: 'srcport',
  dst_port: 'dstport',
  dstport: 'dstport',
  protocol: 'protocol',
  action: 'action',
  id: 'id',
  url: 'url',
  data: 'data',
  extra_data: 'extra_data',
  status: 'status',
  system_name: 'system_name',
  srcgeoip: 'srcgeoip',
  dstgeoip: 'dstgeoip',
  srcuser: 'srcuser',
  user: 'dstuser',
}

export function loadRules(
  files: readonly XmlFile[],
  decoders: DecoderSet,
  lists: ReadonlyMap<string, CdbList>,
  slots: FieldSlots,
  options: RuleLoadOptions,
  problems: Problems,
): RuleSet {
  const loader = new RuleLoader(decoders, lists, slots, options, problems)
  for (const file of files) loader.file(file)
  return loader.finish()
}

interface TextPart {
  text: string
  type: string | null
  negate: boolean
  at: number
}

/** A rule as its element states it, before it has a place. */
class Draft {
  readonly texts = new Map<string, TextPart>()
  readonly conditions: Condition[] = []
  readonly lists: Condition[] = []
  readonly same: FieldRef[] = []
  readonly different: FieldRef[] = []
  readonly addresses = new Map<
    'srcip' | 'dstip',
    { list: { any: boolean; networks: NonNullable<AddressList>[number][] }; wanted: string; negate: boolean }
  >()
  readonly mitreIds: string[] = []
  readonly mitrePairs: [string, string][] = []
  attributes = new Map<string, string>()
  decodedAs = 0
  decodedAsName: string | null = null
  category = 0
  firstTimeSeen = false
  checkDiff = false
  global = false
  fieldCount = 0
  description: string | null = null
  groups = ''
  infos: string[] = []
  cves: string[] = []
  options: string[] = []
  /** Set when the rule is passed over, with the reason already told. */
  isSkipped = false

  text(key: string): string {
    return this.texts.get(key)?.text ?? ''
  }
}

class RuleLoader {
  readonly #decoders: DecoderSet
  readonly #lists: ReadonlyMap<string, CdbList>
  readonly #slots: FieldSlots
  readonly #options: RuleLoadOptions
  readonly #problems: Problems
  readonly #rules: Rule[] = []
  readonly #byId = new Map<number, Rule>()
  readonly #tree = new RuleTree()

  constructor(
    decoders: DecoderSet,
    lists: ReadonlyMap<string, CdbList>,
    slots: FieldSlots,
    options: RuleLoadOptions,
    problems: Problems,
  ) {
    this.#decoders = decoders
    this.#lists = lists
    this.#slots = slots
    this.#options = options
    this.#problems = problems
  }

  finish(): RuleSet {
    return { rules: this.#rules, byId: this.#byId, ...this.#tree.finish(this.#rules) }
  }

  file(file: XmlFile): void {
    for (const group of expandVariables(file, this.#problems)) {
      if (group.name.toLowerCase() !== 'group') {
        this.#problems.error(
          file,
          group.offset,
          'GROUP_EXPECTED',
          `<${group.name}> is no group; a rule file holds <group name="…"> elements`,
        )
        continue
      }
      const name = group.attributes[0]
      if (group.attributes.length !== 1 || name?.name !== 'name') {
        this.#problems.error(file, group.offset, 'GROUP_NAME_MISSING', 'a group has exactly one attribute, name="…"')
        continue
      }
      if (group.children.length === 0)
        this.#problems.error(file, group.offset, 'GROUP_EMPTY', `the group '${name.value}' has no rules`)
      for (const element of group.children) {
        if (element.name.toLowerCase() === 'rule') this.#rule(file, element, name.value)
        else this.#problems.error(file, element.offset, 'RULE_EXPECTED', `<${element.name}> is no rule`)
      }
    }
  }

  #rule(file: XmlFile, element: XmlElement, groupName: string): void {
    const errorsBefore = this.#problems.errors
    const draft = new Draft()
    for (const attribute of element.attributes) this.#attribute(file, attribute, draft)
    const id = Number(draft.attributes.get('id') ?? Number.NaN)
    const level = Number(draft.attributes.get('level') ?? Number.NaN)
    if (Number.isNaN(id))
      this.#problems.error(file, element.offset, 'RULE_ID_MISSING', 'a rule needs id="…" of at most six digits')
    if (Number.isNaN(level) || level > 16)
      this.#problems.error(file, element.offset, 'RULE_LEVEL_INVALID', `rule ${id}: level must be 0 to 16`)
    if (this.#problems.errors > errorsBefore) return
    const existing = this.#byId.get(id)
    const overwrite = draft.attributes.get('overwrite') === 'yes'
    if (existing !== undefined && !overwrite) {
      this.#problems.warning(
        file,
        element.offset,
        'RULE_DUPLICATE',
        `rule ${id} exists already (${existing.at.file}:${existing.at.line}); this one is passed over. Use overwrite="yes" to replace it`,
      )
      return
    }
    if (existing === undefined && overwrite)
      this.#problems.warning(
        file,
        element.offset,
        'RULE_OVERWRITE_UNKNOWN',
        `rule ${id}: there is nothing to overwrite; it is taken as a new rule`,
      )
    draft.groups = groupName
    for (const child of element.children) this.#element(file, id, child, draft)
    const body = this.#body(file, element, id, level, draft)
    if (this.#problems.errors > errorsBefore || draft.isSkipped || body === null) return
    if (existing !== undefined) this.#overwrite(file, element, existing, body, draft)
    else this.#add(file, element, id, body, draft)
  }

  #attribute(file: XmlFile, { name, value, offset }: XmlAttribute, draft: Draft): void {
    const shape = Object.hasOwn(ruleAttributes, name) ? ruleAttributes[name] : undefined
    if (shape === undefined)
      this.#problems.error(
        file,
        offset,
        'RULE_ATTRIBUTE_UNKNOWN',
        `a rule has no attribute '${name}'; known: ${Object.keys(ruleAttributes).join(', ')}`,
      )
    else if (!shape.test(value))
      this.#problems.error(file, offset, 'RULE_ATTRIBUTE_INVALID', `${name}="${value}" is not possible here`)
    else if (name === 'frequency' && (Number(value) < 2 || Number(value) > 9999))
      this.#problems.error(file, offset, 'RULE_ATTRIBUTE_INVALID', `frequency must be 2 to 9999, not ${value}`)
    else draft.attributes.set(name, value)
  }

  #element(file: XmlFile, id: number, element: XmlElement, draft: Draft): void {
    const name = element.name.toLowerCase()
    const content = element.content
    const error = (code: string, message: string): void =>
      this.#problems.error(file, element.offset, code, `rule ${id}: ${message}`)
    const skip = (code: string, message: string, about?: string): void => {
      this.#problems.warning(file, element.offset, code, `rule ${id} is passed over: ${message}`, about)
      draft.isSkipped = true
    }
    if (content.length > pieceLengthMax && name !== 'description')
      error(
        'RULE_ELEMENT_TOO_LONG',
        `<${name}> has ${content.length} bytes; the limit is ${pieceLengthMax}. Split it into several <${name}> elements`,
      )
    if (isPatternElement(name)) {
      this.#patternPart(file, id, element, name, draft)
      return
    }
    switch (name) {
      case 'decoded_as': {
        const decoder = this.#decoders.ids.get(content)
        if (decoder === undefined) error('DECODER_UNKNOWN', `no decoder is named '${content}'`)
        else {
          draft.decodedAs = decoder
          draft.decodedAsName = content
        }
        return
      }
      case 'category': {
        const known = categories.indexOf(content as (typeof categories)[number])
        if (known === -1 || content === 'ossec-alert' || content === 'host-information')
          error('CATEGORY_UNKNOWN', `unknown category '${content}'`)
        else draft.category = known
        return
      }
      case 'srcip':
      case 'dstip':
        this.#address(file, id, name, element, draft)
        return
      case 'field':
        this.#field(file, id, element, draft)
        return
      case 'list':
        this.#list(file, id, element, draft, skip)
        return
      case 'time': {
        const window = parseTimeWindow(content)
        if (window === null)
          error('TIME_INVALID', `'${content}' is no time span; write 'hh:mm - hh:mm', with am or pm if you like`)
        else draft.conditions.push(timeCondition(window, content.trim()))
        return
      }
      case 'weekday': {
        const days = parseWeekdays(content)
        if (days === null)
          error(
            'WEEKDAY_INVALID',
            `'${content}' names no days; write names, their first three letters, weekdays or weekends`,
          )
        else draft.conditions.push(weekdayCondition(days, content.trim()))
        return
      }
      case 'if_sid':
        if (/[^\d, ]/.test(content))
          skip('IF_SID_INVALID', `if_sid '${content}' may hold digits, commas and blanks only`)
        else appendText(draft, 'if_sid', element)
        return
      case 'if_level':
        if (!/^\d+$/.test(content)) skip('IF_LEVEL_INVALID', `if_level '${content}' is no number`)
        else appendText(draft, 'if_level', element)
        return
      case 'if_matched_sid':
        if (!/^\d+$/.test(content)) skip('IF_MATCHED_SID_INVALID', `if_matched_sid '${content}' is no rule id`)
        else draft.texts.set(name, { text: content, type: null, negate: false, at: element.offset })
        return
      case 'if_group':
      case 'if_matched_group':
      case 'if_matched_regex':
        appendText(draft, name, element)
        return
      case 'if_fts':
        draft.firstTimeSeen = true
        return
      case 'check_diff':
        draft.checkDiff = true
        return
      case 'global_frequency':
        draft.global = true
        return
      case 'compiled_rule': {
        const test = Object.hasOwn(compiledRules, content) ? compiledRules[content] : undefined
        if (test === undefined)
          error(
            'COMPILED_RULE_UNKNOWN',
            `unknown compiled_rule '${content}'; known: ${Object.keys(compiledRules).join(', ')}`,
          )
        else draft.conditions.push(plainCondition('compiled_rule', content, (event) => event.log, test))
        return
      }
      case 'description':
        draft.description = (draft.description ?? '') + content.replace('\n', ' ')
        return
      case 'group':
        draft.groups += content.replaceAll('\n', '')
        return
      case 'info': {
        const type = element.attributes.find((a) => a.name === 'type')?.value ?? 'text'
        if (!['text', 'link', 'cve', 'osvdb'].includes(type))
          error('INFO_TYPE_UNKNOWN', `info has no type '${type}'; known: text, link, cve, osvdb`)
        else draft.infos.push(content)
        return
      }
      case 'cve':
        draft.cves.push(content)
        return
      case 'options':
        if (
          !['alert_by_email', 'no_email_alert', 'log_alert', 'no_log', 'no_ar', 'no_full_log', 'no_counter'].includes(
            content,
          )
        )
          error('OPTION_UNKNOWN', `unknown option '${content}'`)
        else draft.options.push(content)
        return
      case 'ignore':
      case 'check_if_ignored':
        // Parsed and without effect, as in the reference (spec: engine, part 11.2).
        return
      case 'mitre':
        this.#mitre(file, id, element, draft)
        return
      default:
        if (!this.#comparison(file, id, name, element, draft))
          error('RULE_ELEMENT_UNKNOWN', `unknown element <${element.name}>`)
    }
  }

  #patternPart(file: XmlFile, id: number, element: XmlElement, name: PatternElement, draft: Draft): void {
    const before = draft.texts.get(name)
    const { type, negate } = this.#patternAttributes(file, id, element)
    draft.texts.set(name, {
      text: (before?.text ?? '') + element.content,
      type,
      negate,
      at: before?.at ?? element.offset,
    })
  }

  #patternAttributes(file: XmlFile, id: number, element: XmlElement): { type: string | null; negate: boolean } {
    let type = element.attributes.find((a) => a.name === 'type')?.value.toLowerCase() ?? null
    if (type !== null && !['osregex', 'osmatch', 'pcre2', 'string'].includes(type)) {
      this.#problems.warning(
        file,
        element.offset,
        'PATTERN_TYPE_UNKNOWN',
        `rule ${id}: unknown type '${type}' on <${element.name}>; the default is used`,
      )
      type = null
    }
    return { type, negate: element.attributes.find((a) => a.name === 'negate')?.value === 'yes' }
  }

  #pattern(file: XmlFile, id: number, element: string, text: string, type: string, at: number): Pattern | null {
    const compiled: Compiled =
      type === 'osmatch'
        ? compileOsmatch(text)
        : type === 'pcre2'
          ? compilePcre2(text)
          : type === 'string'
            ? compileString(text)
            : compileOsregex(text, { captures: false })
    if (compiled.pattern !== undefined) {
      const reason = runawayReason(compiled.pattern)
      if (reason !== null)
        this.#problems.warning(
          file,
          at,
          'PATTERN_RUNAWAY',
          `rule ${id}: <${element}>: ${reason}; on hostile text it runs in linear time or until it is cut off. Better write it without`,
        )
      const emptyRound = emptyRoundReason(compiled.pattern)
      if (emptyRound !== null)
        this.#problems.warning(file, at, 'PATTERN_EMPTY_ROUND', `rule ${id}: <${element}>: ${emptyRound}`)
      return compiled.pattern
    }
    this.#problems.error(
      file,
      at,
      'PATTERN_INVALID',
      `rule ${id}: <${element}>: ${compiled.error.message} (at byte ${compiled.error.offset} of the pattern)`,
    )
    return null
  }

  #address(file: XmlFile, id: number, name: 'srcip' | 'dstip', element: XmlElement, draft: Draft): void {
    const entry = draft.addresses.get(name) ?? { list: { any: false, networks: [] }, wanted: '', negate: false }
    const network = parseNetwork(element.content)
    if (network === undefined)
      this.#problems.error(
        file,
        element.offset,
        'ADDRESS_INVALID',
        `rule ${id}: '${element.content}' is no address or network`,
      )
    else if (network === 'any') entry.list.any = true
    else entry.list.networks.push(network)
    entry.wanted += `${entry.wanted === '' ? '' : ','}${element.content}`
    entry.negate = element.attributes.find((a) => a.name === 'negate')?.value === 'yes'
    draft.addresses.set(name, entry)
  }

  #field(file: XmlFile, id: number, element: XmlElement, draft: Draft): void {
    const name = element.attributes.find((a) => a.name === 'name')?.value
    if (name === undefined || name === '')
      this.#problems.error(file, element.offset, 'FIELD_NAME_MISSING', `rule ${id}: <field> needs name="…"`)
    else if (isStaticFieldName(name))
      this.#problems.error(
        file,
        element.offset,
        'FIELD_IS_STATIC',
        `rule ${id}: '${name}' has an element of its own; write <${name.toLowerCase()}>`,
      )
    else if (++draft.fieldCount > dynamicFieldsMax)
      this.#problems.error(
        file,
        element.offset,
        'FIELDS_TOO_MANY',
        `rule ${id}: more than ${dynamicFieldsMax} <field> conditions`,
      )
    else {
      const { type, negate } = this.#patternAttributes(file, id, element)
      const pattern = this.#pattern(file, id, 'field', element.content, type ?? 'osregex', element.offset)
      if (pattern !== null) draft.conditions.push(fieldCondition(name, this.#slots.add(name), pattern, negate))
    }
  }

  #list(
    file: XmlFile,
    id: number,
    element: XmlElement,
    draft: Draft,
    skip: (code: string, message: string, about: string) => void,
  ): void {
    const attribute = (name: string): string | undefined => element.attributes.find((a) => a.name === name)?.value
    const name = attribute('field')
    const lookup = attribute('lookup') ?? 'match_key'
    if (name === undefined)
      this.#problems.error(file, element.offset, 'LIST_FIELD_MISSING', `rule ${id}: <list> needs field="…"`)
    else if (!lookups.includes(lookup as Lookup))
      this.#problems.error(
        file,
        element.offset,
        'LIST_LOOKUP_UNKNOWN',
        `rule ${id}: unknown lookup '${lookup}'; known: ${lookups.join(', ')}`,
      )
    else {
      const list = this.#lists.get(element.content) ?? this.#lists.get(element.content.replace(/\.cdb$/, ''))
      if (list === undefined) {
        const { content } = element
        skip('LIST_NOT_LOADED', `the list '${content}' is not loaded; add it to the <ruleset> block`, content)
        return
      }
      const check = attribute('check_value')
      const pattern = check === undefined ? null : this.#pattern(file, id, 'list', check, 'osmatch', element.offset)
      draft.lists.push(listCondition(list, name, lookup as Lookup, pattern, this.#slots))
    }
  }

  #comparison(file: XmlFile, id: number, name: string, element: XmlElement, draft: Draft): boolean {
    const match = /^(same|different|not_same)_(.+)$/.exec(name)
    if (match === null) return false
    const into = match[1] === 'same' ? draft.same : draft.different
    const what = match[2] as string
    if (what === 'agent') {
      this.#problems.warning(
        file,
        element.offset,
        'SAME_AGENT_IGNORED',
        `rule ${id}: <${name}> has no effect; agents are kept apart unless <global_frequency /> is set`,
      )
      return true
    }
    if (what === 'field') {
      if (element.content === '')
        this.#problems.error(
          file,
          element.offset,
          'SAME_FIELD_EMPTY',
          `rule ${id}: <${name}> needs the name of a field`,
        )
      // Static names work here too: the reference looks them up among the dynamic fields, where they never are.
      else into.push({ kind: 'dynamic', slot: this.#slots.add(element.content), name: element.content })
      return true
    }
    if (what === 'location') {
      into.push({ kind: 'location', name: 'location' })
      return true
    }
    const own = Object.hasOwn(comparable, what) ? comparable[what] : undefined
    if (own === undefined) return false
    into.push({ kind: 'static', index: staticIndex.get(own) as number, name: own })
    return true
  }

  #mitre(file: XmlFile, id: number, element: XmlElement, draft: Draft): void {
    const ids: string[] = []
    const tactics: string[] = []
    const techniques: string[] = []
    for (const child of element.children) {
      if (child.name === 'id') ids.push(child.content)
      else if (child.name === 'tacticID') tactics.push(child.content)
      else if (child.name === 'techniqueID') techniques.push(child.content)
      else
        this.#problems.error(
          file,
          child.offset,
          'MITRE_ELEMENT_UNKNOWN',
          `rule ${id}: <mitre> has no element <${child.name}>; known: id, tacticID, techniqueID`,
        )
    }
    const isNew = tactics.length > 0 || techniques.length > 0
    if (ids.length > 0 && isNew)
      this.#problems.warning(
        file,
        element.offset,
        'MITRE_MIXED',
        `rule ${id}: this <mitre> mixes both forms and is passed over`,
      )
    else if (isNew && (tactics.length !== 1 || techniques.length !== 1))
      this.#problems.warning(
        file,
        element.offset,
        'MITRE_INCOMPLETE',
        `rule ${id}: a <mitre> needs one tacticID and one techniqueID; it is passed over`,
      )
    else if (isNew) draft.mitrePairs.push([tactics[0] as string, techniques[0] as string])
    else if (ids.length === 0 || ids.includes(''))
      this.#problems.warning(file, element.offset, 'MITRE_INCOMPLETE', `rule ${id}: an empty <mitre> is passed over`)
    else for (const technique of ids) if (!draft.mitreIds.includes(technique)) draft.mitreIds.push(technique)
  }

  #body(file: XmlFile, element: XmlElement, id: number, level: number, draft: Draft): RuleBody | null {
    const attribute = (name: string, digits: number): number =>
      Number((draft.attributes.get(name) ?? '0').slice(0, digits))
    if (draft.description === null) {
      this.#problems.error(file, element.offset, 'RULE_DESCRIPTION_MISSING', `rule ${id} needs a <description>`)
      return null
    }
    const isCorrelated = ['if_matched_sid', 'if_matched_group', 'if_matched_regex'].some((key) => draft.texts.has(key))
    if (!isCorrelated && !draft.checkDiff) {
      if (draft.attributes.has('frequency') || draft.same.length > 0 || draft.different.length > 0 || draft.global) {
        this.#problems.error(
          file,
          element.offset,
          'CORRELATION_WITHOUT_SOURCE',
          `rule ${id}: frequency=, same_*, different_* and global_frequency need an <if_matched_sid>, <if_matched_group> or <if_matched_regex>`,
        )
      }
    }
    for (const [name, { text, type, negate, at }] of draft.texts) {
      if (!isPatternElement(name)) continue
      const pattern = this.#pattern(file, id, name, text, type ?? patternDefaults[name], at)
      if (pattern !== null) draft.conditions.push(patternCondition(name, pattern, negate))
    }
    for (const [name, { list, wanted, negate }] of draft.addresses) {
      draft.conditions.push(addressCondition(name, list.any ? null : list.networks, wanted, negate))
    }
    const maxsize = attribute('maxsize', 4)
    if (maxsize > 0)
      draft.conditions.push(
        plainCondition(
          'maxsize',
          String(maxsize),
          (event) => event.log,
          (event) => event.log.length >= maxsize,
        ),
      )
    draft.conditions.sort((a, b) => a.order - b.order)
    const regexPart = draft.texts.get('if_matched_regex')
    const matchedRegex =
      regexPart === undefined
        ? null
        : this.#pattern(file, id, 'if_matched_regex', regexPart.text, 'osregex', regexPart.at)
    const ranked = level === 0 ? 99 : level
    const hasAccuracy = draft.attributes.has('accuracy') && Number(draft.attributes.get('accuracy')) === 0
    const body: RuleBody = {
      level,
      weight: hasAccuracy ? ranked : ranked * 100,
      frequency: draft.attributes.has('frequency') ? attribute('frequency', 4) - 2 : 0,
      hasFrequency: draft.attributes.has('frequency'),
      timeframe: draft.attributes.has('timeframe') ? attribute('timeframe', 5) : timeframeDefault,
      ignoreSeconds: attribute('ignore', 6),
      noalert: draft.attributes.get('noalert') === '1',
      description: draft.description,
      groupText: draft.groups,
      info: draft.infos.length === 0 ? null : draft.infos.join(''),
      cve: draft.cves.length === 0 ? null : draft.cves.join(''),
      mitre: mitreOf(draft),
      log: level >= this.#options.logAlertLevel,
      mail: level >= this.#options.mailAlertLevel,
      noFullLog: false,
      noCounter: false,
      decodedAs: draft.decodedAs,
      decodedAsName: draft.decodedAsName,
      conditions: draft.conditions,
      lists: draft.lists,
      firstTimeSeen: draft.firstTimeSeen,
      checkDiff: draft.checkDiff,
      same: draft.same,
      different: draft.different,
      global: draft.global,
      matchedRegex,
      at: spanAt(file, element.offset),
    }
    applyOptions(body, draft.options)
    return body
  }

  #overwrite(file: XmlFile, element: XmlElement, rule: Rule, body: RuleBody, draft: Draft): void {
    const links = [
      ['if_sid', rule.ifSid],
      ['if_group', rule.ifGroup],
      ['if_level', rule.ifLevel],
      ['if_matched_sid', rule.ifMatchedSid],
      ['if_matched_group', rule.ifMatchedGroup],
    ] as const
    for (const [name, before] of links) {
      if (draft.text(name) === before || !draft.texts.has(name)) continue
      this.#problems.warning(
        file,
        element.offset,
        'RULE_OVERWRITE_LINK',
        `rule ${rule.id}: an overwrite cannot change <${name}>; it stays '${before}'`,
      )
    }
    Object.assign(rule, body)
    rule.correlation = this.#correlation(rule, body)
  }

  #correlation(links: Pick<Rule, 'ifMatchedSid' | 'ifMatchedGroup'>, body: RuleBody): Correlation | null {
    const { ifMatchedSid, ifMatchedGroup } = links
    if (ifMatchedSid === '' && ifMatchedGroup === '' && body.matchedRegex === null) return null
    const group = ifMatchedGroup === '' ? null : compileOsmatch(ifMatchedGroup)
    return {
      source: ifMatchedSid !== '' ? 'sid' : ifMatchedGroup !== '' ? 'group' : 'all',
      sid: ifMatchedSid === '' ? 0 : Number(ifMatchedSid),
      groupPattern: group?.pattern ?? null,
      groupText: ifMatchedGroup,
      regex: body.matchedRegex,
      same: body.same,
      different: body.different,
      sameDynamic: body.same.some((ref) => ref.kind === 'dynamic'),
      differentDynamic: body.different.some((ref) => ref.kind === 'dynamic'),
      global: body.global,
    }
  }

  #add(file: XmlFile, element: XmlElement, id: number, body: RuleBody, draft: Draft): void {
    const links = {
      ifSid: draft.text('if_sid'),
      ifGroup: draft.text('if_group'),
      ifLevel: draft.text('if_level'),
      ifMatchedSid: draft.text('if_matched_sid'),
      ifMatchedGroup: draft.text('if_matched_group'),
    }
    const rule: Rule = {
      ...body,
      ...links,
      id,
      index: this.#rules.length,
      home: this.#rules.length,
      category: draft.category,
      correlation: this.#correlation(links, body),
      children: [],
      places: 0,
      groupConsumers: [],
      isMatchedSid: false,
    }
    const skip = (code: string, message: string): void =>
      this.#problems.warning(file, element.offset, code, `rule ${id} is passed over: ${message}`)
    const matched = links.ifMatchedSid === '' ? undefined : this.#byId.get(Number(links.ifMatchedSid))
    if (links.ifMatchedSid !== '' && matched === undefined) {
      skip('IF_MATCHED_SID_UNKNOWN', `no rule ${links.ifMatchedSid} was loaded before`)
      return
    }
    if (id < 10) this.#tree.addRoot(rule)
    else {
      const parents = this.#parents(file, element, rule, skip)
      if (parents.length === 0) return
      if (!this.#tree.hang(rule, parents)) {
        skip('RULE_PLACES_TOO_MANY', `its parents hang in ${parents.length} places, more than the tree has room for`)
        return
      }
    }
    this.#rules.push(rule)
    this.#byId.set(id, rule)
    if (matched !== undefined) matched.isMatchedSid = true
    const { correlation } = rule
    if (correlation?.source === 'group') {
      for (const other of this.#rules) {
        if (other === rule || correlation.groupPattern?.test(other.groupText) !== true) continue
        for (let place = 0; place < other.places; place++) other.groupConsumers.push(rule)
      }
    }
  }

  /** Places below which a rule is to hang; none when it is passed over, with the reason told. */
  #parents(
    file: XmlFile,
    element: XmlElement,
    rule: Rule,
    skip: (code: string, message: string) => void,
  ): readonly Place[] {
    const sids = rule.ifSid !== '' ? rule.ifSid : rule.ifGroup === '' ? rule.ifMatchedSid : ''
    if (sids !== '') {
      const places: Place[] = []
      for (const text of sids.split(/[, ]+/)) {
        if (text === '' || Number(text) === rule.id) continue
        const parent = this.#byId.get(Number(text))
        if (parent === undefined) {
          this.#problems.warning(
            file,
            element.offset,
            'IF_SID_UNKNOWN',
            `rule ${rule.id}: no rule ${text} was loaded before`,
            `rule ${text}`,
          )
          continue
        }
        places.push(...this.#tree.reached(parent))
        rule.category = parent.category
      }
      if (places.length === 0) skip('RULE_WITHOUT_PARENT', 'none of its parents is loaded')
      return places
    }
    if (rule.ifLevel !== '') {
      const parents = this.#rules.filter((other) => other.weight >= Number(rule.ifLevel) * 100)
      if (Number(rule.ifLevel) > 0 && parents.length > 0)
        return parents.flatMap((parent) => this.#tree.placesOf(parent))
      skip('RULE_WITHOUT_PARENT', `no rule has level ${rule.ifLevel} or more`)
      return []
    }
    const group = rule.ifGroup !== '' ? rule.ifGroup : rule.ifMatchedGroup
    if (group !== '') {
      const parents = this.#rules.filter((other) => wordMatch(group, other.groupText))
      if (parents.length === 0) skip('RULE_WITHOUT_PARENT', `no rule loaded before is in the group '${group}'`)
      return parents.flatMap((parent) => this.#tree.placesOf(parent))
    }
    const root = this.#tree.rootOf(rule.category)
    if (root !== undefined) return [root]
    skip('RULE_WITHOUT_ROOT', `no root rule (id below 10) has the category '${categories[rule.category]}'`)
    return []
  }
}

function appendText(draft: Draft, key: string, element: XmlElement): void {
  const before = draft.texts.get(key)
  draft.texts.set(key, {
    text: (before?.text ?? '') + element.content,
    type: null,
    negate: false,
    at: before?.at ?? element.offset,
  })
}

function mitreOf({ mitreIds, mitrePairs }: Draft): RuleMitre | null {
  if (mitrePairs.length > 0) return { ids: [], pairs: mitrePairs }
  return mitreIds.length > 0 ? { ids: mitreIds, pairs: null } : null
}

function applyOptions(body: RuleBody, options: readonly string[]): void {
  let noMail = false
  for (const option of options) {
    switch (option) {
      case 'alert_by_email':
        body.mail = true
        break
      case 'no_email_alert':
        noMail = true
        body.noCounter = false
        break
      case 'log_alert':
        body.log = true
        break
      case 'no_log':
        body.log = false
        body.noCounter = false
        break
      case 'no_full_log':
        body.noFullLog = true
        break
      case 'no_counter':
        body.noCounter = true
        break
    }
  }
  if (noMail) body.mail = false
}
