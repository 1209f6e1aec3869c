/** The manager's command line. In go arguments, out come flags, or one line about what is wrong. */
import { parseArgs } from 'node:util'

/** Ports given on the command line go before those of ossec.conf; 0 lets the system choose. */
export interface Flags {
  readonly home: string | undefined
  readonly portWebhook: number | undefined
  readonly portAgents: number | undefined
  readonly portEnrol: number | undefined
  readonly portApi: number | undefined
  readonly portMetrics: number | undefined
}

export const usage = `Usage: npm start -- [options]      (or: dogwatch manager [options])

Runs the Dogwatch manager in the foreground. SIGTERM or Ctrl-C ends it in order, SIGHUP loads the ruleset anew.

Options:
  --home <dir>            home folder (default: $DOGWATCH_HOME, else ./var in a checkout, else /var/lib/dogwatch)
  --port-webhook <port>   HTTPS receiver of Kubernetes audit events (default 8080)
  --port-metrics <port>   health and metrics, on 127.0.0.1 (default 9464)
  --port-agents <port>    agents, where ossec.conf has a <remote> for them (default 1514)
  --port-enrol <port>     enrolment of agents (default 1515)
  --port-api <port>       API and page (default 55000)
  -h, --help              this text

Examples:
  npm start -- --home /srv/dogwatch
  npm start -- --port-webhook 8443

Exit status: 0 ended in order, 2 the command line is wrong, 3 it could not start
`

export type FlagsReading = { readonly flags: Flags } | { readonly wrong: string } | { readonly help: true }

/** Reads the arguments (without node and script). */
export function readFlags(argv: readonly string[]): FlagsReading {
  const port = { type: 'string' } as const
  try {
    const { values } = parseArgs({
      args: [...argv],
      options: {
        home: { type: 'string' },
        'port-webhook': port,
        'port-agents': port,
        'port-enrol': port,
        'port-api': port,
        'port-metrics': port,
        help: { type: 'boolean', short: 'h' },
      },
    })
    if (values.help === true) return { help: true }
    if (values.home === '') return { wrong: '--home needs a folder' }
    return {
      flags: {
        home: values.home,
        portWebhook: portOf('--port-webhook', values['port-webhook']),
        portAgents: portOf('--port-agents', values['port-agents']),
        portEnrol: portOf('--port-enrol', values['port-enrol']),
        portApi: portOf('--port-api', values['port-api']),
        portMetrics: portOf('--port-metrics', values['port-metrics']),
      },
    }
  } catch (error) {
    return { wrong: error instanceof Error ? (error.message.split('\n')[0] ?? '') : String(error) }
  }
}

function portOf(flag: string, text: string | undefined): number | undefined {
  if (text === undefined) return undefined
  if (/^\d{1,5}$/.test(text) && Number(text) <= 65_535) return Number(text)
  throw new RangeError(`${flag} ${text}: a port is a number from 0 to 65535`)
}
