/** Windows eventchannel messages: their XML becomes `{"win":{"system":…,"eventdata":…}}`, then plain JSON decoding (spec: engine, part 16.7). */
import { readXml, type XmlElement } from '@dogwatch/config'
import type { EventDecoder } from '../decode.ts'
import type { Event } from '../event.ts'
import { jsonText } from '../json-text.ts'
import { claim, readObject, textMember } from './store.ts'
import { auditSubcategories } from './windows-audit.ts'

const severities: Readonly<Record<string, string>> = {
  1: 'CRITICAL',
  2: 'ERROR',
  3: 'WARNING',
  4: 'INFORMATION',
  5: 'VERBOSE',
}
const auditFailure = 0x10000000000000n
const auditSuccess = 0x20000000000000n

const policyChanges: Readonly<Record<string, string>> = {
  '%%8448': 'Success removed',
  '%%8449': 'Success added',
  '%%8450': 'Failure removed',
  '%%8451': 'Failure added',
}
const auditCategories: Readonly<Record<string, string>> = {
  8272: 'System',
  8273: 'Logon/Logoff',
  8274: 'Object Access',
  8275: 'Privilege Use',
  8276: 'Detailed Tracking',
  8277: 'Policy Change',
  8278: 'Account Management',
  8279: 'DS Access',
  8280: 'Account Logon',
}

type Members = [name: string, value: string][]

/** Decodes a message of queue `f`; false when it makes no event. */
export function decodeEventchannel(event: Event, decoder: EventDecoder): boolean {
  const message = readObject(event.fullLog) ?? undefined
  const xml = textMember(message, 'Event')
  if (xml === undefined) return false
  const read = readXml('eventchannel', xml)
  const root = 'problem' in read ? undefined : read.file.roots.find(({ name }) => name === 'Event')
  event.programName = null
  event.timestamp = null
  const system: Members = []
  const eventdata: Members = []
  const others: [string, Members][] = []
  for (const element of root?.children ?? []) {
    if (element.name === 'System') systemMembers(element, system)
    else if (element.name === 'EventData') dataMembers(element, eventdata)
    else
      for (const inner of element.children)
        others.push([
          lowerFirst(inner.name),
          inner.children.map(({ name, content }) => [lowerFirst(name), content] as [string, string]),
        ])
  }
  const level = firstValue(system, 'level')
  const keywords = firstValue(system, 'keywords')
  if (level !== undefined && keywords !== undefined) system.push(['severityValue', severity(level, keywords)])
  const text = textMember(message, 'Message')
  // The quotes are part of the text, so blanks before the closing one stay.
  if (text !== undefined) system.push(['message', `"${text}"`])
  const objects: [string, Members][] = [['system', system], ['eventdata', eventdata], ...others]
  event.fullLog = `{"win":{${objects
    .filter(([, members]) => members.length > 0)
    .map(
      ([name, members]) =>
        `${jsonText(name)}:{${members.map(([key, value]) => `${jsonText(key)}:${jsonText(value)}`).join(',')}}`,
    )
    .join(',')}}}`
  event.log = event.fullLog
  event.logStart = 0
  claim(event, decoder, 'windows_eventchannel')
  decoder.json({ jsonNull: 'string', jsonArray: 'array' }).decode(event, event.fullLog)
  return true
}

function systemMembers(system: XmlElement, into: Members): void {
  for (const element of system.children) {
    const attribute = (name: string): string | undefined => element.attributes.find((a) => a.name === name)?.value
    const add = (name: string, value: string | undefined): void => {
      if (value !== undefined && value !== '') into.push([name, value])
    }
    switch (element.name) {
      case 'Provider':
        add('providerName', attribute('Name'))
        add('providerGuid', attribute('Guid'))
        add('eventSourceName', attribute('EventSourceName'))
        break
      case 'TimeCreated':
        add('systemTime', attribute('SystemTime'))
        break
      case 'Execution':
        add('processID', attribute('ProcessID'))
        add('threadID', attribute('ThreadID'))
        break
      case 'Correlation':
      case 'Security':
        break
      default:
        add(lowerFirst(element.name), element.content)
    }
  }
}

function dataMembers(data: XmlElement, into: Members): void {
  const unnamed: string[] = []
  for (const element of data.children) {
    const value = element.content.trimEnd()
    if (value === '' || value === '-' || value === '(NULL)') continue
    const name = element.name === 'Data' ? element.attributes.find((a) => a.name === 'Name')?.value : element.name
    if (name === undefined) unnamed.push(value)
    else if (lowerFirst(name) === 'auditPolicyChanges') {
      into.push(['auditPolicyChangesId', value])
      into.push([
        'auditPolicyChanges',
        value
          .split(/[\s,]+/)
          .map((code) => policyChanges[code] ?? '')
          .filter((change) => change !== '')
          .join(', '),
      ])
    } else into.push([lowerFirst(name), value])
  }
  const categoryId = firstValue(into, 'categoryId')?.replace('%%', '')
  const subcategoryId = firstValue(into, 'subcategoryId')?.replace('%%', '')
  if (categoryId !== undefined && subcategoryId !== undefined) {
    const category = auditCategories[categoryId]
    const subcategory = auditSubcategories[subcategoryId]
    if (category !== undefined) into.push(['category', category])
    if (subcategory !== undefined) into.push(['subcategory', subcategory])
  }
  if (unnamed.length > 0) into.push(['data', unnamed.join(', ')])
}

function firstValue(members: Members, name: string): string | undefined {
  return members.find(([key]) => key === name)?.[1]
}

function lowerFirst(name: string): string {
  return name.slice(0, 1).toLowerCase() + name.slice(1)
}

function severity(level: string, keywords: string): string {
  const known = severities[level]
  if (known !== undefined) return known
  if (level !== '0' || !/^0x[0-9a-fA-F]{1,16}$/.test(keywords)) return 'UNKNOWN'
  const bits = BigInt(keywords)
  if ((bits & auditFailure) !== 0n) return 'AUDIT_FAILURE'
  return (bits & auditSuccess) !== 0n ? 'AUDIT_SUCCESS' : 'UNKNOWN'
}
