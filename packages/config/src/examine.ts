/**
 * One ossec.conf against the table: in goes its XML, out come a finding for each element, the mistakes, and the values that are sound, as a tree.
 */
import type { Problem, SourceSpan } from '@dogwatch/schema'
import { nearestName, placesOf, type Row, rowOf } from './table.ts'
import { readValue, type Value } from './value.ts'
import { readXml, type XmlElement, type XmlFile } from './xml.ts'

/** What becomes of one element. */
export interface Finding {
  /** Names from `ossec_config` down, joined by `/`. */
  readonly path: string
  readonly at: SourceSpan
  readonly use: 'understood' | 'ignored' | 'unknown'
  /** What it does, why it is ignored, or what to do about an unknown one. */
  readonly says: string
}

/** An understood element with a sound value; a section has `below`. */
export interface Node {
  readonly row: Row
  readonly value: Value
  readonly attributes: ReadonlyMap<string, string>
  readonly at: SourceSpan
  readonly below: readonly Node[]
}

export interface Examination {
  readonly findings: readonly Finding[]
  readonly problems: readonly Problem[]
  readonly nodes: readonly Node[]
}

/** Largest ossec.conf, in bytes; the largest seen in the field have some hundred kilobytes. */
export const configLengthMax = 4 * 1024 * 1024
/** Most mistakes reported; what follows is counted in one more. */
const problemsMax = 200

/** Examines one file; never throws. `text` is latin1: one code unit per byte. */
export function examine(path: string, text: string): Examination {
  const whole = new FileReport({ path, text, roots: [] })
  if (text.length > configLengthMax) {
    whole.problem(
      0,
      'error',
      'CONFIG_TOO_LARGE',
      `the file has ${text.length} bytes; at most ${configLengthMax} are read`,
    )
    return whole.result([])
  }
  const read = readXml(path, text)
  if ('problem' in read) return { findings: [], problems: [read.problem], nodes: [] }
  const report = new FileReport(read.file)
  const nodes: Node[] = []
  for (const root of read.file.roots) {
    if (root.name !== 'ossec_config') {
      const says = `<${root.name}> is no root of this file; settings stand in <ossec_config>`
      report.unknown(root, root.name, says)
      report.problem(root.offset, 'error', 'CONFIG_ROOT', says)
      continue
    }
    report.finding(root, 'ossec_config', 'understood', 'A group of settings; several add up')
    nodes.push(...readBelow(root, '', report))
  }
  if (read.file.roots.length === 0) {
    report.problem(
      0,
      'error',
      'CONFIG_EMPTY',
      'the file has no <ossec_config>; write at least <ossec_config></ossec_config>',
    )
  }
  return report.result(nodes)
}

function readBelow(parent: XmlElement, parentPath: string, report: FileReport): Node[] {
  const nodes: Node[] = []
  for (const element of parent.children) {
    const name = element.attributes.find((attribute) => attribute.name === 'name')?.value
    const key = element.name === 'wodle' && name !== undefined ? `wodle[${name.toLowerCase()}]` : element.name
    const path = parentPath === '' ? key : `${parentPath}/${key}`
    const row = rowOf(path)
    if (row === null) {
      reportUnknown(element, path, parentPath, report)
      continue
    }
    if (row.use === 'ignored') {
      reportIgnored(element, path, row, report)
      continue
    }
    const says = row.waits === undefined ? row.says : `${row.says} (without effect: ${row.waits})`
    report.finding(element, path, 'understood', says)
    const node = readNode(element, path, row, report)
    if (node !== null) nodes.push(node)
  }
  return nodes
}

function readNode(element: XmlElement, path: string, row: Row, report: FileReport): Node | null {
  for (const attribute of element.attributes) {
    if (row.attributes?.includes(attribute.name)) continue
    const says = `<${element.name}> has no attribute ${attribute.name}=; it is passed over`
    report.problem(attribute.offset, 'warning', 'CONFIG_ATTRIBUTE', says)
  }
  const attributes = new Map(element.attributes.map(({ name, value }) => [name, value]))
  const at = report.at(element.offset)
  if (row.kind === 'section') {
    const stray = element.content.trim()
    if (stray !== '') {
      const says = `<${element.name}> holds elements, not text: \`${stray.slice(0, 40)}\``
      report.problem(element.offset, 'error', 'CONFIG_TEXT', says)
    }
    return { row, value: '', attributes, at, below: readBelow(element, path, report) }
  }
  for (const child of element.children) reportUnknown(child, `${path}/${child.name}`, path, report)
  const read = readValue(row, element.content)
  if ('value' in read) return { row, value: read.value, attributes, at, below: [] }
  report.problem(element.offset, 'error', 'CONFIG_VALUE', `<${element.name}>: ${read.wrong}`)
  return null
}

