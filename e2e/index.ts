/** `npm run e2e -- [NAME…]`: runs scenarios, all of them without a name; the last line is `N passed, N failed`. */
import { countText } from '../scripts/tools.ts'
import { Checks, GaveUp, messageOf } from './checks.ts'
import { scenarios } from './scenarios.ts'

const names = process.argv.slice(2)
const unknown = names.filter((name) => !scenarios.some((scenario) => scenario.name === name))
if (unknown.length > 0) {
  process.stderr.write(`unknown: ${unknown.join(', ')}; there are:\n`)
  for (const { name, says } of scenarios) process.stderr.write(`  ${name.padEnd(14)} ${says}\n`)
  process.exit(2)
}

for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => process.exit(130))

const checks = new Checks()
for (const { name, says, load } of scenarios) {
  if (names.length > 0 && !names.includes(name)) continue
  process.stdout.write(`${name}: ${says}\n`)
  try {
    const { run } = await load()
    await run(checks)
  } catch (error) {
    if (error instanceof GaveUp) checks.note('gave up here: what follows needs it')
    else await checks.check('the scenario runs to its end', () => Promise.reject(error))
    if (!(error instanceof GaveUp)) checks.note(error instanceof Error ? (error.stack ?? '') : messageOf(error))
  }
}
process.stdout.write(`${countText(checks)}\n`)
process.exit(checks.failed > 0 ? 1 : 0)
