/** The command `dogwatch`. */
import { commands } from './commands/index.ts'
import { homeOf, showsStacks } from './environment.ts'
import { runProgram } from './program.ts'

// A reader that went away (`| head`) is no failure.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code === 'EPIPE') process.exit(0)
  throw error
})

process.exitCode = await runProgram(
  commands,
  process.argv.slice(2),
  {
    say: (line) => void process.stdout.write(`${line}\n`),
    note: (line) => void process.stderr.write(`${line}\n`),
    isTerminal: process.stderr.isTTY === true,
    home: homeOf,
  },
  { out: (text) => void process.stdout.write(text), err: (text) => void process.stderr.write(text) },
  showsStacks,
)
