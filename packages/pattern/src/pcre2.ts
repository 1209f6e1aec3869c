/** pcre2 (engine.md 6.6): PCRE2 without options, on bytes, run by V8. */
import { type Compiled, noMatch, type Pattern, patternError } from './contract.ts'

const cache = new Map<string, Compiled>()

/** Compiles a PCRE2 pattern. */
export function compilePcre2(source: string): Compiled {
  let compiled = cache.get(source)
  if (compiled === undefined) {
    compiled = build(source)
    cache.set(source, compiled)
  }
  return compiled
}

function build(source: string): Compiled {
  let flags = ''
  let text = source
  const utf = text.startsWith('(*UTF)')
  if (utf)
    text = text
      .slice(6)
      .replace(/\\N\{U\+([0-9A-Fa-f]+)\}/g, (_, hex) =>
        Buffer.from(String.fromCodePoint(Number.parseInt(hex, 16))).toString('latin1'),
      )
  const leading = /^\(\?([a-zA-Z]+)\)/.exec(text)
  if (leading !== null) {
    flags = [...(leading[1] ?? '')].filter((letter) => 'ims'.includes(letter)).join('')
    text = text.slice(leading[0].length)
  }
  text = text.replace(/\\A/g, '^').replace(/\\z/g, '$')
  let expression: RegExp
  try {
    expression = new RegExp(text, flags)
  } catch (thrown) {
    return patternError(thrown instanceof Error ? thrown.message : String(thrown), 0)
  }
  const pattern: Pattern = {
    dialect: 'pcre2',
    source,
    groupCount: (new RegExp(`${text}|`).exec('')?.length ?? 1) - 1,
    test: (subject) => expression.test(subject),
    end(subject) {
      const found = expression.exec(subject)
      return found === null ? noMatch : found.index + found[0].length - 1
    },
    exec(subject, groups) {
      const found = expression.exec(subject)
      groups.length = 0
      if (found === null) return noMatch
      for (let at = 1; at < found.length; at++) {
        const text = found[at]
        if (text === undefined) continue
        while (groups.length < at - 1) groups.push('')
        groups.push(text)
      }
      return found.index + found[0].length - 1
    },
    needs: null,
    prefixes: null,
    cost: 'backtracking',
    hazard: null,
  }
  return { pattern }
}
