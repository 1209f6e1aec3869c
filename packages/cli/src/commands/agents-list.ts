/** `dogwatch agents list`: every agent with its status. */
import type { AgentRow } from '@dogwatch/manager'
import { Option } from 'commander'
import { addExamples, addHome, type CommandModule, counted } from '../command.ts'
import { askAboutAgents, shownSystem, shownText, shownTime, tableLines } from './agents-ask.ts'

interface Options {
  readonly home?: string
  readonly status?: string
  readonly group?: string
  readonly json?: boolean
}

export const command: CommandModule = {
  define(command, { say, note, home }) {
    addHome(command)
    command
      .addOption(
        new Option('--status <status>', 'only agents of this status').choices([
          'never_connected',
          'pending',
          'active',
          'disconnected',
        ]),
      )
      .option('--group <name>', 'only agents of this group')
      .option('--json', 'print one JSON array')
      .action(async ({ home: flag, status, group, json }: Options) => {
        const { agents } = await askAboutAgents(home(flag), { verb: 'list' })
        const wanted = agents.filter(
          (agent) =>
            (status === undefined || agent.status === status) && (group === undefined || agent.groups.includes(group)),
        )
        if (json) say(JSON.stringify(wanted))
        else {
          const head = ['ID', 'NAME', 'ADDRESS', 'STATUS', 'VERSION', 'SYSTEM', 'GROUPS', 'LAST KEEP-ALIVE']
          for (const line of tableLines(head, wanted.map(cellsOf))) say(line)
          note(counted(wanted.length, 'agent'))
        }
      })
    addExamples(command, [
      ['all of them', 'dogwatch agents list'],
      ['who is out of reach', 'dogwatch agents list --status disconnected'],
      ['for a script', 'dogwatch agents list --json'],
    ])
  },
}

function cellsOf(agent: AgentRow): string[] {
  return [
    agent.id,
    agent.name,
    shownText(agent.ip ?? agent.registerIp),
    agent.status,
    shownText(agent.version) || '-',
    shownSystem(agent),
    agent.groups.join(','),
    shownTime(agent.keepAliveMs),
  ]
}
