/** `npm test`: everything that says whether this checkout is sound, in under eight minutes on two cores. */
import { testParts } from './parts.ts'
import { runParts } from './run-parts.ts'

await runParts(testParts)
