/**
 * Text that somebody else wrote, made harmless to look at: signs that cannot be seen, or that turn the direction of writing around, get a shape.
 * In: text. Out: pieces, each plain or a name for the sign that stood there.
 */

export interface TextPiece {
  readonly text: string
  readonly isSign: boolean
}

/** Control signs, marks of direction, signs without width, separators, the odd surrogate. */
const signPattern =
  /[\u0000-\u001f\u007f-\u009f\u00ad\u061c\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb]|\ufe0f|[\ufe00-\ufe0e]|[\ud800-\udbff](?![\udc00-\udfff])|(?<![\ud800-\udbff])[\udc00-\udfff]|\udb40[\udc00-\udfff]/g

const names: Readonly<Record<string, string>> = { '\n': '⏎', '\r': '␍', '\t': '⇥', '\0': '␀', '\u001b': '␛' }

/** The text in pieces. With `keepLines`, line ends and tabs stay as they are. */
export function piecesOf(text: string, keepLines = false): readonly TextPiece[] {
  const pieces: TextPiece[] = []
  let end = 0
  for (const { 0: sign, index } of text.matchAll(signPattern)) {
    if (keepLines && (sign === '\n' || sign === '\t')) continue
    if (index > end) pieces.push({ text: text.slice(end, index), isSign: false })
    pieces.push({ text: names[sign] ?? `U+${codeOf(sign)}`, isSign: true })
    end = index + sign.length
  }
  if (end < text.length || pieces.length === 0) pieces.push({ text: text.slice(end), isSign: false })
  return pieces
}

/** The same as one text, for titles, charts and labels. */
export function visibleText(text: string, keepLines = false): string {
  return piecesOf(text, keepLines)
    .map((piece) => (piece.isSign && piece.text.startsWith('U+') ? `⟨${piece.text}⟩` : piece.text))
    .join('')
}

function codeOf(sign: string): string {
  return (sign.codePointAt(0) ?? 0).toString(16).toUpperCase().padStart(4, '0')
}
