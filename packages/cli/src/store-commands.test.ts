import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { gunzipSync } from 'node:zlib'
import { openState } from '@dogwatch/store'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { commands } from './commands/index.ts'
import { runProgram } from './program.ts'

let folder: string
const line = (n: number) =>
  JSON.stringify({ timestamp: `2026-11-24T08:00:0${n}.000+0000`, rule: { id: String(n) }, id: `1795507200.${n}` })

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'dogwatch-store-cli-'))
  mkdirSync(join(folder, 'home/etc'), { recursive: true })
  mkdirSync(join(folder, 'home/queue'))
  writeFileSync(join(folder, 'home/etc/ossec.conf'), '<ossec_config></ossec_config>')
  writeFileSync(join(folder, 'in.json'), [0, 1, 2].map((n) => `${line(n)}\n`).join(''))
})
afterEach(() => rmSync(folder, { recursive: true }))

async function dogwatch(...argv: string[]): Promise<{ status: number; said: string }> {
  let said = ''
  const take = (text: string) => {
    said += `${text}\n`
  }
  const context = { say: take, note: take, isTerminal: false, home: (flag: string | undefined) => flag ?? folder }
  const status = await runProgram(commands, argv, context, { out: take, err: take }, false)
  return { status, said }
}
const home = () => join(folder, 'home')

test('import, verify and export', async () => {
  const input = join(folder, 'in.json')
  expect(await dogwatch('store', 'import', input, '--home', home())).toMatchObject({
    status: 0,
    said: expect.stringContaining('3 stored, 0 known'),
  })
  expect(await dogwatch('store', 'verify', '--home', home())).toMatchObject({
    status: 0,
    said: expect.stringContaining('sound'),
  })
  const out = join(folder, 'out.json.gz')
  const options = ['--query', 'rule.id >= 1', '--to', '2026-11-24T08:00:02', '--out', out, '--home', home()]
  expect((await dogwatch('store', 'export', ...options)).status).toBe(0)
  expect(gunzipSync(readFileSync(out)).toString()).toBe(`${line(1)}\n`)
  expect((await dogwatch('store', 'export', ...options)).status).toBe(3)
})

test('a backup is restored elsewhere, users included', async () => {
  await dogwatch('store', 'import', join(folder, 'in.json'), '--home', home())
  const state = openState(join(home(), 'queue/state.db'))
  state.addUser({ name: 'jane', passwordHash: 'x', roles: [1], createdMs: 0 })
  state.close()
  const backup = join(folder, 'backup')
  expect((await dogwatch('store', 'backup', backup, '--home', home())).status).toBe(0)
  const other = join(folder, 'other')
  mkdirSync(join(other, 'etc'), { recursive: true })
  mkdirSync(join(other, 'queue'))
  writeFileSync(join(other, 'etc/ossec.conf'), '<ossec_config></ossec_config>')
  expect(await dogwatch('store', 'restore', backup, '--home', other)).toMatchObject({
    status: 0,
    said: expect.stringContaining('alerts: 3 documents restored'),
  })
  const restored = openState(join(other, 'queue/state.db'))
  expect(restored.users()).toMatchObject([{ name: 'jane' }])
  restored.close()
})

const refused: [says: string, argv: string[], status: number, said: RegExp][] = [
  ['no store', ['verify'], 3, /no store/],
  ['a query with a mistake', ['export', '--query', 'a:(', '--out', 'x'], 2, /--query/],
  ['a time that is none', ['export', '--from', 'yesterday', '--out', 'x'], 2, /as 2026-11-24/],
  ['a file that is not there', ['import', '/none/x.json'], 3, /\/none\/x\.json/],
  ['a folder that is no backup', ['restore', '/none'], 3, /no backup/],
]
test.each(refused)('%s is said', async (_, argv, status, said) => {
  const answer = await dogwatch('store', ...argv, '--home', home())
  expect(answer.status).toBe(status)
  expect(answer.said).toMatch(said)
})
