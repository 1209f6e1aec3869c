/** Bodies of audit events that are new each time they are sent: fresh ids and times written over recorded ones. */

/** A body to be sent again and again; `refresh` makes its events new ones. */
export interface FreshBody {
  readonly bytes: Buffer
  readonly events: number
  /** Writes new ids and the time into the body. Event numbers are unique within one sender. */
  refresh(firstEvent: number, sender: number, now: Date): void
}

/** `"auditID":"` and 36 characters of an UUID; callers may choose others, which are then left as they are. */
const auditId = /"auditID":"([0-9a-f-]{36})"/g
/** Times with microseconds, as an API server writes them: 27 characters. */
const stageTime = /"(?:requestReceivedTimestamp|stageTimestamp)":"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z)"/g
const listHead = '{"kind":"EventList","apiVersion":"audit.k8s.io/v1","metadata":{},"items":['

/** A body made of the texts of items. */
export function freshBody(items: readonly string[]): FreshBody {
  // Latin-1 keeps a character a byte, so that places in the text are places in the bytes.
  const bytes = Buffer.from(`${listHead}${items.join(',')}]}`)
  const text = bytes.toString('latin1')
  const idPlaces = placesOf(text, auditId)
  const timePlaces = placesOf(text, stageTime)
  return {
    bytes,
    events: items.length,
    refresh(firstEvent, sender, now) {
      const time = now.toISOString().replace('Z', '000Z')
      for (const place of timePlaces) bytes.latin1Write(time, place)
      let event = firstEvent
      const tail = `-0000-4000-8000-${sender.toString(16).padStart(12, '0')}`
      for (const place of idPlaces) {
        bytes.latin1Write(event.toString(16).padStart(8, '0') + tail, place)
        event += 1
      }
    },
  }
}

function placesOf(text: string, pattern: RegExp): number[] {
  return [...text.matchAll(pattern)].map((match) => match.index + match[0].indexOf(match[1] ?? '', 10))
}

/** Texts of the items of recorded bodies, those that have an id and times to write over. */
export function recordedItems(lines: readonly string[]): string[][] {
  return lines.map((line) => {
    const list: unknown = JSON.parse(line)
    if (typeof list !== 'object' || list === null || !('items' in list) || !Array.isArray(list.items)) return []
    return list.items.map((item) => JSON.stringify(item)).filter(canBeFresh)
  })
}

function canBeFresh(item: string): boolean {
  // An id that turns up twice would be counted as two events.
  return [...item.matchAll(auditId)].length === 1 && [...item.matchAll(stageTime)].length > 0
}
