/**
 * Reading sections of ossec.conf: texts to values, mistakes to problems with file and line, so that all of them come at
 * once. A value that is wrong leaves the default in place.
 */
import { parseDuration, parseSize, problemAt, readXml, type XmlElement, type XmlFile } from '@dogwatch/config'
import { compileOsmatch, compileOsregex, compilePcre2, type Pattern } from '@dogwatch/pattern'
import type { Problem } from '@dogwatch/schema'

/** Collects what is wrong. */
export class ConfReader {
  readonly problems: Problem[] = []
  #file: XmlFile

  constructor(file: XmlFile) {
    this.#file = file
  }

  /** Reads another file from now on; problems are kept together. */
  turnTo(file: XmlFile): void {
    this.#file = file
  }

  wrong(element: XmlElement, message: string, severity: 'error' | 'warning' = 'error'): void {
    this.problems.push(problemAt(this.#file, element.offset, severity, 'CONFIG_VALUE', `<${element.name}>: ${message}`))
  }

  yesNo(element: XmlElement, preset: boolean): boolean {
    const text = element.content.trim()
    if (text === 'yes' || text === 'no') return text === 'yes'
    this.wrong(element, `\`${text.slice(0, 40)}\` is neither yes nor no`)
    return preset
  }

  integer(element: XmlElement, preset: number, min: number, max: number): number {
    const text = element.content.trim()
    const value = /^-?\d{1,12}$/.test(text) ? Number(text) : Number.NaN
    if (value >= min && value <= max) return value
    this.wrong(element, `\`${text.slice(0, 40)}\` is no whole number from ${min} to ${max}`)
    return preset
  }

  /** Seconds. */
  duration(element: XmlElement, preset: number): number {
    const value = parseDuration(element.content.trim())
    if (value !== null) return value
    this.wrong(element, 'that is no length of time; write for example 30s, 15m, 12h, 1d')
    return preset
  }

  /** Bytes. */
  size(element: XmlElement, text: string, preset: number): number {
    const value = parseSize(text.trim())
    if (value !== null) return value
    this.wrong(element, `\`${text.trim().slice(0, 40)}\` is no size; write for example 512KB or 10MB`)
    return preset
  }

  /** A pattern of the dialect; null when it is wrong. */
  pattern(element: XmlElement, dialect: string, text: string): Pattern | null {
    const compiled =
      dialect === 'osregex'
        ? compileOsregex(text, { captures: false })
        : dialect === 'osmatch' || dialect === 'sregex'
          ? compileOsmatch(text)
          : dialect === 'pcre2'
            ? compilePcre2(text)
            : null
    if (compiled === null) this.wrong(element, `type="${dialect}" is none of pcre2, osregex, osmatch, sregex`)
    else if (compiled.pattern === undefined) this.wrong(element, `the pattern is wrong: ${compiled.error.message}`)
    else return compiled.pattern
    return null
  }
}

/** What a section of the shared file may be meant for (spec: modules, part 13). */
export interface HostFacts {
  readonly name: string
  readonly os: string
  readonly profiles: readonly string[]
}

export const nowhere: HostFacts = { name: '', os: 'Linux', profiles: [] }

/** Sections below every `<ossec_config>`, and every `<agent_config>` that is meant for this host; a problem when the file is not well formed. */
export function readSections(
  path: string,
  text: string,
  host: HostFacts = nowhere,
): { readonly file: XmlFile; readonly sections: readonly XmlElement[] } | { readonly problem: Problem } {
  const read = readXml(path, text)
  if ('problem' in read) return read
  const { file } = read
  const roots = file.roots.filter(
    (root) => root.name === 'ossec_config' || (root.name === 'agent_config' && isMeant(root, host)),
  )
  return { file, sections: roots.flatMap(({ children }) => children) }
}

/** Every filter that is given must match: names and systems by pattern, profiles by name. */
function isMeant(root: XmlElement, { name, os, profiles }: HostFacts): boolean {
  const matches = (filter: string | undefined, text: string): boolean => {
    if (filter === undefined) return true
    return filter.split(',').some((part) => compileOsmatch(part.trim()).pattern?.test(text) === true)
  }
  const profile = attribute(root, 'profile')
  return (
    matches(attribute(root, 'name'), name) &&
    matches(attribute(root, 'os'), os) &&
    (profile === undefined || profile.split(',').some((part) => profiles.includes(part.trim())))
  )
}

/** The value of an attribute; undefined when the element has none of that name. */
export function attribute(element: XmlElement, name: string): string | undefined {
  return element.attributes.find((one) => one.name === name)?.value
}
