import fc from 'fast-check'
import { describe, expect, test, vi } from 'vitest'
import { MatchWriter } from './batch.ts'
import { ByteText } from './byte-text.ts'
import { Correlator } from './correlator.ts'
import { jsonText } from './json-text.ts'
import { followEnd, Kernels, textAt } from './kernels.ts'
import { LiteralScanner } from './literal-scanner.ts'
import { Matcher } from './matcher.ts'
import { OutputBuffers } from './output-buffers.ts'
import { loadTest } from './test-ruleset.ts'

function made(): Kernels {
  const kernels = Kernels.make()
  if (kernels === null) throw new Error('no memory could be reserved')
  return kernels
}

const byte = fc.oneof(
  { weight: 6, arbitrary: fc.constantFrom(...'ab"\\\\{}: ,[]0') },
  { weight: 1, arbitrary: fc.nat(255).map((code) => String.fromCharCode(code)) },
)
const text = fc.oneof(
  { weight: 6, arbitrary: fc.array(byte, { maxLength: 60 }).map((bytes) => bytes.join('')) },
  {
    weight: 1,
    arbitrary: fc.tuple(fc.array(byte, { maxLength: 40 }), fc.nat(400)).map(([bytes, n]) => bytes.join('').repeat(n)),
  },
)

function sees(scanner: LiteralScanner, subject: string): boolean {
  const stamp = scanner.scan(subject, 0)
  return scanner.seen[0] === stamp
}

/** What becomes of a few events, archives included. */
function judged(): string {
  const ruleset = loadTest({
    decoders: '<decoder name="json"><prematch>^{</prematch><plugin_decoder>JSON_Decoder</plugin_decoder></decoder>',
    rules: `<group name="g,"><rule id="100" level="3"><decoded_as>json</decoded_as><description>x</description></rule>
      <rule id="101" level="5"><if_sid>100</if_sid><match>needle "in"</match><description>y</description></rule></group>`,
  })
  const options = {
    managerName: 'm',
    outputs: { alertsJson: true, alertsText: false, archivesJson: true, archivesText: false },
  }
  const [matcher, writer] = [new Matcher(ruleset, options), new MatchWriter()]
  const [correlator, out] = [new Correlator(ruleset, options), new OutputBuffers()]
  for (let n = 0; n < 3; n++)
    for (const value of ['plain', 'a \\"quote\\"', `needle \\"in\\" a long text ${'x'.repeat(80)}`])
      matcher.match(
        { queue: 49, location: 'l', body: `{"a":{"b":"${value}","n":${n}},"c":["x","y"],"d":true}`, timeMs: 0 },
        writer,
      )
  correlator.consume(writer.finish(), 0, out)
  const { alertsJson, archivesJson } = out.take()
  return alertsJson.latin1Slice() + archivesJson.latin1Slice()
}
const alertWithKernels = judged()

/** Runs something while memory for WebAssembly cannot be had. */
function withMemoryFault(fault: Error, run: () => void): void {
  class Memory {
    constructor() {
      throw fault
    }
  }
  const real: object = Reflect.get(globalThis, 'WebAssembly')
  vi.stubGlobal(
    'WebAssembly',
    new Proxy(real, { get: (target, key) => (key === 'Memory' ? Memory : Reflect.get(target, key)) }),
  )
  try {
    run()
  } finally {
    vi.unstubAllGlobals()
  }
}

