import { expect, test } from 'vitest'
import { StartFailure, type Step, startSteps } from './steps.ts'

function steps(log: string[], over: Partial<Record<string, Partial<Step>>> = {}): Step[] {
  return ['a', 'b', 'c'].map((name) => ({
    name,
    start: () => void log.push(`+${name}`),
    stop: () => void log.push(`-${name}`),
    ...over[name],
  }))
}
const fails = () => {
  throw new Error('no')
}

test('starts in order and stops the other way round', async () => {
  const log: string[] = []
  const started = await startSteps(steps(log))
  expect(await started.stop(1000)).toEqual([])
  expect(log).toEqual(['+a', '+b', '+c', '-c', '-b', '-a'])
})

test('stopping twice stops once', async () => {
  const log: string[] = []
  const started = await startSteps(steps(log))
  await Promise.all([started.stop(1000), started.stop(1000)])
  expect(log).toHaveLength(6)
})

test('a step that cannot start stops those before it, and says which it was', async () => {
  const log: string[] = []
  const failure = await startSteps(steps(log, { c: { start: fails } })).catch((error: unknown) => error)
  expect(failure).toBeInstanceOf(StartFailure)
  expect(failure).toMatchObject({ step: 'c', message: 'no', alsoFailed: [] })
  expect(log).toEqual(['+a', '+b', '-b', '-a'])
})

test('each step has its turn to stop, and failures are collected', async () => {
  const log: string[] = []
  const started = await startSteps(
    steps(log, { b: { stop: fails }, c: { stop: () => Promise.reject(new Error('nor this')) } }),
  )
  const failures = await started.stop(1000)
  expect(failures.map(({ step }) => step)).toEqual(['c', 'b'])
  expect(log.at(-1)).toBe('-a')
})

test('a step that never stops is left behind', async () => {
  const log: string[] = []
  const started = await startSteps(steps(log, { c: { stop: () => new Promise(() => {}) } }))
  const failures = await started.stop(10)
  expect(String(failures[0]?.error)).toContain('did not stop within 10 ms')
  expect(log.slice(-2)).toEqual(['-b', '-a'])
})
