/**
 * `npm run record -- [NAME…]`: writes golden files anew from what the code answers now; the diff is there to be read.
 * A recorder is a line in the table below.
 */
type Recorder = () => Promise<void>

const recorders: Readonly<Record<string, Recorder>> = {}

const known = Object.keys(recorders)
const names = process.argv.slice(2)
const wrong = names.filter((name) => !Object.hasOwn(recorders, name))
if (known.length === 0) {
  process.stdout.write('nothing is recorded yet: there are no golden files\n')
  process.exitCode = names.length > 0 ? 2 : 0
} else if (wrong.length > 0) {
  process.stderr.write(`unknown: ${wrong.join(', ')}; there are: ${known.join(', ')}\n`)
  process.exitCode = 2
} else {
  for (const name of names.length > 0 ? names : known) {
    await recorders[name]?.()
    process.stdout.write(`recorded ${name}\n`)
  }
}
