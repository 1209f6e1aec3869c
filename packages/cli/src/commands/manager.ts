/** `dogwatch manager`: the manager in the foreground, as `npm start` runs it. */
import { spawn } from 'node:child_process'
import { managerMain } from '@dogwatch/manager'
import { addExamples, addHome, type CommandModule, wholeNumber } from '../command.ts'
import { exitCodes } from '../failure.ts'

export const command: CommandModule = {
  define(command, { finish }) {
    addHome(command)
    command
      .option('--port-webhook <port>', 'port of the audit webhook', wholeNumber(0, 65_535))
      .option('--port-api <port>', 'port of the API and the page', wholeNumber(0, 65_535))
      .option('--port-metrics <port>', 'port of health and metrics', wholeNumber(0, 65_535))
      .option('--port-agents <port>', 'port of agents', wholeNumber(0, 65_535))
      .option('--port-enrol <port>', 'port of the enrolment of agents', wholeNumber(0, 65_535))
      .action(async (options: Readonly<Record<string, string | number>>) => {
        const flags = Object.entries(options).flatMap(([name, value]) => [
          `--${name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`,
          String(value),
        ])
        // A process of its own, so that its threads and signals are the same as those of a service.
        const child = spawn(process.execPath, [managerMain, ...flags], { stdio: 'inherit' })
        for (const signal of ['SIGTERM', 'SIGHUP'] as const) process.on(signal, () => void child.kill(signal))
        process.on('SIGINT', () => {}) // the terminal has sent it to the child as well
        const code = await new Promise<number | null>((resolve, reject) => {
          child.once('exit', resolve)
          child.once('error', reject)
        })
        finish(code === 0 ? exitCodes.ok : code === 2 ? exitCodes.usage : exitCodes.impossible)
      })
    addExamples(command, [
      ['with everything in a folder', 'dogwatch manager --home /srv/dogwatch'],
      ['on another port', 'dogwatch manager --port-webhook 8443'],
    ])
  },
}
