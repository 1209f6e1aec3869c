/**
 * One agent for one home: its spool and its key have one writer. Held by a socket in the home, which falls silent with
 * its process however that dies. In goes the folder, out comes the lock. Can go wrong: another agent has it.
 */
import { rmSync } from 'node:fs'
import { connect, createServer, type Server } from 'node:net'
import { join, relative } from 'node:path'

/** Longest path of a socket, in bytes (unix(7)). */
const pathLengthMax = 107

/** Takes the lock; ends with `close`. Throws when an agent that lives has it. */
export async function lockHome(home: string): Promise<Server> {
  const path = socketPath(join(home, 'queue/sockets/agent'))
  if (await isAnswered(path)) {
    throw new Error(`another agent is running with the home ${home}; stop it first, or name another home with --home`)
  }
  rmSync(path, { force: true })
  const server = createServer((socket) => socket.destroy())
  server.unref()
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen(path, resolve)
  })
  return server
}

/** A deep home may be too long for a socket's name; seen from here it may not. */
function socketPath(path: string): string {
  if (Buffer.byteLength(path) <= pathLengthMax) return path
  const near = relative('', path)
  if (Buffer.byteLength(near) <= pathLengthMax) return near
  throw new Error(`the home folder's path is too long for the sockets in it (${path}); take a shorter one`)
}

function isAnswered(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(path)
    socket.once('connect', () => {
      socket.destroy()
      resolve(true)
    })
    socket.once('error', () => resolve(false))
  })
}
