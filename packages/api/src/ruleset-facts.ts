/** Rules and decoders as the API tells them (spec: api, endpoints 57 and 59), from a compiled ruleset, whose texts are latin1. */
import { basename, dirname } from 'node:path'
import type { Ruleset } from '@dogwatch/engine'

export interface RuleItem {
  readonly id: number
  readonly level: number
  readonly status: 'enabled'
  readonly filename: string
  readonly relative_dirname: string
  readonly line: number
  readonly description: string
  readonly groups: readonly string[]
  readonly details: Readonly<Record<string, unknown>>
  readonly pci_dss: readonly string[]
  readonly gdpr: readonly string[]
  readonly gpg13: readonly string[]
  readonly hipaa: readonly string[]
  readonly 'nist-800-53': readonly string[]
  readonly tsc: readonly string[]
  readonly mitre: readonly string[]
}

export interface DecoderItem {
  readonly name: string
  readonly position: number
  readonly status: 'enabled'
  readonly filename: string
  readonly relative_dirname: string
  readonly line: number
  readonly details: Readonly<Record<string, unknown>>
}

type Rule = Ruleset['rules'][number]
type Decoder = Ruleset['decoders']['withProgram'][number]

/** Text of the ruleset: its bytes as latin1, its meaning UTF-8. */
export function meant(text: string): string {
  return Buffer.from(text, 'latin1').toString('utf8')
}

export function ruleItems({ rules }: Ruleset): RuleItem[] {
  return rules.map(ruleItem).sort((a, b) => a.id - b.id)
}

const compliance = ['pci_dss', 'gdpr', 'gpg13', 'hipaa', 'nist_800_53', 'tsc'] as const

function ruleItem(rule: Rule): RuleItem {
  const groups = rule.groupText
    .split(',')
    .map((group) => group.trim())
    .filter((group) => group !== '')
  const requirements = (prefix: (typeof compliance)[number]) =>
    groups.filter((group) => group.startsWith(`${prefix}_`)).map((group) => meant(group.slice(prefix.length + 1)))
  return {
    id: rule.id,
    level: rule.level,
    status: 'enabled',
    ...place(rule.at),
    description: meant(rule.description),
    groups: groups.filter((group) => !compliance.some((prefix) => group.startsWith(`${prefix}_`))).map(meant),
    details: ruleDetails(rule),
    pci_dss: requirements('pci_dss'),
    gdpr: requirements('gdpr'),
    gpg13: requirements('gpg13'),
    hipaa: requirements('hipaa'),
    'nist-800-53': requirements('nist_800_53'),
    tsc: requirements('tsc'),
    mitre: rule.mitre?.ids ?? [],
  }
}

function ruleDetails(rule: Rule): Record<string, unknown> {
  const conditions = [...rule.conditions, ...rule.lists].map(({ element, name, negate, wanted }) => ({
    element,
    ...(name === null ? {} : { name: meant(name) }),
    pattern: meant(wanted),
    ...(negate ? { negate: 'yes' } : {}),
  }))
  const texts = {
    if_sid: rule.ifSid,
    if_group: rule.ifGroup,
    if_level: rule.ifLevel,
    if_matched_sid: rule.ifMatchedSid,
    if_matched_group: rule.ifMatchedGroup,
    decoded_as: rule.decodedAsName ?? '',
    info: rule.info ?? '',
  }
  return {
    ...Object.fromEntries(
      Object.entries(texts)
        .filter(([, value]) => value !== '')
        .map(([key, value]) => [key, meant(value)]),
    ),
    ...(rule.hasFrequency ? { frequency: String(rule.frequency + 2), timeframe: String(rule.timeframe) } : {}),
    ...(rule.ignoreSeconds > 0 ? { ignore: String(rule.ignoreSeconds) } : {}),
    ...(rule.noalert ? { noalert: '1' } : {}),
    ...(conditions.length > 0 ? { conditions } : {}),
  }
}

export function decoderItems({ decoders }: Ruleset): DecoderItem[] {
  const items: DecoderItem[] = []
  const seen = new Set<Decoder>()
  const add = (decoder: Decoder): void => {
    if (seen.has(decoder)) return
    seen.add(decoder)
    items.push({
      name: meant(decoder.ownName),
      position: items.length,
      status: 'enabled',
      ...place(decoder.at),
      details: { ...(decoder.parent === null ? {} : { parent: meant(decoder.parent) }) },
    })
    for (const { decoder: child } of decoder.children) add(child)
  }
  for (const decoder of [...decoders.withProgram, ...decoders.withoutProgram]) add(decoder)
  return items
}

function place({ file, line }: Rule['at']) {
  const folder = basename(dirname(file))
  const above = basename(dirname(dirname(file)))
  return { filename: basename(file), relative_dirname: `${above}/${folder}`, line }
}
