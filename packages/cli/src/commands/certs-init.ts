/** `dogwatch certs init`: an authority of one's own, and a server certificate. */
import { certsInit } from '@dogwatch/certs'
import { addExamples, addHome, type CommandModule, collect } from '../command.ts'
import { sayCertificates } from './certs-report.ts'

interface Options {
  readonly home?: string
  readonly name?: readonly string[]
  readonly force?: boolean
  readonly json?: boolean
}

export const command: CommandModule = {
  define(command, context) {
    addHome(command)
    command
      .option(
        '--name <name>',
        'name or address for the server certificate, beside those found here; repeatable',
        collect,
      )
      .option('--force', 'replace an authority that is there; every sender then needs the new one')
      .option('--json', 'print one JSON object')
      .action(async ({ home, name = [], force = false, json = false }: Options) => {
        sayCertificates(await certsInit({ home: context.home(home), names: name, force }), json, context)
      })
    addExamples(command, [
      ['with the names and addresses of this machine', 'dogwatch certs init'],
      ['with a name that senders use', 'dogwatch certs init --name dogwatch.example.com --name 192.0.2.10'],
    ])
  },
}
