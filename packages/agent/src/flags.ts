/** The agent's command line. In go arguments, out come flags, or one line about what is wrong. */
import { resolve } from 'node:path'
import { parseArgs } from 'node:util'

/** What a start may be told; it goes before what ossec.conf says. */
export interface AgentFlags {
  readonly home: string | undefined
  /** Absolute: the configuration, in place of etc/ossec.conf in the home. */
  readonly config: string | undefined
  /** Absolute: where a container has the host's files, for names of users and of the system. */
  readonly hostRoot: string | undefined
  readonly manager: string | undefined
  /** Port of the manager's channel. */
  readonly port: number | undefined
  /** Port of the manager's enrolment. */
  readonly portEnrol: number | undefined
  /** Absolute. */
  readonly passwordFile: string | undefined
  /** Absolute: a service-account token of Kubernetes. */
  readonly tokenFile: string | undefined
  /** Empty: not told. */
  readonly groups: readonly string[]
  readonly name: string | undefined
}

export const usage = `Usage: dogwatch agent [options]      (or: node packages/agent/src/main.ts [options])

Runs the Dogwatch agent of this host in the foreground. SIGTERM or Ctrl-C ends it in order, SIGHUP reads the
configuration anew. What flags say goes before etc/ossec.conf of the home; without that file one is written.

Options:
  --home <dir>            home folder (default: $DOGWATCH_HOME, else ./var/agent in a checkout, else /var/lib/dogwatch-agent)
  --config <file>         the configuration (default: etc/ossec.conf in the home)
  --manager <address>     the manager, a name or an address
  --port <port>           port of its channel (default 1514)
  --port-enrol <port>     port of its enrolment (default 1515)
  --password-file <file>  its password for enrolment (default: etc/authd.pass in the home)
  --token-file <file>     service-account token that proves the node on Kubernetes
  --group <name>          group to be in; may be given several times
  --name <name>           name to enrol with (default: the host name)
  --host-root <dir>       in a container: where the host's files are mounted
  -h, --help              this text

Examples:
  dogwatch agent --manager manager.example --password-file /root/authd.pass
  dogwatch agent --manager 10.0.0.5 --group web --name web-1

Exit status: 0 ended in order, 2 the command line is wrong, 3 it could not start
`

export type FlagsReading = { readonly flags: AgentFlags } | { readonly wrong: string } | { readonly help: true }

/** Reads the arguments (without node and script). */
export function readFlags(argv: readonly string[]): FlagsReading {
  const text = { type: 'string' } as const
  try {
    const { values } = parseArgs({
      args: [...argv],
      options: {
        home: text,
        config: text,
        'host-root': text,
        manager: text,
        port: text,
        'port-enrol': text,
        'password-file': text,
        'token-file': text,
        group: { type: 'string', multiple: true },
        name: text,
        help: { type: 'boolean', short: 'h' },
      },
    })
    if (values.help === true) return { help: true }
    for (const [name, value] of Object.entries(values)) if (value === '') return { wrong: `--${name} needs a value` }
    const path = (value: string | undefined): string | undefined => (value === undefined ? undefined : resolve(value))
    return {
      flags: {
        home: values.home,
        config: path(values.config),
        hostRoot: path(values['host-root']),
        manager: values.manager,
        port: portOf('--port', values.port),
        portEnrol: portOf('--port-enrol', values['port-enrol']),
        passwordFile: path(values['password-file']),
        tokenFile: path(values['token-file']),
        groups: (values.group ?? []).flatMap((group) => group.split(',')).filter((group) => group !== ''),
        name: values.name,
      },
    }
  } catch (error) {
    return { wrong: error instanceof Error ? (error.message.split('\n')[0] ?? '') : String(error) }
  }
}

function portOf(flag: string, text: string | undefined): number | undefined {
  if (text === undefined) return undefined
  if (/^\d{1,5}$/.test(text) && Number(text) > 0 && Number(text) <= 65_535) return Number(text)
  throw new RangeError(`${flag} ${text}: a port is a number from 1 to 65535`)
}
