/** An explanation as a tree for people: what was tried, and the first condition that failed in each candidate, with the text it looked at. */
import type { DecoderStep, Explanation, FailedCondition, RuleStep } from '@dogwatch/engine'

/** Longest run of failed siblings that is shown whole, and how many are shown at each end of a longer one. */
const runShown = 6
const runEnds = 2

export function explanationLines(explanation: Explanation): string[] {
  const { decoder, decoders, category, rules, result, alert } = explanation
  const end =
    result === null
      ? 'no rule matched'
      : `rule ${result}${alert ? ', an alert' : ', without an alert (level or state)'}`
  return [
    '**Explanation:',
    `\tdecoders (${decoder === null ? 'none claimed the event' : `'${decoder}' claimed the event`}):`,
    ...collapsed(
      decoders,
      ({ matched }) => !matched,
      decoderLines,
      (run) => tally(run.map(({ tried }) => tried)),
    ).map((line) => `\t\t${line}`),
    `\trules (category ${category}):`,
    ...(rules.length === 0 ? ['\t\tnone is for this category'] : ruleLines(rules).map((line) => `\t\t${line}`)),
    `\tresult: ${end}`,
  ]
}

function decoderLines({ decoder, file, line, tried, pattern, lookedAt, matched }: DecoderStep): string[] {
  return [
    `${matched ? '+' : '-'} ${decoder}: ${tried} '${pattern}' ${matched ? 'matched' : 'not in'} '${lookedAt}' (${file}:${line})`,
  ]
}

function ruleLines(steps: readonly RuleStep[]): string[] {
  return collapsed(
    steps,
    ({ matched }) => !matched,
    (step) => [
      `${step.matched ? '+' : '-'} rule ${step.rule} (level ${step.level}): ${verdict(step)} (${step.file}:${step.line})`,
      ...(step.otherDecoders === 0 ? [] : [`    ${step.otherDecoders} of its children are for other decoders`]),
      ...ruleLines(step.children).map((line) => `    ${line}`),
    ],
    (run) => tally(run.map(({ failed }) => (failed === undefined ? 'state' : `<${failed.element}>`))),
  )
}

function verdict({ matched, description, failed, state }: RuleStep): string {
  if (failed !== undefined) return failure(failed)
  const told = state === undefined ? '' : `; ${state}`
  return matched ? `matched: ${description}${told}` : `state did not hold${told}`
}

/** `<field name="x"> wants 'y', looked at 'z'` */
export function failure({ element, name, wanted, negate, lookedAt }: FailedCondition): string {
  const what = name === undefined ? `<${element}>` : `<${element} ${name}>`
  const text = lookedAt === null ? 'the event has none' : `looked at '${lookedAt}'`
  return `${what} wants ${negate === true ? 'anything but ' : ''}'${wanted}', ${text}`
}

/** Lines of all steps; of a long run of failed ones the middle is only counted. */
function collapsed<Step>(
  steps: readonly Step[],
  isFailed: (step: Step) => boolean,
  linesOf: (step: Step) => readonly string[],
  saysOf: (run: readonly Step[]) => string,
): string[] {
  const lines: string[] = []
  for (let at = 0; at < steps.length; ) {
    let end = at
    while (end < steps.length && isFailed(steps[end] as Step)) end++
    const run = steps.slice(at, end)
    if (run.length > runShown) {
      const middle = run.slice(runEnds, -runEnds)
      lines.push(...run.slice(0, runEnds).flatMap(linesOf))
      lines.push(`  ... ${middle.length} more failed (${saysOf(middle)}); --json shows all`)
      lines.push(...run.slice(-runEnds).flatMap(linesOf))
    } else lines.push(...run.flatMap(linesOf))
    if (end < steps.length) lines.push(...linesOf(steps[end] as Step))
    at = end + 1
  }
  return lines
}

/** `3 at <match>, 1 at <field>` */
function tally(names: readonly string[]): string {
  const counts = new Map<string, number>()
  for (const name of names) counts.set(name, (counts.get(name) ?? 0) + 1)
  return [...counts].map(([name, count]) => `${count} at ${name}`).join(', ')
}
