/** Collects what is wrong with a ruleset while it loads: every file is read to the end, and all mistakes are told at once. */
import { problemAt, type XmlFile } from '@dogwatch/config'
import type { Problem } from '@dogwatch/schema'

/** Most problems kept; a file of garbage must not fill memory. What comes after is only counted. */
export const problemsMax = 1000

export class Problems {
  readonly list: Problem[] = []
  errors = 0
  warnings = 0
  #keptErrors = 0

  error(file: Pick<XmlFile, 'path' | 'text'>, offset: number, code: string, message: string): void {
    this.#at(file, offset, 'error', code, message)
  }

  /** `about` names what is amiss where many warnings may have the same cause. */
  warning(file: Pick<XmlFile, 'path' | 'text'>, offset: number, code: string, message: string, about?: string): void {
    this.#at(file, offset, 'warning', code, message, about)
  }

  /** Looks up the place only of what is kept: in a file of one endless line that is dear. */
  #at(
    file: Pick<XmlFile, 'path' | 'text'>,
    offset: number,
    severity: Problem['severity'],
    code: string,
    message: string,
    about?: string,
  ): void {
    if (!this.#hasRoom(severity)) {
      this.#count(severity)
      return
    }
    const problem = problemAt(file, offset, severity, code, message)
    this.add(about === undefined ? problem : { ...problem, about })
  }

  /** An error has room as long as a warning can make way for it: without its errors a refused ruleset would look sound. */
  #hasRoom(severity: Problem['severity']): boolean {
    return this.list.length < problemsMax || (severity === 'error' && this.#keptErrors < problemsMax)
  }

  #count(severity: Problem['severity']): void {
    if (severity === 'error') this.errors++
    else this.warnings++
  }

  add(problem: Problem): void {
    this.#count(problem.severity)
    if (!this.#hasRoom(problem.severity)) return
    if (this.list.length === problemsMax) this.list.splice(this.list.findLastIndex(isWarning), 1)
    if (problem.severity === 'error') this.#keptErrors++
    this.list.push(problem)
  }
}

const isWarning = ({ severity }: Problem): boolean => severity === 'warning'
