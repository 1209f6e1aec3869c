import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { expect, test } from 'vitest'

const main = join(import.meta.dirname, 'main.ts')
const cases: [says: string, argv: string[], env: Record<string, string>, status: number, err: RegExp][] = [
  ['help ends with 0', ['--help'], {}, 0, /^$/],
  ['a wrong option ends with 2', ['--nonsense'], {}, 2, /unknown option '--nonsense'/],
  [
    'DOGWATCH_HOME names the home',
    ['config', 'check'],
    { DOGWATCH_HOME: '/none' },
    3,
    /^dogwatch: \/none\/etc\/ossec\.conf is not there; [^\n]+\n$/,
  ],
  ['DOGWATCH_DEBUG shows the stack', ['config', 'check', '/none'], { DOGWATCH_DEBUG: '1' }, 3, /\n\s+at /],
]
for (const [says, argv, env, status, err] of cases) {
  test(says, () => {
    const result = spawnSync(process.execPath, [main, ...argv], {
      env: { ...process.env, ...env },
      encoding: 'utf8',
      timeout: 20_000,
    })
    expect(result.stderr).toMatch(err)
    expect(result.status).toBe(status)
  })
}
