/**
 * A process for the crash test: `crash-fixture.ts <home> <first id> <count>` opens journal and pipeline in the home, appends bodies of five audit events each, prints the
 * id of each acknowledged body, and with count 0 waits until all is consumed and ends.
 */
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { openJournal } from '@dogwatch/bus'
import { defaultConfiguration } from '@dogwatch/config'
import { startPipeline } from './pipeline.ts'

const [home = '', firstId = '0', count = '0'] = process.argv.slice(2)
const eventsPerBody = 5

export function bodyOf(id: number): Buffer {
  const items = Array.from({ length: eventsPerBody }, (_, n) => ({
    level: 'Metadata',
    auditID: `a-${id}-${n}`,
    stage: 'ResponseComplete',
    requestURI: '/api/v1/pods',
    verb: n === 0 ? 'create' : 'get',
    user: { username: 'admin' },
    objectRef: { resource: 'pods', namespace: 'x', name: `pod-${id}` },
  }))
  return Buffer.from(JSON.stringify({ kind: 'EventList', apiVersion: 'audit.k8s.io/v1', items }))
}

async function main(): Promise<void> {
  for (const folder of ['rules', 'decoders']) mkdirSync(join(home, folder), { recursive: true })
  const rulePath = join(home, 'rules/local_rules.xml')
  writeFileSync(
    rulePath,
    [
      '<group name="test,">',
      '<rule id="1" level="0" noalert="1"><category>syslog</category><description>root</description></rule>',
      '<rule id="200001" level="5"><if_sid>1</if_sid><field name="verb">create</field>',
      '<description>made $(auditID)</description></rule>',
      '</group>\n',
    ].join('\n'),
  )
  const decoderPath = join(home, 'decoders/decoders.xml')
  writeFileSync(
    decoderPath,
    '<decoder name="json">\n<prematch>^{</prematch>\n<plugin_decoder>JSON_Decoder</plugin_decoder>\n</decoder>\n',
  )
  const journal = await openJournal({ folder: join(home, 'queue/journal') })
  const defaults = defaultConfiguration()
  const config = {
    ...defaults,
    global: { ...defaults.global, jsonoutOutput: true, alertsLog: true, logall: true, logallJson: true },
  }
  const pipeline = await startPipeline({
    home,
    config,
    rulesetFiles: { decoders: [decoderPath], rules: [rulePath], lists: [] },
    journal,
    threads: 2,
    managerName: 'manager',
    onStatus: (trouble) => process.stderr.write(`${trouble ?? 'well'}\n`),
  })
  process.stdout.write('ready\n')
  const meta = { input: 'webhook', source: 'default', peer: '192.0.2.1' } as const
  const last = Number(firstId) + Number(count)
  const append = async (id: number): Promise<void> => {
    // Every body comes twice, as from a sender that never saw the answer.
    await journal.append({ ...meta, arrivalUs: Date.now() * 1000 }, [bodyOf(id)])
    await journal.append({ ...meta, arrivalUs: Date.now() * 1000 }, [bodyOf(id)])
    process.stdout.write(`${id}\n`)
  }
  for (let id = Number(firstId); id < last; id += 8) {
    await Promise.all(Array.from({ length: Math.min(8, last - id) }, (_, n) => append(id + n)))
  }
  if (last === Number(firstId)) {
    while (pipeline.figures().lagRecords > 0) await new Promise((resolve) => setTimeout(resolve, 50))
    await pipeline.stop(10_000)
    await journal.close()
    process.stdout.write(`${JSON.stringify(pipeline.figures())}\n`)
    process.exit(0)
  }
}

if (process.argv[1] === import.meta.filename) await main()
