/**
 * The Kubernetes rules as their file tells them: before each rule a comment with the rows of the audit table that it covers, why it matters and how to tune it. From it
 * come docs/detections.md and the check that no row is forgotten. XML text in, entries out.
 */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { activityFile, detectionsFile, rulesetDir } from './k8s-ruleset.ts'

export interface CatalogueRule {
  readonly id: number
  readonly level: number
  readonly family: string
  readonly rows: readonly number[]
  readonly why: string
  readonly tune: string
  readonly description: string
  readonly techniques: readonly string[]
  readonly groups: readonly string[]
  readonly lists: readonly string[]
  readonly isCorrelated: boolean
  readonly isFirstSeen: boolean
}

export interface Catalogue {
  readonly file: string
  readonly families: readonly { readonly name: string; readonly says: string }[]
  readonly rules: readonly CatalogueRule[]
  /** Rows without a rule of their own, or with less than the row asks for, and why. */
  readonly reasons: ReadonlyMap<number, string>
}

/** The rules of both files, the activity trail last. */
export function catalogues(): Catalogue[] {
  return [detectionsFile, activityFile].map((file) =>
    readCatalogue(file, readFileSync(join(rulesetDir, 'rules', file), 'utf8')),
  )
}

const oneLine = (text: string): string => text.replace(/\s+/g, ' ').trim()

/** Reads one rules file. */
export function readCatalogue(file: string, text: string): Catalogue {
  const families: { name: string; says: string }[] = []
  const rules: CatalogueRule[] = []
  const reasons = new Map<number, string>()
  for (const [, row, reason] of text.matchAll(/<!-- (?:no rule for|partly) row (\d+): (.*?) -->/g))
    reasons.set(Number(row), reason ?? '')
  const parts =
    /<!-- ==== ([a-z]+): (.*?) ==== -->|(?:<!-- rows: ((?:(?!-->)[\s\S])*?)-->\s*)?<rule id="(\d+)" level="(\d+)"([\s\S]*?)<\/rule>/g
  for (const [, family, says, comment, id, level, body = ''] of text.matchAll(parts)) {
    if (family !== undefined) families.push({ name: family, says: says ?? '' })
    else if (comment !== undefined) {
      const told = /^([\d ]*)(?:\s+why: ([\s\S]*?))?(?:\s+tune: ([\s\S]*))?$/.exec(comment.trim())
      rules.push({
        id: Number(id),
        level: Number(level),
        family: families.at(-1)?.name ?? 'activity',
        rows: (told?.[1] ?? '').split(' ').filter(Boolean).map(Number),
        why: oneLine(told?.[2] ?? ''),
        tune: oneLine(told?.[3] ?? ''),
        description: /<description>(.*?)<\/description>/.exec(body)?.[1] ?? '',
        techniques: [...body.matchAll(/<id>(T[\d.]+)<\/id>/g)].map(([, technique]) => technique ?? ''),
        groups: (/<group>(.*?)<\/group>/.exec(body)?.[1] ?? '').split(',').filter(Boolean),
        lists: [...body.matchAll(/>etc\/lists\/([^<]+)</g)].map(([, list]) => list ?? ''),
        isCorrelated: body.includes('<if_matched_'),
        isFirstSeen: body.includes('<if_fts'),
      })
    }
  }
  return { file, families, rules, reasons }
}
