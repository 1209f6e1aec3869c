import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { openJournal } from '@dogwatch/bus'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { recoverSpools, writeSpools } from './agents-spools.ts'

const spool = '0123456789abcdef'
let folder = ''
let path = ''
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'spools-'))
  path = join(folder, 'agent-spools.json')
})
afterEach(() => rmSync(folder, { recursive: true }))

async function journalOf(peers: readonly (readonly [source: string, peer: string])[]) {
  const journal = await openJournal({ folder: join(folder, 'journal'), bytesMax: 64e6, segmentLengthMax: 1e6 })
  for (const [source, peer] of peers)
    await journal.append({ input: 'agent', source, peer, arrivalUs: 1 }, [Buffer.from('x')])
  return journal
}

test('the checkpoint is completed by what the journal has behind it', async () => {
  const journal = await journalOf([['001', `10.0.0.1 ${spool} 5`]])
  writeSpools(
    path,
    journal.end,
    new Map([
      ['001', { spool, sequence: 5 }],
      ['002', { spool, sequence: 9 }],
    ]),
  )
  for (const [source, sequence] of [
    ['001', 7],
    ['001', 6],
    ['003', 1],
  ] as const)
    await journal.append({ input: 'agent', source, peer: `10.0.0.1 ${spool} ${sequence}`, arrivalUs: 1 }, [
      Buffer.from('x'),
    ])
  await journal.append({ input: 'agent', source: '004', peer: '10.0.0.1', arrivalUs: 1 }, [Buffer.from('x')])
  expect(await recoverSpools(path, journal)).toEqual(
    new Map([
      ['001', { spool, sequence: 7 }],
      ['002', { spool, sequence: 9 }],
      ['003', { spool, sequence: 1 }],
    ]),
  )
  await journal.close()
})

const damaged: readonly [says: string, text: string | null][] = [
  ['no checkpoint', null],
  ['one that is cut', '{"version":1,"posi'],
  ['one of another version', '{"version":2,"position":99,"agents":[]}'],
]
test.each(damaged)('%s: the whole journal is looked at', async (_says, text) => {
  if (text !== null) writeFileSync(path, text)
  const journal = await journalOf([['001', `10.0.0.1 ${spool} 5`]])
  expect(await recoverSpools(path, journal)).toEqual(new Map([['001', { spool, sequence: 5 }]]))
  await journal.close()
})
