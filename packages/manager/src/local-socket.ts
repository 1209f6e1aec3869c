/**
 * A Unix socket of the manager's home that programs of this machine may ask. In: its path, who may open it, what to do with each asker. Out: it listens; what ends it.
 * A socket that an earlier process left is replaced, since the home's lock is held. Wrong: the system's error when it cannot be made.
 */
import { rmSync } from 'node:fs'
import { createServer, type Server, type Socket } from 'node:net'
import { withSocketPath } from './control-protocol.ts'

export interface LocalSocketOptions {
  /** The file's rights that are left away, as umask(2) has them: 0o177 leaves the user alone, 0o117 the group too. */
  readonly umask: number
  /** Most askers at once. */
  readonly connectionsMax: number
  readonly onSocket: (socket: Socket) => void
}

/** Gives what closes the socket and all its connections, and removes the file. */
export async function listenLocally(
  path: string,
  { umask, connectionsMax, onSocket }: LocalSocketOptions,
): Promise<() => Promise<void>> {
  rmSync(path, { force: true })
  const open = new Set<Socket>()
  const server = createServer((socket) => {
    open.add(socket)
    socket.once('close', () => open.delete(socket))
    onSocket(socket)
  })
  server.maxConnections = connectionsMax
  // The socket must never be there with wider rights, so the mask is set before it is made.
  const mask = process.umask(umask)
  try {
    await withSocketPath(path, (short) => listen(server, short))
  } finally {
    process.umask(mask)
  }
  return () =>
    new Promise((resolve) => {
      server.close(() => {
        rmSync(path, { force: true })
        resolve()
      })
      for (const socket of open) socket.destroy()
    })
}

function listen(server: Server, path: string): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject)
    server.listen(path, () => {
      server.off('error', reject)
      resolve()
    })
  })
}
