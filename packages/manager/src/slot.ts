/** A place for what one step of the start makes and later steps use. */

export interface Slot<T> {
  /** What was put in. A bug when asked before. */
  readonly value: T
  /** What was put in, or null. */
  readonly present: T | null
  put(value: T): T
  clear(): void
}

export function slot<T>(name: string): Slot<T> {
  let held: T | null = null
  return {
    get value() {
      if (held === null) throw new Error(`${name} is used before it is there`)
      return held
    },
    get present() {
      return held
    },
    put(value) {
      held = value
      return value
    },
    clear() {
      held = null
    },
  }
}
