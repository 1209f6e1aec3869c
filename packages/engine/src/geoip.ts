/** Where addresses are, from a MaxMind database given as bytes (MaxMind DB file format 2.0). */

import { isIP } from 'node:net'
import { type CityResponse, Reader } from 'mmdb-lib'
import { ownCopy } from './latin1.ts'

/** Addresses whose answer is remembered; senders choose the addresses. */
const rememberedMax = 20_000

/**
 * A look-up in a database: `US,California,Mountain View` with the parts that are known, as UTF-8 in a latin1 string; null for an unknown address or text
 * that is none. Throws when the bytes are no MaxMind database.
 */
export function openGeoip(database: Buffer): (address: string) => string | null {
  const reader = new Reader<CityResponse>(database)
  const known = new Map<string, string | null>()
  return (address) => {
    const before = known.get(address)
    if (before !== undefined) return before
    const place = isIP(address) === 0 ? null : reader.get(address)
    const parts = [place?.country?.iso_code, place?.subdivisions?.[0]?.names?.en, place?.city?.names?.en]
    const text = parts.filter((part) => part !== undefined && part !== '').join(',')
    const answer = text === '' ? null : Buffer.from(text).toString('latin1')
    if (known.size >= rememberedMax) known.clear()
    known.set(ownCopy(address), answer)
    return answer
  }
}
