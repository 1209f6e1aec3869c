/** `dogwatch status`: what the running manager says about itself. */
import { askManager } from '@dogwatch/manager'
import { addExamples, addHome, type CommandModule } from '../command.ts'
import { exitCodes } from '../failure.ts'

interface Options {
  readonly home?: string
  readonly json?: boolean
}

export const command: CommandModule = {
  define(command, { say, home, finish }) {
    addHome(command)
    command.option('--json', 'print one JSON object').action(async ({ home: flag, json }: Options) => {
      const status = await askManager(home(flag), { command: 'status' }, 5000)
      if (json) say(JSON.stringify(status))
      else {
        say(
          `manager     ${status.version}, process ${status.pid}, up ${status.uptimeS} s, ${status.ready ? 'ready' : 'not ready'}`,
        )
        for (const { name, address } of status.listening) say(`${name.padEnd(12)}${address}`)
        for (const [name, value] of Object.entries(status.counters)) say(`${name.padEnd(24)}${value}`)
      }
      if (!status.ready) finish(exitCodes.negative)
    })
    addExamples(command, [
      ['of this installation', 'dogwatch status'],
      ['for a script', 'dogwatch status --json'],
    ])
    command.addHelpText('after', '\nExit status 1: it runs but is not ready. 3: it does not run.')
  },
}
