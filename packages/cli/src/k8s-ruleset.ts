/** The product's own ruleset as the Kubernetes tools need it: compiled from the folder `ruleset`, and a bench on which single events are judged. */
import { readdirSync, readFileSync } from 'node:fs'
import { basename, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import {
  Correlator,
  compileRuleset,
  type ListSource,
  Matcher,
  MatchWriter,
  OutputBuffers,
  type Ruleset,
  type RulesetSource,
  type RulesetSources,
} from '@dogwatch/engine'
import { formatProblem } from '@dogwatch/schema'

/** Folder of the product's ruleset: decoders, rules, lists, tests. */
export const rulesetDir = fileURLToPath(new URL('../../../ruleset', import.meta.url))
/** Our detections, and the trail of ordinary administration that is off unless asked for. */
export const detectionsFile = '0380-k8s-detections.xml'
export const activityFile = 'zz-k8s-activity.xml'

export interface Replacements {
  /** Text for a rules file, by base name, in place of the file's. */
  readonly rules?: ReadonlyMap<string, string>
  /** Text for a list, by name, in place of the file's. */
  readonly lists?: ReadonlyMap<string, string>
  /** With the activity file. Default false. */
  readonly withActivity?: boolean
}

function xmlFiles(folder: string): RulesetSource[] {
  return readdirSync(folder)
    .filter((name) => name.endsWith('.xml'))
    .map((name) => ({ path: join(folder, name), text: readFileSync(join(folder, name), 'latin1') }))
}

/** The texts of the product's ruleset, without local rules. Errors of the file system are thrown. */
export function productSources({ rules, lists, withActivity = false }: Replacements = {}): RulesetSources {
  const folder = join(rulesetDir, 'lists')
  return {
    decoders: xmlFiles(join(rulesetDir, 'decoders')),
    rules: xmlFiles(join(rulesetDir, 'rules'))
      .filter(({ path }) => withActivity || basename(path) !== activityFile)
      .map((source) => ({ ...source, text: rules?.get(basename(source.path)) ?? source.text })),
    lists: readdirSync(folder, { withFileTypes: true })
      .filter((entry) => entry.isFile())
      .map(({ name }): ListSource => {
        const text = lists?.get(name) ?? readFileSync(join(folder, name), 'latin1')
        return { name: `etc/lists/${name}`, path: join(folder, name), text }
      }),
  }
}

/** Compiles; throws with all problems when there is an error. */
export function compiled(sources: RulesetSources): Ruleset {
  const { ruleset, problems } = compileRuleset(sources)
  if (ruleset === null) throw new Error(`the ruleset does not load:\n${problems.map(formatProblem).join('\n')}`)
  return ruleset
}

/** What became of an event: the alert that was written. */
export interface Judged {
  readonly rule: number
  readonly level: number
  readonly description: string
  readonly techniques: readonly string[]
  /** The alert's line, UTF-8. */
  readonly line: string
}

interface AlertShape {
  readonly rule: {
    readonly id: string
    readonly level: number
    readonly description: string
    readonly mitre?: { readonly id: readonly string[] }
  }
}

/** Judges events in order, with state, exactly as the manager does. */
export class Bench {
  readonly #matcher: Matcher
  readonly #correlator: Correlator
  readonly #writer = new MatchWriter()
  readonly #outputs = new OutputBuffers()
  #number = 0

  constructor(ruleset: Ruleset) {
    const options = {
      managerName: 'manager',
      outputs: { alertsJson: true, alertsText: false, archivesJson: false, archivesText: false },
    }
    this.#matcher = new Matcher(ruleset, options)
    this.#correlator = new Correlator(ruleset, options)
  }

  /** The alert that the event raises, or null. `text` is latin1. */
  judge(text: string, timeMs: number): Judged | null {
    this.#matcher.match({ queue: 49, location: 'k8s', body: text, timeMs }, this.#writer)
    this.#correlator.consume(this.#writer.finish(), this.#number++, this.#outputs)
    const line = this.#outputs.take().alertsJson.toString('utf8')
    if (line === '') return null
    const { rule }: AlertShape = JSON.parse(line)
    return {
      rule: Number(rule.id),
      level: rule.level,
      description: rule.description,
      techniques: rule.mitre?.id ?? [],
      line,
    }
  }
}
