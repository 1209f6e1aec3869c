/** `dogwatch certs renew`: same key, same names, a new end. */
import { certsRenew } from '@dogwatch/certs'
import { addExamples, addHome, type CommandModule, wholeNumber } from '../command.ts'
import { sayCertificates } from './certs-report.ts'

interface Options {
  readonly home?: string
  readonly within: number
  readonly json?: boolean
}

export const command: CommandModule = {
  define(command, context) {
    addHome(command)
    command
      .option('--within <days>', 'renew what ends within so many days', wholeNumber(0, 10_000), 30)
      .option('--json', 'print one JSON object')
      .action(async ({ home, within, json = false }: Options) => {
        const report = await certsRenew({ home: context.home(home), withinDays: within })
        if (report.written.length === 0 && !json) context.note(`no certificate of ours ends within ${within} days`)
        sayCertificates(report, json, context)
      })
    addExamples(command, [
      ['what ends within 30 days', 'dogwatch certs renew'],
      ['everything that this authority signed', 'dogwatch certs renew --within 10000'],
    ])
  },
}
