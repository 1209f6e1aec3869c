/** `dogwatch agent`: the agent of this host in the foreground. */
import { agentMain, agentNodeEnvironment, agentNodeFlags } from '@dogwatch/agent'
import { addExamples, type CommandModule, collect, wholeNumber } from '../command.ts'
import { exitCodes } from '../failure.ts'
import { runInPlace } from '../run-in-place.ts'

export const agentHomeText =
  'home folder (default: $DOGWATCH_HOME, else ./var/agent in a checkout, else /var/lib/dogwatch-agent)'

export const command: CommandModule = {
  define(command, { finish }) {
    command
      .option('--home <dir>', agentHomeText)
      .option('--config <file>', 'the configuration (default: etc/ossec.conf in the home)')
      .option('--manager <address>', 'the manager, a name or an address')
      .option('--port <port>', 'port of its channel (default 1514)', wholeNumber(1, 65_535))
      .option('--port-enrol <port>', 'port of its enrolment (default 1515)', wholeNumber(1, 65_535))
      .option('--password-file <file>', 'its password for enrolment (default: etc/authd.pass in the home)')
      .option('--token-file <file>', 'service-account token that proves the node on Kubernetes')
      .option('--group <name>', 'group to be in; may be given several times', collect)
      .option('--name <name>', 'name to enrol with (default: the host name)')
      .option('--host-root <dir>', 'in a container: where the host’s files are mounted')
      .action(async (options: Readonly<Record<string, string | number | readonly string[]>>) => {
        const flags = Object.entries(options).flatMap(([name, value]) =>
          [value]
            .flat()
            .flatMap((one) => [`--${name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`, String(one)]),
        )
        const code = await runInPlace([...agentNodeFlags, agentMain, ...flags], agentNodeEnvironment)
        finish(code === 0 ? exitCodes.ok : code === 2 ? exitCodes.usage : exitCodes.impossible)
      })
    addExamples(command, [
      [
        'the first start: enrols with the manager’s etc/authd.pass, copied here',
        'dogwatch agent --manager 10.0.0.5 --password-file authd.pass',
      ],
      ['with a name and a group', 'dogwatch agent --manager manager.example --name web-1 --group web'],
      ['later: all it needs is in the home', 'dogwatch agent'],
    ])
    command.addHelpText(
      'after',
      `
Runs in the foreground until Ctrl-C or SIGTERM, as root to see everything; SIGHUP makes it read its configuration anew.
Without etc/ossec.conf in the home one is written. Without a key it enrols, and tries again until it is let in; what is seen meanwhile waits on disk.`,
    )
  },
}
