/** How certificates are printed, the same for all of `dogwatch certs`. */
import type { CertsReport } from '@dogwatch/certs'
import type { CommandContext } from '../command.ts'

/** Prints what was written and what the certificates are; warnings go to standard error. */
export function sayCertificates(report: CertsReport, json: boolean, { say, note }: CommandContext): void {
  if (json) {
    say(JSON.stringify(report))
    return
  }
  for (const path of report.written) say(`written: ${path}`)
  for (const certificate of report.certificates) {
    const names = certificate.altNames.length === 0 ? 'none' : certificate.altNames.join(', ')
    say(certificate.path)
    say(`  subject    ${certificate.subject.replaceAll('\n', ', ')}`)
    say(`  issuer     ${certificate.issuer.replaceAll('\n', ', ')}`)
    if (!certificate.isAuthority) say(`  names      ${names}`)
    say(`  valid      ${certificate.notBefore} to ${certificate.notAfter} (${certificate.daysLeft} days left)`)
    say(`  sha-256    ${certificate.fingerprint}`)
  }
  for (const { message } of report.warnings) note(`warning: ${message}`)
}
