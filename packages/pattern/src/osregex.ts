/** osregex (engine.md 6.3 to 6.5): OSSEC's own small pattern language. */
import { type Compiled, noMatch, type Pattern, patternError } from './contract.ts'
import { scanOsregex } from './osregex-scanner.ts'
import { parseOsregex } from './osregex-syntax.ts'

const cache = new Map<string, Compiled>()

/**
 * Compiles an osregex. `captures` = "groups are wanted" of 6.4: it changes some results, so `test()` and `end()` of a
 * pattern with captures answer as `exec()` does.
 */
export function compileOsregex(source: string, options: { readonly captures: boolean }): Compiled {
  const key = (options.captures ? '1' : '0') + source
  let compiled = cache.get(key)
  if (compiled === undefined) {
    compiled = build(source, options.captures)
    cache.set(key, compiled)
  }
  return compiled
}

function build(source: string, captures: boolean): Compiled {
  const syntax = parseOsregex(source)
  if ('error' in syntax) return patternError(syntax.error.message, syntax.error.offset)
  const wanted = captures && syntax.groupCount > 0
  const pattern: Pattern = {
    dialect: 'osregex',
    source,
    groupCount: syntax.groupCount,
    test: (subject) => scanOsregex(syntax, subject, wanted, null) !== noMatch,
    end: (subject) => scanOsregex(syntax, subject, wanted, null),
    exec: (subject, groups) => scanOsregex(syntax, subject, wanted, groups),
    needs: null,
    prefixes: null,
    cost: 'linear',
    hazard: null,
  }
  return { pattern }
}
