/** What a change adds and takes away, line by line, with three lines around each place. */
import { structuredPatch } from 'diff'
import { useMemo } from 'react'
import { SafeText } from '../widgets/SafeText.tsx'

export function Changes({ before, after }: { readonly before: string; readonly after: string }) {
  const { hunks } = useMemo(() => structuredPatch('', '', before, after, '', '', { context: 3 }), [before, after])
  return (
    <pre className="changes">
      {hunks.flatMap((hunk) => {
        let [old, now] = [hunk.oldStart, hunk.newStart]
        return hunk.lines
          .filter((line) => !line.startsWith('\\'))
          .map((line) => {
            const sign = line[0] ?? ' '
            const at = sign === '-' ? old : now
            if (sign !== '+') old++
            if (sign !== '-') now++
            return (
              <span key={`${sign} ${at}`} className="changes-line" data-sign={sign}>
                <span className="changes-number">{at}</span>
                <span className="changes-sign">{sign}</span>
                <SafeText text={line.slice(1)} keepLines />
              </span>
            )
          })
      })}
    </pre>
  )
}
