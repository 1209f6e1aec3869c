/**
 * The program: flags in, an agent running until a signal ends it; SIGHUP reads the configuration again. Exit status: 0
 * ended in order, 2 the command line is wrong, 3 it could not start.
 */
import { flushCompileCache } from 'node:module'
import { type Agent, startAgent } from './agent.ts'
import { agentHome, environment, isJournal } from './environment.ts'
import { type AgentFlags, readFlags, usage } from './flags.ts'
import { releasePages } from './release-pages.ts'
import type { Tell } from './send.ts'

/** When the start and a first scan are over, and then now and then, in milliseconds. */
const releaseFirstMs = 30_000
const releaseMs = 600_000

const tell: Tell = (level, message) => {
  process.stderr.write(`${isJournal ? '' : `${new Date().toISOString()} `}${level}: ${message}\n`)
}

const reading = readFlags(process.argv.slice(2))
if ('help' in reading) process.stdout.write(usage)
else if ('wrong' in reading) {
  process.stderr.write(`dogwatch agent: ${reading.wrong}\n(see: dogwatch agent --help)\n`)
  process.exitCode = 2
} else await run(reading.flags)

async function run(flags: AgentFlags): Promise<void> {
  const home = agentHome(flags.home)
  let agent: Agent | null = null
  let isEnding = false
  const end = async (): Promise<void> => {
    tell('info', 'told to end; what the manager has not confirmed stays in the spool')
    await agent?.stop()
    process.exit(0)
  }
  for (const signal of ['SIGTERM', 'SIGINT'] as const) {
    process.on(signal, () => {
      if (isEnding) process.exit(130)
      isEnding = true
      if (agent !== null) void end()
    })
  }
  process.on('SIGHUP', () => void agent?.reload())
  try {
    agent = await startAgent({ home, flags, tell, environment, isService: true })
  } catch (error) {
    process.stderr.write(`dogwatch agent: cannot start: ${error instanceof Error ? error.message : String(error)}\n`)
    process.exit(3)
  }
  if (isEnding) await end()
  tell('info', `the agent runs with the home ${home}; \`dogwatch agent status\` says how it is`)
  // An agent that is killed later has still left the compiled code for the next start.
  flushCompileCache()
  setTimeout(releasePages, releaseFirstMs).unref()
  setInterval(releasePages, releaseMs).unref()
}
