/** `dogwatch store verify`: reads the whole store and names what is wrong. */
import { addExamples, addHome, type CommandModule, counted } from '../command.ts'
import { exitCodes } from '../failure.ts'
import { withStore } from '../offline-store.ts'

export const command: CommandModule = {
  define(command, { say, home, finish }) {
    addHome(command)
    command.action(async ({ home: flag }: { readonly home?: string }) => {
      await withStore(home(flag), false, async (store) => {
        const problems = await store.verify()
        const { partitions, bytes } = await store.figures()
        for (const problem of problems) say(problem)
        const documents = partitions.reduce((sum, partition) => sum + partition.documents, 0)
        say(`${counted(documents, 'document')} in ${counted(partitions.length, 'day')}, ${bytes} bytes`)
        say(problems.length === 0 ? 'sound' : counted(problems.length, 'problem'))
        if (problems.length > 0) finish(exitCodes.negative)
      })
    })
    addExamples(command, [['of this installation', 'dogwatch store verify']])
    command.addHelpText(
      'after',
      '\nExit status 1: something is wrong. 3: there is no store, or the manager has it open.',
    )
  },
}
