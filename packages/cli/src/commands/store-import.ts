/** `dogwatch store import`: takes in files of JSON lines, as an export or a Wazuh manager's alerts.json. */
import { importFile } from '@dogwatch/store'
import { Option } from 'commander'
import { addExamples, addHome, type CommandModule } from '../command.ts'
import { withStore } from '../offline-store.ts'

interface Options {
  readonly home?: string
  readonly index: 'alerts' | 'archives'
}

export const command: CommandModule = {
  define(command, { say, home }) {
    addHome(command)
    command
      .argument('<files...>', 'files of JSON lines; those that end in .gz are unpacked')
      .addOption(new Option('--index <name>', 'where they go').choices(['alerts', 'archives']).default('alerts'))
      .action(async (files: readonly string[], { home: flag, index }: Options) => {
        await withStore(home(flag), true, async (store) => {
          for (const file of files) {
            const { stored, duplicates, skipped } = await importFile(store, index, file)
            say(`${file}: ${stored} stored, ${duplicates} known already, ${skipped} lines that are no alerts`)
          }
        })
      })
    addExamples(command, [
      ['alerts of a Wazuh manager', 'dogwatch store import /var/ossec/logs/alerts/2026/Nov/ossec-alerts-24.json.gz'],
    ])
    command.addHelpText('after', '\nThe same file once more is harmless. Days older than the retention leave again.')
  },
}
