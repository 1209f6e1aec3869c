import { expect, test } from 'vitest'
import { withInternalOptions } from './internal-options.ts'
import { fimDefaults } from './syscheck.ts'

test('what tunes file integrity is taken, comments and other parts are passed over', () => {
  const { config, problems } = withInternalOptions(
    fimDefaults,
    `# syscheck.rt_delay=7
 syscheck.rt_delay = 20
syscheck.file_max_size=2
syscheck.symlink_scan_interval=60\r
syscheck.max_audit_entries=3
logcollector.max_lines=1
__proto__=1`,
  )
  expect(problems).toEqual([])
  expect(config).toEqual({
    ...fimDefaults,
    realtimeDelayMs: 20,
    hashSizeMax: 2 * 1024 ** 2,
    linkCheckS: 60,
    whodata: { ...fimDefaults.whodata, rulesMax: 3 },
  })
})

test.each([
  ['no number', 'syscheck.rt_delay=soon', 'line 1: syscheck.rt_delay is a whole number from 0 to 1000'],
  ['too much', '\nsyscheck.file_max_size=4096', 'line 2: syscheck.file_max_size is a whole number from 0 to 4095'],
  ['nothing', 'syscheck.max_audit_entries=', 'line 1: syscheck.max_audit_entries is a whole number from 1 to 4096'],
])('%s leaves the default and is told', (_says, text, problem) => {
  expect(withInternalOptions(fimDefaults, text)).toEqual({ config: fimDefaults, problems: [problem] })
})

test('no bound on the size hashes every file', () => {
  const { config } = withInternalOptions(fimDefaults, 'syscheck.file_max_size=0')
  expect(config.hashSizeMax).toBe(Number.MAX_SAFE_INTEGER)
})
