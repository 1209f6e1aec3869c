/**
 * The place of a record in its agent's spool, written behind the sender's address in the record: `10.0.0.5 0123456789abcdef 42`. So event and place are on disk together.
 */
import { isSpool } from '@dogwatch/protocol'
import type { SpoolPosition } from './channel-types.ts'

export function spoolPeer(peer: string, { spool, sequence }: SpoolPosition): string {
  return `${peer} ${spool} ${sequence}`
}

/** The place, or null when the record has none. */
export function spoolPositionOf(peer: string): SpoolPosition | null {
  const [, spool = '', sequence = '', ...more] = peer.split(' ')
  return isSpool(spool) && /^\d{1,15}$/.test(sequence) && more.length === 0
    ? { spool, sequence: Number(sequence) }
    : null
}
