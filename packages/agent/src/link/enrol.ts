/**
 * Enrolment: asking a manager for an identity (port 1515, TLS). In go a server and what is asked for, out comes the
 * entry. Can go wrong: no connection, a certificate that does not fit the authority that was given, a refusal in the
 * manager's words.
 */
import { connect } from 'node:tls'
import {
  type EnrolmentRequest,
  enrolmentLengthMax,
  enrolmentLine,
  type KeyEntry,
  parseEnrolmentAnswer,
} from '@dogwatch/protocol'

export interface EnrolOptions {
  readonly address: string
  readonly port: number
  readonly asks: Partial<EnrolmentRequest> & { readonly name: string; readonly password?: string }
  /** Certificate authority to check the manager against, PEM; without one every manager is believed, as the original does. */
  readonly ca: string | null
  /** Own certificate and key, PEM. */
  readonly certificate?: string
  readonly key?: string
}

const enrolMs = 20_000

/** Asks once. */
export function enrol({ address, port, asks, ca, certificate, key }: EnrolOptions): Promise<KeyEntry> {
  return new Promise((resolve, reject) => {
    const socket = connect({
      host: address,
      port,
      rejectUnauthorized: ca !== null,
      ...(ca === null ? {} : { ca }),
      ...(certificate === undefined ? {} : { cert: certificate }),
      ...(key === undefined ? {} : { key }),
    })
    const timer = setTimeout(() => socket.destroy(new Error(`no answer within ${enrolMs / 1000} s`)), enrolMs)
    let text = ''
    const finish = (): void => {
      clearTimeout(timer)
      const answer = parseEnrolmentAnswer(text)
      if ('entry' in answer) resolve(answer.entry)
      else reject(new Error(`the manager refused: ${answer.error}`))
      socket.destroy()
    }
    socket.once('secureConnect', () => socket.write(enrolmentLine(asks)))
    socket.on('data', (chunk) => {
      text += chunk.toString('latin1')
      if (text.length > enrolmentLengthMax) socket.destroy(new Error('the answer is too long'))
      else if (/^(?:OSSEC K:'[^']*'|ERROR:[^\n]*\n)/m.test(text)) finish()
    })
    socket.once('end', finish)
    socket.once('error', (error) => {
      clearTimeout(timer)
      reject(error)
    })
  })
}
