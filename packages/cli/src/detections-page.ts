/** The page docs/detections.md, written from the rules, their comments and their golden events. */
import type { Catalogue, CatalogueRule } from './k8s-catalogue.ts'
import { eventTexts, type GoldenCase } from './k8s-golden.ts'

const severities: readonly (readonly [level: number, name: string])[] = [
  [14, 'critical'],
  [12, 'high'],
  [8, 'medium'],
  [5, 'low'],
  [3, 'information'],
]

function severityOf(level: number): string {
  return severities.find(([least]) => level >= least)?.[1] ?? 'counted'
}

/** The description as a reader sees it: `$(kubernetes.actor)` becomes *actor*. */
function spoken(description: string): string {
  return description
    .replace(/^Kubernetes: /, '')
    .replace(/\$\(([^)]*)\)/g, (_, field: string) => `*${field.replace(/^.*\./, '')}*`)
    .replaceAll('|', '\\|')
}

function example(id: number, cases: readonly GoldenCase[]): string {
  const first = cases.find((one) => one.rule === id && 'rule' in one.expect)
  const entry = first?.log.at(-1)
  if (first === undefined || entry === undefined) return ''
  const text = eventTexts(first.format, entry)[0] ?? ''
  const times = first.log.length === 1 ? '' : ` (the last of ${first.log.length})`
  const at = text.lastIndexOf('"kubernetes": {')
  const shown = first.format === 'k8s' ? text.slice(at + 14, -1).replace(/"cluster": "golden", /, '') : text
  return `\n  \`\`\`json\n  ${Buffer.from(shown, 'latin1').toString('utf8')}\n  \`\`\`\n${times === '' ? '' : `\n  ${times.trim()}\n`}`
}

function ruleText(rule: CatalogueRule, cases: readonly GoldenCase[]): string {
  const matrix = rule.groups
    .find((group) => group.startsWith('threat_matrix_'))
    ?.slice(14)
    .replaceAll('_', ' ')
  const kinds = [
    ...(rule.isCorrelated ? ['several events'] : []),
    ...(rule.isFirstSeen ? ['first time seen'] : []),
    ...(rule.lists.length > 0 ? [`needs ${[...new Set(rule.lists)].join(', ')}`] : []),
  ]
  const lines = [
    `### ${rule.id}: ${spoken(rule.description)}`,
    '',
    `- Level ${rule.level} (${severityOf(rule.level)})${kinds.length > 0 ? `, ${kinds.join(', ')}` : ''}`,
    ...(rule.techniques.length > 0 ? [`- ATT&CK ${rule.techniques.join(', ')}`] : []),
    ...(matrix === undefined ? [] : [`- Threat matrix: ${matrix}`]),
    ...(rule.rows.length > 0 ? [`- Rows of the audit table: ${rule.rows.join(', ')}`] : []),
    ...(rule.why === '' ? [] : [`- Why it matters: ${rule.why}`]),
    ...(rule.tune === '' ? [] : [`- Tuning: ${rule.tune}`]),
  ]
  const shown = example(rule.id, cases)
  return `${lines.join('\n')}\n${shown === '' ? '' : `- Example:\n${shown}`}`
}

function listLines(lists: readonly { readonly name: string; readonly text: string }[]): string {
  return lists
    .filter(({ name }) => name.startsWith('etc/lists/k8s-'))
    .map(
      ({ name, text }) =>
        `- \`${name.replace(/^etc\/lists\//, '')}\`: ${text.split('\n')[0]?.replace(/^# /, '') ?? ''}`,
    )
    .join('\n')
}

/** The whole page. */
export function detectionsPage(
  catalogues: readonly Catalogue[],
  cases: readonly GoldenCase[],
  lists: readonly { readonly name: string; readonly text: string }[],
): string {
  const [detections, activity] = catalogues
  if (detections === undefined || activity === undefined) throw new Error('both rule files are needed')
  const families = detections.families
    .map(({ name, says }) => ({ name, says, rules: detections.rules.filter(({ family }) => family === name) }))
    .filter(({ rules }) => rules.length > 0)
  return [
    '# Kubernetes detections',
    '',
    'Written from the rules by `node packages/cli/src/write-detections.ts`; change the rules, not this page.',
    '',
    'Rules read the member `kubernetes` that the webhook adds to each audit event. They stand before `local_rules.xml`; an event that none of them claims goes on to your own rules. Levels: critical 14, high 12, medium 8, low 5, information 3. Rules of level 1 and 2 only count.',
    '',
    "`hand` is `person` for a person's account, and for the credentials of a service account or of the control plane in a tool that people use, such as kubectl or curl: a stolen token is judged as its thief. `platform` is `true` for components and add-ons in their own programs, which most detections leave alone. A dry run (`dryRun=All`) has the outcome `rehearsed` and raises none of them.",
    '',
    '## Lists to tune',
    '',
    'Files below `etc/lists` of the home. A line is an entry when it holds a colon: `jane@example.com:`. A key that holds colons itself stands in double quotes. All are empty at first. `dogwatch k8s tune` proposes entries from what was archived and says what each would silence. A list counts for all clusters; for one cluster write a rule of level 0 below the detection, with the fields `kubernetes.cluster` and `kubernetes.actor`.',
    '',
    listLines(lists),
    '',
    '## What a policy must record',
    '',
    'Most detections need a policy that records bodies of writes. `dogwatch k8s setup` writes the recommended one, with the reason before each line; `dogwatch k8s blind --policy FILE` names the detections that a policy leaves blind, the smallest change that lights them, and what each rule of the policy costs in events.',
    '',
    ...families.flatMap(({ name, says, rules }) => [
      `## ${name.charAt(0).toUpperCase()}${name.slice(1)}`,
      '',
      says,
      '',
      ...rules.map((rule) => ruleText(rule, cases)),
    ]),
    '## Activity',
    '',
    'Ordinary administration, off by default: take `zz-k8s-activity.xml` out of `rule_exclude` to record it.',
    '',
    ...activity.rules.map((rule) => ruleText(rule, cases)),
    '## Rows without a rule of their own',
    '',
    ...[...detections.reasons].map(([row, reason]) => `- Row ${row}: ${reason}`),
    '',
  ].join('\n')
}
