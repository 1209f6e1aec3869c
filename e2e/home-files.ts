/** What a home's files say, as somebody who reads them sees it. */
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { objectOf } from '../scripts/json-file.ts'

/** A line of alerts.json or archives.json. */
export type Line = Readonly<Record<string, unknown>>

export interface Lines {
  readonly lines: readonly Line[]
  /** Lines that are not JSON: cut short by a kill. */
  readonly torn: number
}

/** All whole lines of a file of the home; a last line without its end is not there yet. */
export function linesOf(home: string, file: string): Lines {
  const path = join(home, file)
  if (!existsSync(path)) return { lines: [], torn: 0 }
  const texts = readFileSync(path, 'utf8').split('\n').slice(0, -1)
  const lines: Line[] = []
  let torn = 0
  for (const text of texts) {
    try {
      lines.push(objectOf(JSON.parse(text)))
    } catch {
      torn += 1
    }
  }
  return { lines, torn }
}

export const alertsFile = 'logs/alerts/alerts.json'
export const archivesFile = 'logs/archives/archives.json'

/** A configuration that archives every event; what it does not say has its default. */
export function writeArchivingConfiguration(home: string): void {
  mkdirSync(join(home, 'etc'), { recursive: true })
  const text = '<ossec_config>\n  <global>\n    <logall_json>yes</logall_json>\n  </global>\n</ossec_config>\n'
  writeFileSync(join(home, 'etc', 'ossec.conf'), text)
}

/** A value deep inside, by names. */
export function valueAt(line: unknown, ...names: readonly string[]): unknown {
  return names.reduce<unknown>((value, name) => objectOf(value)[name], line)
}
