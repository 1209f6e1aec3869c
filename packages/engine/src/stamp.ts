/**
 * Marks that hold for one round: a mark counts when it equals the round's number, so nothing is cleared between rounds. The numbers end where the 32 bits of
 * the marks do, which a busy engine reaches within a day; then all marks are cleared and the numbers begin anew.
 */

/** The last round before the marks are cleared. */
export const stampMax = 2 ** 31 - 1

/** The number of the next round, never 0; `marks` are cleared where it begins anew, with 1. */
export function nextStamp(stamp: number, marks: Int32Array): number {
  if (stamp < stampMax) return stamp + 1
  marks.fill(0)
  return 1
}
