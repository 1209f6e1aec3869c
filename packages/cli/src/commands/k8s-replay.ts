/** `dogwatch k8s replay`: post recorded audit events as an API server would. */
import { accessSync, constants, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { runReplay } from '@dogwatch/k8s'
import { InvalidArgumentError } from 'commander'
import { addExamples, addHome, type CommandModule, counted, wholeNumber } from '../command.ts'
import { CliFailure, exitCodes } from '../failure.ts'
import { startProgress } from '../progress.ts'

interface Options {
  readonly to: string
  readonly rate?: number
  readonly home?: string
  readonly ca?: string
  readonly tokenFile?: string
  readonly clientCert?: string
  readonly clientKey?: string
  readonly insecure?: boolean
  readonly parallel: number
  readonly backoff: number
  readonly json?: boolean
}

export const command: CommandModule = {
  define(command, { say, note, home, isTerminal, finish }) {
    command
      .argument('<file>', 'recorded events: an EventList, an Event or a cloud entry a line')
      .requiredOption('--to <url>', 'where to post', httpUrl)
      .option('--rate <n>', 'events a second (default: as fast as they are taken)', wholeNumber(1, 10_000_000))
    addHome(command)
    command
      .option('--ca <file>', 'authority of the receiver, PEM (default: certs/ca.pem of the home folder)')
      .option('--token-file <file>', 'file with the token (default: etc/webhook.token of the home folder)')
      .option('--client-cert <file>', 'client certificate, PEM')
      .option('--client-key <file>', 'its private key, PEM')
      .option('--insecure', 'do not check the receiver’s certificate')
      .option('--parallel <n>', 'batches under way at once', wholeNumber(1, 64), 4)
      .option('--backoff <ms>', 'first wait after a failure; there are five tries', wholeNumber(1, 600_000), 10_000)
      .option('--json', 'print one JSON object')
      .action(async (file: string, options: Options) => {
        const folder = home(options.home)
        const text = (path: string | undefined, usual: string): string | undefined =>
          readText(path, join(folder, usual))
        const token = text(options.tokenFile, 'etc/webhook.token')?.trim()
        const ca = options.insecure ? undefined : text(options.ca, 'certs/ca.pem')
        const cert = readText(options.clientCert, '')
        const key = readText(options.clientKey, '')
        readable(file)
        const progress = startProgress(isTerminal)
        const stop = new AbortController()
        process.once('SIGINT', () => stop.abort())
        const summary = await runReplay({
          file,
          url: options.to,
          parallel: options.parallel,
          backoffMs: options.backoff,
          insecure: options.insecure === true,
          signal: stop.signal,
          onProgress: ({ events, delivered, dropped, retries }) =>
            progress.update(`${events} events read, ${delivered} delivered, ${dropped} dropped, ${retries} retries`),
          ...(options.rate === undefined ? {} : { rate: options.rate }),
          ...(token === undefined ? {} : { token }),
          ...(ca === undefined ? {} : { ca }),
          ...(cert === undefined ? {} : { cert }),
          ...(key === undefined ? {} : { key }),
        }).finally(() => progress.end())
        if (options.json) say(JSON.stringify(summary))
        else {
          const rate = Math.round(summary.eventsPerSecond)
          say(
            `${counted(summary.delivered, 'event')} delivered, ${summary.dropped} dropped, ${summary.retries === 1 ? '1 retry' : `${summary.retries} retries`}, ` +
              `${summary.skipped} lines skipped; ${summary.seconds.toFixed(1)} s, ${rate} events/s`,
          )
          if (summary.lastError !== undefined) note(`last error: ${summary.lastError}`)
        }
        if (summary.dropped > 0 || summary.delivered === 0) finish(exitCodes.negative)
      })
    addExamples(command, [
      ['a recording to the manager of this machine', 'dogwatch k8s replay audit.log --to https://localhost:8080/'],
      [
        '200 events a second, as another cluster',
        'dogwatch k8s replay audit.log --to https://localhost:8080/audit/production --token-file etc/webhook-production.token --rate 200',
      ],
    ])
    command.addHelpText('after', '\nExit status 1: an event was dropped after five tries, or none was delivered.')
  },
}

function httpUrl(text: string): string {
  if (URL.canParse(text) && /^https?:$/.test(new URL(text).protocol)) return text
  throw new InvalidArgumentError('It must be a URL such as https://localhost:8080/.')
}

/** The file named, which must be there; else the usual one, if it is. */
function readText(path: string | undefined, usual: string): string | undefined {
  try {
    if (path !== undefined || usual !== '') return readFileSync(path ?? usual, 'utf8')
    return undefined
  } catch (cause) {
    if (path === undefined) return undefined
    throw new CliFailure(`${path} cannot be read`, exitCodes.impossible, { cause })
  }
}

function readable(path: string): void {
  try {
    accessSync(path, constants.R_OK)
  } catch (cause) {
    throw new CliFailure(`${path} cannot be read`, exitCodes.impossible, { cause })
  }
}
