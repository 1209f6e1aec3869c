/**
 * The word match of `if_group` (engine.md 6.8): alternatives by `|`, each a substring of the group text, or its prefix
 * when it begins with `^`; ASCII case ignored. An empty pattern is false, and so is an empty alternative.
 */
import { foldAscii } from './fold.ts'

/** Does one of the pattern's words occur in a rule's group text (`syslog,sshd,`)? */
export function wordMatch(pattern: string, groupText: string): boolean {
  const text = foldAscii(groupText)
  return foldAscii(pattern)
    .split('|')
    .some((word) => word !== '' && (word.startsWith('^') ? text.startsWith(word.slice(1)) : text.includes(word)))
}
