/** Builds the conditions of a rule that need only the event (spec: engine, part 9.2). */
import type { Pattern } from '@dogwatch/pattern'
import { type AddressList, addressInList } from './address.ts'
import { type CdbList, type Lookup, lookupAddress } from './cdb.ts'
import type { Event } from './event.ts'
import { type FieldSlots, field, foldName, staticIndex } from './fields.ts'
import type { Condition } from './rule.ts'
import { inTimeWindow, type TimeWindow } from './time-window.ts'

/** Evaluation order of the stateless conditions, by element. */
export const conditionOrder: Readonly<Record<string, number>> = {
  decoded_as: 1,
  program_name: 2,
  id: 3,
  system_name: 4,
  protocol: 5,
  match: 6,
  regex: 7,
  action: 8,
  url: 9,
  location: 10,
  field: 11,
  srcip: 12,
  dstip: 12.1,
  srcport: 12.2,
  dstport: 12.3,
  compiled_rule: 13,
  user: 14,
  srcgeoip: 15,
  dstgeoip: 15.1,
  maxsize: 16,
  time: 17,
  weekday: 18,
  data: 19,
  extra_data: 20,
  hostname: 21,
  status: 22,
  list: 25,
}

type Subject = (event: Event) => string | null

/** Where each pattern element looks. */
export function subjectOf(element: string): Subject {
  switch (element) {
    case 'match':
    case 'regex':
      return (event) => event.log
    case 'program_name':
      return (event) => event.programName
    case 'location':
      return (event) => event.location
    case 'hostname':
      return (event) => event.hostname
    case 'user':
      return (event) => event.statics[field.dstuser] ?? event.statics[field.srcuser] ?? null
    default: {
      const index = staticIndex.get(element)
      if (index === undefined) throw new Error(`no subject for <${element}>`)
      return (event) => event.statics[index] ?? null
    }
  }
}

export function patternCondition(element: string, pattern: Pattern, negate: boolean): Condition {
  const subject = subjectOf(element)
  const base = {
    element,
    order: conditionOrder[element] as number,
    name: null,
    negate,
    pattern,
    wanted: pattern.source,
    subject,
    slot: -1,
  }
  if (element === 'match' || element === 'regex') {
    return { ...base, test: negate ? (event) => !pattern.test(event.log) : (event) => pattern.test(event.log) }
  }
  return {
    ...base,
    test: (event) => {
      const text = subject(event)
      return text !== null && pattern.test(text) !== negate
    },
  }
}

export function fieldCondition(name: string, slot: number, pattern: Pattern, negate: boolean): Condition {
  return {
    element: 'field',
    order: conditionOrder.field as number,
    name,
    negate,
    pattern,
    wanted: pattern.source,
    subject: (event) => event.dynamic(slot) ?? null,
    slot,
    test: (event) => {
      const text = event.dynamic(slot)
      return text !== undefined && pattern.test(text) !== negate
    },
  }
}

export function addressCondition(
  element: 'srcip' | 'dstip',
  list: AddressList,
  wanted: string,
  negate: boolean,
): Condition {
  const index = staticIndex.get(element) as number
  return {
    element,
    order: conditionOrder[element] as number,
    name: null,
    negate,
    pattern: null,
    wanted,
    subject: (event) => event.statics[index] ?? null,
    slot: -1,
    test: (event) => {
      const text = event.statics[index]
      return text != null && addressInList(list, text) !== negate
    },
  }
}

export function plainCondition(
  element: string,
  wanted: string,
  subject: Subject,
  test: (event: Event) => boolean,
): Condition {
  return {
    element,
    order: conditionOrder[element] as number,
    name: null,
    negate: false,
    pattern: null,
    wanted,
    subject,
    slot: -1,
    test,
  }
}

export function timeCondition(window: TimeWindow, text: string): Condition {
  const now: Subject = (event) => new Date(event.timeMs).toTimeString().slice(0, 5)
  return plainCondition('time', text, now, (event) => inTimeWindow(window, now(event) as string))
}

export function weekdayCondition(days: number, text: string): Condition {
  const today = (event: Event): number => new Date(event.timeMs).getDay()
  return plainCondition(
    'weekday',
    text,
    (event) => String(today(event)),
    (event) => ((days >> today(event)) & 1) === 1,
  )
}

