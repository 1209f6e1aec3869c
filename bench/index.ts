/** `npm run -s bench -- NAME [options]`: runs one benchmark; the last line printed is one JSON object. */

/** To add one: a file that exports `run(args)`, which returns the object of its last line, and a line here. */
const benches: Readonly<Record<string, { readonly says: string; readonly load: () => Promise<Bench> }>> = {
  engine: {
    says: 'events per second of analyze with a whole ruleset [--events 500000] [--threads 1] [--rules N] [--only mixed,k8s]',
    load: () => import('./engine.ts'),
  },
  webhook: {
    says: 'events per second through the receiver until alerts are on disk [--seconds 60] [--single] [--bystander]',
    load: () => import('./webhook.ts'),
  },
  agents: {
    says: 'agents on the channel with keep-alives all at once [--agents 1000] [--rate 5000] [--seconds 30] [--keepalive 10]',
    load: () => import('./agents.ts'),
  },
  store: {
    says: 'alerts taken in per second, and answers while more arrive [--alerts 1000000] [--seconds 20]',
    load: () => import('./store.ts'),
  },
  fim: {
    says: 'first scan and rescan of the agent against AIDE with the same digests [--tree /usr] [--rounds 2] [--idle 30] [--mode realtime]',
    load: () => import('./fim.ts'),
  },
}

interface Bench {
  readonly run: (args: readonly string[]) => Promise<object>
}

const [name = '', ...args] = process.argv.slice(2)
const bench = Object.hasOwn(benches, name) ? benches[name] : undefined
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => process.exit(130))
if (bench === undefined) {
  process.stderr.write(`Usage: npm run -s bench -- NAME [options]\n`)
  for (const [each, { says }] of Object.entries(benches)) process.stderr.write(`  ${each.padEnd(10)} ${says}\n`)
  process.exit(2)
}
const { run } = await bench.load()
process.stdout.write(`${JSON.stringify(await run(args))}\n`)
process.exit(0)
