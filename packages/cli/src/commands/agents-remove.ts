/** `dogwatch agents remove`: an agent may no longer connect. */
import { addExamples, addHome, type CommandModule } from '../command.ts'
import { agentIdOf, askAboutAgents } from './agents-ask.ts'

interface Options {
  readonly home?: string
  readonly purge?: boolean
}

export const command: CommandModule = {
  define(command, { say, home }) {
    command.argument('<id...>', 'ids of the agents')
    addHome(command)
    command
      .option('--purge', 'take its line out of etc/client.keys; else it stays there, marked as removed')
      .action(async (ids: readonly string[], { home: flag, purge = false }: Options) => {
        for (const id of ids.map(agentIdOf)) {
          await askAboutAgents(home(flag), { verb: 'remove', id, purge })
          say(`agent ${id} is removed; its connection is closed and its key is worth nothing`)
        }
      })
    addExamples(command, [
      ['one agent', 'dogwatch agents remove 003'],
      ['two, without a trace in client.keys', 'dogwatch agents remove 003 004 --purge'],
    ])
    command.addHelpText('after', '\nExit status 1: there is no such agent. Ids are never used again.')
  },
}
