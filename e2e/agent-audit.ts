/**
 * The kernel's audit for a scenario: auditd as it runs here, else one of our own for as long as the scenario lasts. In goes
 * a folder, out comes how to end it, or why there is none.
 */
import { spawn, spawnSync } from 'node:child_process'
import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { until } from './checks.ts'

export type AuditHere = { readonly end: () => Promise<void> } | { readonly why: string }

const readyMsMax = 10_000
const pluginFile = '/etc/audit/plugins.d/af_wazuh.conf'

/** Makes sure that auditd runs. */
export async function ensureAudit(folder: string): Promise<AuditHere> {
  if (process.getuid?.() !== 0) return { why: 'only root can use the kernel’s audit' }
  const before = auditState()
  if (before === null) return { why: 'auditctl is not there or is not let in (Debian package auditd)' }
  if (before.enabled === 2) return { why: 'the audit rules of this host are locked' }
  const old = existsSync(pluginFile) ? readFileSync(pluginFile, 'utf8') : null
  const tidy = (): void => {
    if (old === null) rmSync(pluginFile, { force: true })
    else writeFileSync(pluginFile, old, { mode: 0o640 })
  }
  if (before.pid > 0) return { end: async () => tidy() }
  // auditd begins with what is there, and does not take another socket for the same plug-in later.
  rmSync(pluginFile, { force: true })
  const text = [
    'local_events = yes',
    'write_logs = no',
    `log_file = ${join(folder, 'audit.log')}`,
    'log_format = RAW',
    'flush = NONE',
    'plugin_dir = /etc/audit/plugins.d',
    'q_depth = 2000',
    'overflow_action = IGNORE',
    'space_left = 2',
    'admin_space_left = 1',
    'space_left_action = IGNORE',
    'admin_space_left_action = IGNORE',
    'disk_full_action = IGNORE',
    'disk_error_action = IGNORE',
    '',
  ]
  writeFileSync(join(folder, 'auditd.conf'), text.join('\n'), { mode: 0o640 })
  const child = spawn('auditd', ['-n', '-c', folder], { stdio: ['ignore', 'ignore', 'pipe'] })
  let said = ''
  child.stderr.setEncoding('utf8').on('data', (piece: string) => (said += piece))
  child.on('error', (error) => (said += error.message))
  let hasEnded = false
  const ended = new Promise<void>((resolve) => {
    const done = (): void => {
      hasEnded = true
      resolve()
    }
    child.on('exit', done)
    child.on('error', done)
  })
  const atExit = (): void => void child.kill('SIGKILL')
  process.on('exit', atExit)
  try {
    await until('auditd', readyMsMax, () => {
      if (hasEnded) throw new Error('it ended')
      return auditState()?.pid === child.pid ? true : undefined
    })
  } catch {
    child.kill('SIGKILL')
    return { why: `auditd cannot run here (${said.trim().split('\n')[0] ?? ''})` }
  }
  return {
    end: async () => {
      child.kill('SIGTERM')
      await ended
      process.off('exit', atExit)
      spawnSync('auditctl', ['-e', String(before.enabled)], { timeout: readyMsMax })
      tidy()
    },
  }
}

function auditState(): { readonly enabled: number; readonly pid: number } | null {
  const { status, stdout } = spawnSync('auditctl', ['-s'], { encoding: 'utf8', timeout: readyMsMax })
  if (status !== 0) return null
  const number = (name: string): number => Number(new RegExp(`^${name} (\\d+)`, 'm').exec(stdout)?.[1] ?? 0)
  return { enabled: number('enabled'), pid: number('pid') }
}
