/**
 * Where a ruleset spends its time: match and correlation over events, with clocks around the conditions of rules and the patterns of decoders. One call in
 * `sampleEvery` is timed and counted for all; what the clock itself costs is taken off. Times are of one thread, so on a busy machine they are too long.
 */
import { Correlator, type EventInput, Matcher, MatchWriter, OutputBuffers, type Ruleset } from '@dogwatch/engine'

/** Every so many calls of one condition or pattern, one is timed. */
const sampleEvery = 8
/** Events that are matched before correlation takes them. */
const batchEvents = 256

export interface ProfileRow {
  readonly kind: 'rule' | 'decoder'
  /** Rule id, or the decoder's own name. */
  readonly name: string
  readonly file: string
  readonly line: number
  /** Conditions or patterns run. */
  readonly runs: number
  /** Events that ended in the rule, or were claimed by the decoder. */
  readonly hits: number
  /** Estimated CPU time, milliseconds. */
  readonly ms: number
}

export interface Profile {
  readonly events: number
  /** All of matching, and all of correlation, milliseconds; the clocks' own cost is in them. */
  readonly matchMs: number
  readonly correlateMs: number
  /** Those with a run or a hit, the dearest first. */
  readonly rows: readonly ProfileRow[]
}

interface Meter {
  readonly row: Pick<ProfileRow, 'kind' | 'name' | 'file' | 'line'>
  runs: number
  firstMs: number
  timed: number
  timedMs: number
  hits: number
}

/** Puts clocks into `ruleset`, which is of no other use afterwards, and runs the events. */
export function profileRuleset(ruleset: Ruleset, events: Iterable<EventInput>): Profile {
  const clockMs = clockCost()
  const rules = new Map(
    ruleset.rules.map((rule) => {
      const meter = newMeter('rule', String(rule.id), rule.at)
      rule.conditions = rule.conditions.map((condition) => ({ ...condition, test: timed(meter, condition.test) }))
      rule.lists = rule.lists.map((condition) => ({ ...condition, test: timed(meter, condition.test) }))
      return [rule.id, meter] as const
    }),
  )
  const decoders = new Map<object, Meter>()
  for (const top of [...ruleset.decoders.withProgram, ...ruleset.decoders.withoutProgram]) {
    for (const decoder of [top, ...top.children.map((child) => child.decoder)]) {
      if (decoders.has(decoder)) continue
      const meter = newMeter('decoder', decoder.ownName, decoder.at)
      decoders.set(decoder, meter)
      Object.assign(decoder, {
        programName: clocked(meter, decoder.programName),
        prematch: clocked(meter, decoder.prematch),
        regex: clocked(meter, decoder.regex),
      })
    }
  }
  const options = {
    managerName: 'manager',
    outputs: { alertsJson: true, alertsText: false, archivesJson: false, archivesText: false },
    isLogtest: true,
  }
  const correlator = new CountingCorrelator(ruleset, options, (id) => {
    const meter = rules.get(id)
    if (meter !== undefined) meter.hits++
  })
  const matcher = new Matcher(ruleset, options)
  // The JSON decoder is one object for several decoders: the one that asked for it last pays.
  const clockedJson = new Set<object>()
  let current: Meter | undefined
  const jsonOf = matcher.decoder.json.bind(matcher.decoder)
  matcher.decoder.json = (decoder) => {
    current = decoders.get(decoder)
    const json = jsonOf(decoder)
    if (!clockedJson.has(json)) {
      clockedJson.add(json)
      const decode = json.decode.bind(json)
      json.decode = (...args) => (current === undefined ? decode(...args) : timed(current, decode)(...args))
    }
    return json
  }
  const writer = new MatchWriter()
  const outputs = new OutputBuffers()
  let count = 0
  let matchMs = 0
  let correlateMs = 0
  const correlate = (): void => {
    const started = performance.now()
    correlator.consume(writer.view(), count, outputs)
    outputs.take()
    writer.clear()
    correlateMs += performance.now() - started
  }
  for (const event of events) {
    const started = performance.now()
    matcher.match(event, writer)
    matchMs += performance.now() - started
    const claimed = matcher.event.decoder
    const meter = claimed === null ? undefined : decoders.get(claimed)
    if (meter !== undefined) meter.hits++
    if (++count % batchEvents === 0) correlate()
  }
  correlate()
  const rows = [...rules.values(), ...decoders.values()]
    .filter(({ runs, hits }) => runs > 0 || hits > 0)
    .map(({ row, runs, firstMs, timed: samples, timedMs, hits }) => {
      const each = samples === 0 ? Math.max(0, firstMs - clockMs) : Math.max(0, timedMs / samples - clockMs)
      return { ...row, runs, hits, ms: Math.max(0, firstMs - clockMs) + each * Math.max(0, runs - 1) }
    })
    .sort((a, b) => b.ms - a.ms || b.hits - a.hits)
  return { events: count, matchMs, correlateMs, rows }
}

class CountingCorrelator extends Correlator {
  readonly #counted: (ruleId: number) => void

  constructor(
    ruleset: Ruleset,
    options: ConstructorParameters<typeof Correlator>[1],
    counted: (ruleId: number) => void,
  ) {
    super(ruleset, options)
    this.#counted = counted
  }

  override judge(): ReturnType<Correlator['judge']> {
    const judgement = super.judge()
    if (judgement.rule !== null) this.#counted(judgement.rule.id)
    return judgement
  }
}

function newMeter(kind: ProfileRow['kind'], name: string, { file, line }: { file: string; line: number }): Meter {
  return { row: { kind, name, file, line }, runs: 0, firstMs: 0, timed: 0, timedMs: 0, hits: 0 }
}

/** The function with a clock around every `sampleEvery`th call. */
function timed<Args extends readonly unknown[], Result>(
  meter: Meter,
  run: (...args: Args) => Result,
): (...args: Args) => Result {
  return (...args) => {
    if (meter.runs++ % sampleEvery !== 0) return run(...args)
    const started = performance.now()
    const result = run(...args)
    const ms = performance.now() - started
    // The first run may make what the others use, so it stands for itself alone.
    if (meter.runs === 1) meter.firstMs = ms
    else {
      meter.timedMs += ms
      meter.timed++
    }
    return result
  }
}

type AnyPattern = NonNullable<Ruleset['decoders']['withProgram'][number]['prematch']>

function clocked(meter: Meter, pattern: AnyPattern | null): AnyPattern | null {
  if (pattern === null) return null
  const { dialect, source, groupCount, needs, prefixes, cost, hazard } = pattern
  return {
    ...{ dialect, source, groupCount, needs, prefixes, cost, hazard },
    test: timed(meter, (subject: string) => pattern.test(subject)),
    end: timed(meter, (subject: string) => pattern.end(subject)),
    exec: timed(meter, (subject: string, groups: string[]) => pattern.exec(subject, groups)),
  }
}

/** Mean milliseconds between two readings of the clock that follow each other. */
function clockCost(): number {
  const readings = 10_000
  const started = performance.now()
  for (let n = 0; n < readings; n++) performance.now()
  return (performance.now() - started) / readings
}
