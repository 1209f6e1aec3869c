/** `dogwatch certs issue server|client`: a certificate signed by the home's own authority. */
import { certsIssue } from '@dogwatch/certs'
import { Argument } from 'commander'
import { addExamples, addHome, type CommandModule, collect, wholeNumber } from '../command.ts'
import { CliFailure, exitCodes } from '../failure.ts'
import { sayCertificates } from './certs-report.ts'

interface Options {
  readonly home?: string
  readonly name?: readonly string[]
  readonly days?: number
  readonly force?: boolean
  readonly json?: boolean
}

export const command: CommandModule = {
  define(command, context) {
    command
      .addArgument(new Argument('<kind>', 'what it is for').choices(['server', 'client']))
      .argument('[client]', 'name of the client: the cluster that posts with it')
    addHome(command)
    command
      .option('--name <name>', 'server: a further name or address; repeatable', collect)
      .option('--days <n>', 'validity in days', wholeNumber(1, 3650))
      .option('--force', 'replace one that is there')
      .option('--json', 'print one JSON object')
      .action(async (kind: 'server' | 'client', client: string | undefined, options: Options) => {
        if (kind === 'client' && client === undefined) {
          throw new CliFailure('name the client: dogwatch certs issue client <cluster>', exitCodes.usage)
        }
        const report = await certsIssue({
          home: context.home(options.home),
          kind,
          names: options.name ?? [],
          ...(client === undefined ? {} : { name: client }),
          ...(options.days === undefined ? {} : { days: options.days }),
          force: options.force === true,
        })
        sayCertificates(report, options.json === true, context)
      })
    addExamples(command, [
      ['a server certificate with one more name', 'dogwatch certs issue server --name audit.example.com'],
      ['a client certificate for the API server of a cluster', 'dogwatch certs issue client production'],
    ])
  },
}
