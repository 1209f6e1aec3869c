/** A thread with the ruleset compiled for asking about it: lists of rules and decoders, and trying events. It is started when somebody asks, and ended when nobody does. */

import { basename } from 'node:path'
import { parentPort, workerData } from 'node:worker_threads'
import { readRulesetFiles, sortByBaseName } from '@dogwatch/config'
import { compileRuleset, LogtestSession, type Ruleset } from '@dogwatch/engine'
import { formatProblem } from '@dogwatch/schema'
import type { CheckAnswer, CheckRequest, DeskAnswer, DeskQuestion, DeskSettings, TryAnswer } from './ruleset-desk.ts'
import { decoderItems, meant, ruleItems } from './ruleset-facts.ts'

/** Sessions kept; the least recently used goes. */
const sessionsMax = 64
const sessionIdleMs = 900_000

const sessions = new Map<string, { readonly session: LogtestSession; usedMs: number }>()
const settings: DeskSettings = workerData
const ruleset = load()

parentPort?.on('message', (question: DeskQuestion) => {
  const answer: DeskAnswer = { id: question.id, ...answerOf(question) }
  parentPort?.postMessage(answer)
})

function load(): Ruleset {
  const { texts, problems: unreadable } = readRulesetFiles(settings.files)
  const { ruleset: compiled, problems } = compileRuleset(texts, { logAlertLevel: settings.logAlertLevel })
  if (compiled !== null) return compiled
  const errors = [...unreadable, ...problems].filter(({ severity }) => severity === 'error')
  throw new Error(['the ruleset has errors', ...errors.slice(0, 20).map(formatProblem)].join('\n'))
}

function answerOf(question: DeskQuestion): { readonly value: unknown } | { readonly error: string } {
  try {
    if (question.kind === 'rules') return { value: ruleItems(ruleset) }
    if (question.kind === 'decoders') return { value: decoderItems(ruleset) }
    if (question.kind === 'end session') return { value: sessions.delete(question.token) }
    if (question.kind === 'check') return { value: check(question.change) }
    return { value: tryEvent(question) }
  } catch (error) {
    return { error: error instanceof Error ? error.message : String(error) }
  }
}

function tryEvent({
  token,
  isNew,
  event,
  location,
  timeMs,
  isExplained,
  isDebugged,
}: Extract<DeskQuestion, { kind: 'try' }>): TryAnswer {
  for (const [other, { usedMs }] of sessions) if (timeMs - usedMs > sessionIdleMs) sessions.delete(other)
  const known = sessions.get(token)
  const session = known?.session ?? new LogtestSession(ruleset, settings.managerName)
  const text = Buffer.from(event, 'utf8').toString('latin1')
  const place = Buffer.from(location, 'utf8').toString('latin1')
  const judged = session.process(
    { event: text, location: place, timeMs },
    { explain: isExplained, rulesDebug: isDebugged },
  )
  if (token !== '') {
    sessions.delete(token)
    sessions.set(token, { session, usedMs: timeMs })
    for (const other of sessions.keys()) {
      if (sessions.size <= sessionsMax) break
      sessions.delete(other)
    }
  }
  return {
    isSessionNew: known === undefined && !isNew,
    output: judged === null ? null : JSON.parse(meant(judged.output)),
    isAlert: judged?.alert === true,
    explanation: judged?.explanation === undefined ? null : meantDeep(judged.explanation),
    rulesDebug: judged?.rulesDebug?.map(meant) ?? null,
  }
}

/** Compiles the files that are in use with one of them changed, added or taken away. */
function check({ kind, path, text }: CheckRequest): CheckAnswer {
  const { texts, problems: unreadable } = readRulesetFiles(settings.files)
  const changed = <T extends { readonly path: string }>(files: readonly T[], added: T): T[] => {
    const others = files.filter((file) => file.path !== path)
    if (text === null) return others
    const byPath = new Map([...others, added].map((file) => [file.path, file]))
    return sortByBaseName([...byPath.keys()]).flatMap((each) => byPath.get(each) ?? [])
  }
  const file = { path, text: text ?? '' }
  const { decoders, rules, lists } = texts
  const sources = {
    decoders: kind === 'decoders' ? changed(decoders, file) : decoders,
    rules: kind === 'rules' ? changed(rules, file) : rules,
    lists: kind === 'lists' ? changed(lists, { ...file, name: `etc/lists/${basename(path)}` }) : lists,
  }
  const { problems } = compileRuleset(sources, { logAlertLevel: settings.logAlertLevel })
  return { files: sources.decoders.length + sources.rules.length, problems: [...unreadable, ...problems] }
}

/** All texts of an explanation in UTF-8. */
function meantDeep(value: unknown): unknown {
  if (typeof value === 'string') return meant(value)
  if (Array.isArray(value)) return value.map(meantDeep)
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(Object.entries(value).map(([name, below]) => [name, meantDeep(below)]))
}
