/**
 * Property tests draw the same cases in each run, so that `npm test` says the same of the same commit. `DOGWATCH_SEED=N` draws others; `npm run fuzz`
 * looks for new ones.
 */
import { configureGlobal, readConfigureGlobal } from 'fast-check'

const given = Number(process.env.DOGWATCH_SEED ?? '')
configureGlobal({ ...readConfigureGlobal(), seed: Number.isSafeInteger(given) && given !== 0 ? given : 20261124 })
