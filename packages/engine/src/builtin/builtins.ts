/** The table of built-in decoders, by queue byte (spec: engine, parts 2 and 16). */
import type { BuiltinDecoder, BuiltinState } from '../matcher.ts'
import { decodeEventchannel } from './eventchannel.ts'
import { decodeFim } from './fim.ts'
import { RootcheckState } from './rootcheck.ts'
import { ScaState } from './sca.ts'
import { claim } from './store.ts'
import { decodeSyscollector } from './syscollector.ts'

const queue = (letter: string): number => letter.charCodeAt(0)

/** CIS-CAT results are plain JSON. */
const decodeCiscat: BuiltinDecoder = (event, decoder) => {
  if (event.location !== 'wodle_cis-cat' && !event.location.endsWith('>wodle_cis-cat')) return false
  claim(event, decoder, 'ciscat')
  decoder.json({ jsonNull: 'string', jsonArray: 'array' }).decode(event, event.fullLog)
  return true
}

/** Decoders that look at the event alone. */
export const pureBuiltins: ReadonlyMap<number, BuiltinDecoder> = new Map([
  [queue('8'), decodeFim],
  [queue('d'), decodeSyscollector],
  [queue('e'), decodeCiscat],
  [queue('f'), decodeEventchannel],
])

/** Queues whose decoders compare with what came before. */
export const statefulQueues: ReadonlySet<number> = new Set([queue('p'), queue('9'), queue('3')])

export class Builtins implements BuiltinState {
  readonly sca = new ScaState()
  readonly rootcheck = new RootcheckState()
  readonly decoders: ReadonlyMap<number, BuiltinDecoder> = new Map<number, BuiltinDecoder>([
    [queue('p'), (event, decoder) => this.sca.decode(event, decoder)],
    [queue('9'), (event, decoder) => this.rootcheck.decodeRootcheck(event, decoder)],
    [queue('3'), (event, decoder) => this.rootcheck.decodeHostInfo(event, decoder)],
  ])

  snapshot(): unknown {
    return { sca: this.sca.snapshot(), rootcheck: this.rootcheck.snapshot() }
  }

  restore(data: unknown): void {
    if (data === null || typeof data !== 'object') return
    const { sca, rootcheck } = data as { sca: unknown; rootcheck: unknown }
    this.sca.restore(sca)
    this.rootcheck.restore(rootcheck)
  }
}
