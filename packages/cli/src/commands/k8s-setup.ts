/** `dogwatch k8s setup`: on a control plane node, let its API server post audit events here. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { distributions, runSetup } from '@dogwatch/k8s'
import { Option } from 'commander'
import { addExamples, addHome, type CommandModule } from '../command.ts'
import { CliFailure, exitCodes } from '../failure.ts'

interface Options {
  readonly server: string
  readonly cluster: string
  readonly home?: string
  readonly ca?: string
  readonly tokenFile?: string
  readonly clientCert?: string
  readonly clientKey?: string
  readonly insecure?: boolean
  readonly policy: 'recommended' | 'recipe'
  readonly configMapBodies?: boolean
  readonly root?: string
  readonly nodeRoot?: string
  readonly replacePolicy?: boolean
  readonly replaceWebhook?: boolean
  readonly distribution?: (typeof distributions)[number]
  readonly dryRun?: boolean
  readonly json?: boolean
}

export const command: CommandModule = {
  define(command, { say, home, finish }) {
    command
      .requiredOption('--server <address>', 'this manager as the API server reaches it: host, host:port or URL')
      .option('--cluster <name>', 'name of the cluster, as in ossec.conf', 'default')
    addHome(command)
    command
      .option('--ca <file>', 'authority of the manager, PEM (default: certs/ca.pem of the home folder)')
      .option('--token-file <file>', 'file with the token (default: the cluster’s in the home folder)')
      .option('--client-cert <file>', 'client certificate instead of a token, PEM')
      .option('--client-key <file>', 'its private key, PEM')
      .option('--insecure', 'the recipe’s form: no authority, no check of the certificate')
      .addOption(
        new Option('--policy <which>', 'audit policy to write')
          .choices(['recommended', 'recipe'])
          .default('recommended'),
      )
      .option('--config-map-bodies', 'let the policy record the bodies of ConfigMaps')
      .option('--replace-policy', 'replace an audit policy that is there')
      .option('--replace-webhook', 'replace a webhook that is there')
      .addOption(new Option('--distribution <name>', 'print the steps for this distribution').choices(distributions))
      .option('--root <dir>', 'where /etc/kubernetes is found (default: /etc/kubernetes)')
      .option('--node-root <dir>', 'the same folder as the node sees it, where it is mounted elsewhere')
      .option('--dry-run', 'show the changes, write nothing')
      .option('--json', 'print one JSON object')
      .action(async (options: Options) => {
        const folder = home(options.home)
        const credential = credentialOf(options, folder)
        const ca =
          options.insecure === true ? undefined : readNeeded(options.ca ?? join(folder, 'certs/ca.pem'), '--ca')
        const report = await runSetup(
          {
            server: options.server,
            cluster: options.cluster,
            policy: options.policy,
            configMapBodies: options.configMapBodies === true,
            insecure: options.insecure === true,
            replacePolicy: options.replacePolicy === true,
            replaceWebhook: options.replaceWebhook === true,
            dryRun: options.dryRun === true,
            ...(ca === undefined ? {} : { ca }),
            ...(credential === undefined ? {} : { credential }),
            ...(options.root === undefined ? {} : { root: options.root }),
            ...(options.nodeRoot === undefined ? {} : { nodeRoot: options.nodeRoot }),
            ...(options.distribution === undefined ? {} : { distribution: options.distribution }),
          },
          { say: options.json ? () => {} : say, now: () => new Date() },
        )
        if (options.json) say(JSON.stringify(report))
        if (!report.ok) finish(exitCodes.negative)
      })
    addExamples(command, [
      ['look first', 'dogwatch k8s setup --server 192.0.2.10 --dry-run'],
      [
        'on a kubeadm control plane node',
        'sudo dogwatch k8s setup --server 192.0.2.10 --cluster production --home /var/lib/dogwatch',
      ],
      [
        'files for another distribution, with the steps to take',
        'dogwatch k8s setup --server 192.0.2.10 --distribution k3s --root ./out',
      ],
    ])
  },
}

function credentialOf(options: Options, home: string) {
  if (options.clientCert !== undefined || options.clientKey !== undefined) {
    if (options.clientCert === undefined || options.clientKey === undefined) {
      throw new CliFailure('--client-cert and --client-key go together', exitCodes.usage)
    }
    const certificate = readNeeded(options.clientCert, '--client-cert')
    return { kind: 'certificate', certificate, key: readNeeded(options.clientKey, '--client-key') } as const
  }
  if (options.tokenFile === undefined && options.insecure === true) return undefined
  const usual = options.cluster === 'default' ? 'etc/webhook.token' : `etc/webhook-${options.cluster}.token`
  const token = readNeeded(options.tokenFile ?? join(home, usual), '--token-file').trim()
  return { kind: 'token', token } as const
}

function readNeeded(path: string, flag: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch (cause) {
    const message = `${path} cannot be read; start the manager once, copy the file here, or name it with ${flag}`
    throw new CliFailure(message, exitCodes.impossible, { cause })
  }
}
