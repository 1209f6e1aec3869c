/** A value that somebody else wrote, as text: signs that cannot be seen get a shape, its direction stays its own, its length has a bound. */
import { piecesOf } from '../url/visible-text.ts'

export interface SafeTextProps {
  readonly text: string
  /** Characters shown; the rest is counted. */
  readonly max?: number
  /** Line ends and tabs stay as they are, for blocks of text. */
  readonly keepLines?: boolean
}

export function SafeText({ text, max = 2000, keepLines = false }: SafeTextProps) {
  const shown = text.length > max ? text.slice(0, max) : text
  return (
    <bdi>
      {piecesOf(shown, keepLines).map((piece, at) =>
        piece.isSign ? (
          // biome-ignore lint/suspicious/noArrayIndexKey: pieces have no identity but their place
          <span key={at} className="sign">
            {piece.text}
          </span>
        ) : (
          piece.text
        ),
      )}
      {text.length > max && <span className="sign">… {text.length - max} more</span>}
    </bdi>
  )
}
