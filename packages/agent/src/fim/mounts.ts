/** Mounted file systems, from mountinfo (proc(5)). In goes its text, out come mount points (byte texts) and kinds. */
import { readFileSync } from 'node:fs'

export interface Mount {
  readonly path: string
  readonly type: string
}

/** All mounts, in the order of mounting: of two on one path the later one is seen. Empty where /proc is not there. */
export function readMounts(): Mount[] {
  try {
    return parseMounts(readFileSync('/proc/self/mountinfo', 'latin1'))
  } catch {
    return []
  }
}

export function parseMounts(text: string): Mount[] {
  return text.split('\n').flatMap((line) => {
    const words = line.split(' ')
    const dash = words.indexOf('-')
    const [path, type] = [words[4], words[dash + 1]]
    if (dash === -1 || path === undefined || type === undefined) return []
    return [
      { path: path.replace(/\\([0-7]{3})/g, (_all, octal) => String.fromCharCode(Number.parseInt(octal, 8))), type },
    ]
  })
}

const networkTypes = /^(?:nfs\d?|cifs|smb3?|smbfs|ceph|9p|glusterfs|fuse\.(?:sshfs|glusterfs|s3fs))$/

/** Mount points that scans do not enter: network file systems, and those of /dev, /proc and /sys, as wished. */
export function skippedPaths(
  wishes: {
    readonly skipsNfs: boolean
    readonly skipsDev: boolean
    readonly skipsProc: boolean
    readonly skipsSys: boolean
  },
  mounts: readonly Mount[],
): ReadonlySet<string> {
  const skipped = new Set<string>()
  if (wishes.skipsDev) skipped.add('/dev')
  if (wishes.skipsProc) skipped.add('/proc')
  if (wishes.skipsSys) skipped.add('/sys')
  for (const { path, type } of mounts) {
    if (wishes.skipsNfs && networkTypes.test(type)) skipped.add(path)
    if (wishes.skipsProc && type === 'proc') skipped.add(path)
    if (wishes.skipsSys && type === 'sysfs') skipped.add(path)
  }
  return skipped
}
