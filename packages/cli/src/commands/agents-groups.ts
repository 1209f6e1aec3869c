/** `dogwatch agents groups`: groups and who is in them. */
import { addExamples, addHome, type CommandModule } from '../command.ts'
import { CliFailure, exitCodes } from '../failure.ts'
import { agentIdOf, askAboutAgents, tableLines } from './agents-ask.ts'

interface Options {
  readonly home?: string
  readonly create?: string
  readonly delete?: string
  readonly agent?: string
  readonly set?: string
  readonly json?: boolean
}

export const command: CommandModule = {
  define(command, { say, home }) {
    addHome(command)
    command
      .option('--create <group>', 'make a group: the folder etc/shared/<group>')
      .option('--delete <group>', 'remove a group with its files; its agents leave it')
      .option('--agent <id>', 'the agent that --set is about')
      .option('--set <groups>', 'put the agent into these groups, comma separated; later ones go before earlier ones')
      .option('--json', 'print one JSON array')
      .action(async (options: Options) => {
        const place = home(options.home)
        if ((options.agent === undefined) !== (options.set === undefined))
          throw new CliFailure('--agent and --set belong together', exitCodes.usage)
        if (options.create !== undefined) {
          await askAboutAgents(place, { verb: 'create-group', group: options.create })
          say(`the group ${options.create} is there; its files are in etc/shared/${options.create}`)
        } else if (options.delete !== undefined) {
          await askAboutAgents(place, { verb: 'remove-group', group: options.delete })
          say(`the group ${options.delete} is gone`)
        } else if (options.agent !== undefined && options.set !== undefined) {
          const id = agentIdOf(options.agent)
          const groups = options.set.split(',').filter((group) => group !== '')
          await askAboutAgents(place, { verb: 'set-groups', id, groups })
          say(`agent ${id} is in ${groups.join(', ') || 'default'}; it gets the files with its next keep-alive`)
        } else {
          const { groups } = await askAboutAgents(place, { verb: 'groups' })
          if (options.json) say(JSON.stringify(groups))
          else {
            const rows = groups.map(({ name, agents, sum }) => [name, String(agents), sum])
            for (const line of tableLines(['GROUP', 'AGENTS', 'SUM OF ITS FILES'], rows)) say(line)
          }
        }
      })
    addExamples(command, [
      ['all groups', 'dogwatch agents groups'],
      ['a new group', 'dogwatch agents groups --create web'],
      ['an agent into two groups', 'dogwatch agents groups --agent 003 --set default,web'],
    ])
  },
}
