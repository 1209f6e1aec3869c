/** `dogwatch agent status`: what the agent of this host says about itself, from its status file. */
import { type AgentStatus, agentHome, readAgentStatus } from '@dogwatch/agent'
import { addExamples, type CommandModule, counted } from '../command.ts'
import { CliFailure, exitCodes } from '../failure.ts'
import { agentHomeText } from './agent.ts'

interface Options {
  readonly home?: string
  readonly json?: boolean
}

/** The status is written every five seconds; after this many milliseconds it is an old one. */
const freshMs = 30_000

export const command: CommandModule = {
  define(command, { say, finish }) {
    command
      .option('--home <dir>', agentHomeText)
      .option('--json', 'print one JSON object')
      .action(({ home: flag, json }: Options) => {
        const home = agentHome(flag)
        const status = readAgentStatus(home)
        if (status === null) {
          throw new CliFailure(`no agent has run with the home ${home}; start one: dogwatch agent --manager ADDRESS`)
        }
        const isRunning = status.pid !== null && isAlive(status.pid) && Date.now() - Date.parse(status.at) < freshMs
        if (json) say(JSON.stringify({ ...status, running: isRunning }))
        else for (const line of statusLines(status, isRunning)) say(line)
        if (!isRunning || status.connection.state !== 'connected') finish(exitCodes.negative)
      })
    addExamples(command, [
      ['of this host', 'dogwatch agent status'],
      ['for a script', 'dogwatch agent status --json'],
    ])
    command.addHelpText(
      'after',
      '\nExit status 0: it runs and is connected. 1: it is not. 3: there has never been one.',
    )
  },
}

/** For people. */
export function statusLines(status: AgentStatus, isRunning: boolean): string[] {
  const { connection, spool, counts } = status
  const ended = status.pid === null ? 'it ended in order' : 'it did not end in order'
  const state = isRunning ? connection.state : `not running: ${ended}`
  const reason = connection.reason === null || !isRunning || state === 'connected' ? '' : `: ${connection.reason}`
  const drops = Object.entries(status.drops).filter(([, count]) => count > 0)
  const megabytes = (bytes: number): string => `${(bytes / 1024 / 1024).toFixed(1)} MB`
  return [
    `agent       ${status.id === null ? 'not enrolled' : `${status.id} ${status.name}`}${isRunning ? `, process ${status.pid}, ${megabytes(status.memoryBytes)}, since ${status.startedAt}` : ''}`,
    `connection  ${state}${state === 'connected' && connection.isInTls ? ', in TLS' : ''}${reason}`,
    `manager     ${connection.manager ?? 'none'}`,
    `last ack    ${connection.lastAck ?? 'never'}`,
    `spool       ${counted(spool.waiting, 'message')} waiting, ${megabytes(spool.bytes)} of ${megabytes(spool.bytesMax)}, ${spool.state}`,
    `messages    ${counts.sent} sent, ${counts.acknowledged} acknowledged${counts.cut === 0 ? '' : `, ${counts.cut} cut`}`,
    `drops       ${drops.length === 0 ? 'none' : drops.map(([why, count]) => `${why} ${count}`).join(', ')}`,
    ...(isRunning ? collectorLines(status) : []),
    `status of   ${status.at}`,
  ]
}

function collectorLines({ fim, logs }: AgentStatus): string[] {
  return [
    `files       ${fim === null ? 'not watched' : `watched by ${fim.ways.length === 0 ? 'scans' : `scans, ${fim.ways.join(', ')}`}; last scan ${fim.lastScan}`}`,
    `logs        ${logs === null ? 'not read' : counted(logs.files.length, 'file')}`,
  ]
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    // Alive, and somebody else's.
    return error instanceof Error && 'code' in error && error.code === 'EPERM'
  }
}
