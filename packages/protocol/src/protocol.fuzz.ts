/** Fuzzing of the agent channel's codec: mutated frames, payloads and enrolment lines must throw nothing and open to nothing that was not sealed. */
import { aesOnly, withBlowfish } from './cipher.ts'
import { parseAgentControl, parseManagerControl } from './control.ts'
import { enrolmentLine, parseEnrolment, parseEnrolmentAnswer } from './enrolment.ts'
import { parseEvent } from './event-message.ts'
import { FrameReader, frame } from './frame.ts'
import { parseKeepAlive } from './keep-alive.ts'
import { cipherKeys, parseKeyLine } from './keys.ts'
import { mergeFiles, splitMerged } from './merged.ts'
import { messageLengthMax, openMessage, readEnvelope, sealMessage } from './message.ts'

export interface FuzzReport {
  readonly runs: number
  /** Messages that opened, which only unharmed ones may. */
  readonly opened: number
}

const keys = cipherKeys({ id: '001', name: 'fuzz', key: 'a-key-of-the-fuzzer' })
const payloads = [
  '#!-agent startup {"version":"v4.14.7"}',
  '#!-agent shutdown ',
  '#!-req a1 ok {"a":1}',
  '#!-Linux |h |6 |#1 |x86_64 [Debian|debian: 12 (b)] - Wazuh v4.14.7 / x\n"a":b\nx merged.mg\n#"_agent_ip":1.2.3.4\n',
  '1:/var/log/a|:b:hello',
  '8:syscheck:{"type":"event"}',
].map((text) => Buffer.from(text))
const lines = [
  enrolmentLine({ name: 'web', version: 'v4.14.7', groups: ['a', 'b'], ip: 'src', keyHash: 'ff', nodeUid: 'u' }),
  "OSSEC K:'001 web any abc'",
  '001 web any abc',
].map((text) => Buffer.from(text))
const merged = mergeFiles('g', Buffer.from('x'), [{ name: 'a/b', bytes: Buffer.from('hello') }])

/** Runs for `seconds` from `seed`; throws at the first finding. */
export async function fuzz(seconds: number, seed: number): Promise<FuzzReport> {
  const random = numbers(seed)
  const ciphers = await withBlowfish()
  const stop = performance.now() + seconds * 1000
  let runs = 0
  let opened = 0
  while (performance.now() < stop) {
    for (let n = 0; n < 50; n++, runs++) {
      const payload = payloads[random(payloads.length)] ?? Buffer.alloc(0)
      const hurt = mutate(payload, random)
      parseAgentControl(hurt)
      parseManagerControl(hurt)
      parseEvent(hurt)
      parseKeepAlive(hurt)
      const line = mutate(lines[random(lines.length)] ?? Buffer.alloc(0), random).toString('utf8')
      parseEnrolment(line, { password: null, isSame: () => true })
      parseEnrolmentAnswer(line)
      parseKeyLine(line)
      const files = splitMerged(mutate(merged, random))
      if (files?.some(({ name }) => name.startsWith('/') || name.split('/').includes('..')))
        throw new Error('a merged file leads outside')
      const method = random(2) === 0 ? 'aes' : 'blowfish'
      const counter = { global: random(1000), local: 1 + random(9997) }
      const sealed = sealMessage(payload, counter, keys, ciphers, { method, random: random(65_536), level: random(10) })
      const reader = new FrameReader()
      for (const message of reader.push(random(4) === 0 ? frame(sealed) : mutate(frame(sealed), random))) {
        if (message.length > messageLengthMax) throw new Error('a frame beyond the bound')
        const envelope = readEnvelope(message)
        const opening = envelope === null ? null : openMessage(envelope, keys, random(2) === 0 ? ciphers : aesOnly)
        if (opening === null || 'problem' in opening) continue
        opened++
        if (!opening.payload.equals(payload)) throw new Error('a changed message opened to something else')
      }
    }
  }
  return { runs, opened }
}

function mutate(from: Buffer, random: (below: number) => number): Buffer {
  const bytes = Buffer.from(from)
  for (let n = 1 + random(3); n > 0; n--) {
    const at = random(bytes.length + 1)
    switch (random(4)) {
      case 0:
        if (at < bytes.length) bytes[at] = random(256)
        break
      case 1:
        if (at < bytes.length) bytes[at] = (bytes[at] ?? 0) ^ (1 << random(8))
        break
      case 2:
        return bytes.subarray(0, at)
      default:
        return Buffer.concat([bytes.subarray(0, at), Buffer.alloc(random(40), random(256)), bytes.subarray(at)])
    }
  }
  return bytes
}

/** Mulberry32: small, with a seed. */
function numbers(seed: number): (below: number) => number {
  let state = seed >>> 0
  return (below) => {
    state = (state + 0x6d2b_79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return Math.floor((((mixed ^ (mixed >>> 14)) >>> 0) / 0x1_0000_0000) * below)
  }
}
