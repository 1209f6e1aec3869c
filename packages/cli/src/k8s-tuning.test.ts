/** Blind detections and tuning: policies, what arrives, proposals and what they silence. */
import { mkdirSync, mkdtempSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { blindNeeds, recipePolicy, recommendedPolicy } from '@dogwatch/k8s'
import { describe, expect, test } from 'vitest'
import { archiveFiles, type PastEvent, readPast } from './archived-events.ts'
import { costs, isSecretive, needsOf, policyWith, requestOf, smallestChange, unmetBy } from './k8s-blind.ts'
import { eventTexts, goldenCases } from './k8s-golden.ts'
import { compiled, detectionsFile, productSources } from './k8s-ruleset.ts'
import { listLine, Tuner } from './k8s-tune.ts'

const ruleset = compiled(productSources())
const needs = needsOf(
  ruleset,
  new Map([[200401, 'Kubernetes: $(kubernetes.actor) wrote']]),
  goldenCases(detectionsFile),
)
const blindUnder = (text: string) => {
  const policy = policyWith(text, '')
  return 'rules' in policy ? blindNeeds(policy, needs) : []
}
const pod = (user: string, more: object = {}) => ({
  kind: 'Event',
  apiVersion: 'audit.k8s.io/v1',
  level: 'Request',
  auditID: '5f0c1d2e-0000-4000-8000-000000000001',
  stage: 'ResponseComplete',
  requestURI: '/api/v1/namespaces/agents/pods',
  verb: 'create',
  user: { username: user },
  sourceIPs: ['10.1.2.3'],
  userAgent: 'kubectl/v1.31',
  objectRef: { resource: 'pods', namespace: 'agents', name: 'web' },
  responseStatus: { code: 201 },
  requestObject: { spec: { hostPID: true, containers: [{ image: 'quay.io/a/agent:1' }] } },
  ...more,
})

describe('needs', () => {
  test('levels are found by trying', () => {
    const levels = new Map(needs.map(({ name, level }) => [Number(name.split(' ')[0]), level]))
    expect([levels.get(200507), levels.get(200401), levels.get(200703)]).toEqual(['Metadata', 'Request', 'Request'])
  })

  test('a name says what happens, without variables', () => {
    expect(needs.find(({ name }) => name.startsWith('200401'))?.name).toBe('200401 actor wrote')
  })

  test('the recommended policy leaves only what needs credentials in bodies', () => {
    const blind = blindUnder(recommendedPolicy({ configMapBodies: true }))
    expect(blind.filter(({ need }) => !isSecretive(need)).map(({ need, why }) => `${need.name}: ${why}`)).toEqual([])
  })

  test('the smallest change lights what the policy of the recipe leaves blind', () => {
    const blind = blindUnder(recipePolicy())
    expect(blind.length).toBeGreaterThan(20)
    const better = policyWith(recipePolicy(), smallestChange(blind))
    const left = 'rules' in better ? blindNeeds(better, needs) : blind
    expect(left.filter(({ need }) => !isSecretive(need)).map(({ need }) => need.name)).toEqual([])
  })

  test('nothing blind, nothing to change', () => expect(smallestChange([])).toBe(''))
})

test('costs are counted for the rule that decides', () => {
  const policy = policyWith(recipePolicy(), '')
  if (!('rules' in policy)) throw new Error('the recipe is no policy')
  const table = costs(policy, [
    { event: pod('a'), length: 100 },
    { event: { verb: 'get', requestURI: '/healthz?x' }, length: 7 },
    { event: 'no event', length: 9 },
  ])
  expect(table.map(({ events, bytes }) => [events, bytes])).toEqual([
    [0, 0],
    [1, 7],
    [0, 0],
    [0, 0],
    [1, 100],
    [0, 0],
  ])
})

test('what arrived at too low a level is unmet, and what never came is told apart', () => {
  const some = needs.filter(({ name, request }) => name.startsWith('200401') && request.verb === 'create')
  const levels = (event: object) => unmetBy(some, [event]).map(({ level, need }) => `${need.request.resource} ${level}`)
  expect(levels(pod('a'))).toEqual(['deployments None', 'cronjobs None'])
  expect(levels(pod('a', { level: 'Metadata' }))).toContain('pods Metadata')
})

test('requests are read from events, strangers are none', () => {
  expect(requestOf(pod('a'))).toMatchObject({ user: 'a', verb: 'create', resource: 'pods', namespace: 'agents' })
  expect(requestOf({ verb: 'get', requestURI: '/version?timeout=5s' })).toMatchObject({ path: '/version' })
  expect([requestOf(null), requestOf({}), requestOf([1])]).toEqual([null, null, null])
})

describe('tuning', () => {
  const past = (event: object, n: number): PastEvent => ({ text: eventTexts('k8s', event)[0] ?? '', timeMs: n * 1000 })

  test('an account, a namespace and an image are proposed, each with what it silences', () => {
    const tuner = new Tuner(ruleset)
    for (let n = 0; n < 3; n++) tuner.take(past(pod('jane@example.com'), n))
    const proposals = tuner.proposals(3)
    expect(proposals.map(({ list, key, count }) => `${list} ${key} ${count}`)).toEqual([
      'k8s-trusted-namespaces agents 3',
      'k8s-trusted-accounts jane@example.com 3',
      'k8s-trusted-images quay.io/a/agent 3',
    ])
    for (const { list, key } of proposals) {
      const quiet = new Tuner(compiled(productSources({ lists: new Map([[list, listLine(key) ?? '']]) })))
      for (let n = 0; n < 3; n++) quiet.take(past(pod('jane@example.com'), n))
      expect(quiet.alerts).toBe(0)
    }
    expect(tuner.proposals(4)).toEqual([])
  })

  test('alerts of the highest level are no reason to be silent', () => {
    const tuner = new Tuner(ruleset)
    const dump = {
      verb: 'list',
      objectRef: { resource: 'secrets' },
      requestURI: '/api/v1/secrets',
      responseStatus: { code: 200 },
    }
    for (let n = 0; n < 5; n++) tuner.take(past(pod('eve', dump), n))
    expect([tuner.alerts, tuner.proposals(1)]).toEqual([5, []])
  })

  test.each([
    ['a plain key', 'jane@example.com', 'jane@example.com:'],
    ['a key with colons', 'system:serviceaccount:ci:x', '"system:serviceaccount:ci:x":'],
    ['a key that no list can hold', 'a"b', null],
    ['a key with a line end', 'a\nb:', null],
  ])('%s', (_, key, line) => expect(listLine(key)).toBe(line))
})

test('archives are read packed or plain, today once, and other lines counted', async () => {
  const home = mkdtempSync(join(tmpdir(), 'dogwatch-tune-'))
  mkdirSync(join(home, 'logs/archives/2026/Jan'), { recursive: true })
  const text = Buffer.from(eventTexts('k8s', pod('jane'))[0] ?? '', 'latin1').toString('utf8')
  const line = JSON.stringify({ timestamp: '2026-01-05T10:00:00.000+0000', full_log: text })
  writeFileSync(join(home, 'logs/archives/archives.json'), `${line}\n{"full_log":"sshd: x"}\nno json\n`)
  writeFileSync(join(home, 'logs/archives/2026/Jan/ossec-archive-04.json.gz'), gzipSync(`${line}\n`))
  const files = archiveFiles(home, 1, Date.now())
  const seen: PastEvent[] = []
  let others = 0
  for (const file of files) others += await readPast(file, (event) => seen.push(event))
  expect([files.length, seen.length, others]).toEqual([2, 2, 2])
  expect(seen[0]?.timeMs).toBe(Date.UTC(2026, 0, 5, 10))
  expect(archiveFiles(home, 1, Date.now() + 3 * 86_400_000)).toEqual([])
})
