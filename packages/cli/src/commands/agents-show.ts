/** `dogwatch agents show`: all that is known of one agent. */
import { addExamples, addHome, type CommandModule } from '../command.ts'
import { agentIdOf, askAboutAgents, shownSystem, shownText, shownTime } from './agents-ask.ts'

interface Options {
  readonly home?: string
  readonly json?: boolean
}

export const command: CommandModule = {
  define(command, { say, home }) {
    command.argument('<id>', 'id of the agent')
    addHome(command)
    command.option('--json', 'print one JSON object').action(async (id: string, { home: flag, json }: Options) => {
      const { agents } = await askAboutAgents(home(flag), { verb: 'show', id: agentIdOf(id) })
      const [agent] = agents
      if (agent === undefined) return
      if (json) {
        say(JSON.stringify(agent))
        return
      }
      const labels = agent.labels.map(({ key, value, isHidden }) => `${key}=${isHidden ? '(hidden)' : value}`)
      const rows: readonly (readonly [name: string, value: string])[] = [
        ['id', agent.id],
        ['name', agent.name],
        ['status', agent.status],
        ['registered address', agent.registerIp],
        ['last address', shownText(agent.ip) || '-'],
        ['version', shownText(agent.version) || '-'],
        ['system', shownSystem(agent)],
        ['kernel', shownText(agent.system?.uname ?? null) || '-'],
        ['groups', agent.groups.join(', ')],
        ['shared files', agent.isSynced ? 'up to date' : 'not yet up to date'],
        ['labels', shownText(labels.join(' ')) || '-'],
        ['node', shownText(agent.nodeUid) || '-'],
        ['added', shownTime(agent.addedMs)],
        ['last keep-alive', shownTime(agent.keepAliveMs)],
        ['disconnected', shownTime(agent.disconnectedMs)],
      ]
      for (const [name, value] of rows) say(`${name.padEnd(20)}${value}`)
    })
    addExamples(command, [['one agent', 'dogwatch agents show 001']])
    command.addHelpText('after', '\nExit status 1: there is no such agent.')
  },
}
