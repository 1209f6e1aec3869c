/** Serves the logtest protocol on a unix socket: one request and one answer a connection, each with its length (four bytes, little-endian) in front. */
import { chmodSync, rmSync, statSync } from 'node:fs'
import { createServer, type Server, type Socket } from 'node:net'
import { CliFailure } from './failure.ts'
import { type LogtestProtocol, requestLengthMax, tooLarge } from './logtest-protocol.ts'

/** Most connections at a time; more are refused by closing them. */
const connectionsMax = 64
/** A client has so long for its request and to take the answer, in milliseconds; one that sends a byte now and then would hold its place forever. */
const patienceMs = 10_000
const lengthBytes = 4

/** Listens; the socket is for its owner and group only. A socket left behind by a process that is gone is replaced. */
export async function serveLogtest(path: string, protocol: LogtestProtocol): Promise<Server> {
  if (statSync(path, { throwIfNoEntry: false })?.isSocket() === true) rmSync(path)
  const server = createServer((socket) => converse(socket, protocol))
  server.maxConnections = connectionsMax
  await new Promise<void>((resolve, reject) => {
    server.once('error', (cause) => reject(new CliFailure(`cannot listen on ${path}: ${cause.message}`)))
    const mask = process.umask(0o117)
    server.listen(path, resolve)
    process.umask(mask)
  })
  chmodSync(path, 0o660)
  return server
}

function converse(socket: Socket, protocol: LogtestProtocol): void {
  const chunks: Buffer[] = []
  let received = 0
  let isAnswered = false
  const answer = (text: string): void => {
    isAnswered = true
    const body = Buffer.from(text)
    const length = Buffer.alloc(lengthBytes)
    length.writeUInt32LE(body.length)
    socket.end(Buffer.concat([length, body]))
  }
  const timer = setTimeout(() => socket.destroy(), patienceMs)
  socket.on('close', () => clearTimeout(timer))
  socket.on('error', () => socket.destroy())
  socket.on('data', (chunk) => {
    if (isAnswered) return
    chunks.push(Buffer.from(chunk))
    received += chunk.length
    if (received < lengthBytes) return
    const all = Buffer.concat(chunks)
    chunks.splice(0, chunks.length, all)
    const length = all.readUInt32LE(0)
    if (length > requestLengthMax) answer(tooLarge())
    else if (received >= lengthBytes + length) answer(protocol.handle(all.subarray(lengthBytes, lengthBytes + length)))
  })
}
