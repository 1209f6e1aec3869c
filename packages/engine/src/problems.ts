/** Collects what is wrong with a ruleset while it loads: every file is read to the end, and all mistakes are told at once. */
import { problemAt, type XmlFile } from '@dogwatch/config'
import type { Problem } from '@dogwatch/schema'

/** Most problems kept; a file of garbage must not fill memory. What comes after is only counted. */
export const problemsMax = 1000

export class Problems {
  readonly list: Problem[] = []
  errors = 0
  warnings = 0

  error(file: Pick<XmlFile, 'path' | 'text'>, offset: number, code: string, message: string): void {
    this.#at(file, offset, 'error', code, message)
  }

  warning(file: Pick<XmlFile, 'path' | 'text'>, offset: number, code: string, message: string): void {
    this.#at(file, offset, 'warning', code, message)
  }

  /** Looks up the place only of what is kept: in a file of one endless line that is dear. */
  #at(
    file: Pick<XmlFile, 'path' | 'text'>,
    offset: number,
    severity: Problem['severity'],
    code: string,
    message: string,
  ): void {
    if (this.list.length < problemsMax) this.add(problemAt(file, offset, severity, code, message))
    else this.#count(severity)
  }

  #count(severity: Problem['severity']): void {
    if (severity === 'error') this.errors++
    else this.warnings++
  }

  add(problem: Problem): void {
    this.#count(problem.severity)
    if (this.list.length < problemsMax) this.list.push(problem)
  }
}
