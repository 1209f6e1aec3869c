/** `dogwatch store backup`: everything of the store, and users and saved searches, into a new folder. */
import { createWriteStream, existsSync, mkdirSync, renameSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { createGzip } from 'node:zlib'
import { exportLines, indexNames, openState } from '@dogwatch/store'
import { addExamples, addHome, type CommandModule } from '../command.ts'
import { CliFailure } from '../failure.ts'
import { withStore } from '../offline-store.ts'

const range = { fromMs: 0, toMs: 8_640_000_000_000_000 }

export const command: CommandModule = {
  define(command, { say, home }) {
    addHome(command)
    command
      .argument('<dir>', 'folder to make')
      .action(async (dir: string, { home: flag }: { readonly home?: string }) => {
        if (existsSync(dir)) throw new CliFailure(`${dir} is there already; name a folder to make`)
        const temporary = `${dir}.tmp`
        mkdirSync(temporary, { mode: 0o700 })
        await withStore(home(flag), false, async (store) => {
          for (const index of indexNames) {
            let count = 0
            async function* lines() {
              for await (const line of exportLines(store, { index, query: { kind: 'all' }, range })) {
                count += 1
                yield `${line}\n`
              }
            }
            const file = createWriteStream(join(temporary, `${index}.json.gz`), {
              flags: 'wx',
              mode: 0o600,
              flush: true,
            })
            await pipeline(Readable.from(lines(), { objectMode: true }), createGzip(), file)
            say(`${index}: ${count} documents`)
          }
        })
        const statePath = join(home(flag), 'queue/state.db')
        if (existsSync(statePath)) {
          const state = openState(statePath)
          state.backup(join(temporary, 'state.db'))
          state.close()
          say('users and saved searches')
        }
        writeFileSync(join(temporary, 'dogwatch-backup'), '1\n', { flush: true })
        renameSync(temporary, dir)
      })
    addExamples(command, [['before an upgrade', 'dogwatch store backup /srv/backup/2026-11-24']])
  },
}
