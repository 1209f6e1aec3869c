/** A rule's level in the colour of its band; the number is the text, so that colour says nothing alone. */
import { levelBand } from './chart-colors.ts'

export function LevelBadge({ level }: { readonly level: number }) {
  return (
    <span className="level" data-band={levelBand(level)} title={`Level ${level}: ${levelBand(level)}`}>
      {level}
    </span>
  )
}
