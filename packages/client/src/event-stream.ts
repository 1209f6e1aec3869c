/** Server-sent events out of the bytes of an answer, as they come (WHATWG HTML, 9.2). In: chunks. Out: events with their parsed data. */
import type { EventDocument } from './answers.ts'

/** What a live tail tells. */
export type TailEvent =
  | { readonly kind: 'started' }
  | { readonly kind: 'document'; readonly document: EventDocument }
  | { readonly kind: 'skipped'; readonly count: number }
  | { readonly kind: 'trouble'; readonly says: string }

/** Longest piece without an end, in UTF-16 code units; a server that sends more is not ours. */
const pieceLengthMax = 4 << 20

/** Feeds text in and gets whole events out, name and data. */
export function eventReader(): (text: string) => { readonly event: string; readonly data: string }[] {
  let rest = ''
  return (text) => {
    rest += text
    const pieces = rest.split(/\r?\n\r?\n/)
    rest = pieces.pop() ?? ''
    if (rest.length > pieceLengthMax) throw new Error('the server’s answer is no stream of events')
    return pieces.flatMap((piece) => {
      let event = 'message'
      const data: string[] = []
      for (const line of piece.split(/\r?\n/)) {
        if (line.startsWith('event:')) event = line.slice(6).trim()
        else if (line.startsWith('data:')) data.push(line.slice(5).replace(/^ /, ''))
      }
      return data.length === 0 ? [] : [{ event, data: data.join('\n') }]
    })
  }
}
