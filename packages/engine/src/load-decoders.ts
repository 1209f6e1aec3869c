/** Reads decoder files into the two ordered lists and their children (spec: engine, parts 4 and 5.1, 5.2). */
import { spanAt, type XmlElement, type XmlFile } from '@dogwatch/config'
import { type Compiled, compileOsmatch, compileOsregex, compilePcre2, type Pattern } from '@dogwatch/pattern'
import {
  builtinDecoderNames,
  type Decoder,
  type DecoderSet,
  type FirstTimeSeen,
  type Offset,
  type PluginName,
  type Target,
} from './decoder.ts'
import { categories, category, dynamicFieldsMax, type FieldSlots, field, staticIndex } from './fields.ts'
import { jsonText } from './json-text.ts'
import type { Problems } from './problems.ts'
import { emptyRoundReason, runawayReason } from './runaway.ts'
import { expandVariables } from './variables.ts'

/** Longest text of one decoder element, repeated ones together, in bytes. */
const elementLengthMax = 1024
const plugins = new Set<string>([
  'PF_Decoder',
  'SymantecWS_Decoder',
  'SonicWall_Decoder',
  'OSSECAlert_Decoder',
  'JSON_Decoder',
])
const orderStatics = new Set([
  'srcuser',
  'srcip',
  'dstip',
  'srcport',
  'dstport',
  'protocol',
  'action',
  'id',
  'url',
  'data',
  'extra_data',
  'status',
  'system_name',
  'dstuser',
])

/** A repeated element joined: its text, and what its last occurrence said of type and offset. */
interface Joined {
  text: string
  type: string | null
  offset: Offset
  at: number
}

interface Draft {
  parent?: Joined
  program_name?: Joined
  prematch?: Joined
  regex?: Joined
  ftscomment?: Joined
  order?: Target[]
  plugin?: { name: PluginName; offset: Offset }
  category: number
  fts?: { text: string; at: number }
  accumulate: boolean
  jsonNull: 'string' | 'discard'
  jsonArray: 'array' | 'csv'
  useOwnName: boolean
}

export function loadDecoders(files: readonly XmlFile[], slots: FieldSlots, problems: Problems): DecoderSet {
  const loader = new DecoderLoader(slots, problems)
  for (const file of files) loader.file(file)
  return loader.finish()
}

class DecoderLoader {
  readonly #slots: FieldSlots
  readonly #problems: Problems
  readonly #withProgram: Decoder[] = []
  readonly #withoutProgram: Decoder[] = []
  readonly #all: Decoder[] = []
  readonly #ids = new Map<string, number>()

  constructor(slots: FieldSlots, problems: Problems) {
    this.#slots = slots
    this.#problems = problems
    for (const name of builtinDecoderNames) this.#id(name)
  }

