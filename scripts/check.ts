/** `npm run check`: types, format and lint, import directions. Seconds, for while one is writing. */
import { checkParts } from './parts.ts'
import { runParts } from './run-parts.ts'

await runParts(checkParts)
