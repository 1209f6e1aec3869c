/** What the commands about agents share: asking the running manager, and writing rows for people. */
import { type AgentRow, type AgentsAnswer, type AgentsRequest, askManager } from '@dogwatch/manager'
import { CliFailure, exitCodes } from '../failure.ts'

/** How long the manager may take, milliseconds; a restart waits for the agent's answer. */
const answerMs = 65_000

/** Asks; a problem that the manager names is a failure with exit status 1. */
export async function askAboutAgents(home: string, agents: AgentsRequest): Promise<AgentsAnswer> {
  const answer = await askManager(home, { command: 'agents', agents }, answerMs)
  if (answer.problem !== null) throw new CliFailure(answer.problem, exitCodes.negative)
  return answer
}

/** An id as people write it, `1` or `001`. */
export function agentIdOf(text: string): string {
  if (!/^\d{1,8}$/.test(text))
    throw new CliFailure(`${text} is no agent id: it is a number, as in 001`, exitCodes.usage)
  return text.padStart(3, '0')
}

/** Lines of a table, columns as wide as what is in them. */
export function tableLines(head: readonly string[], rows: readonly (readonly string[])[]): string[] {
  const widths = head.map((title, n) => Math.max(title.length, ...rows.map((row) => (row[n] ?? '').length)))
  return [head, ...rows].map((row) =>
    row
      .map((cell, n) => cell.padEnd(widths[n] ?? 0))
      .join('  ')
      .trimEnd(),
  )
}

/** Text that an agent has chosen, fit for a terminal. */
export function shownText(text: string | null): string {
  return (text ?? '').replace(/[\u0000-\u001f\u007f-\u009f]/g, '?')
}

/** `2026-11-24T08:00:00Z`, or a dash. */
export function shownTime(ms: number | null): string {
  return ms === null ? '-' : `${new Date(ms).toISOString().slice(0, 19)}Z`
}

/** `Debian GNU/Linux 12`, or a dash. */
export function shownSystem({ system }: AgentRow): string {
  const words = [system?.name, system?.version].filter((word) => word !== null && word !== undefined)
  return shownText(words.join(' ')) || '-'
}
