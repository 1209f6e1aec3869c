/**
 * One budget of bytes for all bodies under way. A body reserves what it announced when it begins, more as it grows, and gives all back at its
 * end. Big ones share three quarters, so small ones still get through beside them.
 */

export interface Reservation {
  readonly bytes: number
  /** Makes the reservation at least so big; false when there is no room, and then nothing changed. */
  grow(bytes: number): boolean
  /** Gives everything back; further calls do nothing. */
  free(): void
}

export interface MemoryBudget {
  readonly reservedBytes: number
  reserve(bytes: number): Reservation | null
}

export function createMemoryBudget(bytesMax: number, bigBytes: number): MemoryBudget {
  const bigShare = Math.floor((bytesMax * 3) / 4)
  let reserved = 0
  const hasRoom = (own: number, wanted: number): boolean => {
    const others = reserved - own
    // Alone, a body may take everything; else one that is bigger than the share could never come in.
    if (others === 0) return wanted <= bytesMax
    return others + wanted <= (wanted > bigBytes ? bigShare : bytesMax)
  }

  return {
    get reservedBytes() {
      return reserved
    },
    reserve(bytes) {
      if (!hasRoom(0, bytes)) return null
      let own = bytes
      let isFree = false
      reserved += bytes
      return {
        get bytes() {
          return own
        },
        grow(wanted) {
          if (isFree || wanted <= own) return !isFree
          if (!hasRoom(own, wanted)) return false
          reserved += wanted - own
          own = wanted
          return true
        },
        free() {
          if (isFree) return
          isFree = true
          reserved -= own
        },
      }
    },
  }
}
