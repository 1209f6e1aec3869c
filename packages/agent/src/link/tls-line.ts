/**
 * A line to the manager wrapped in TLS (contracts, part 5), checked by an authority. Wrong: a certificate that does not fit, or no answer in time, rejects with the reason; so
 * does a manager that closes instead of answering, with an error that `isTlsUnknown` knows.
 */
import { connect, type TLSSocket } from 'node:tls'
import { tlsUnknown } from './tls-unknown.ts'

/** How a connection ends whose other end has taken the first bytes for something else. */
const cuts: ReadonlySet<unknown> = new Set(['ECONNRESET', 'EPIPE'])

export function openTls(
  { address, port }: { readonly address: string; readonly port: number },
  ca: string,
  timeoutMs: number,
): Promise<TLSSocket> {
  return new Promise((resolve, reject) => {
    let isConnected = false
    const socket = connect({ host: address, port, ca, minVersion: 'TLSv1.2' })
    socket.setNoDelay(true)
    const timer = setTimeout(() => socket.destroy(new Error(`no connection within ${timeoutMs / 1000} s`)), timeoutMs)
    socket.once('connect', () => {
      isConnected = true
    })
    socket.once('error', (error) => {
      clearTimeout(timer)
      reject(isConnected && 'code' in error && cuts.has(error.code) ? tlsUnknown(error) : error)
    })
    socket.once('secureConnect', () => {
      clearTimeout(timer)
      socket.removeAllListeners('error')
      resolve(socket)
    })
  })
}
