/** `dogwatch k8s doctor`: why nothing arrives, checked step by step along the way from the API server to the manager. */
import { join } from 'node:path'
import { doctorText, runDoctor } from '@dogwatch/k8s'
import { askManager } from '@dogwatch/manager'
import { addExamples, addHome, type CommandModule } from '../command.ts'
import { exitCodes } from '../failure.ts'

interface Options {
  readonly home?: string
  readonly root?: string
  readonly nodeRoot?: string
  readonly kubeconfig?: string
  readonly manifest?: string
  readonly policy?: string
  readonly json?: boolean
}

export const command: CommandModule = {
  define(command, { say, home, finish }) {
    addHome(command)
    command
      .option('--root <dir>', 'where /etc/kubernetes is found (default: /etc/kubernetes)')
      .option('--node-root <dir>', 'the same folder as the node sees it, where it is mounted elsewhere')
      .option('--kubeconfig <file>', 'webhook kubeconfig (default: where setup writes it)')
      .option('--manifest <file>', 'manifest of kube-apiserver (default: manifests/kube-apiserver.yaml of the root)')
      .option('--policy <file>', 'audit policy (default: the one that the manifest names)')
      .option('--json', 'print one JSON object')
      .action(async (options: Options) => {
        const folder = home(options.home)
        const report = await runDoctor({
          certificateFile: join(folder, 'certs/server.pem'),
          keyFile: join(folder, 'certs/server.key'),
          now: () => new Date(),
          lastEvents: async () => {
            const { lastRecordMs } = await askManager(folder, { command: 'status' }, 5000)
            return new Map(Object.entries(lastRecordMs))
          },
          ...(options.root === undefined ? {} : { root: options.root }),
          ...(options.nodeRoot === undefined ? {} : { nodeRoot: options.nodeRoot }),
          ...(options.kubeconfig === undefined ? {} : { kubeconfigFile: options.kubeconfig }),
          ...(options.manifest === undefined ? {} : { manifestFile: options.manifest }),
          ...(options.policy === undefined ? {} : { policyFile: options.policy }),
        })
        say(options.json ? JSON.stringify(report) : doctorText(report).trimEnd())
        if (report.exitCode !== 0) finish(exitCodes.negative)
      })
    addExamples(command, [
      ['on a control plane node', 'sudo dogwatch k8s doctor'],
      ['with files that were copied from there', 'dogwatch k8s doctor --root ./etc-kubernetes'],
    ])
    command.addHelpText(
      'after',
      '\nExit status 1: a check failed. What is missing for a check is named, and the check skipped.',
    )
  },
}
