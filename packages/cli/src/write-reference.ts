/** Writes docs/cli.md anew: `node packages/cli/src/write-reference.ts`. */
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { commands } from './commands/index.ts'
import { cliReference } from './reference.ts'

writeFileSync(join(import.meta.dirname, '../../../docs/cli.md'), await cliReference(commands))
