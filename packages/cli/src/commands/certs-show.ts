/** `dogwatch certs show`: certificates of the home, or any files. */
import { certsShow } from '@dogwatch/certs'
import { addExamples, addHome, type CommandModule } from '../command.ts'
import { exitCodes } from '../failure.ts'
import { sayCertificates } from './certs-report.ts'

interface Options {
  readonly home?: string
  readonly json?: boolean
}

export const command: CommandModule = {
  define(command, context) {
    command.argument('[files...]', 'certificates in PEM (default: those of the home folder)')
    addHome(command)
    command
      .option('--json', 'print one JSON object')
      .action(async (files: readonly string[], { home, json = false }: Options) => {
        const report = await certsShow({ home: context.home(home), ...(files.length > 0 ? { files } : {}) })
        sayCertificates(report, json, context)
        if (report.warnings.length > 0) context.finish(exitCodes.negative)
        if (report.certificates.length === 0) {
          context.note('there are no certificates yet; make them with: dogwatch certs init')
          context.finish(exitCodes.negative)
        }
      })
    addExamples(command, [
      ['the certificates of this installation', 'dogwatch certs show'],
      ['a file from elsewhere', 'dogwatch certs show /etc/ssl/server.pem'],
    ])
    command.addHelpText('after', '\nExit status 1: there is none, or one has ended, ends soon, or will not be trusted.')
  },
}
