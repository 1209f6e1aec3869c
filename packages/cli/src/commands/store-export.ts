/** `dogwatch store export`: documents as JSON lines, the form of alerts.json. */
import { createWriteStream } from 'node:fs'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { createGzip } from 'node:zlib'
import { parseQuery } from '@dogwatch/query'
import { exportLines } from '@dogwatch/store'
import { Option } from 'commander'
import { addExamples, addHome, type CommandModule, counted } from '../command.ts'
import { CliFailure, exitCodes } from '../failure.ts'
import { timeOption, withStore } from '../offline-store.ts'

interface Options {
  readonly home?: string
  readonly index: 'alerts' | 'archives'
  readonly query: string
  readonly from?: number
  readonly to?: number
  readonly out: string
}

const farFutureMs = 8_640_000_000_000_000

export const command: CommandModule = {
  define(command, { note, home }) {
    addHome(command)
    command
      .addOption(new Option('--index <name>', 'what to export').choices(['alerts', 'archives']).default('alerts'))
      .option('--query <text>', 'only what matches, as in the search bar', '')
      .option('--from <time>', 'from this time or day on', timeOption)
      .option('--to <time>', 'up to this time, or the beginning of this day', timeOption)
      .requiredOption('--out <file>', 'file to write, which must not be there; one that ends in .gz is compressed')
      .action(async ({ home: flag, index, query: text, from = 0, to = farFutureMs, out }: Options) => {
        const { query, problems } = parseQuery(text)
        if (query === null) throw new CliFailure(`--query: ${problems[0]?.message}`, exitCodes.usage)
        await withStore(home(flag), false, async (store) => {
          let count = 0
          async function* lines() {
            for await (const line of exportLines(store, {
              index,
              query: query ?? { kind: 'all' },
              range: { fromMs: from, toMs: to },
            })) {
              count += 1
              yield `${line}\n`
            }
          }
          const file = createWriteStream(out, { flags: 'wx', mode: 0o640 })
          const source = Readable.from(lines(), { objectMode: true })
          await (out.endsWith('.gz') ? pipeline(source, createGzip(), file) : pipeline(source, file))
          note(`${counted(count, 'document')} in ${out}`)
        })
      })
    addExamples(command, [
      ['all alerts of a day', 'dogwatch store export --from 2026-11-24 --to 2026-11-25 --out alerts-24.json.gz'],
      ['what somebody did', 'dogwatch store export --query data.user.username:jane --out jane.json'],
    ])
  },
}
