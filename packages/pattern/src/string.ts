/** The `string` dialect (engine.md 6.6): equality of bytes, the whole value, case and all. Never an error. */
import { type Compiled, noMatch, type Pattern } from './contract.ts'

/** Compiles an exact text. */
export function compileString(source: string): Compiled {
  const texts = source === '' ? null : { anyOf: [source], fold: false }
  const pattern: Pattern = {
    dialect: 'string',
    source,
    groupCount: 0,
    test: (subject) => subject === source,
    end: (subject) => (subject === source ? 0 : noMatch),
    exec(subject, groups) {
      groups.length = 0
      return subject === source ? 0 : noMatch
    },
    needs: texts,
    prefixes: texts,
    cost: 'linear',
    hazard: null,
  }
  return { pattern }
}