  #id(name: string): number {
    const known = this.#ids.get(name)
    if (known !== undefined) return known
    const id = this.#ids.size + 1
    this.#ids.set(name, id)
    return id
  }

  file(file: XmlFile): void {
    for (const root of expandVariables(file, this.#problems)) {
      const decoder = this.#decoder(file, root)
      if (decoder !== null) this.#place(file, root, decoder)
    }
  }

  finish(): DecoderSet {
    for (const decoder of this.#all) decoder.json = decoderJson(decoder)
    return { withProgram: this.#withProgram, withoutProgram: this.#withoutProgram, ids: this.#ids }
  }

  #decoder(file: XmlFile, root: XmlElement): Decoder | null {
    const fail = (at: number, code: string, message: string): null => {
      this.#problems.error(file, at, code, message)
      return null
    }
    if (root.name.toLowerCase() !== 'decoder') {
      return fail(
        root.offset,
        'DECODER_EXPECTED',
        `<${root.name}> is no decoder; a decoder file holds <decoder name="…"> elements`,
      )
    }
    const [first, second] = root.attributes
    if (first?.name !== 'name' || first.value === '') {
      return fail(root.offset, 'DECODER_NAME_MISSING', 'the first attribute of a decoder must be name="…"')
    }
    if (root.attributes.length > 2 || (second !== undefined && second.name !== 'status')) {
      return fail(root.offset, 'DECODER_ATTRIBUTE_UNKNOWN', 'a decoder takes name= and status= only')
    }
    if (root.children.length === 0)
      return fail(root.offset, 'DECODER_EMPTY', `decoder '${first.value}' has no elements`)
    const errorsBefore = this.#problems.errors
    const draft = this.#draft(file, root, first.value)
    if (this.#problems.errors > errorsBefore) return null
    return this.#build(file, root, first.value, draft)
  }

  #draft(file: XmlFile, root: XmlElement, name: string): Draft {
    const draft: Draft = {
      category: category.syslog,
      accumulate: false,
      jsonNull: 'string',
      jsonArray: 'array',
      useOwnName: false,
    }
    const error = (at: number, code: string, message: string): void =>
      this.#problems.error(file, at, code, `decoder '${name}': ${message}`)
    for (const element of root.children) {
      const key = element.name.toLowerCase()
      const content = element.content
      switch (key) {
        case 'parent':
        case 'ftscomment':
        case 'program_name':
        case 'prematch':
        case 'regex':
          this.#join(file, draft, key, element, name)
          break
        case 'order': {
          // A name ends at a blank inside it (seen in the corpus: 'origin 1').
          const names = content.split(',').map((part) => part.trim().split(/\s/)[0] as string)
          if (names.length > dynamicFieldsMax)
            error(element.offset, 'DECODER_ORDER_TOO_LONG', `order names more than ${dynamicFieldsMax} fields`)
          draft.order = names.slice(0, dynamicFieldsMax).map((field) => this.#target(field))
          break
        }
        case 'plugin_decoder':
          if (!plugins.has(content))
            error(
              element.offset,
              'DECODER_PLUGIN_UNKNOWN',
              `there is no plugin '${content}'; known: ${[...plugins].join(', ')}`,
            )
          else
            draft.plugin = {
              name: content as PluginName,
              offset: this.#offset(file, element, name, ['after_parent', 'after_prematch']),
            }
          break
        case 'type': {
          const known = categories.indexOf(content as (typeof categories)[number])
          if (known === -1 || content === 'ossec-alert')
            error(
              element.offset,
              'DECODER_TYPE_UNKNOWN',
              `unknown type '${content}'; known: ${categories.slice(0, -1).join(', ')}`,
            )
          else draft.category = known
          break
        }
        case 'fts':
          draft.fts = { text: content, at: element.offset }
          break
        case 'use_own_name':
          draft.useOwnName = content === 'true'
          break
        case 'accumulate':
          draft.accumulate = true
          break
        case 'json_null_field':
          if (content === 'discard') draft.jsonNull = 'discard'
          else if (content === 'string' || content === 'empty') draft.jsonNull = 'string'
          else
            error(element.offset, 'DECODER_VALUE_INVALID', `json_null_field is 'string' or 'discard', not '${content}'`)
          break
        case 'json_array_structure':
          if (content === 'array' || content === 'csv') draft.jsonArray = content
          else
            error(element.offset, 'DECODER_VALUE_INVALID', `json_array_structure is 'array' or 'csv', not '${content}'`)
          break
        default:
          error(element.offset, 'DECODER_ELEMENT_UNKNOWN', `unknown element <${element.name}>`)
      }
    }
    return draft
  }

  #join(
    file: XmlFile,
    draft: Draft,
    key: 'parent' | 'ftscomment' | 'program_name' | 'prematch' | 'regex',
    element: XmlElement,
    name: string,
  ): void {
    const before = draft[key]
    const hasOffset = element.attributes.some((a) => a.name === 'offset')
    if (before !== undefined && hasOffset) {
      this.#problems.error(
        file,
        element.offset,
        'DECODER_OFFSET_REPEATED',
        `decoder '${name}': offset= goes on the first <${key}> only`,
      )
    }
    const allowed: Offset[] =
      key === 'prematch' ? ['after_parent'] : key === 'regex' ? ['after_parent', 'after_prematch', 'after_regex'] : []
    const offset = hasOffset ? this.#offset(file, element, name, allowed) : (before?.offset ?? 'none')
    const text = (before?.text ?? '') + element.content
    if (text.length >= elementLengthMax) {
      this.#problems.error(
        file,
        element.offset,
        'DECODER_ELEMENT_TOO_LONG',
        `decoder '${name}': <${key}> has ${text.length} bytes together; the limit is ${elementLengthMax - 1}`,
      )
    }
    let type = element.attributes.find((a) => a.name === 'type')?.value.toLowerCase() ?? null
    if (type !== null && (key === 'prematch' || key === 'regex') && type === 'osmatch') {
      this.#problems.warning(
        file,
        element.offset,
        'DECODER_TYPE_REFUSED',
        `decoder '${name}': <${key}> cannot be osmatch; osregex is used`,
      )
      type = null
    } else if (type !== null && type !== 'osregex' && type !== 'pcre2' && type !== 'osmatch') {
      this.#problems.warning(
        file,
        element.offset,
        'PATTERN_TYPE_UNKNOWN',
        `decoder '${name}': unknown type '${type}'; the default is used`,
      )
      type = null
    }
    draft[key] = { text, type, offset, at: element.offset }
  }

  #offset(file: XmlFile, element: XmlElement, name: string, allowed: readonly Offset[]): Offset {
    const value = element.attributes.find((a) => a.name === 'offset')?.value
    if (value === undefined) return 'none'
    if ((allowed as readonly string[]).includes(value)) return value as Offset
    this.#problems.error(
      file,
      element.offset,
      'DECODER_OFFSET_INVALID',
      `decoder '${name}': offset="${value}" is not possible on <${element.name}>${allowed.length > 0 ? `; possible: ${allowed.join(', ')}` : ''}`,
    )
    return 'none'
  }

  #target(name: string): Target {
    if (name === 'user') return { kind: 'static', index: field.dstuser, name: 'dstuser' }
    const index = orderStatics.has(name) ? staticIndex.get(name) : undefined
    if (index !== undefined) return { kind: 'static', index, name }
    return { kind: 'dynamic', key: name, slot: this.#slots.add(name) }
  }

  #pattern(
    file: XmlFile,
    name: string,
    key: string,
    joined: Joined | undefined,
    fallback: 'osregex' | 'osmatch',
    captures: boolean,
  ): Pattern | null {
    if (joined === undefined) return null
    const type = joined.type ?? fallback
    const compiled: Compiled =
      type === 'osmatch'
        ? compileOsmatch(joined.text)
        : type === 'pcre2'
          ? compilePcre2(joined.text)
          : compileOsregex(joined.text, { captures })
    if (compiled.pattern !== undefined) {
      const reason = runawayReason(compiled.pattern)
      if (reason !== null)
        this.#problems.warning(
          file,
          joined.at,
          'PATTERN_RUNAWAY',
          `decoder '${name}': <${key}>: ${reason}; on hostile text it runs in linear time or until it is cut off. Better write it without`,
        )
      const emptyRound = emptyRoundReason(compiled.pattern)
      if (emptyRound !== null)
        this.#problems.warning(file, joined.at, 'PATTERN_EMPTY_ROUND', `decoder '${name}': <${key}>: ${emptyRound}`)
      return compiled.pattern
    }
    this.#problems.error(
      file,
      joined.at,
      'PATTERN_INVALID',
      `decoder '${name}': <${key}>: ${compiled.error.message} (at byte ${compiled.error.offset} of the pattern)`,
    )
    return null
  }

  #build(file: XmlFile, root: XmlElement, name: string, draft: Draft): Decoder | null {
    const errorsBefore = this.#problems.errors
    const error = (at: number, code: string, message: string): void =>
      this.#problems.error(file, at, code, `decoder '${name}': ${message}`)
    const programName = this.#pattern(file, name, 'program_name', draft.program_name, 'osmatch', false)
    const prematch = this.#pattern(file, name, 'prematch', draft.prematch, 'osregex', false)
    const regex = this.#pattern(file, name, 'regex', draft.regex, 'osregex', true)
    const isChild = draft.parent !== undefined
    if (!isChild && draft.prematch === undefined && draft.program_name === undefined)
      error(root.offset, 'DECODER_GATE_MISSING', 'a decoder without <parent> needs <prematch> or <program_name>')
    if (draft.plugin !== undefined && (draft.regex !== undefined || draft.order !== undefined))
      error(root.offset, 'DECODER_PLUGIN_WITH_REGEX', '<plugin_decoder> excludes <regex> and <order>')
    if (draft.plugin === undefined && draft.regex !== undefined && draft.order === undefined)
      error(root.offset, 'DECODER_ORDER_MISSING', '<regex> needs an <order> that names its groups')
    if (draft.plugin === undefined && draft.regex === undefined && draft.order !== undefined)
      error(root.offset, 'DECODER_REGEX_MISSING', '<order> needs a <regex>')
    if (draft.fts !== undefined && draft.regex === undefined)
      error(draft.fts.at, 'DECODER_FTS_WITHOUT_REGEX', '<fts> needs a <regex>')
    let regexOffset = draft.regex?.offset ?? 'none'
    if (!isChild && regexOffset === 'after_prematch') regexOffset = 'after_parent'
    else if (!isChild && [regexOffset, draft.prematch?.offset, draft.plugin?.offset].includes('after_parent'))
      error(root.offset, 'DECODER_PARENT_MISSING', 'offset="after_parent" needs a <parent>')
    if (
      isChild &&
      (regexOffset === 'after_prematch' || draft.plugin?.offset === 'after_prematch') &&
      draft.prematch === undefined
    )
      error(root.offset, 'DECODER_PREMATCH_MISSING', 'offset="after_prematch" needs a <prematch> in the same decoder')
    if (regexOffset === 'after_regex' && !isChild)
      error(root.offset, 'DECODER_PARENT_MISSING', 'offset="after_regex" needs a <parent>')
    const fts = draft.fts === undefined ? null : this.#fts(file, name, draft.fts, draft)
    if (this.#problems.errors > errorsBefore) return null
    return {
      name,
      id: this.#id(name),
      ownName: name,
      parent: draft.parent?.text ?? null,
      programName,
      prematch,
      prematchOffset: draft.prematch?.offset ?? 'none',
      regex,
      regexOffset,
      order: draft.order ?? [],
      plugin: draft.plugin?.name ?? null,
      pluginOffset: draft.plugin?.offset ?? 'none',
      category: draft.category,
      fts,
      ftscomment: draft.ftscomment?.text ?? null,
      accumulate: draft.accumulate,
      jsonNull: draft.jsonNull,
      jsonArray: draft.jsonArray,
      useOwnName: draft.useOwnName,
      at: spanAt(file, root.offset),
      children: [],
      json: '{}',
    }
  }

  #fts(file: XmlFile, name: string, { text, at }: { text: string; at: number }, draft: Draft): FirstTimeSeen {
    const statics = new Set<number>()
    const dynamic: number[] = []
    let hasName = false
    let location = false
    for (const part of text.split(',').map((piece) => piece.trim())) {
      if (part === 'name') hasName = true
      else if (part === 'location') location = true
      else if (part === 'user' || part === 'dstuser') statics.add(field.dstuser)
      else if (part === 'extra_data' || part === 'data') statics.add(field.data)
      else if (['srcuser', 'srcip', 'dstip', 'id', 'system_name'].includes(part))
        statics.add(staticIndex.get(part) as number)
      else if (draft.order?.some((target) => target.kind === 'dynamic' && target.key === part))
        dynamic.push(this.#slots.add(part))
      else
        this.#problems.error(
          file,
          at,
          'DECODER_FTS_UNKNOWN',
          `decoder '${name}': fts names '${part}', which is neither a static field that fts takes nor a dynamic one of its order`,
        )
    }
    return { name: hasName, location, statics, dynamic }
  }

  #place(file: XmlFile, root: XmlElement, decoder: Decoder): void {
    this.#all.push(decoder)
    if (decoder.parent === null) {
      if (decoder.programName !== null) this.#withProgram.push(decoder)
      else this.#withoutProgram.push(decoder)
      return
    }
    const parents = [...this.#withProgram, ...this.#withoutProgram].filter((top) => top.ownName === decoder.parent)
    if (parents.length === 0) {
      this.#problems.error(
        file,
        root.offset,
        'DECODER_PARENT_UNKNOWN',
        `decoder '${decoder.ownName}': no decoder named '${decoder.parent}' was loaded before`,
      )
      return
    }
    for (const parent of parents) this.#append(file, root, parent, decoder)
    if (!decoder.useOwnName) {
      decoder.name = (parents[0] as Decoder).name
      decoder.id = (parents[0] as Decoder).id
    }
  }

  #append(file: XmlFile, root: XmlElement, parent: Decoder, decoder: Decoder): void {
    const earlier = parent.children.filter((child) => child.decoder.ownName === decoder.ownName)
    const error = (code: string, message: string): void =>
      this.#problems.error(file, root.offset, code, `decoder '${decoder.ownName}': ${message}`)
    if (earlier.length > 0) {
      const works = (d: Decoder): boolean => d.regex !== null || d.plugin !== null
      if (decoder.prematch !== null || decoder.fts !== null)
        error(
          'DECODER_CHAIN_INVALID',
          'a later decoder of the same name and parent may have neither <prematch> nor <fts>',
        )
      else if (!works(decoder) || !earlier.every((child) => works(child.decoder)))
        error('DECODER_CHAIN_INVALID', 'decoders of the same name and parent all need a <regex> or <plugin_decoder>')
      for (const child of earlier) child.next = true
    }
    if (
      decoder.regexOffset === 'after_regex' &&
      !earlier.some(({ decoder: d }) => d.regex !== null || d.prematch !== null)
    ) {
      error(
        'DECODER_AFTER_REGEX_ALONE',
        'offset="after_regex" needs an earlier decoder of the same name with a <regex> or <prematch>',
      )
    }
    parent.children.push({ decoder, next: false })
  }
}

/** `{"accumulate":1,"parent":…,"name":…,"ftscomment":…}`, each if set (spec: engine, part 13.1). */
function decoderJson(decoder: Decoder): string {
  const members: string[] = []
  if (decoder.accumulate) members.push('"accumulate":1')
  if (decoder.parent !== null) members.push(`"parent":${jsonText(decoder.parent)}`)
  members.push(`"name":${jsonText(decoder.name)}`)
  if (decoder.ftscomment !== null) members.push(`"ftscomment":${jsonText(decoder.ftscomment)}`)
  return `{${members.join(',')}}`
}