function reportUnknown(element: XmlElement, path: string, parentPath: string, report: FileReport): void {
  const places = placesOf(element.name)
  const near = nearestName(element.name, parentPath)
  const where = parentPath === '' ? 'here' : `in <${parentPath.replaceAll('/', '><')}>`
  if (rowOf(parentPath)?.kind !== 'section' && parentPath !== '') {
    const says = `<${element.name}> stands inside <${parentPath.split('/').at(-1)}>, which holds a value`
    report.problem(element.offset, 'error', 'CONFIG_PLACE', says)
    report.unknown(element, path, says)
  } else if (places.length > 0) {
    const says = `<${element.name}> does not belong ${where}; it belongs in ${places.map((p) => `<${p.replaceAll('/', '><')}>`).join(' or ')}`
    report.problem(element.offset, 'error', 'CONFIG_PLACE', says)
    report.unknown(element, path, says)
  } else {
    const hint = near === null ? 'it is passed over' : `did you mean <${near}>?`
    const wodle = element.name === 'wodle' ? element.attributes.find(({ name }) => name === 'name') : undefined
    const name = wodle === undefined ? element.name : `wodle name="${wodle.value.slice(0, 64)}"`
    const says = `<${name}> is not known ${where}; ${hint}`
    report.problem(element.offset, 'warning', 'CONFIG_UNKNOWN', says)
    report.unknown(element, path, says)
  }
}

function reportIgnored(element: XmlElement, path: string, row: Row, report: FileReport): void {
  report.finding(element, path, 'ignored', row.says)
  for (const child of element.children) {
    const childPath = `${path}/${child.name}`
    const childRow = rowOf(childPath)
    if (childRow === null) reportUnknown(child, childPath, path, report)
    else reportIgnored(child, childPath, childRow, report)
  }
}

/** Collects what is found in one file; places are looked up by bisection, since there is one for each element. */
export class FileReport {
  readonly #file: XmlFile
  readonly #lineStarts: number[] = [0]
  readonly #findings: Finding[] = []
  readonly #problems: Problem[] = []
  #problemCount = 0

  constructor(file: XmlFile) {
    this.#file = file
    for (let at = file.text.indexOf('\n'); at !== -1; at = file.text.indexOf('\n', at + 1))
      this.#lineStarts.push(at + 1)
  }

  at(offset: number): SourceSpan {
    let low = 0
    let high = this.#lineStarts.length - 1
    while (low < high) {
      const middle = (low + high + 1) >> 1
      if ((this.#lineStarts[middle] ?? 0) <= offset) low = middle
      else high = middle - 1
    }
    return { file: this.#file.path, line: low + 1, column: offset - (this.#lineStarts[low] ?? 0) + 1 }
  }

  finding(element: XmlElement, path: string, use: Finding['use'], says: string): void {
    this.#findings.push({ path, at: this.at(element.offset), use, says })
  }

  /** An unknown element and all below it. */
  unknown(element: XmlElement, path: string, says: string): void {
    this.finding(element, path, 'unknown', says)
    for (const child of element.children) this.unknown(child, `${path}/${child.name}`, 'stands in an unknown element')
  }

  problem(offset: number, severity: Problem['severity'], code: string, message: string): void {
    this.#problemCount++
    if (this.#problemCount > problemsMax && severity === 'warning') return
    const at = this.at(offset)
    const start = this.#lineStarts[at.line - 1] ?? 0
    const end = this.#lineStarts[at.line] ?? this.#file.text.length + 1
    this.#problems.push({
      severity,
      code,
      at,
      message,
      lineText: this.#file.text.slice(start, Math.min(end - 1, start + 400)),
    })
  }

  result(nodes: readonly Node[]): Examination {
    return { findings: this.#findings, problems: this.#problems, nodes }
  }
}
