/** The program: `main.ts [--home DIR]`; an agent running until a signal ends it, SIGHUP reads the configuration again. Exit status: 0 ended in order, 2 the command line is wrong, 3 it could not start. */
import { parseArgs } from 'node:util'
import { type Agent, startAgent } from './agent.ts'
import { environment, homeOf } from './environment.ts'
import type { Tell } from './send.ts'

const tell: Tell = (level, message) => {
  process.stderr.write(`${new Date().toISOString()} ${level}: ${message}\n`)
}

const home = readHome()
if (home !== null) await run(home)

function readHome(): string | null {
  try {
    return homeOf(parseArgs({ options: { home: { type: 'string' } } }).values.home ?? null)
  } catch (error) {
    process.stderr.write(
      `dogwatch agent: ${error instanceof Error ? error.message : String(error)}\n(use: --home DIR)\n`,
    )
    process.exitCode = 2
    return null
  }
}

async function run(home: string): Promise<void> {
  let agent: Agent | null = null
  let isEnding = false
  const end = async (): Promise<void> => {
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
    agent = await startAgent({ home, tell, environment, isService: true })
  } catch (error) {
    process.stderr.write(`dogwatch agent: cannot start: ${error instanceof Error ? error.message : String(error)}\n`)
    process.exit(3)
  }
  if (isEnding) await end()
}