/** Field that a `list` condition looks up; `user` means srcuser first (spec: engine, part 12). */
export function listSubject(name: string, slots: FieldSlots): { readonly subject: Subject; readonly slot: number } {
  const key = name.split(' ')[0] as string
  if (key === 'user')
    return { subject: (event) => event.statics[field.srcuser] ?? event.statics[field.dstuser] ?? null, slot: -1 }
  if (key === 'hostname') return { subject: (event) => event.hostname, slot: -1 }
  if (key === 'program_name') return { subject: (event) => event.programName, slot: -1 }
  const index =
    key === 'srcgeoip' || key === 'dstgeoip' || key === 'srcuser' || key === 'dstuser'
      ? undefined
      : staticIndex.get(key)
  if (index !== undefined) return { subject: (event) => event.statics[index] ?? null, slot: -1 }
  const slot = slots.add(key)
  return { subject: (event) => event.dynamic(slot) ?? null, slot }
}

export function listCondition(
  list: CdbList,
  name: string,
  lookup: Lookup,
  check: Pattern | null,
  slots: FieldSlots,
): Condition {
  const { subject, slot } = listSubject(name, slots)
  const holds = (value: string): boolean => {
    switch (lookup) {
      case 'match_key':
        return list.values.has(value)
      case 'not_match_key':
        return !list.values.has(value)
      case 'match_key_value': {
        const entry = list.values.get(value)
        return entry !== undefined && (check === null || check.test(entry))
      }
      case 'address_match_key':
        return lookupAddress(list, value) !== undefined
      case 'not_address_match_key':
        return lookupAddress(list, value) === undefined
      case 'address_match_key_value': {
        const entry = lookupAddress(list, value)
        return entry !== undefined && (check === null || check.test(entry))
      }
    }
  }
  return {
    element: 'list',
    order: conditionOrder.list as number,
    name,
    negate: false,
    pattern: null,
    wanted: `${lookup} ${list.name}`,
    subject,
    slot,
    test: (event) => {
      const value = subject(event)
      return value !== null && holds(value)
    },
  }
}

/** The named conditions of `compiled_rule` (spec: engine, part 9.5). */
export const compiledRules: Readonly<Record<string, (event: Event) => boolean>> = {
  comp_srcuser_dstuser: ({ statics }) => {
    const source = statics[field.srcuser] ?? null
    const target = statics[field.dstuser] ?? null
    return source === null || target === null || source === target
  },
  check_id_size: ({ statics }) => (statics[field.id]?.length ?? 0) >= 10,
  comp_mswin_targetuser_calleruser_diff: ({ log }) => {
    const target = accountAfter(log, 'Target Account Name')
    const caller = accountAfter(log, 'Caller User Name')
    return target !== null && caller !== null && differs(target, caller)
  },
  is_simple_http_request: ({ statics }) => {
    const url = statics[field.url] ?? null
    return url !== null && !url.includes('?')
  },
  is_valid_crawler: ({ log }) =>
    ['66.249.', '72.14.', '209.85.', '65.55.', '207.46.', '74.6.', '72.30.', '67.195.'].some((net) =>
      log.startsWith(net),
    ),
}

function accountAfter(log: string, label: string): string | null {
  const at = log.indexOf(label)
  const colon = at === -1 ? -1 : log.indexOf(':', at)
  return colon === -1 ? null : log.slice(colon + 1)
}

/** Whether two texts differ before a TAB or a double blank ends them. */
function differs(a: string, b: string): boolean {
  const isEnd = (text: string, at: number): boolean =>
    at >= text.length || text[at] === '\t' || text.startsWith('  ', at)
  for (let at = 0; ; at++) {
    const [aEnds, bEnds] = [isEnd(a, at), isEnd(b, at)]
    if (aEnds || bEnds) return aEnds !== bEnds
    if (a[at] !== b[at]) return true
  }
}

/** Names that `field` may not use, folded (spec: engine, part 8.3). */
export function isStaticFieldName(name: string): boolean {
  const folded = foldName(name)
  return folded === 'user' || staticIndex.has(folded)
}
