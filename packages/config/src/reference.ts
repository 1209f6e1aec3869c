/** The reference page docs/configuration.md, made from the table. */
import { type Row, rows } from './table.ts'
import { formatDuration, formatSize, parseDuration, parseSize } from './units.ts'

const units: Partial<Record<Row['kind'], string>> = {
  'yes-no': '`yes`, `no`',
  duration: 'time',
  size: 'size',
  network: 'address or network',
  address: 'address or host name',
  name: 'name',
  path: 'path',
  text: 'text',
}

const head = `# Configuration

<!-- Made from packages/config/src/table.ts by packages/config/src/write-reference.ts; a test compares. -->

Dogwatch is configured by \`<home>/etc/ossec.conf\`, in Wazuh's own format. A file from a Wazuh manager can be used as it is.

\`dogwatch config check [FILE]\` says for each element whether it is understood, ignored on purpose (and why) or unknown, and names every mistake
with its line.

- There may be several \`<ossec_config>\` and several sections of one name; they add up. Of an element that stands twice, the last one
  counts, unless the table says _adds_ or _each_.
- **time**: a number with \`s\`, \`m\`, \`h\`, \`d\` or \`w\`; without a unit, seconds. **size**: a number with \`B\`, \`KB\`, \`MB\`, \`GB\` or \`TB\`, in
  powers of 1024; without a unit, bytes.
- **path**: relative to the home folder, unless it begins with \`/\`. A path that begins with \`ruleset/\` or \`etc/lists/\` and is not in the home is taken
  from the ruleset that comes with Dogwatch, so Wazuh's own \`<ruleset>\` block loads it.
- What a flag of the command line says (\`--port-webhook\`, \`--port-metrics\` …) goes before the file.
- An unknown element is a warning and passed over. A bad value, or an element in the wrong section, is an error: the manager does not start,
  and on a reload keeps what it has.
- _Ours_ marks what Wazuh does not have.

A file of its own is rarely longer than this:

\`\`\`xml
<ossec_config>
  <global>
    <logall_json>yes</logall_json>
  </global>
  <webhook>
    <cluster>
      <name>production</name>
    </cluster>
  </webhook>
</ossec_config>
\`\`\`

That archives every event, and lets a second cluster post to \`/audit/production\` with the token that the manager then writes to
\`etc/webhook-production.token\`.
`

/** The whole page. */
export function configurationReference(): string {
  const understood = rows.filter(({ use }) => use === 'understood')
  const top = understood.filter(({ path, kind }) => kind === 'section' && !path.includes('/'))
  const parts = top.map((section) => sectionText(section, understood))
  return `${head}\n## Elements that are understood\n\n${parts.join('\n')}\n${ignoredText()}`
}

function sectionText(section: Row, all: readonly Row[]): string {
  const below = all.filter(({ path, kind }) => path.startsWith(`${section.path}/`) && kind !== 'section')
  const marks = [
    ...(section.ours ? ['Ours.'] : []),
    ...(section.several === 'each' ? ['May stand several times; each is one of its own.'] : []),
    ...(section.waits === undefined ? [] : [`**Without effect so far**: ${section.waits}.`]),
  ]
  const lines = below.map((row) => {
    const owner = all.find(
      ({ path, kind }) => kind === 'section' && path === row.path.slice(0, row.path.lastIndexOf('/')),
    )
    const name = row.path.slice(section.path.length + 1).replaceAll('/', '><')
    const each = owner?.several === 'each' && owner !== section ? ' (each)' : ''
    return [`\`<${name}>\``, holds(row), preset(row), `${says(row)}${each}`]
  })
  const obsolete = rows.filter(
    ({ path, use, kind }) => use === 'ignored' && kind !== 'section' && path.startsWith(`${section.path}/`),
  )
  const passed =
    obsolete.length === 0 ? '' : `\nIgnored on purpose: ${groupByReason(obsolete, `${section.path}/`).join('; ')}.\n`
  return [
    `### \`<${section.path}>\``,
    '',
    `${section.says}. ${marks.join(' ')}`.trim(),
    '',
    ...tableLines([['element', 'holds', 'default', 'meaning'], ...lines]),
    passed,
  ].join('\n')
}

function holds(row: Row): string {
  const attributes = row.attributes?.map((name) => `\`${name}=\``).join(', ')
  const bounds = (format: (n: number) => string): string =>
    row.min === undefined || row.max === undefined ? '' : ` ${format(row.min)}–${format(row.max)}`
  const kind =
    row.kind === 'duration'
      ? `time${bounds(formatDuration)}`
      : row.kind === 'size'
        ? `size${bounds(formatSize)}`
        : row.kind === 'choice' || row.kind === 'choices'
          ? `${row.choices?.map((word) => `\`${word}\``).join(', ')}${row.kind === 'choices' ? ' (comma list)' : ''}`
          : row.kind === 'integer' || row.kind === 'port'
            ? `${row.kind === 'port' ? 'port' : 'number'}${bounds(String)}`
            : (units[row.kind] ?? row.kind)
  return attributes === undefined ? kind : `${kind}; ${attributes}`
}

function preset(row: Row): string {
  if (row.default === undefined) return '–'
  if (row.kind === 'duration') return `\`${formatDuration(parseDuration(row.default) ?? 0)}\``
  if (row.kind === 'size') return `\`${formatSize(parseSize(row.default) ?? 0)}\``
  return `\`${row.default}\``
}

function says(row: Row): string {
  const several = row.several === 'add' ? '; several add up' : ''
  return `${row.says}${several}${row.waits === undefined ? '' : ` _(without effect so far: ${row.waits})_`}`
}

function ignoredText(): string {
  const sections = rows.filter(({ path, use, kind }) => use === 'ignored' && kind === 'section' && !path.includes('/'))
  const lines = sections.map((section) => {
    const name = section.path.replace(/^(\w+)\[(.+)\]$/, '$1 name="$2"')
    return [`\`<${name}>\``, section.says]
  })
  return [
    '## Sections that are ignored on purpose',
    '',
    'They may stand in the file; elements that they do not have in Wazuh are reported as unknown.',
    '',
    ...tableLines([['section', 'reason'], ...lines]),
    '',
  ].join('\n')
}

function groupByReason(ignored: readonly Row[], prefix: string): string[] {
  const groups = Map.groupBy(ignored, (row) => row.says)
  return [...groups].map(([reason, members]) => {
    const names = members.map(({ path }) => `\`<${path.slice(prefix.length).replaceAll('/', '><')}>\``)
    return `${names.join(', ')} (${reason})`
  })
}

/** A Markdown table with its columns in line, as the formatter leaves it. The first row is the head. */
function tableLines(cells: readonly (readonly string[])[]): string[] {
  const widths = (cells[0] ?? []).map((_, column) =>
    Math.max(3, ...cells.map((row) => [...(row[column] ?? '')].length)),
  )
  const line = (row: readonly string[]): string =>
    `| ${widths.map((width, column) => `${row[column] ?? ''}${' '.repeat(width - [...(row[column] ?? '')].length)}`).join(' | ')} |`
  const [head = [], ...body] = cells
  return [line(head), `| ${widths.map((width) => '-'.repeat(width)).join(' | ')} |`, ...body.map(line)]
}
