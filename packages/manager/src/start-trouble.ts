/**
 * Why a manager cannot start, for a person who has never seen it: the system's own words and what to do about them. In goes the error of a step; out comes
 * one sentence. What nothing is known about keeps its words.
 */

const advices: readonly (readonly [sign: RegExp, advice: (home: string, user: string) => string])[] = [
  [
    /\bENOSPC\b|\bEDQUOT\b|database or disk is full/,
    (home) => `the disk is full; make room there (df -h ${home}), or name another home with --home`,
  ],
  [/disk I\/O error|\bEIO\b/, (home) => `the disk is full or failing; look at df -h ${home} and at the system's log`],
  [
    /\bEROFS\b|readonly database/,
    (home) => `the home ${home} can only be read; make its file system writable, or name another home with --home`,
  ],
  [
    /\bEACCES\b|\bEPERM\b|unable to open database file/,
    (home, user) =>
      `the home ${home} must belong to the user that runs Dogwatch; run: chown -R ${user} ${home}, or name another home with --home`,
  ],
  [/\b(?:ENOTDIR|EEXIST)\b/, (home) => `the home ${home} must be a folder and lie in one; name another with --home`],
]

/** One line: what happened, then what to do. `user` is the number of the user that the process runs as. */
export function explainStartError(error: unknown, home: string, user: number | null): string {
  const message = error instanceof Error ? error.message : String(error)
  const code = error instanceof Error && 'code' in error ? String(error.code) : ''
  const advice = advices.find(([sign]) => sign.test(`${code} ${message}`))?.[1]
  return advice === undefined ? message : `${message}; ${advice(home, user === null ? '<user>' : String(user))}`
}