describe('compiled loops', () => {
  test('a text is escaped as JSON has it, whatever stood there before; control characters are left to others', () => {
    const kernels = made()
    let escaped = 0
    fc.assert(
      fc.property(fc.array(text, { minLength: 1, maxLength: 5 }), (texts) => {
        for (const one of texts) {
          expect(kernels.place(one)).toBe(true)
          const hasControl = /[\x00-\x1f]/.test(one)
          expect(kernels.hasControl(one.length)).toBe(hasControl)
          const into = new ByteText()
          into.text('"')
          expect(kernels.escapeInto(one.length, into)).toBe(!hasControl)
          into.text('"')
          if (!hasControl) escaped++
          expect(into.bytes.latin1Slice(0, into.byteLength)).toBe(hasControl ? '""' : jsonText(one))
        }
      }),
      { numRuns: 300 },
    )
    expect(escaped).toBeGreaterThan(200)
  })

  const letters = [...'aAbB1 :-', '\xe9', '\xc9', '\x80', '@', '`', 'ab', 'error']
  const words = [
    'error',
    'Error: ab',
    'aaaa',
    'aaab',
    'b1 :-',
    'ab\xe9\xc9',
    '\x80\x80ab1',
    'errors',
    '1 :-abab',
    'ABAB',
    '`a`b',
  ]
  const literal = fc.oneof(
    { weight: 4, arbitrary: fc.constantFrom(...words) },
    {
      weight: 1,
      arbitrary: fc.array(fc.constantFrom(...letters), { minLength: 1, maxLength: 9 }).map((parts) => parts.join('')),
    },
  )
  const need = fc.option(
    fc.tuple(fc.array(literal, { minLength: 1, maxLength: 3 }), fc.boolean()).map(([anyOf, fold]) => ({
      anyOf: fold ? anyOf.map((one) => one.replace(/[A-Z]/g, (letter) => letter.toLowerCase())) : anyOf,
      fold,
    })),
  )

  test('literals are found as without them, and as by looking for each', () => {
    let found = 0
    fc.assert(
      fc.property(
        fc.array(need, { minLength: 1, maxLength: 12 }),
        fc.array(
          fc.tuple(fc.array(fc.oneof(fc.constantFrom(...letters), literal), { maxLength: 40 }), fc.nat(12), fc.nat(60)),
          { minLength: 1, maxLength: 4 },
        ),
        (needs, texts) => {
          const [compiled, plain] = [new LiteralScanner(needs, made()), new LiteralScanner(needs)]
          for (const [parts, from, times] of texts) {
            const subject = parts.join('').repeat(times % 7 === 0 ? times : 1)
            const start = Math.min(from, subject.length)
            const stamps = [compiled.scan(subject, start), plain.scan(subject, start)]
            const folded = subject.slice(start).replace(/[A-Z]/g, (letter) => letter.toLowerCase())
            for (const [item, one] of needs.entries()) {
              if (one === null || one.anyOf.some(({ length }) => length < 4)) continue
              const stands = one.anyOf.some((each) => (one.fold ? folded : subject.slice(start)).includes(each))
              if (stands) found++
              expect([compiled.seen[item] === stamps[0], plain.seen[item] === stamps[1]]).toEqual([stands, stands])
            }
          }
        },
      ),
      { numRuns: 150 },
    )
    expect(found).toBeGreaterThan(100)
  })

  test('a text longer than there is room for is refused, and looked through all the same', () => {
    const kernels = made()
    const long = `${'x'.repeat(1_100_000)} needle`
    expect(kernels.place(long)).toBe(false)
    const scanner = new LiteralScanner([{ anyOf: ['needle'], fold: false }], kernels)
    expect(sees(scanner, long)).toBe(true)
  })

  test('room that is used up is refused, and what is there stays in use', () => {
    const kernels = made()
    const before = new LiteralScanner([{ anyOf: ['needle'], fold: false }], kernels)
    while (kernels.allocate(1 << 16) !== 0);
    while (kernels.allocate(8) !== 0);
    const after = new LiteralScanner([{ anyOf: ['needle'], fold: false }], kernels)
    for (const scanner of [before, after]) {
      expect(sees(scanner, 'a needle')).toBe(true)
      expect(sees(scanner, 'a nail')).toBe(false)
    }
  })

  test('pieces stand behind each other; too many, or too long ones, are none', () => {
    const kernels = made()
    fc.assert(
      fc.property(text, fc.array(fc.tuple(text, fc.nat(90), fc.nat(90)), { maxLength: 8 }), (base, pieces) => {
        kernels.place(base)
        kernels.clearPieces()
        let wanted = ''
        for (const [one, from, length] of pieces) {
          const slice = base.slice(from, from + length)
          kernels.piece(textAt + Math.min(from, base.length), slice.length)
          kernels.textPiece(one)
          wanted += slice + one
        }
        const run = kernels.gather()
        expect(run?.bytes.latin1Slice(run.start, run.end)).toBe(wanted)
      }),
      { numRuns: 200 },
    )
    for (const [count, one] of [
      [9000, 'x'],
      [3, 'x'.repeat(400_000)],
    ] as const) {
      kernels.clearPieces()
      for (let n = 0; n < count; n++) kernels.textPiece(one)
      expect(kernels.gather()).toBeNull()
    }
    kernels.clearPieces()
    expect(kernels.gather()).not.toBeNull()
  })

  test('where no memory can be reserved the same comes out without', () => {
    withMemoryFault(new RangeError('could not allocate memory'), () => {
      expect(Kernels.make()).toBeNull()
      expect(judged()).toBe(alertWithKernels)
    })
  })

  test('another fault is not hidden', () => {
    withMemoryFault(new TypeError('no'), () => expect(() => Kernels.make()).toThrow(TypeError))
  })

  test('nothing learnt leads nowhere', () => {
    const kernels = made()
    kernels.place('{}')
    expect(kernels.follow(kernels.allocate(8), 0, 2)).toBe(followEnd.lost)
  })
})
