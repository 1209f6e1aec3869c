/** Fuzzing of the splitter: mutated bodies must throw nothing, keep good neighbours, and give texts that are JSON. */
import { splitBody } from './split.ts'

/** What a run did; a failure says how to see it again. */
export interface FuzzReport {
  readonly runs: number
  readonly failures: readonly string[]
}

/** A small generator with a seed (mulberry32), so that a failure can be repeated. */
function numbers(seed: number): () => number {
  let state = seed >>> 0
  return () => {
    state = (state + 0x6d2b79f5) >>> 0
    let t = state
    t = Math.imul(t ^ (t >>> 15), t | 1)
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61)
    return ((t ^ (t >>> 14)) >>> 0) / 4_294_967_296
  }
}

function audit(n: number, more: string): string {
  return `{"level":"RequestResponse","auditID":"00000000-0000-4000-8000-${String(n).padStart(12, '0')}","stage":"ResponseComplete","requestURI":"/api/v1/x?command=a%20b","verb":"create","user":{"username":"u","groups":["g"]},"sourceIPs":["1.2.3.4"],"userAgent":"kubectl/v1"${more},"responseStatus":{"code":201},"annotations":{"authorization.k8s.io/decision":"allow","k8s.io/deprecated":"true"}}`
}

const bodies = [
  ',"objectRef":{"resource":"pods","namespace":"n","name":"p"},"requestObject":{"spec":{"containers":[{"image":"i","securityContext":{"privileged":true}}]}}',
  ',"objectRef":{"resource":"secrets"},"requestObject":{"data":{"a":"SECRETSECRET"}}',
  ',"objectRef":{"resource":"pods","subresource":"exec"}',
  ',"objectRef":{"resource":"roles"},"requestObject":{"rules":[{"verbs":["*"],"resources":["*"]}]}',
  ',"objectRef":{"resource":"deployments"},"requestObject":[{"op":"add","path":"/spec/template/spec/hostPID","value":true}]',
]
const pieces = [
  '"',
  '\\',
  '{',
  '}',
  '[',
  ']',
  ',',
  ':',
  '\0',
  '\u00ff',
  '\\u',
  '1e',
  'null',
  '"items":[',
  '"kind":"EventList",',
  '\n',
  '{"a":',
  '[['.repeat(200),
]

/** Runs for `seconds` (wall time) from `seed`; stops at the tenth failure. */
export function fuzz(seconds: number, seed: number): FuzzReport {
  const random = numbers(seed)
  const pick = <T>(from: readonly T[]): T | undefined => from[Math.floor(random() * from.length)]
  const failures: string[] = []
  const stop = performance.now() + seconds * 1000
  let runs = 0
  for (; performance.now() < stop && failures.length < 10; runs++) {
    const victim = mutate(Buffer.from(audit(5, pick(bodies) ?? ''), 'latin1'), random, pick)
    const body = Buffer.concat([
      Buffer.from('{"kind":"EventList","apiVersion":"audit.k8s.io/v1","items":['),
      Buffer.from(`${audit(1, pick(bodies) ?? '')},`),
      victim,
      Buffer.from(`,${audit(2, pick(bodies) ?? '')},${audit(3, '')}]}`),
    ])
    const wild = random() < 0.3 ? mutate(body, random, pick) : null
    try {
      const problem = wild === null ? judge(body) : judgeTexts(wild)
      if (problem !== null) failures.push(`seed ${seed}, run ${runs}: ${problem}: ${(wild ?? body).toString('base64')}`)
    } catch (error) {
      failures.push(`seed ${seed}, run ${runs}: ${String(error)}: ${(wild ?? body).toString('base64')}`)
    }
  }
  return { runs, failures }
}

function mutate(bytes: Buffer, random: () => number, pick: <T>(from: readonly T[]) => T | undefined): Buffer {
  let result: Buffer = Buffer.from(bytes)
  for (let n = Math.floor(random() * 6); n >= 0; n--) {
    const at = Math.floor(random() * result.length)
    const action = random()
    if (action < 0.4) result[at] = Math.floor(random() * 256)
    else if (action < 0.7)
      result = Buffer.concat([result.subarray(0, at), Buffer.from(pick(pieces) ?? '', 'latin1'), result.subarray(at)])
    else if (action < 0.85)
      result = Buffer.concat([result.subarray(0, at), result.subarray(at + Math.floor(random() * 20))])
    else result = Buffer.concat([result.subarray(0, at), result.subarray(Math.floor(random() * result.length))])
  }
  return result
}

function judge(body: Buffer): string | null {
  const { events, rejected } = splitBody(body, { cluster: 'fuzz' })
  // A stray `[` can make the rest one valid value of the wrong kind: then it was refused as a whole, and rightly.
  if (rejected.some(({ reason }) => reason === 'not-an-object' || reason === 'wrong-kind')) return judgeTexts(body)
  for (const n of [1, 2, 3]) {
    const id = `"auditID": "00000000-0000-4000-8000-00000000000${n}"`
    if (!events.some(({ text }) => text.includes(id))) return `event ${n} was lost`
  }
  return judgeTexts(body)
}

function judgeTexts(body: Buffer): string | null {
  const { events } = splitBody(body, { cluster: 'fuzz' })
  for (const { text } of events) {
    try {
      JSON.parse(text)
    } catch {
      return `an event text is no JSON: ${text}`
    }
  }
  return null
}
