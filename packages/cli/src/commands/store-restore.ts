/** `dogwatch store restore`: what a backup holds, into the store of a home. */
import { constants, copyFileSync, existsSync } from 'node:fs'
import { join } from 'node:path'
import { importFile, indexNames } from '@dogwatch/store'
import { addExamples, addHome, type CommandModule } from '../command.ts'
import { CliFailure } from '../failure.ts'
import { withStore } from '../offline-store.ts'

export const command: CommandModule = {
  define(command, { say, home }) {
    addHome(command)
    command
      .argument('<dir>', 'folder that a backup has made')
      .action(async (dir: string, { home: flag }: { readonly home?: string }) => {
        if (!existsSync(join(dir, 'dogwatch-backup'))) throw new CliFailure(`${dir} is no backup of a store`)
        await withStore(home(flag), true, async (store) => {
          for (const index of indexNames) {
            const { stored, duplicates } = await importFile(store, index, join(dir, `${index}.json.gz`))
            say(`${index}: ${stored} documents restored, ${duplicates} were there`)
          }
        })
        const [from, to] = [join(dir, 'state.db'), join(home(flag), 'queue/state.db')]
        if (!existsSync(from)) return
        if (existsSync(to))
          return say(`users and saved searches: ${to} is there and stays; move it away to restore them`)
        copyFileSync(from, to, constants.COPYFILE_EXCL)
        say('users and saved searches restored')
      })
    addExamples(command, [['on a new host', 'dogwatch store restore /srv/backup/2026-11-24']])
    command.addHelpText(
      'after',
      '\nNothing that is there is changed or taken away; documents that are there are not doubled.',
    )
  },
}
