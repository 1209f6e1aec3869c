/** `dogwatch ruleset reload`: the manager loads its ruleset anew and says whether it took it. */
import { askManager } from '@dogwatch/manager'
import { formatProblem, gatherProblems } from '@dogwatch/schema'
import { addExamples, addHome, type CommandModule, counted, wholeNumber } from '../command.ts'
import { exitCodes } from '../failure.ts'
import { startProgress } from '../progress.ts'

interface Options {
  readonly home?: string
  readonly timeout: number
  readonly json?: boolean
}

export const command: CommandModule = {
  define(command, { say, note, home, isTerminal, finish }) {
    addHome(command)
    command
      .option('--timeout <seconds>', 'how long to wait for the answer', wholeNumber(1, 3600), 60)
      .option('--json', 'print one JSON object')
      .action(async ({ home: flag, timeout, json }: Options) => {
        const progress = startProgress(isTerminal)
        progress.update('the manager is loading the ruleset …')
        const answer = await askManager(home(flag), { command: 'reload' }, timeout * 1000).finally(() => progress.end())
        if (json) say(JSON.stringify(answer))
        else {
          for (const problem of gatherProblems(answer.problems)) (answer.accepted ? note : say)(formatProblem(problem))
          const files = `${counted(answer.decoderFiles, 'decoder file')}, ${counted(answer.ruleFiles, 'rule file')}, ${counted(answer.lists, 'list')}`
          if (answer.accepted) say(`the new ruleset is in use: ${files}`)
          else say('refused: the manager goes on with the ruleset that it has; correct the errors above')
        }
        if (!answer.accepted) finish(exitCodes.negative)
      })
    addExamples(command, [
      ['after a change in etc/rules', 'dogwatch ruleset reload'],
      ['of a service', 'dogwatch ruleset reload --home /var/lib/dogwatch'],
    ])
    command.addHelpText(
      'after',
      '\nThe same is done by sending SIGHUP to the manager. Exit status 1: the ruleset was refused.',
    )
  },
}
