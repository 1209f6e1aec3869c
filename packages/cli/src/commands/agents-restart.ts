/** `dogwatch agents restart`: a connected agent starts anew. */
import { addExamples, addHome, type CommandModule } from '../command.ts'
import { agentIdOf, askAboutAgents } from './agents-ask.ts'

interface Options {
  readonly home?: string
}

export const command: CommandModule = {
  define(command, { say, home }) {
    command.argument('<id...>', 'ids of the agents')
    addHome(command)
    command.action(async (ids: readonly string[], { home: flag }: Options) => {
      for (const id of ids.map(agentIdOf)) {
        await askAboutAgents(home(flag), { verb: 'restart', id })
        say(`agent ${id} is restarting`)
      }
    })
    addExamples(command, [['one agent', 'dogwatch agents restart 003']])
    command.addHelpText('after', '\nExit status 1: it is not connected, does not answer, or refuses.')
  },
}
