/** The reference page docs/cli.md, made from the help of each command. */
import type { Command } from 'commander'
import type { CommandContext, CommandEntry } from './command.ts'
import { makeProgram } from './program.ts'

const head = `# The command \`dogwatch\`

<!-- Made from the help texts by packages/cli/src/write-reference.ts; a test compares. -->

In a checkout: \`npm run -s dogwatch -- <command>\`. Each command has \`--help\`. Answers go to standard output, everything else to standard error; where
\`--json\` is offered, standard output is one JSON object.
`

/** The whole page. */
export async function cliReference(entries: readonly CommandEntry[]): Promise<string> {
  const context: CommandContext = { say: () => {}, note: () => {}, isTerminal: false, home: () => '', finish: () => {} }
  const silent = { out: () => {}, err: () => {} }
  const program = await makeProgram(entries, [], context, silent, true)
  const parts = [helpOf(program)]
  for (const { words } of entries) {
    const command = words.reduce<Command | undefined>(
      (above, word) => above?.commands.find((below) => below.name() === word),
      program,
    )
    if (command !== undefined) parts.push(`## ${words.join(' ')}\n\n${helpOf(command)}`)
  }
  return `${head}\n${parts.join('\n')}`
}

function helpOf(command: Command): string {
  let text = ''
  command.configureOutput({ ...command.configureOutput(), writeOut: (piece) => (text += piece) }).outputHelp()
  return `\`\`\`text\n${text.trimEnd()}\n\`\`\`\n`
}
