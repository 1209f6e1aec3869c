/** The program: flags in, a manager running until a signal ends it. Exit status: 0 ended in order, 1 not quite, 2 the command line is wrong, 3 it could not start. */
import { flushCompileCache } from 'node:module'
import { homeOf, isTerminal, logLevel, showsStacks } from './environment.ts'
import { type Flags, readFlags, usage } from './flags.ts'
import { type Manager, startManager } from './manager.ts'

const reading = readFlags(process.argv.slice(2))
if ('help' in reading) process.stdout.write(usage)
else if ('wrong' in reading) {
  process.stderr.write(`dogwatch: ${reading.wrong}\n(see: npm start -- --help)\n`)
  process.exitCode = 2
} else await run(reading.flags)

async function run(flags: Flags): Promise<void> {
  let manager: Manager | null = null
  let isEnding = false
  // From the first moment: a signal that nobody minds would end the process in the middle of its start.
  process.on('SIGHUP', () => {
    manager?.reload().catch((error: unknown) => {
      manager?.log.error({ err: error }, 'the reload failed; the old ruleset goes on')
    })
  })
  for (const signal of ['SIGTERM', 'SIGINT'] as const) {
    process.on(signal, () => {
      if (isEnding) process.exit(130)
      isEnding = true
      if (manager !== null) void end(manager, signal)
    })
  }
  try {
    manager = await startManager({ home: homeOf(flags.home), flags, isTerminal, logLevel })
  } catch (error) {
    sayWhy(error)
    process.exit(3)
  }
  if (isEnding) await end(manager, 'SIGTERM')
  else process.stdout.write(manager.banner)
  // A manager that is killed later has still left the compiled code for the next start.
  flushCompileCache()
}

async function end(manager: Manager, signal: NodeJS.Signals): Promise<void> {
  manager.log.info({ signal }, 'told to end')
  const failures = await manager.stop()
  for (const { step, error } of failures) process.stderr.write(`dogwatch: stopping ${step}: ${String(error)}\n`)
  // Whatever still holds the process has had its time.
  process.exit(failures.length === 0 ? 0 : 1)
}

function sayWhy(error: unknown): void {
  const step = error instanceof Error && 'step' in error ? ` (step: ${String(error.step)})` : ''
  process.stderr.write(`dogwatch: cannot start${step}: ${error instanceof Error ? error.message : String(error)}\n`)
  if (!showsStacks || !(error instanceof Error)) return
  process.stderr.write(`${error.cause instanceof Error ? error.cause.stack : error.stack}\n`)
}
