/** Which program listens on a port, as far as /proc shows it to this user (Linux; elsewhere nobody is found). */
import { readdirSync, readFileSync, readlinkSync } from 'node:fs'

/** State `listen` in /proc/net/tcp (proc(5)). */
const listenState = '0A'

/** `nginx (process 812)`, or null when it cannot be seen. */
export function portHolder(port: number): string | null {
  const inodes = new Set(['/proc/net/tcp', '/proc/net/tcp6'].flatMap((table) => listeningInodes(readText(table), port)))
  if (inodes.size === 0) return null
  for (const pid of namesIn('/proc')) {
    if (!/^\d+$/.test(pid)) continue
    for (const descriptor of namesIn(`/proc/${pid}/fd`)) {
      const inode = /^socket:\[(\d+)\]$/.exec(readTarget(`/proc/${pid}/fd/${descriptor}`))?.[1]
      if (inode !== undefined && inodes.has(inode))
        return `${readText(`/proc/${pid}/comm`).trim() || 'a program'} (process ${pid})`
    }
  }
  return null
}

/** Inodes of the sockets that listen on a port, from the text of /proc/net/tcp. */
export function listeningInodes(table: string, port: number): string[] {
  const suffix = `:${port.toString(16).toUpperCase().padStart(4, '0')}`
  return table.split('\n').flatMap((line) => {
    const [, local, , state, , , , , , inode] = line.trim().split(/\s+/)
    return local?.endsWith(suffix) && state === listenState && inode !== undefined ? [inode] : []
  })
}

/** The error for a port that is taken: which port, which flag, who has it. Others pass through. */
export function explainListenError(error: unknown, port: number, what: string, flag: string): Error {
  const code = error instanceof Error && 'code' in error ? error.code : ''
  if (code === 'EADDRINUSE') {
    const holder = portHolder(port)
    const by = holder === null ? 'another program' : holder
    return new Error(
      `port ${port} for ${what} is taken by ${by}; stop it, or choose another port with ${flag} <port>`,
      { cause: error },
    )
  }
  if (code === 'EACCES') {
    return new Error(
      `port ${port} for ${what} needs more rights than this user has; choose one above 1023 with ${flag} <port>`,
      { cause: error },
    )
  }
  return error instanceof Error ? error : new Error(String(error))
}

function readText(path: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return ''
  }
}

function namesIn(folder: string): readonly string[] {
  try {
    return readdirSync(folder)
  } catch {
    return []
  }
}

function readTarget(path: string): string {
  try {
    return readlinkSync(path)
  } catch {
    return ''
  }
}
