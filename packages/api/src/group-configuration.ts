/**
 * agent.conf of a group: examined before it is written, and as JSON (spec: api, endpoint 41). In: its text. Out: problems with their places; for each
 * `<agent_config>` which agents it is for, and what it says. Wrong: a text that no agent could read has an error among its problems.
 */
import { examineAgentConf, readXml, type XmlElement } from '@dogwatch/config'
import type { Problem } from '@dogwatch/schema'

/** Elements that stand as lists even where there is one. */
const lists: ReadonlySet<string> = new Set(['localfile', 'wodle', 'directories', 'ignore', 'label', 'policy', 'socket'])

export interface AgentConfiguration {
  readonly filters: Readonly<Record<string, string>>
  readonly config: Readonly<Record<string, unknown>>
}

/** What is wrong: an error for what agents could not read or would refuse, a warning for what they would pass over. */
export function groupConfigurationProblems(text: string): readonly Problem[] {
  return examineAgentConf('agent.conf', Buffer.from(text, 'utf8').toString('latin1')).problems
}

/** One for each `<agent_config>`; null when the text cannot be read. */
export function groupConfigurationItems(text: string): readonly AgentConfiguration[] | null {
  const reading = readXml('agent.conf', Buffer.from(text, 'utf8').toString('latin1'))
  if ('problem' in reading) return null
  return reading.file.roots
    .filter(({ name }) => name === 'agent_config')
    .map((root) => ({ filters: attributesOf(root), config: childrenOf(root) }))
}

function childrenOf({ children }: XmlElement): Readonly<Record<string, unknown>> {
  const byName = Map.groupBy(children, ({ name }) => utf8(name))
  // From entries, so that an element named as something of every object is a member like others.
  return Object.fromEntries(
    [...byName].map(([name, all]) => {
      const values = all.map(valueIn)
      return [name, values.length === 1 && !lists.has(name) ? values[0] : values]
    }),
  )
}

/** Text where there is nothing more; text beside attributes is `item`, as Wazuh has it. */
function valueIn(element: XmlElement): unknown {
  const hasAttributes = element.attributes.length > 0
  if (element.children.length > 0) return { ...attributesOf(element), ...childrenOf(element) }
  const text = utf8(element.content).trim()
  return hasAttributes ? { ...attributesOf(element), ...(text === '' ? {} : { item: text }) } : text
}

function attributesOf({ attributes }: XmlElement): Readonly<Record<string, string>> {
  return Object.fromEntries(attributes.map(({ name, value }) => [utf8(name), utf8(value)]))
}

function utf8(latin1: string): string {
  return Buffer.from(latin1, 'latin1').toString('utf8')
}
